"""Writes the frames of videos into folders of images, as recognition data sets want them.

Example: python data/extract_frames.py kinetics/videos --height 331 --save_root kinetics
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
from PIL import Image as PillowImage

from data.command import CommandParser, count, counted, positive, run_command, save_root_option
from data.errors import InputError, InputErrors, check_each
from data.files import lock
from data.frame_names import FrameNames
from data.image_folder import IMAGE_SUFFIXES
from data.interchange.files import atomic_folder
from data.media_index import VIDEO_SUFFIXES
from data.processes import in_processes
from data.still_images import Image
from data.video import open_video, video_files

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
    videos = find_videos(args.videos, root)
    with _locked(root):
        if args.overwrite:
            left = videos
        else:
            left = [video for video in videos if not video.is_stored(names, args.height)]
        extraction = Extraction(names, args.height)
        results = list(in_processes(extraction, left, min(args.workers, len(left)) or 1))
    errors = [result for result in results if isinstance(result, InputError)]
    frames = sum(result for result in results if isinstance(result, int))
    print(
        f"{counted(frames, 'frame')} of {counted(len(left) - len(errors), 'video')}; "
        f"{counted(len(videos) - len(left), 'video')} done before; folder: {root}"
    )
    if errors:
        raise errors[0] if len(errors) == 1 else InputErrors(errors)


@dataclass(frozen=True)
class VideoFrames:
    """A video and where its frames are written.

    Attributes:
        source: the video: a file, or a folder of images.
        folder: for the frames.
    """

    source: Path
    folder: Path

    def is_stored(self, names: FrameNames, height: int) -> bool:
        """Whether the frames are there: a folder appears when it is complete.

        Raises:
            InputError: there is something else, or they have another height.
        """
        if not self.folder.exists():
            return False
        (first,) = names.files(self.folder, 0)
        try:
            with PillowImage.open(first) as image:
                stored = image.height
        except OSError:
            raise InputError(
                f"{self.folder}: is there, and has no image {first.name}; add --overwrite to "
                "replace what is there, or name another --save_root or --template"
            ) from None
        if height not in (0, stored):
            raise InputError(
                f"{self.folder}: its frames have a height of {stored} and not {height}; add "
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

    def __call__(self, video: VideoFrames) -> int | InputError:
        """Writes the frames of a video; returns how many there are, or why there are none."""
        try:
            return self._write(video)
        except InputError as error:
            return error

    def _write(self, video: VideoFrames) -> int:
        written = 0
        with open_video(video.source) as frames:
            if video.folder.exists():  # and is to be replaced
                shutil.rmtree(video.folder)
            with atomic_folder(video.folder) as part:
                for frame in frames:
                    (file,) = self.names.files(part, frame.index)
                    _write_image(file, self._scaled(frame.image))
                    written += 1
        return written

    def _scaled(self, image: Image) -> Image:
        height, width = image.shape[:2]
        if self.height in (0, height):
            return image
        size = max(1, round(width * self.height / height)), self.height
        shrinks = self.height < height
        method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        return cv2.resize(image, size, interpolation=method).astype(image.dtype, copy=False)


def find_videos(paths: Sequence[Path], root: Path) -> list[VideoFrames]:
    """Finds the videos that were named.

    Args:
        paths: video files, folders of images, and folders of videos at any depth, whose frames
            are written into folders of the same depth.
        root: for the frames of all.

    Raises:
        InputError: one is not there, there is none in a folder, or two have one name.
    """
    check_each(paths, _check_path)
    videos: dict[Path, VideoFrames] = {}
    for path in paths:
        for source, name in _sources(path):
            video = VideoFrames(source, root / name)
            other = videos.setdefault(video.folder, video).source
            if other != source:
                raise InputError(
                    f"{source}: has the name of {other}, so their frames would be in one folder; "
                    "name them in two runs with different --save_root"
                )
    return list(videos.values())


def _check_path(path: Path) -> None:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; check the path of the video")
    if not any(True for _ in _sources(path)):
        raise InputError(f"{path}: holds no videos; name videos, or a folder of them")


def _sources(path: Path) -> Iterator[tuple[Path, Path]]:
    """The videos that a path stands for, each with the folder of its frames below the root."""
    if not path.is_dir():
        yield path, Path(path.stem)
    elif video_files(path):
        yield path, Path(path.absolute().name)
    else:
        for folder, below, names in os.walk(path):
            below.sort()
            for name in sorted(names):
                file = Path(folder, name)
                if file.suffix.lower() in VIDEO_SUFFIXES and not name.startswith("."):
                    yield file, file.relative_to(path).with_suffix("")


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Sees to it that no other run writes into the folder."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = (root / ".lock").open("wb")
    except OSError as error:
        raise InputError(
            f"{root}: frames cannot be written there ({error.strerror}); name another --save_root"
        ) from error
    with file:
        if lock(file) is False:
            raise InputError(f"{root}: another run is writing frames there; wait for its end")
        yield


def _write_image(path: Path, image: Image) -> None:
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    done, content = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
    if not done:
        raise ValueError(f"{path}: the image could not be encoded")
    path.write_bytes(content.tobytes())


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
    parser.add_argument(
        "--height",
        type=count,
        default=0,
        metavar="PIXELS",
        help="of the images: 331 for Kinetics, 256 for Something-Something V2, as TSM has them; 0 "
        "for that of the video (default: %(default)s)",
    )
    parser.add_argument(
        "--template",
        default="img_{:05d}.jpg",
        metavar="NAME",
        help="of the images, counted from 1; {:06d}.jpg for Something-Something V2 (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: one a core)",
    )
    save_root_option(parser)
    parser.add_argument(
        "--overwrite", action="store_true", help="write the frames of all these videos anew"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    run_command(main)
