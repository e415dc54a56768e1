"""Builds tubes from detections: `python tubes/build.py`.

Without options it takes the detections of the last detect run, or makes those of the embedded data
set if there are none. Where the ground truth is known it prints how good the tubes are.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
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
from data.command import counted
from data.processes import in_processes
from data.tube_arrays import save_tube_arrays
from evaluation.box_convention import choose_convention
from evaluation.ground_truth import (
    GroundTruth,
    VideoOrigin,
    open_ground_truth,
    report_coverage,
    tubes_by_video,
)
from evaluation.protocols import PROTOCOLS
from evaluation.result_files import reading_context
from evaluation.tube_evaluation import evaluate_tubes
from evaluation.tube_report import tube_figures, tube_table
from tubes.build_options import build_options, chosen_settings, parse_build_options
from tubes.building import Building
from tubes.video_streams import find_streams

# About 50 MB of JSON.
MOST_BOXES_AS_TEXT = 1_000_000


def main(argv: Sequence[str] | None = None) -> None:
    """Builds the tubes of detections, writes them, and prints figures where the truth is known.

    Args:
        argv: Arguments; None stands for those of the process.

    Raises:
        InputError: An option or a file is wrong.
    """
    args = _parse_options(argv)
    paths = args.detections or [_last_detect_run(args.save_root) or _detect_embedded(args)]
    truth = _ground_truth(args, paths)
    settings = chosen_settings(args, truth)
    folder = args.save_root / "tubes"
    streams = find_streams(paths, args.top, args.format, reading_context(args, truth))
    building = Building(args.fusion, settings, folder / "videos", args.overwrite)
    videos = list(in_processes(building, streams, args.workers))
    _check_origin(videos)
    figures: dict[str, Any] = {"videos": len(videos)}
    figures["tubes"] = sum(len(video.tubes) for video in videos)
    table = ""
    if truth:
        tubes = tubes_by_video(videos, truth.classes)
        report_coverage({video.video: VideoOrigin.of(video) for video in videos}, truth)
        evaluation = evaluate_tubes(
            tubes,
            truth.videos,
            truth.classes,
            protocol=PROTOCOLS[args.protocol],
            convention=choose_convention(
                args.box_convention, {video.model for video in videos}, args.protocol
            ),
        )
        figures |= tube_figures(evaluation)
        table = tube_table(evaluation)
    written = _write(folder, videos)
    recorded = {**vars(args), "trimming": settings.trimming, "alpha": settings.alpha}
    recorded |= {"detections": paths, "settings": asdict(settings)}
    write_run_record(folder, recorded, figures)
    print(f"{counted(figures['tubes'], 'tube')} in {counted(len(videos), 'video')}: {written}")
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
    build_options(
        parser,
        "files or folders (default: those of the last detect run under --save_root, or else of the "
        "embedded data set, which are then made)",
        truth_required=False,
    )
    common_options(parser)
    return parse_build_options(parser, argv)


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
