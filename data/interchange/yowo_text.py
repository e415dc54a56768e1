"""Detections as YOWO writes them: one text file a frame.

YOWO: Köpüklü, Wei and Rigoll, You only watch once, arXiv:1911.06644.

`<folder>/<Class>_<video>_<frame, 5 digits>.txt`, frames counted from 1, with lines
`class score x1 y1 x2 y2`: the class counted from 1, the score confidence times class probability,
and the corners rounded to whole pixels of an image of 320x240, whatever the size of the video.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data.detections import Detections
from data.errors import InputError
from data.interchange.checks import box_rows, label_rows, probability_rows
from data.interchange.context import Context, VideoShape
from data.interchange.files import (
    atomic_folder,
    check_frame,
    first_file,
    frame_number,
    number_table,
    video_path,
    walk,
)
from data.interchange.format import Format
from data.interchange.rows import Rows, one_class_rows, one_class_scores

NAME = "yowo"
COLUMNS = ("class", "score", "x1", "y1", "x2", "y2")
IMAGE = (320, 240)


def contents(path: Path) -> frozenset[str]:
    """As `Format.contents`."""
    sample = first_file(path, ".txt")
    try:
        if path.is_dir() and sample and frame_number(sample.stem.rpartition("_")[2]) is not None:
            number_table(sample, None, COLUMNS, finite=False)
            return frozenset({"detections"})
    except InputError:
        pass
    return frozenset()


def read_detections(path: Path, context: Context) -> Iterator[Detections]:
    """Reads the detections in a folder; frames without a file have none, which is noted.

    Of a row, the score stands in the column of its class and what is left to 1 in that of the
    background.

    Args:
        path: the folder.
        context: knows classes and sizes; a video `Class/video` is looked for as `Class_video`.

    Raises:
        InputError: something is missing or wrong.
    """
    classes = context.class_names(path)
    names = _names(context)
    counts: dict[str, int] = {}
    for flat, files in _files(path).items():
        video = names.get(flat, flat)
        shape = context.video(video, path)
        counts[video] = len(files)
        rows = Rows(classes)
        for frame, name in sorted(files.items()):
            check_frame(frame, shape.frames, path / name)
            values, lines = number_table(path / name, None, COLUMNS)

            def place(row: int, name: str = name, lines: list[int] = lines) -> str:
                return f"{path / name}:{lines[row]}"

            labels = label_rows(values[:, 0], classes, place, first=1)
            scores = probability_rows(values[:, 1], place)
            rows.add(
                frame - 1,
                box_rows(values[:, 2:] * _scale(shape), place),
                one_class_scores(labels, scores, len(classes)),
            )
        yield rows.detections(video, shape, context, NAME)
    context.note_missing(counts, path)


def _names(context: Context) -> dict[str, str]:
    """Returns the names of the videos by what they are in file names."""
    names: dict[str, str] = {}
    for video in context.videos:
        flat = video.replace("/", "_")
        if flat in names:
            raise InputError(
                f"videos {names[flat]!r} and {video!r} have the same name in files of YOWO; rename "
                "one of them"
            )
        names[flat] = video
    return names


def _files(path: Path) -> dict[str, dict[int, str]]:
    """Returns the names of files by name of the video and number of the frame."""
    found: dict[str, dict[int, str]] = {}
    for name in dict(walk(path, ".txt")).get(".", ()):
        flat, _, digits = name.removesuffix(".txt").rpartition("_")
        number = frame_number(digits)
        if number is None:
            continue
        frames = found.setdefault(flat, {})
        if number in frames:
            raise InputError(
                f"{path / name}: frame {number} is there twice, the other is {frames[number]}; "
                "remove one of them"
            )
        frames[number] = name
    return found


def _scale(shape: VideoShape) -> npt.NDArray[np.float64]:
    """Returns what makes corners of an image of 320x240 those of the video."""
    return np.array([shape.width / IMAGE[0], shape.height / IMAGE[1]] * 2)


def write_detections(path: Path, videos: Iterable[Detections], context: Context) -> None:
    """Writes a file for each frame, a line for each box and class that scores above 0.001.

    Corners are rounded, as YOWO does.

    Raises:
        InputError: nothing can be written there.
    """
    with atomic_folder(path) as folder:
        for detections in videos:
            flat = detections.video.replace("/", "_")
            for frame in range(detections.frames):
                boxes, scores = detections.frame(frame)
                corners = np.rint(boxes / _scale(detections)).astype(np.int64)
                lines = [
                    f"{label + 1} {scores[row, label]} {' '.join(map(str, corners[row]))}\n"
                    for row, label in zip(*one_class_rows(scores), strict=True)
                ]
                file = video_path(folder, f"{flat}_{frame + 1:05d}", ".txt")
                file.write_text("".join(lines), encoding="utf-8")


FORMAT = Format(
    NAME,
    "text files of YOWO, one a frame",
    contents,
    read_detections=read_detections,
    write_detections=write_detections,
)
