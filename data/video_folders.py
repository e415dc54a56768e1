"""Videos, and the folders in which commands write what they make of each."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from data.command import count, counted, positive
from data.errors import InputError, InputErrors, check_each
from data.files import lock
from data.frame_database import DATABASE
from data.image_folder import IMAGE_SUFFIXES
from data.media_index import VIDEO_SUFFIXES
from data.video import video_files


@dataclass(frozen=True)
class VideoFolder:
    """A video, and where is written what is made of it.

    Attributes:
        source: the video: a file, or a folder of images or with a frame database.
        folder: for what is made of it.
    """

    source: Path
    folder: Path


def find_videos(
    paths: Sequence[Path], root: Path, option: str, *, of_images: bool = False
) -> list[VideoFolder]:
    """Finds the videos that were named.

    Args:
        paths: video files, folders of images or with a frame database, and folders of videos at
            any depth, which get folders of the same depth.
        root: for the folders of all; what is in it is no video.
        option: by which the root is given, for errors.
        of_images: whether the videos of a folder are folders of images and frame databases too.

    Raises:
        InputError: one is not there, there is none in a folder, or two have one name.
    """

    sources: dict[Path, list[tuple[Path, Path]]] = {}

    def find(path: Path) -> None:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; check the path of the video")
        sources[path] = _sources(path, root, of_images=of_images)
        if not sources[path]:
            raise InputError(f"{path}: holds no videos; name videos, or a folder of them")

    check_each(paths, find)
    videos: dict[Path, VideoFolder] = {}
    for source, name in chain.from_iterable(sources.values()):
        video = VideoFolder(source, root / name)
        other = videos.setdefault(video.folder, video).source
        if other != source:
            raise InputError(
                f"{source}: has the name of {other}, so their frames would be in one folder; "
                f"name them in two runs with different {option}"
            )
    return list(videos.values())


def _sources(path: Path, root: Path, *, of_images: bool) -> list[tuple[Path, Path]]:
    """The videos that a path stands for, each with the name of its folder below the root."""
    if not path.is_dir():
        return [(path, Path(path.stem))]
    files = video_files(path)
    # Images beside folders of videos are pictures of something else.
    if not files or (of_images and files[0].name != DATABASE):
        below = list(_videos_below(path, root.resolve(), of_images=of_images))
        if below or not files:
            return below
    return [(path, Path(path.absolute().name))]


def _videos_below(path: Path, root: Path, *, of_images: bool) -> Iterator[tuple[Path, Path]]:
    for folder, below, names in os.walk(path):
        place = Path(folder)
        below[:] = sorted(name for name in below if not name.startswith("."))
        if root.name in below and (place / root.name).resolve() == root:
            below.remove(root.name)
        files = [place / name for name in sorted(names) if not name.startswith(".")]
        videos = [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
        for video in videos:
            yield video, video.relative_to(path).with_suffix("")
        images = not below and not videos and any(map(_is_image, files))
        if of_images and place != path and (images or place / DATABASE in files):
            yield place, place.relative_to(path)


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in IMAGE_SUFFIXES


@contextmanager
def locked_root(root: Path, option: str) -> Iterator[None]:
    """Makes the folder for the folders of videos, and sees to it that no other run writes there.

    Args:
        root: the folder.
        option: by which it is given, for errors.

    Raises:
        InputError: it cannot be written to, or another run does.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = (root / ".lock").open("wb")
    except OSError as error:
        raise InputError(
            f"{root}: frames cannot be written there ({error.strerror}); name another {option}"
        ) from error
    with file:
        if lock(file) is False:
            raise InputError(f"{root}: another run is writing frames there; wait for its end")
        yield


def tell_results(results: Sequence[int | InputError | None], root: Path) -> None:
    """Prints what became of all videos.

    Args:
        results: for each the number of its frames, None where they were there before, or what is
            wrong.
        root: the folder for the folders of all.

    Raises:
        InputError: something is wrong with a video; with several, it is an `InputErrors`.
    """
    errors = [result for result in results if isinstance(result, InputError)]
    written = [result for result in results if isinstance(result, int)]
    print(
        f"{counted(sum(written), 'frame')} of {counted(len(written), 'video')}; "
        f"{counted(results.count(None), 'video')} done before; folder: {root}"
    )
    if errors:
        raise errors[0] if len(errors) == 1 else InputErrors(errors)


def workers_option(parser: argparse.ArgumentParser) -> None:
    """Adds --workers."""
    parser.add_argument(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: one a core)",
    )


def height_option(parser: argparse.ArgumentParser, such_as: str = "") -> None:
    """Adds --height.

    Args:
        parser: of the command.
        such_as: usual heights, for the help.
    """
    parser.add_argument(
        "--height",
        type=count,
        default=0,
        metavar="PIXELS",
        help=f"of the images, with the width in proportion{such_as}; 0 for that of the video "
        "(default: %(default)s)",
    )
