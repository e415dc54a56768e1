"""Merges the scores of several classifiers: `python recognition/merge.py RGB.npz FLOW.npz`.

Prints how good each of them is and how good all are together, and writes the merged scores as a
score file.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from data import CommandParser, InputError, run_command
from data.command import save_root_option
from evaluation import score_accuracy
from evaluation.report_files import report_options
from recognition.idt_scores import IDT_ROWS, idt_beside, read_hmdb_videos, read_idt
from recognition.score_files import Scores, read_scores, write_scores
from recognition.score_fusion import Floats, fuse_idt, in_order_of, merge_scores
from recognition.score_report import names_of_classes, report_scores

MERGED = "merged"


def main(argv: Sequence[str] | None = None) -> None:
    """Merges scores, writes them, and prints how good they are.

    Args:
        argv: Arguments; None stands for those of the process.

    Raises:
        InputError: An option or a file is wrong.
    """
    args = _parse_options(argv)
    parts = _read_parts(args.scores)
    try:
        merged = merge_scores(parts, args.weights, args.scaling)
    except ValueError as error:
        raise InputError(f"--weights make scores too large ({error}); give smaller ones") from None
    if len(parts) > 1 and any(part.names is None for part in parts):
        print(
            "note: not all files hold the names of their videos; they were matched by their order",
            file=sys.stderr,
        )
    classes = names_of_classes(args.classes, merged.logits.shape[1])
    accuracies = {
        f"{path} (weight {weight:g})": score_accuracy(part.logits, part.labels)
        for path, weight, part in zip(args.scores, args.weights, parts, strict=True)
    }
    if args.idt:
        idt = _read_idt(args, merged)
        name = f"{args.idt} ({args.idt_rows} rows, weight {args.idt_weight:g})"
        accuracies[name] = score_accuracy(idt, merged.labels)
        merged = fuse_idt(merged, idt, args.idt_weight)
    accuracies[MERGED] = score_accuracy(merged.logits, merged.labels)
    written = args.save_root / "merged" / "scores.npz"
    write_scores(written, merged)
    origin = {"Merged": ", ".join(list(accuracies)[:-1])}
    report_scores(args, written.parent, origin, accuracies, classes)
    print(f"merged scores: {written}")


def _read_parts(paths: Sequence[Path]) -> list[Scores]:
    """Reads score files and puts them in the order of the first one."""
    parts: list[Scores] = []
    for path in paths:
        part = read_scores(path)
        try:
            parts.append(in_order_of(parts[0], part) if parts else part)
        except ValueError as error:
            raise InputError(
                f"{path}: does not fit {paths[0]} ({error}); merge scores of the same test videos"
            ) from None
    return parts


def _read_idt(args: argparse.Namespace, scores: Scores) -> Floats:
    idt = read_idt(args.idt)
    videos = read_hmdb_videos(args.idt_list, args.idt_videos)
    try:
        return idt_beside(scores, idt, videos, args.idt_rows)
    except ValueError as error:
        raise InputError(
            f"{args.idt}: does not fit {args.idt_list} and {args.scores[0]} ({error}); name all "
            "of the same split"
        ) from None


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        prog="python recognition/merge.py",
        description="Add the scores of classifiers of the same videos, such as those of an RGB and "
        "a flow network, and print top-1, top-5 and mean class accuracy of each and of their sum. "
        "Videos are matched by their names, or, in files without names, by their order.",
        epilog="example: python recognition/merge.py rgb.npz flow.npz --weights 1.0 1.5",
    )
    parser.add_argument(
        "scores", nargs="+", type=Path, metavar="SCORES", help="score files (.npz), one a network"
    )
    parser.add_argument(
        "--weights", nargs="+", type=float, metavar="X", help="one a file (default: 1 each)"
    )
    scaling = parser.add_mutually_exclusive_group()
    scaling.add_argument(
        "--softmax",
        dest="scaling",
        action="store_const",
        const="softmax",
        default="none",
        help="add the probabilities of classes and not the raw scores",
    )
    scaling.add_argument(
        "--l2",
        dest="scaling",
        action="store_const",
        const="l2",
        help="add scores divided by the L2 norm of each video's (late temporal modelling)",
    )
    parser.add_argument(
        "--classes", type=Path, metavar="FILE", help="names of the classes, one a line"
    )
    group = parser.add_argument_group("scores of improved dense trajectories (iDT)")
    group.add_argument("--idt", type=Path, metavar="FILE", help="Matlab file of SeqVLAD")
    group.add_argument(
        "--idt_weight",
        type=float,
        default=0.25,
        metavar="X",
        help="from 0 to 1; the networks together have the rest (default: %(default)s)",
    )
    group.add_argument(
        "--idt_rows",
        choices=IDT_ROWS,
        default=IDT_ROWS[0],
        help="published pairs them with the networks' scores as SeqVLAD's script does, half of "
        "them with those of other videos (default: %(default)s)",
    )
    group.add_argument(
        "--idt_list", type=Path, metavar="FILE", help="list of the test videos, test_split1.txt"
    )
    group.add_argument(
        "--idt_videos", type=Path, metavar="FILE", help="list of all videos, AllVideos.txt"
    )
    save_root_option(parser)
    report_options(parser)
    args = parser.parse_args(argv)
    args.weights = args.weights or [1.0] * len(args.scores)
    if len(args.weights) != len(args.scores):
        raise InputError(
            f"--weights gives {len(args.weights)} weights for {len(args.scores)} score files; give "
            "one for each"
        )
    if not all(map(math.isfinite, args.weights)) or not any(args.weights):
        raise InputError("--weights must be finite numbers, not all of them 0; give others")
    if not 0 <= args.idt_weight <= 1:
        raise InputError(f"--idt_weight must lie between 0 and 1, not {args.idt_weight:g}")
    if len({path is None for path in (args.idt, args.idt_list, args.idt_videos)}) > 1:
        raise InputError("--idt, --idt_list and --idt_videos go together; give all or none of them")
    return args


if __name__ == "__main__":
    run_command(main)
