"""Makes the lists for training and validation of a published data set, as TSM's tools make them.

Example: python data/make_video_list.py jester labels.csv train.csv validation.csv --frames FOLDER
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from data.command import (
    CommandParser,
    ProgressBar,
    counted,
    progress,
    run_command,
    save_root_option,
)
from data.errors import InputError
from data.files import atomic_write
from data.frame_database import DATABASE, FrameDatabase
from data.frame_names import FrameNames
from data.published_labels import READERS, LabelledVideo, read_published_labels
from data.recognition_sets import CLASS_FILE, LIST, SETS
from data.video_file import DEFAULT_FRAME_RATE
from data.video_list import ListedVideo, write_video_list

_THREADS = 8  # disks answer several questions at once


class Counted(NamedTuple):
    """What was found of a video.

    Attributes:
        folder: below the folder of frames; the published one if there is none.
        frames: how many there are, 0 if they cannot be used.
        problem: why they cannot, or "".
    """

    folder: str
    frames: int
    problem: str


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the lists, and tells what is missing.

    Raises:
        InputError: a file or folder is wrong, or no video of a list is there.
    """
    args = _parse_options(argv)
    labels = read_published_labels(args.dataset, args.files)
    if not args.frames.is_dir():
        raise InputError(f"{args.frames}: no such folder; name the one with the folders of frames")
    published = SETS[args.dataset]
    if published.classes != len(labels.classes):
        print(
            f"note: {counted(len(labels.classes), 'class')}, and {published.title} has "
            f"{published.classes}",
            file=sys.stderr,
        )
    assert published.rgb_names is not None
    found = {
        part: count_videos(args.frames, videos, published.rgb_names, part)
        for part, videos in labels.parts.items()
    }
    for part, results in found.items():
        if not any(result.frames for result in results):
            raise InputError(
                f"{args.frames}: there is none of the {counted(len(results), 'video')} for {part}, "
                f"such as {results[0].folder} ({results[0].problem}); name the folder with the "
                f"frames, which are called {published.rgb_names.template}"
            )
    with atomic_write(args.save_root / CLASS_FILE, "w") as file:
        file.writelines(f"{name}\n" for name in labels.classes)
    numbers = {name: number for number, name in enumerate(labels.classes)}
    for part, results in found.items():
        listed = [
            ListedVideo(
                result.folder, args.frames / result.folder, numbers[video.label], result.frames
            )
            for video, result in zip(labels.parts[part], results, strict=True)
            if result.frames
        ]
        path = args.save_root / LIST.format(part=part)
        write_video_list(path, listed)
        print(f"{path}: {counted(len(listed), 'video')}")
        _tell_missing(path, [result for result in results if not result.frames], len(results))


def count_videos(
    root: Path, videos: Sequence[LabelledVideo], names: FrameNames, part: str
) -> list[Counted]:
    """Finds the folders of videos and counts their frames.

    Args:
        root: the folder of frames.
        videos: of the annotation.
        names: of the frames.
        part: for the progress bar.
    """
    bar: ProgressBar[LabelledVideo] = progress(total=len(videos), description=part, unit="video")
    results = []
    with bar, ThreadPoolExecutor(_THREADS) as pool:
        for result in pool.map(lambda video: _count(root, video, names), videos):
            results.append(result)
            bar.update()
    return results


def _count(root: Path, video: LabelledVideo, names: FrameNames) -> Counted:
    for folder in video.folders:
        try:
            files = os.listdir(root / folder)
        except (OSError, ValueError):  # not there, or no name of a folder
            continue
        if DATABASE in files:
            return _count_stored(root, folder)
        numbers = set(map(names.number, files)) - {None}
        frames = len(numbers)
        if not frames:
            return Counted(folder, 0, f"holds no frames such as {names.files(Path(), 0)[0]}")
        if numbers != set(range(1, frames + 1)):
            gap = next(number for number in range(1, frames + 1) if number not in numbers)
            return Counted(folder, 0, f"lacks frame {gap}")
        return Counted(folder, frames, "")
    return Counted(video.folders[0], 0, "is not there")


def _count_stored(root: Path, folder: str) -> Counted:
    try:
        return Counted(folder, FrameDatabase(root / folder, DEFAULT_FRAME_RATE).frames, "")
    except InputError as error:
        return Counted(folder, 0, f"holds a damaged database ({error})")


def _tell_missing(path: Path, missing: Sequence[Counted], total: int) -> None:
    """Names the videos that are left out in a file, and counts them in a note."""
    file = path.with_name(f"missing_{path.name}")
    if not missing:
        file.unlink(missing_ok=True)
        return
    with atomic_write(file, "w") as output:
        output.writelines(f"{result.folder}: {result.problem}\n" for result in missing)
    print(
        f"note: {len(missing)} of {counted(total, 'video')} left out, such as {missing[0].folder}, "
        f"which {missing[0].problem}; all are named in {file}",
        file=sys.stderr,
    )


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        prog="python data/make_video_list.py",
        description="Makes the lists of a published data set from its annotation files and the "
        "folders of its frames: train_videofolder.txt and val_videofolder.txt, with folder, number "
        "of frames and label a line, and category.txt with the names of the classes. Videos "
        "without frames are left out, and named in missing_train_videofolder.txt and so on. "
        "docs/recognition-data.md says which files each data set has.",
        epilog="example: python data/make_video_list.py something something-something-v1-*.csv "
        "--frames 20bn-something-something-v1 --save_root something",
    )
    parser.add_argument(
        "dataset", choices=tuple(READERS), metavar="DATASET", help=", ".join(READERS)
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="annotation files, as published"
    )
    parser.add_argument(
        "--frames",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="with the folders of frames or of frame databases",
    )
    save_root_option(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    run_command(main)
