"""Writes the frames of videos into frame databases, one a video, as SRTG and MTNet read them.

Example: python data/frame_store.py kinetics/videos kinetics/jpg --height 256
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.command import CommandParser, positive, run_command
from data.errors import InputError
from data.frame_database import FrameDatabase, LockedDatabaseError, has_database
from data.frame_database_writer import write_frame_database
from data.processes import in_processes
from data.still_images import JPEG_START, Image, StillImages, decode_image, encode_image, of_height
from data.video import open_video
from data.video_file import DEFAULT_FRAME_RATE
from data.video_folders import (
    VideoFolder,
    find_videos,
    height_option,
    locked_root,
    tell_results,
    workers_option,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the databases that are not there yet.

    Raises:
        InputError: an option is wrong, or some videos cannot be read; the others are done.
    """
    args = _parse_options(argv)
    videos = find_videos(args.videos, args.target, "TARGET", of_images=True)
    with locked_root(args.target, "TARGET"):
        store = FrameStore(args.height, args.quality)
        results = list(in_processes(store, videos, min(args.workers, len(videos))))
    tell_results(results, args.target)


@dataclass(frozen=True)
class FrameStore:
    """What is done with each video, in one of several processes.

    Attributes:
        height: of the images in pixels, with the width in proportion; 0 for that of the video.
        quality: of JPEG, from 1 to 100, of images that are not stored as they are.
    """

    height: int
    quality: int

    def __call__(self, video: VideoFolder) -> int | InputError | None:
        """Writes the database of a video.

        Returns:
            How many frames it has, why it is not there, or None: it was there before.
        """
        try:
            if has_database(video.folder):
                self._check_finished(video.folder)
                return None
            return write_frame_database(video.folder, self._contents(video.source))
        except InputError as error:
            return error

    def _contents(self, source: Path) -> Iterator[tuple[str, bytes]]:
        """The image file of each frame, with where it comes from."""
        with open_video(source) as frames:
            if isinstance(frames, StillImages) and self.height in (0, frames.height):
                for place, content in frames.contents(range(frames.frames)):
                    if content.startswith(JPEG_START):
                        yield place, content
                    else:
                        yield place, self._encoded(decode_image(content, place, frames.remedy))
                return
            for frame in frames:
                yield f"{source}: frame {frame.index + 1}", self._encoded(frame.image)

    def _encoded(self, image: Image) -> bytes:
        image = of_height(image, self.height or image.shape[0])
        return encode_image(image, ".jpg", self.quality)

    def _check_finished(self, folder: Path) -> None:
        """Looks at both ends of a database that is there.

        Raises:
            InputError: it is damaged, or its frames have another height.
        """
        try:
            frames = FrameDatabase(folder, DEFAULT_FRAME_RATE)
            for _ in frames.select([0, frames.frames - 1]):
                pass
        except LockedDatabaseError:
            raise
        except InputError as error:
            raise InputError(
                f"{folder}: is there, and damaged ({error}); remove the folder and run this again"
            ) from None
        if self.height not in (0, frames.height):
            raise InputError(
                f"{folder}: its frames have a height of {frames.height} and not {self.height}; "
                "remove the folder to have them anew, or name another TARGET"
            )


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        prog="python data/frame_store.py",
        description="Writes the frames of videos as JPEG images into a frame database for each "
        "video, TARGET/VIDEO/frames.db, or TARGET/CLASS/VIDEO/frames.db of a folder with folders "
        "of videos. JPEG images of folders and of other databases are stored byte by byte. All "
        "cores work; an interrupted run leaves whole databases only, and goes on with the videos "
        "that are left. A database that is there is looked at, and never written to.",
        epilog="example: python data/frame_store.py kinetics/videos kinetics/jpg --height 256",
    )
    parser.add_argument(
        "videos",
        nargs="+",
        type=Path,
        metavar="VIDEO",
        help="files, folders of images or with a frame database, or folders of these",
    )
    parser.add_argument("target", type=Path, metavar="TARGET", help="folder for the databases")
    height_option(parser, ", such as the 360 of published databases")
    parser.add_argument(
        "--quality",
        type=_quality,
        default=90,
        metavar="1..100",
        help="of JPEG, for images that are not stored byte by byte; 90 needs two thirds of the "
        "bytes of 95 (default: %(default)s)",
    )
    workers_option(parser)
    return parser.parse_args(argv)


def _quality(text: str) -> int:
    number = positive(text)
    if number > 100:
        raise argparse.ArgumentTypeError(f"must be at most 100, not {number}")
    return number


if __name__ == "__main__":
    run_command(main)
