"""Writes the frames of videos into folders of images, as recognition data sets want them.

Example: python data/extract_frames.py kinetics/videos --height 331 --save_root kinetics
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PillowImage

from data.command import CommandParser, run_command, save_root_option
from data.errors import InputError
from data.frame_names import FrameNames
from data.image_folder import IMAGE_SUFFIXES
from data.interchange.files import atomic_folder
from data.processes import in_processes
from data.still_images import encode_image, of_height
from data.video import open_video
from data.video_folders import (
    VideoFolder,
    find_videos,
    height_option,
    locked_root,
    tell_results,
    workers_option,
)

FOLDER = "rgb-images"
JPEG_QUALITY = 95


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the frames that are not there yet.

    Raises:
        InputError: an option is wrong, or some videos cannot be read; the others are done.
    """
    args = _parse_options(argv)
    names = FrameNames(args.template)
    if names.has_axes or Path(args.template).suffix.lower() not in IMAGE_SUFFIXES:
        raise InputError(
            f"--template {args.template}: is not the name of one image a frame; write one as "
            "img_{:05d}.jpg"
        )
    root = args.save_root / FOLDER
    videos = find_videos(args.videos, root, "--save_root")
    with locked_root(root, "--save_root"):
        if args.overwrite:
            left = videos
        else:
            left = [video for video in videos if not _is_stored(video, names, args.height)]
        extraction = Extraction(names, args.height)
        written = list(in_processes(extraction, left, min(args.workers, len(left)) or 1))
    tell_results([*written, *[None] * (len(videos) - len(left))], root)


def _is_stored(video: VideoFolder, names: FrameNames, height: int) -> bool:
    """Whether the frames of a video are there: a folder appears when it is complete.

    Raises:
        InputError: there is something else, or they have another height.
    """
    if not video.folder.exists():
        return False
    (first,) = names.files(video.folder, 0)
    try:
        with PillowImage.open(first) as image:
            stored = image.height
    except OSError:
        raise InputError(
            f"{video.folder}: is there, and has no image {first.name}; add --overwrite to "
            "replace what is there, or name another --save_root or --template"
        ) from None
    if height not in (0, stored):
        raise InputError(
            f"{video.folder}: its frames have a height of {stored} and not {height}; add "
            "--overwrite to replace them, or name another --save_root"
        )
    return True


@dataclass(frozen=True)
class Extraction:
    """What is done with each video, in one of several processes.

    Attributes:
        names: of the images.
        height: of the images in pixels, with the width in proportion; 0 for that of the video.
    """

    names: FrameNames
    height: int

    def __call__(self, video: VideoFolder) -> int | InputError:
        """Writes the frames of a video; returns how many there are, or why there are none."""
        try:
            return self._write(video)
        except InputError as error:
            return error

    def _write(self, video: VideoFolder) -> int:
        written = 0
        with open_video(video.source) as frames:
            if video.folder.exists():  # and is to be replaced
                shutil.rmtree(video.folder)
            with atomic_folder(video.folder) as part:
                for frame in frames:
                    (file,) = self.names.files(part, frame.index)
                    image = of_height(frame.image, self.height or frame.image.shape[0])
                    file.write_bytes(encode_image(image, file.suffix, JPEG_QUALITY))
                    written += 1
        return written


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        prog="python data/extract_frames.py",
        description="Writes the frames of videos as images into a folder for each video, "
        f"SAVE_ROOT/{FOLDER}/VIDEO, or SAVE_ROOT/{FOLDER}/CLASS/VIDEO of a folder with folders of "
        "videos. All cores work; an interrupted run leaves whole folders only, and goes on with "
        "the videos that are left.",
        epilog="example: python data/extract_frames.py kinetics/videos --height 331 "
        "--save_root kinetics",
    )
    parser.add_argument(
        "videos", nargs="+", type=Path, metavar="VIDEO", help="files, or folders of videos"
    )
    height_option(parser, ": 331 for Kinetics, 256 for Something-Something V2, as TSM has them")
    parser.add_argument(
        "--template",
        default="img_{:05d}.jpg",
        metavar="NAME",
        help="of the images, counted from 1; {:06d}.jpg for Something-Something V2 (default: "
        "%(default)s)",
    )
    workers_option(parser)
    save_root_option(parser)
    parser.add_argument(
        "--overwrite", action="store_true", help="write the frames of all these videos anew"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    run_command(main)
