"""Detect in videos: `python detection/detect.py VIDEO...`, or in a part of a data set."""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import data
from data.command import ProgressBar, counted, positive
from data.errors import check_each
from data.processes import in_processes
from detection.detector import BACKENDS, choose_backend, choose_device
from detection.sources import Source, dataset_sources, named_sources
from detection.video_results import ROAD_MAT, SAVE_FORMATS, VideoDetection
from training.distributed import own_device, rank, world_size
from training.precision import PRECISIONS
from weights import resolve_weights

_SHIPPED_FOR = {"embedded": "amtnet-mobilenetv2-embedded"}
_SHIPPED_FOR_ANY = "amtnet-mobilenetv2-jhmdb21"
_RECORD = "run.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Raises:
        InputError: an option, the weights or a video is not usable.
    """
    options = _parse_options(argv)
    weights = resolve_weights(options.weights or _default_weights(options))
    backend = choose_backend(options.backend, weights)
    device = own_device(choose_device(options.device, backend))
    work = VideoDetection(
        folder=options.save_root / "detections",
        weights=weights,
        device=str(device),
        precision=options.precision,
        backend=backend,
        batch_size=options.batch_size or (1 if device.type == "cpu" else 8),
        save_format=options.save_format,
    )
    input_types = {stream.input_type: None for stream in work.detector().network.streams}
    sources = _sources(options, input_types)
    own = sources[rank() :: world_size()]
    made_with = {
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "precision": options.precision,
        "backend": backend,
        "save_format": options.save_format,
        "dataset": options.dataset,
        "split": options.split if options.dataset else None,
        "train_split": options.train_split if options.dataset else None,
    }
    if not options.overwrite:
        _check_record(work.folder / _RECORD, made_with)
    left = [s for s in own if options.overwrite or not work.result(s).exists()]
    # Says what is wrong before the work starts.
    check_each(left, lambda source: source.check(input_types))
    if options.overwrite:
        _remove_results(work, own, sources)
    recorded = {**vars(options), "weights": str(weights), "made_with": made_with}
    if rank() == 0:
        data.write_run_record(work.folder, recorded, {"done": False})
    counts = list(_detect(work, left, options.workers))
    # The process that comes last sees that all is there.
    if all(work.result(source).exists() for source in sources):
        data.write_run_record(work.folder, recorded, {"done": True, "videos": len(sources)})
    frames, boxes = (sum(column) for column in zip((0, 0), *counts, strict=True))
    print(
        f"{work.detector().name}: {counted(frames, 'frame')} of {counted(len(left), 'video')}, "
        f"{boxes} rows; {counted(len(own) - len(left), 'video')} done before; "
        f"detections: {work.folder}"
    )
    if rank() == 0:
        print(_what_next(options, work.folder))
    return 0


def _detect(work: VideoDetection, left: list[Source], workers: int) -> Iterable[tuple[int, int]]:
    """Frames and boxes of each video, with a progress bar."""
    if len(left) != 1:
        return in_processes(work, left, min(workers, len(left)) or 1)
    bar: ProgressBar[None] = data.progress(description=left[0].name)
    with bar:
        return [work(left[0], bar.update)]


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = data.CommandParser(
        prog="python detection/detect.py",
        description="Write the detections of videos, or of a part of a data set (without videos: "
        "of the embedded data set), into SAVE_ROOT/detections. Videos already done are skipped. "
        "Under torchrun, each process takes its part of the videos.",
        epilog="example: python detection/detect.py my_video.mp4",
    )
    parser.add_argument(
        "videos",
        nargs="*",
        type=Path,
        metavar="VIDEO",
        help="video files, folders of images, folders of videos, or .txt files that list them",
    )
    parser.add_argument("--dataset", help="name, or own annotation JSON (default: embedded)")
    parser.add_argument("--data_root", type=Path, help="where the data set is")
    parser.add_argument("--train_split", type=int, default=1, help="published split, 1 to 3")
    parser.add_argument("--split", default="test", help="part of the data set")
    parser.add_argument(
        "--weights",
        metavar="NAME|FILE",
        help="registered name, checkpoint of ours or of AMTNet or ROAD, or .onnx file (default: "
        "those last trained on the data set, else the shipped ones)",
    )
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        help="what computes the network; onnx: onnxruntime, on the CPU (default: pytorch, and onnx "
        "for .onnx files)",
    )
    parser.add_argument(
        "--batch_size", type=positive, help="frames computed together (default: 1, on a GPU 8)"
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="float32", help="bfloat16 or float16: mixed"
    )
    parser.add_argument(
        "--workers",
        type=positive,
        default=1,
        metavar="N",
        help="processes, each with one thread and a video of its own (default: 1, which uses as "
        "many threads as there are cores)",
    )
    parser.add_argument(
        "--save_format",
        choices=SAVE_FORMATS,
        default=SAVE_FORMATS[0],
        help="road-mat: a Matlab file for each frame with all prior boxes, as ROAD writes them; "
        "1 MB a frame (default: npz, the boxes that any filter may use, as in docs/formats.md)",
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
        runs = options.save_root.glob(f"training/AMTNet-{name}-*/best.safetensors")
        trained: list[Path] = sorted(runs, key=lambda path: path.stat().st_mtime)
        if trained:
            return trained[-1]
    return _SHIPPED_FOR.get(options.dataset, _SHIPPED_FOR_ANY)


def _sources(options: argparse.Namespace, input_types: Collection[str]) -> list[Source]:
    """The videos to detect in, of all processes."""
    if not options.dataset:
        return named_sources(options.videos)
    dataset = data.open_dataset(
        options.dataset,
        data_root=options.data_root or options.save_root / "data",
        split=options.train_split,
    )
    return dataset_sources(dataset, options.split, input_types)


def _check_record(record: Path, made_with: dict[str, Any]) -> None:
    """Make sure that what is in the folder already was made in the same way."""
    if not record.exists():
        return
    try:
        before = json.loads(record.read_text())["options"]["made_with"]
    except (ValueError, KeyError, TypeError):
        raise data.InputError(
            f"{record}: is no record of a detect run; add --overwrite or name another --save_root"
        ) from None
    changed = [
        key.removesuffix("_sha256") for key in made_with if before.get(key) != made_with[key]
    ]
    if changed:
        raise data.InputError(
            f"{record.parent}: holds detections made with other {', '.join(changed)}; add "
            "--overwrite to replace them, or name another --save_root"
        )


def _remove_results(work: VideoDetection, own: list[Source], sources: list[Source]) -> None:
    """Remove this process's results; the first one also removes those of no video of this run."""
    owned = {work.result(source) for source in own}
    others = {work.result(source) for source in sources} - owned
    for file in list(work.folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(work.folder).parts)
        places = {file, file.parent}
        own_or_nobodys = places & owned or (rank() == 0 and not places & others)
        if file.is_file() and not hidden and own_or_nobodys:
            file.unlink()
    for source in own:
        result = work.result(source)
        if result.is_dir():
            result.rmdir()


def _what_next(options: argparse.Namespace, folder: Path) -> str:
    """The command that most users want then."""
    command = ["python", "tubes/build.py", "--save_root", str(options.save_root)]
    if not options.dataset and options.save_format == ROAD_MAT:
        return (
            "ROAD's programs read them; so does tubes/build.py with a --dataset that has these "
            "videos; without one, detect without --save_format"
        )
    if not options.dataset:
        return f"link them to tubes: {shlex.join(command)}"
    command = ["python", "evaluation/frame_map.py", str(folder), "--dataset", options.dataset]
    if options.data_root or options.dataset == "embedded":
        command += ["--data_root", str(options.data_root or options.save_root / "data")]
    command += ["--train_split", str(options.train_split), "--split", options.split]
    return f"evaluate them: {shlex.join(command)}"


if __name__ == "__main__":
    data.run_command(main)
