"""Detections and tracks in the text format of the MOT Challenge.

MOT16: Milan, Leal-Taixé, Reid, Roth and Schindler, arXiv:1603.00831.

`<folder>/<video>.txt` (results), `<folder>/<video>/det/det.txt` or `<folder>/<video>/gt/gt.txt`
with lines `frame, id, left, top, width, height, confidence, class`, of which the class may be left
out; what follows it (visibility, or positions in space, for which -1 stands) is not read. Frames,
pixels and classes count from 1. The id is -1 in detections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data.detections import Detections
from data.errors import InputError
from data.interchange.checks import (
    Floats,
    Integers,
    Place,
    box_rows,
    finite_rows,
    frame_rows,
    label_rows,
    probability_rows,
    refuse,
    track_rows,
)
from data.interchange.context import Context
from data.interchange.files import (
    atomic_folder,
    first_file,
    note_file,
    number_table,
    video_path,
    walk,
)
from data.interchange.format import Format
from data.interchange.rows import (
    Rows,
    different_ids,
    one_class_scores,
    rows_of,
    tubes_from_rows,
    video_tubes,
)
from data.json_writer import shortest_decimals
from data.tube import VideoTubes

NAME = "mot"
COLUMNS = ("frame", "id", "left", "top", "width", "height", "confidence")


def contents(path: Path) -> frozenset[str]:
    """As `Format.contents`: the ids tell detections from tracks."""
    sample = first_file(path, ".txt")
    if sample is None:
        return frozenset()
    try:
        values, _ = number_table(sample, ",", COLUMNS, finite=False)
    except InputError:
        return frozenset()
    return frozenset({"detections", "tubes"} if (values[:, 1] >= 0).all() else {"detections"})


def read_detections(path: Path, context: Context) -> Iterator[Detections]:
    """Reads detections; ids are left out.

    Of a row, the confidence stands in the column of its class and what is left to 1 in that of the
    background.

    Args:
        path: the file of a video, or a folder.
        context: knows classes and sizes.

    Raises:
        InputError: something is missing or wrong.
    """
    classes = context.class_names(path)
    for video, file in _files(path):
        shape = context.video(video, path)
        values, place = _read(file)
        labels = _labels(values, classes, place)
        scores = probability_rows(values[:, 6], place)
        rows = Rows(classes)
        rows.add(
            frame_rows(values[:, 0], shape.frames, place),
            _boxes(values, place),
            one_class_scores(labels, scores, len(classes)),
        )
        yield rows.detections(video, shape, context, NAME)


def read_tubes(path: Path, context: Context) -> Iterator[VideoTubes]:
    """Reads tracks as tubes; the score of a tube is the mean of its confidences.

    A track with gaps becomes several tubes, see `tubes_from_rows`.

    Args:
        path: the file of a video, or a folder.
        context: knows classes and sizes.

    Raises:
        InputError: something is missing or wrong.
    """
    classes = context.class_names(path)
    for video, file in _files(path):
        shape = context.video(video, path)
        values, place = _read(file)
        tracks = track_rows(values[:, 1], place)
        frames = frame_rows(values[:, 0], shape.frames, place)
        boxes = _boxes(values, place)
        scores = finite_rows(values[:, 6], place)
        labels = _labels(values, classes, place)
        tubes = tubes_from_rows(tracks, labels, (frames, boxes, scores), place)
        yield video_tubes(video, shape, context, classes, NAME, tubes)


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Yields name of the video and path."""
    if path.is_file():
        yield path.stem, path
        return
    found: dict[str, Path] = {}
    for folder, names in walk(path, ".txt"):
        for name in names:
            video = (Path(folder) / name.removesuffix(".txt")).as_posix()
            video = video.removesuffix("/det/det").removesuffix("/gt/gt")
            note_file(found, video, path / folder / name)
            yield video, path / folder / name


def _read(file: Path) -> tuple[npt.NDArray[np.float64], Place]:
    values, lines = number_table(file, ",", COLUMNS, ("class",))
    return values, lambda row: f"{file}:{lines[row]}"


def _boxes(values: npt.NDArray[np.float64], place: Place) -> Floats:
    """Returns boxes (n, 4) from left, top, width and height in pixels that count from 1."""
    corner = values[:, 2:4] - 1
    return box_rows(np.hstack([corner, corner + values[:, 4:6]]), place)


def _labels(values: npt.NDArray[np.float64], classes: tuple[str, ...], place: Place) -> Integers:
    named = values[:, 7].copy()
    missing = np.isnan(named) | (named == -1)
    if len(classes) == 1:
        named[missing] = 1
    refuse(
        np.isnan(named) | (named == -1),
        place,
        lambda row: (
            f"no class is given, and there are {len(classes)}; add it as the column behind "
            "the confidence, counted from 1"
        ),
    )
    return label_rows(named, classes, place, first=1)


def write_detections(path: Path, videos: Iterable[Detections], context: Context) -> None:
    """Writes a file for each video, a line for each box and class that scores above 0.001.

    Raises:
        InputError: nothing can be written there.
    """
    with atomic_folder(path) as folder:
        for detections in videos:
            frames, rows, labels = rows_of(detections)
            lines = _lines(
                frames,
                np.full(len(frames), -1),
                detections.boxes[rows],
                detections.scores[rows, labels],
                labels,
            )
            _write(folder, detections.video, lines)


def write_tubes(path: Path, videos: Iterable[VideoTubes], context: Context) -> None:
    """Writes a file for each video; the scores of tubes are lost, those of their frames are not.

    Raises:
        InputError: two tubes of a video have the same id, or nothing can be written there.
    """
    with atomic_folder(path) as folder:
        for video in videos:
            lines = [
                (frame, line)
                for tube in different_ids(video)
                for frame, line in zip(
                    range(tube.start, tube.end),
                    _lines(
                        np.arange(tube.start, tube.end),
                        np.full(len(tube), tube.id),
                        tube.boxes,
                        tube.scores,
                        np.full(len(tube), tube.label),
                    ),
                    strict=True,
                )
            ]
            lines.sort(key=lambda item: item[0])
            _write(folder, video.video, [line for _, line in lines])


def _lines(
    frames: Integers, ids: Integers, boxes: Floats, scores: Floats, labels: Integers
) -> list[str]:
    corners = np.array(shortest_decimals(boxes), np.float64).reshape(-1, 4)
    sides = corners[:, 2:] - corners[:, :2]
    return [
        f"{frame + 1},{id_},{left!r},{top!r},{width!r},{height!r},{score},{label + 1},-1,-1\n"
        for frame, id_, (left, top), (width, height), score, label in zip(
            frames, ids, (corners[:, :2] + 1).tolist(), sides.tolist(), scores, labels, strict=True
        )
    ]


def _write(folder: Path, video: str, lines: list[str]) -> None:
    file = video_path(folder, video, ".txt")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(lines), encoding="utf-8")


FORMAT = Format(
    NAME,
    "text files of the MOT Challenge, one a video",
    contents,
    read_detections=read_detections,
    write_detections=write_detections,
    read_tubes=read_tubes,
    write_tubes=write_tubes,
)
