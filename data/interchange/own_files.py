"""The project's own files as one of the formats: see docs/formats.md.

An annotation counts as tubes, whose scores are 1, so that it can be written in other formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from data.annotation_format import FORMAT as ANNOTATIONS
from data.annotation_format import load_annotations
from data.array_file import read_arrays
from data.detections import FORMAT as DETECTIONS
from data.detections import Detections
from data.errors import InputError
from data.interchange.checks import box_rows
from data.interchange.context import USUAL_FRAME_RATE, Context
from data.interchange.files import (
    atomic_folder,
    first_file,
    head,
    note_file,
    video_path,
    walk,
)
from data.interchange.format import Format
from data.tube import VideoTubes
from data.tube_arrays import FORMAT as TUBE_ARRAYS
from data.tube_arrays import load_tube_arrays, save_tube_arrays
from data.tube_format import FORMAT as TUBES
from data.tube_format import load_tubes, save_tubes

NAME = "own"


def contents(path: Path) -> frozenset[str]:
    """As `Format.contents`."""
    if path.is_dir():
        if _tubes_of_run(path):
            return frozenset({"tubes"})
        sample = first_file(path, ".npz")
        return frozenset({"detections"} if sample and _kind(sample) == DETECTIONS else ())
    kind = _kind(path)
    return frozenset({"detections"} if kind == DETECTIONS else {"tubes"} if kind else ())


def _tubes_of_run(folder: Path) -> Path | None:
    """Returns the file of all tubes in a folder that tubes/build.py wrote, if it is one."""
    return next(
        (path for path in (folder / "tubes.json", folder / "tubes.npz") if path.is_file()), None
    )


def _kind(path: Path) -> str | None:
    """Returns which of our formats a file says it has, JSON near its start."""
    text = ""
    try:
        if path.suffix == ".npz":
            text = str(read_arrays(path, ["metadata"], "this project")["metadata"])
        elif path.suffix == ".json":
            text = "\n".join(head(path))
    except InputError:
        return None
    found = re.search(r'"format"\s*:\s*"([^"]*)"', text)
    known = (DETECTIONS, TUBES, TUBE_ARRAYS, ANNOTATIONS)
    return found[1] if found and found[1] in known else None


def read_detections(path: Path, context: Context) -> Iterator[Detections]:
    """Reads .npz files.

    Args:
        path: a file, or a folder that holds files at any depth.
        context: not needed.

    Raises:
        InputError: a file is wrong, or two are about the same video.
    """
    if contents(path) == {"tubes"}:
        raise InputError(f"{path}: holds tubes and no detections; name other files")
    files = [path]
    if path.is_dir():
        files = [path / folder / name for folder, names in walk(path, ".npz") for name in names]
    found: dict[str, Path] = {}
    for file in files:
        detections = Detections.load(file)
        note_file(found, detections.video, file)

        def place(row: int, file: Path = file, detections: Detections = detections) -> str:
            return f"{file}: video {detections.video!r}, frame {detections.frames_of(row)}"

        box_rows(detections.boxes, place)
        yield detections


def write_detections(path: Path, videos: Iterable[Detections], context: Context) -> None:
    """Writes an .npz file for each video into a folder, without loss.

    Raises:
        InputError: nothing can be written there.
    """
    with atomic_folder(path) as folder:
        for detections in videos:
            detections.save(video_path(folder, detections.video, ".npz"))


def read_tubes(path: Path, context: Context) -> Iterator[VideoTubes]:
    """Reads a file of tubes, JSON or .npz, or of annotations.

    Args:
        path: the file, or a folder that tubes/build.py wrote.
        context: knows the frame rate, which annotations lack.

    Raises:
        InputError: the file is wrong.
    """
    if path.is_dir():
        path = _tubes_of_run(path) or path
    if contents(path) == {"detections"}:
        raise InputError(
            f"{path}: holds detections and no tubes; build them with python tubes/build.py"
        )
    if path.suffix == ".npz":
        yield from load_tube_arrays(path)
        return
    if _kind(path) != ANNOTATIONS:
        yield from load_tubes(path)
        return
    annotations, _ = load_annotations(path)
    for name, video in annotations.videos.items():
        yield VideoTubes(
            name,
            video.frames,
            video.width,
            video.height,
            context.frame_rate or USUAL_FRAME_RATE,
            annotations.classes,
            video.tubes,
            "",
        )


def write_tubes(path: Path, videos: Iterable[VideoTubes], context: Context) -> None:
    """Writes the tubes of all videos to one file, .npz if it is called so or else JSON, losslessly.

    Raises:
        InputError: classes or models differ, or nothing can be written there.
    """
    found = list(videos)
    if len({(video.classes, video.model) for video in found}) > 1:
        raise InputError(
            f"{path}: videos must have the same classes and model to go into one file; write them "
            "to files of their own"
        )
    save = save_tube_arrays if path.suffix == ".npz" else save_tubes
    save(path, found)


FORMAT = Format(
    NAME,
    "the project's own: .npz of detections, .npz and JSON of tubes, JSON of annotations",
    contents,
    read_detections=read_detections,
    write_detections=write_detections,
    read_tubes=read_tubes,
    write_tubes=write_tubes,
    suffixes={"tubes": (".json", ".npz")},
)
