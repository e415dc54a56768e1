"""Finds the action tubes of a video and shows them: a video in, an overlay and a report out.

python demo/run.py my_video.mp4
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data import (
    CommandParser,
    InputError,
    VideoTubes,
    VideoWriter,
    atomic_write,
    common_options,
    open_video,
    progress,
    run_command,
    save_tubes,
    write_run_record,
)
from data.command import counted
from data.synthetic import write_example_video
from demo.overlay import Overlay, tube_colours
from demo.pipeline import TubePipeline
from demo.report import render_report, reported_tubes
from demo.selection import Selection, select_tubes
from demo.thumbnails import Thumbnails
from detection import BACKENDS, Detector, choose_backend, choose_device
from weights import resolve_weights

EXAMPLE_WEIGHTS = "amtnet-mobilenetv2-embedded"
WEIGHTS = "amtnet-mobilenetv2-jhmdb21"
OUTPUTS = ("tubes.json", "overlay.mp4", "report.html")
MAX_ROWS = 20  # of the table on the terminal


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command.

    Raises:
        InputError: an option, the video or the weights are of no use.
    """
    args = _parse(argv)
    weights = resolve_weights(args.weights or (WEIGHTS if args.video else EXAMPLE_WEIGHTS))
    backend = choose_backend(args.backend, weights)
    device = choose_device(args.device, backend)
    video = args.video or _example_video(args.save_root / "demo" / "example.mp4")
    with open_video(video):
        pass  # says what is wrong with the video before the network is loaded
    name = video.resolve().name if video.is_dir() else video.stem
    directory = args.save_root / "demo" / name
    options = {
        "video": str(video.resolve()),
        "video_changed": video.stat().st_mtime,
        "weights": str(weights.resolve()),
        "weights_changed": weights.stat().st_mtime,
        "min_score": args.min_score,
        "device": str(device),
        "backend": backend,
    }
    if not args.overwrite and _is_done(directory, options):
        print(f"{directory} is up to date; --overwrite makes it anew")
        return

    detector = Detector.load(weights, device, backend=backend)
    started = time.perf_counter()
    found = _find_tubes(detector, video, name)
    seconds = time.perf_counter() - started
    selection = select_tubes(found, args.min_score)
    speed = f"{found.frames / seconds:.1f} frames per second on {device} ({backend})"
    facts = {"Lowest score shown": f"{args.min_score:g}", "Detected and linked at": speed}
    _write_outputs(directory, video, selection, facts)
    figures = {
        "frames": found.frames,
        "tubes_found": len(found.tubes),
        "tubes_shown": len(selection.shown.tubes),
        "seconds": seconds,
        "frames_per_second": found.frames / seconds,
    }
    record = write_run_record(directory, options, figures)
    print(_summary(found, selection.shown))
    print(f"{found.frames} frames in {seconds:.1f} s: {speed}")
    for path in (*(directory / output for output in OUTPUTS), record):
        print(f"  {path}")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        prog="python demo/run.py",
        description="Finds the action tubes of a video: writes tubes.json, overlay.mp4 and "
        "report.html into SAVE_ROOT/demo/<name of the video>.",
        epilog="example: python demo/run.py my_video.mp4 --min_score 0.2",
    )
    parser.add_argument(
        "video",
        nargs="?",
        type=Path,
        metavar="VIDEO",
        help="a video file or a folder of images; without it, the bundled example is used",
    )
    parser.add_argument(
        "--weights",
        metavar="NAME|FILE",
        help=f"the checkpoint (default: {WEIGHTS}; for the bundled example {EXAMPLE_WEIGHTS})",
    )
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        help="what computes the network; onnx: onnxruntime, faster on a CPU (default: pytorch, and "
        "onnx for .onnx files)",
    )
    parser.add_argument(
        "--min_score",
        type=float,
        default=0.1,
        help="lowest score, from 0 to 1, of a tube that is shown (default: %(default)s)",
    )
    common_options(parser)
    args = parser.parse_args(argv)
    if not 0 <= args.min_score <= 1:
        raise InputError(f"--min_score {args.min_score}: must lie between 0 and 1")
    return args


def _example_video(path: Path) -> Path:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_example_video(path)
    return path


def _is_done(directory: Path, options: dict[str, Any]) -> bool:
    """Whether the folder holds the results of a run with these options that came to its end."""
    try:
        record = json.loads((directory / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    outputs = all((directory / output).exists() for output in OUTPUTS)
    return outputs and isinstance(record, dict) and record.get("options") == options


def _find_tubes(detector: Detector, path: Path, name: str) -> VideoTubes:
    with open_video(path) as video:
        pipeline = TubePipeline(detector, name, video.width, video.height, video.frame_rate)
        with progress(video, total=video.frames, description="detecting") as frames:
            for frame in frames:
                pipeline.update(frame)
        return pipeline.finish()


def _write_outputs(
    directory: Path, path: Path, selection: Selection, facts: dict[str, str]
) -> None:
    """Passes through the video once more and writes all files; each replaces an older one whole."""
    shown = selection.shown
    colours = tube_colours(shown.tubes)
    overlay = Overlay(shown, colours)
    thumbnails = Thumbnails(reported_tubes(selection), colours)
    with (
        warnings.catch_warnings(),
        open_video(path) as video,
        VideoWriter(
            directory / "overlay.mp4", overlay.width, overlay.height, video.frame_rate
        ) as writer,
        progress(video, total=shown.frames, description="drawing") as frames,
    ):
        warnings.simplefilter("ignore")  # what the reader warns of, it said in the first pass
        for frame in frames:
            writer.write(overlay.draw(frame))
            thumbnails.add(frame)
    save_tubes(directory / "tubes.json", [shown])
    with atomic_write(directory / "report.html", "w") as file:
        file.write(render_report(selection, colours, thumbnails.jpegs, facts))


def _summary(found: VideoTubes, shown: VideoTubes) -> str:
    """The best tubes as a table for the terminal."""
    if not found.tubes:
        return "no tubes found"
    if not shown.tubes:
        best = max(tube.score for tube in found.tubes)
        number = counted(len(found.tubes), "tube")
        return f"{number} found, but none reaches --min_score; best: {best:.3f}"
    width = max(len(shown.classes[tube.label]) for tube in shown.tubes)
    lines = [f"{'id':>4}  {'action':<{width}}  score  {'from':>8}  {'to':>8}"]
    for tube in shown.tubes[:MAX_ROWS]:
        start, end = (frame / shown.frame_rate for frame in (tube.start, tube.end))
        lines.append(
            f"{tube.id:>4}  {shown.classes[tube.label]:<{width}}  {tube.score:>5.2f}"
            f"  {start:>6.2f} s  {end:>6.2f} s"
        )
    if len(shown.tubes) > MAX_ROWS:
        lines.append(f"and {len(shown.tubes) - MAX_ROWS} more with lower scores")
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
