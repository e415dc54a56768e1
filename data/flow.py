"""Computes the flow images of videos or of a data set, and stores them as they are published.

Example: python data/flow.py --dataset jhmdb21 --data_root DATA
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.command import (
    CommandParser,
    ProgressBar,
    common_options,
    counted,
    progress,
    run_command,
)
from data.dataset import DATASETS, open_dataset
from data.errors import InputError, check_each
from data.flow_images import FlowImages
from data.input_images import NO_BROX, stored_folder
from data.media_index import VIDEO_SUFFIXES
from data.optical_flow import COMPUTED_TYPES, flow_estimator
from data.processes import in_processes
from data.video import open_video, video_files


def main(argv: Sequence[str] | None = None) -> None:
    """Computes what is not there yet.

    Raises:
        InputError: an option or a video is wrong, or other images are there already.
    """
    args = _parse_options(argv)
    folder, videos = _of_dataset(args) if args.dataset else _of_files(args)
    if args.overwrite:
        left = videos
        for video in videos:
            video.remove_part()
    else:
        left = [video for video in videos if not video.are_stored(args.input_type)]
    if left:
        flow_estimator(args.input_type, args.device)  # says what is wrong before the work starts
    extraction = Extraction(args.input_type, args.device)
    if len(left) == 1:
        bar: ProgressBar[None] = progress(description=left[0].folder.name)
        with bar:
            images = left[0].store(args.input_type, args.device, on_image=bar.update)
    else:
        images = sum(in_processes(extraction, left, min(args.workers, len(left)) or 1))
    print(
        f"{args.input_type}: {counted(images, 'image')} of {counted(len(left), 'video')}; "
        f"{counted(len(videos) - len(left), 'video')} done before; folder: {folder}"
    )


@dataclass(frozen=True)
class Extraction:
    """What is done with each video, in one of several processes.

    Attributes:
        input_type: one of `data.optical_flow.COMPUTED_TYPES`.
        device: where RAFT runs.
    """

    input_type: str
    device: str

    def __call__(self, video: FlowImages) -> int:
        """Stores the flow images of a video and returns how many were computed."""
        return video.store(self.input_type, self.device)


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        prog="python data/flow.py",
        description="Compute flow images and store them as published, 00001.jpg ..., in a "
        "folder for each video: of a data set beside its rgb-images, in "
        "ROOT/fastOF-images/CLASS/VIDEO, and of files in SAVE_ROOT/fastOF-images/VIDEO. An "
        "interrupted run goes on after the last whole image. docs/flow.md says more.",
        epilog="example: python data/flow.py --dataset jhmdb21 --data_root DATA",
    )
    parser.add_argument(
        "videos", nargs="*", type=Path, metavar="VIDEO", help="files, or folders of images"
    )
    parser.add_argument(
        "--dataset",
        metavar="NAME|FILE",
        help=f"all videos of {', '.join(DATASETS)}, or of an annotation file as in docs/formats.md",
    )
    parser.add_argument("--data_root", type=Path, metavar="FOLDER", help="folder of the data set")
    parser.add_argument(
        "--input_type",
        default="fastOF",
        metavar="|".join(COMPUTED_TYPES),
        help="fastOF: OpenCV's DIS, in real time; raft: torchvision's RAFT, accurate, wants a GPU "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes (default: one a core; for raft 1, which uses the GPU or all cores)",
    )
    common_options(parser)
    args = parser.parse_args(argv)
    if args.input_type == "brox":
        raise InputError(
            f"--input_type brox: {NO_BROX}; use the published brox-images for weights that were "
            "trained with them, and else fastOF, or raft which is more accurate"
        )
    if args.input_type not in COMPUTED_TYPES:
        raise InputError(
            f"--input_type {args.input_type}: no such flow; choose {' or '.join(COMPUTED_TYPES)}"
        )
    if bool(args.videos) == bool(args.dataset):
        raise InputError("name either videos or a data set with --dataset")
    if args.workers is None:
        args.workers = 1 if args.input_type == "raft" else os.cpu_count() or 1
    if args.workers < 1:
        raise InputError(f"--workers {args.workers}: must be at least 1")
    return args


def _of_dataset(args: argparse.Namespace) -> tuple[Path, list[FlowImages]]:
    """The folder for all images, and the videos of the data set that are there."""
    default = args.save_root / "data" if args.dataset == "embedded" else None
    dataset = open_dataset(args.dataset, args.data_root or default)
    assert dataset.root is not None
    names = dataset.annotations.videos
    there = [name for name in names if name in dataset.media and dataset.media[name].exists()]
    if len(there) < len(names):
        missing = next(name for name in names if name not in there)
        if not there:
            dataset.video_path(missing)  # says where it was looked for
        left_out = counted(len(names) - len(there), "video")
        print(f"note: {left_out} of {len(names)} not there, such as {missing}", file=sys.stderr)
    return dataset.root / f"{args.input_type}-images", [
        FlowImages(dataset.media[name], dataset.input_folder(name, args.input_type))
        for name in there
    ]


def _of_files(args: argparse.Namespace) -> tuple[Path, list[FlowImages]]:
    """The folder for all images, and the videos that were named."""
    folder = args.save_root / f"{args.input_type}-images"
    check_each(args.videos, _check_video)  # says what is wrong before the work starts
    videos: dict[Path, FlowImages] = {}
    for path in args.videos:
        target = folder / stored_folder(path, args.input_type).name
        if target in videos:
            raise InputError(
                f"{path}: has the name of {videos[target].source}, so their images would be in one "
                "folder; name them in two runs with different --save_root"
            )
        videos[target] = FlowImages(path, target)
    return folder, list(videos.values())


def _check_video(path: Path) -> None:
    if path.is_dir() and not video_files(path):
        below = next((x for x in sorted(path.iterdir()) if x.suffix in VIDEO_SUFFIXES), None)
        if below:
            raise InputError(
                f"{path}: is a folder of videos; name the videos in it, such as {below}"
            )
    open_video(path).close()


if __name__ == "__main__":
    run_command(main)
