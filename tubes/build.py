"""Builds tubes from detections: `python tubes/build.py`.

Without options it takes the detections of the last detect run, or makes those of the embedded data
set if there are none. Where the ground truth is known it prints how good the tubes are.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from data import (
    CommandParser,
    InputError,
    VideoTubes,
    common_options,
    run_command,
    save_tubes,
    write_run_record,
)
from data.tube_arrays import save_tube_arrays
from evaluation.box_convention import BOX_CONVENTIONS, box_convention_option
from evaluation.detection_files import find_detections
from evaluation.ground_truth import (
    GroundTruth,
    ground_truth_options,
    open_ground_truth,
    report_coverage,
    tubes_by_video,
)
from evaluation.protocols import PROTOCOLS, ROAD
from evaluation.settings_options import read_settings, settings_options
from evaluation.tube_evaluation import evaluate_tubes
from evaluation.tube_report import tube_figures, tube_table
from tubes.building import Job, run_jobs
from tubes.fusion import FUSIONS
from tubes.settings import RETINANET3D_ALPHAS, TubeSettings

# About 50 MB of JSON.
MOST_BOXES_AS_TEXT = 1_000_000
OPTION_HELP = {
    "linking": "link each class on its own, or one set of paths for all classes",
    "cost": "what a path gains by a detection: its score, the similarity of all scores, or both",
    "ordering": "which path chooses first: as ROAD's evaluation or as its published demo does it",
    "trimming": "cut paths in time by labelling each frame with a class, or with the path's class "
    "or background; or not at all, which is the default for data sets whose tubes all span their "
    "clips",
    "alpha": "cost of a change of class in the trimming: higher, for fewer and longer tubes",
    "conf_thresh": "detections of a class must score higher",
    "topk": "detections of a class and frame that enter the NMS",
    "nms_thresh": "IoU above which the NMS drops a box",
    "keep": "detections of a class and frame that are linked",
    "iou_thresh": "least IoU of successive boxes",
    "jump_gap": "misses in a row that end a path",
    "min_found": "paths found in fewer frames are dropped",
    "classes_per_path": "classes of an agnostic path that become tubes",
    "score_topk": "best frame scores that make the score of a tube",
    "min_frames": "least length of a tube",
    "min_score": "tubes must score higher",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Builds the tubes of detections, writes them, and prints figures where the truth is known.

    Args:
        argv: Arguments; None stands for those of the process.

    Raises:
        InputError: An option or a file is wrong.
    """
    args = _parse_options(argv)
    by_default = args.trimming is None
    if by_default:
        args.trimming = TubeSettings.trimming
    settings = read_settings(args, TubeSettings)
    paths = args.detections or [_last_detect_run(args.save_root) or _detect_embedded(args)]
    files = find_detections(paths)
    truth = _ground_truth(args, paths)
    if by_default and truth and truth.trimmed:
        print("note: not trimmed, since all true tubes span their clips", file=sys.stderr)
        args.trimming = "none"
        settings = replace(settings, trimming=args.trimming)

    folder = args.save_root / "tubes"
    jobs = _jobs(args, paths, files, settings, folder / "videos")
    videos = list(run_jobs(jobs, args.workers, args.overwrite))
    _check_origin(videos)
    figures: dict[str, Any] = {"videos": len(videos)}
    figures["tubes"] = sum(len(video.tubes) for video in videos)
    table = ""
    if truth:
        tubes = tubes_by_video(videos, truth.classes)
        report_coverage(tubes, truth)
        evaluation = evaluate_tubes(
            tubes,
            truth.videos,
            truth.classes,
            protocol=PROTOCOLS[args.protocol],
            convention=BOX_CONVENTIONS[args.box_convention],
        )
        figures |= tube_figures(evaluation)
        table = tube_table(evaluation)
    written = _write(folder, videos)
    recorded = {**vars(args), "detections": paths, "settings": asdict(settings)}
    write_run_record(folder, recorded, figures)
    print(f"{figures['tubes']} tubes in {len(videos)} videos: {written}")
    if truth:
        print(f"ground truth: {truth.name}\n{table}")


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        prog="python tubes/build.py",
        description="Link detections into tubes and, where the ground truth is known, evaluate "
        "them. Videos whose tubes are there already, from the same detections with the same "
        "settings, are not linked again. --seed, --device and --overwrite are passed on when "
        "detections have to be made first.",
        epilog="example: python tubes/build.py runs/detections --alpha 3",
    )
    parser.add_argument(
        "detections",
        nargs="*",
        type=Path,
        metavar="DETECTIONS",
        help=".npz files or folders (default: those of the last detect run under --save_root, or "
        "else of the embedded data set, which are then made)",
    )
    parser.add_argument(
        "--top",
        type=Path,
        metavar="PATH",
        help="detections of a second stream, of flow, with the same names as the first",
    )
    parser.add_argument(
        "--fusion",
        choices=FUSIONS,
        default=FUSIONS[0],
        help="how the streams are joined (default: %(default)s)",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes (default: %(default)s)"
    )
    ground_truth_options(parser, required=False)
    parser.add_argument(
        "--protocol",
        choices=sorted(PROTOCOLS),
        default=ROAD.name,
        help="rules of the evaluation (default: %(default)s)",
    )
    settings_options(parser, TubeSettings(), OPTION_HELP)
    parser.add_argument(
        "--alphas",
        type=_alphas,
        default=(),
        metavar="X,X,...",
        help="costs of a change of label for the paths of each class, in place of --alpha; "
        "retinanet3d: those of 3D-RetinaNet for UCF24",
    )
    parser.set_defaults(trimming=None)  # so that it shows whether it was given
    box_convention_option(parser)
    common_options(parser)
    args = parser.parse_args(argv)
    if args.workers < 1:
        raise InputError(f"--workers {args.workers}: must be at least 1")
    return args


def _alphas(text: str) -> tuple[float, ...]:
    """The value of --alphas."""
    if text == "retinanet3d":
        return RETINANET3D_ALPHAS
    try:
        return TubeSettings(alphas=tuple(float(number) for number in text.split(","))).alphas
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}; give one number a class") from None


def _jobs(
    args: argparse.Namespace,
    paths: Sequence[Path],
    files: Sequence[Path],
    settings: TubeSettings,
    folder: Path,
) -> list[Job]:
    """A job for each file of detections, with its partner in the second stream."""
    roots = [path for path in paths if path.is_dir()]
    jobs = []
    for file in files:
        root = next((each for each in roots if file.is_relative_to(each)), file.parent)
        name = file.relative_to(root)
        top = args.top
        if top and top.is_dir():
            top = top / name
        if top and not top.is_file():
            raise InputError(
                f"{top}: is missing, the second stream of {file}; detect with both networks in the "
                "same videos"
            )
        jobs.append(Job(file, top, args.fusion, settings, folder / name))
    if args.top and args.top.is_file() and len(files) > 1:
        raise InputError(f"--top {args.top}: must be a folder, since there are several videos")
    return jobs


def _write(folder: Path, videos: Sequence[VideoTubes]) -> Path:
    """Writes all tubes to one file: as text, or as arrays where nobody could read the text."""
    boxes = sum(len(tube) for video in videos for tube in video.tubes)
    text, arrays = folder / "tubes.json", folder / "tubes.npz"
    if boxes <= MOST_BOXES_AS_TEXT:
        save_tubes(text, videos)
        arrays.unlink(missing_ok=True)
        return text
    save_tube_arrays(arrays, videos)
    text.unlink(missing_ok=True)
    return arrays


def _last_detect_run(save_root: Path) -> Path | None:
    """The folder of the newest record of a detect run."""
    records = save_root.glob("detections*/run.json")
    newest = max(records, key=lambda record: record.stat().st_mtime, default=None)
    return newest.parent if newest else None


def _detect_embedded(args: argparse.Namespace) -> Path:
    """Makes the detections of the embedded data set, as a process of its own."""
    print("no detections yet: making those of the embedded data set", file=sys.stderr)
    command = [sys.executable, "-m", "detection.detect", "--dataset", "embedded"]
    command += ["--split", "test", "--save_root", str(args.save_root)]
    command += ["--seed", str(args.seed), "--device", args.device]
    if args.data_root:
        command += ["--data_root", str(args.data_root)]
    if args.overwrite:
        command.append("--overwrite")
    code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(code)  # it has said why
    folder: Path = args.save_root / "detections"
    return folder


def _ground_truth(args: argparse.Namespace, paths: Sequence[Path]) -> GroundTruth | None:
    """The ground truth that was named, or that of the data set in which was detected."""
    if args.dataset:
        root = args.data_root or args.save_root / "data"
        return open_ground_truth(args.dataset, root, args.train_split, args.split)
    if len(paths) != 1 or not paths[0].is_dir():
        return None
    options = _detect_options(paths[0])
    if not options.get("dataset"):
        return None
    root = args.data_root or Path(options.get("data_root") or paths[0].parent / "data")
    split = args.split or options.get("split")
    try:
        return open_ground_truth(options["dataset"], root, options.get("train_split", 1), split)
    except InputError as error:
        print(f"note: no figures, since the ground truth is not there: {error}", file=sys.stderr)
        return None


def _detect_options(folder: Path) -> dict[str, Any]:
    """The options of the detect run that wrote a folder; none if it has no record."""
    path = folder / "run.json"
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        options, done = dict(record["options"]), record["figures"].get("done", True)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: is no record of a run; delete it or detect again") from None
    if not done:
        print(f"note: the detect run of {folder} has not finished", file=sys.stderr)
    return options


def _check_origin(videos: Sequence[VideoTubes]) -> None:
    """Checks that all tubes may go into one file."""
    names: set[str] = set()
    for video in videos:
        if video.video in names:
            raise InputError(f"video {video.video!r} occurs twice; leave one of its files out")
        names.add(video.video)
        for field in ("classes", "model"):
            if getattr(video, field) != getattr(videos[0], field):
                raise InputError(
                    f"video {video.video!r}: {field} is not that of {videos[0].video!r}; build the "
                    "tubes of different detectors with different --save_root"
                )


if __name__ == "__main__":
    run_command(main)
