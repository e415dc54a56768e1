"""Finds the videos of a data set on disk, in the layouts data sets are published in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

VIDEO_SUFFIXES = (
    ".avi",
    ".flv",
    ".m4v",
    ".mkv",
    ".mov",
    ".mp4",
    ".mpeg",
    ".mpg",
    ".ts",
    ".webm",
    ".wmv",
)

# Looked through in this order. Extracted images come first: published annotations count frames in
# them, and they need no decoder.
_FOLDERS = (
    "rgb-images",  # UCF24 and J-HMDB as AMTNet and ROAD have them
    "Frames",  # J-HMDB of ACT
    "Rename_Images",  # J-HMDB as published
    "jpg",  # frame databases of dataset2database
    "videos",
    "clips",
    "ReCompress_Videos",  # J-HMDB as published
    "UCF-101",  # UCF101 as published
    "",  # class folders right below the root
)


def find_media(root: Path, names: Iterable[str]) -> dict[str, Path]:
    """Finds a video file or folder of images for each name.

    Args:
        root: folder of the data set.
        names: videos, `class/video` or plain names. A file may be called by the whole name or,
            without class folder, by its last part; its suffix is any of a video's.

    Returns:
        What was found, in the order of `names`.
    """
    found: dict[str, Path] = {}
    for folder in _FOLDERS:
        for key, path in _entries(root / folder):
            found.setdefault(key, path)
    keys = {name: name if name in found else name.rpartition("/")[2] for name in names}
    return {name: found[key] for name, key in keys.items() if key in found}


def _entries(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yields name and path of what may be media in a folder and in the folders right below it."""
    for name, path in list_media(folder):
        yield name, path
        if path.is_dir():
            for inner, below in list_media(path):
                yield f"{name}/{inner}", below


def list_media(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yields the video files of a folder by their names without suffix, and its folders, in order.

    There are none where the folder is not there.
    """
    if not os.path.isdir(folder):  # False, too, for names that no file system takes
        return
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            stem, suffix = os.path.splitext(entry.name)
            if entry.is_dir():
                yield entry.name, Path(entry)
            elif suffix.lower() in VIDEO_SUFFIXES:
                yield stem, Path(entry)
