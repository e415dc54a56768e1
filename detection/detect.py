"""Detect in videos: `python detection/detect.py VIDEO...`, or in a part of a data set."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import data
from data.command import ProgressBar
from detection.detector import Detector, choose_device, detect_video
from weights import resolve_weights

_SHIPPED_FOR = {"embedded": "amtnet-mobilenetv2-embedded"}
_SHIPPED_FOR_ANY = "amtnet-mobilenetv2-jhmdb21"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Raises:
        InputError: an option, the weights or a video is not usable.
    """
    options = _parse_options(argv)
    weights = resolve_weights(options.weights or _default_weights(options))
    detector = Detector.load(weights, choose_device(options.device))
    videos = _videos(options)
    folder: Path = options.save_root / "detections"
    made_with = {
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "dataset": options.dataset,
        "split": options.split if options.dataset else None,
        "train_split": options.train_split if options.dataset else None,
    }
    _prepare(folder, made_with, overwrite=options.overwrite)
    recorded = {**vars(options), "weights": str(weights), "made_with": made_with}
    data.write_run_record(folder, recorded, {"done": False})
    rows = frames = 0
    left = {name: path for name, path in videos.items() if not (folder / f"{name}.npz").exists()}
    bar: ProgressBar[None] = data.progress(description="detect")
    with bar:
        for name, path in left.items():
            bar.set_postfix_str(name)
            detections = detect_video(detector, path, name, on_frame=bar.update)
            detections.save(folder / f"{name}.npz")
            rows += len(detections.boxes)
            frames += detections.frames
    data.write_run_record(folder, recorded, {"done": True, "videos": len(videos)})
    print(
        f"{detector.name}: {frames} frames of {len(left)} videos, {rows} rows; "
        f"{len(videos) - len(left)} videos were done before; detections: {folder}"
    )
    return 0


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = data.CommandParser(
        prog="python detection/detect.py",
        description="Write the detections of video files, or of a part of a data set (without "
        "videos: of the embedded data set). Videos already done are skipped.",
        epilog="example: python detection/detect.py my_video.mp4",
    )
    parser.add_argument("videos", nargs="*", type=Path, metavar="VIDEO")
    parser.add_argument("--dataset", help="name, or own annotation JSON (default: embedded)")
    parser.add_argument("--data_root", type=Path, help="where the data set is")
    parser.add_argument("--train_split", type=int, default=1, help="published split, 1 to 3")
    parser.add_argument("--split", default="test", help="part of the data set")
    parser.add_argument(
        "--weights",
        help="registered name or file (default: those last trained on the data set, else the "
        "shipped ones)",
    )
    data.common_options(parser)
    options = parser.parse_args(argv)
    if options.videos and options.dataset:
        parser.error("name videos or --dataset, not both")
    if not options.videos and not options.dataset:
        options.dataset = "embedded"
    return options


def _default_weights(options: argparse.Namespace) -> str | Path:
    if options.dataset:
        name = Path(options.dataset).stem
        runs = options.save_root.glob(f"training/AMTNet-{name}-*/model.safetensors")
        trained: list[Path] = sorted(runs, key=lambda path: path.stat().st_mtime)
        if trained:
            return trained[-1]
    return _SHIPPED_FOR.get(options.dataset, _SHIPPED_FOR_ANY)


def _videos(options: argparse.Namespace) -> dict[str, Path]:
    """The videos to detect in, by name."""
    if options.dataset:
        dataset = data.open_dataset(
            options.dataset,
            data_root=options.data_root or options.save_root / "data",
            split=options.train_split,
        )
        return {
            video.name: dataset.video_path(video.name)
            for video in dataset.annotations.split(options.split)
        }
    named: dict[str, Path] = {}
    for path in options.videos:
        if path.stem in named:
            raise data.InputError(
                f"{path}: has the name of {named[path.stem]}, so their results would be one file; "
                "detect in them with different --save_root"
            )
        data.open_video(path).close()  # says what is wrong before the work starts
        named[path.stem] = path
    return named


def _prepare(folder: Path, made_with: dict[str, Any], *, overwrite: bool) -> None:
    """Make sure that what is in the folder already was made in the same way."""
    record = folder / "run.json"
    if overwrite and folder.exists():
        shutil.rmtree(folder)
    if not record.exists():
        return
    try:
        before = json.loads(record.read_text())["options"]["made_with"]
    except (ValueError, KeyError, TypeError):
        raise data.InputError(
            f"{record}: is no record of a detect run; add --overwrite or name another --save_root"
        ) from None
    changed = sorted(key for key in made_with if before.get(key) != made_with[key])
    if changed:
        raise data.InputError(
            f"{folder}: holds detections made with another {', '.join(changed)}; add --overwrite "
            "to replace them, or name another --save_root"
        )


if __name__ == "__main__":
    data.run_command(main)
