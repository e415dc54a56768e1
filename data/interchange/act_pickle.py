"""Tubelets and tubes as ACT and MOC write them: pickles.

ACT: Kalogeiton, Weinzaepfel, Ferrari and Schmid, Action tubelet detector for spatio-temporal action
localization, ICCV 2017. MOC: Li, Wang, Wang and Wu, Actions as moving points, ECCV 2020.

`<folder>/<Class>/<video>/<frame, 5 digits>.pkl` holds the tubelets of K frames that start in this
frame. MOC: a dict from each label to an array (n, 4K + 1) of K boxes x1, y1, x2, y2 and the score.
ACT: a pair of arrays, of which the first, (n, 2 + 4K) of label, score and boxes, is what it takes
its frame detections from; the second is not read. Frames count from 1; boxes are inclusive pixels
from 0, so 1 is added to the second corner. Labels count from 0 or 1, which the dict tells.

`<folder>/<Class>/<video>_tubes.pkl` is a dict from each label to a list of pairs: an array (T, 6)
of frame, x1, y1, x2, y2, score, and the score of the tube.

The ground truth in ACT's layout is read by `data.jhmdb`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from data.detections import Detections
from data.errors import InputError
from data.interchange.checks import (
    box_rows,
    consecutive_rows,
    finite_rows,
    frame_rows,
    label_rows,
    probability_rows,
)
from data.interchange.context import Context
from data.interchange.files import (
    atomic_folder,
    check_frame,
    first_file,
    number_array,
    numbered_files,
    pickle_content,
    video_path,
    walk,
)
from data.interchange.format import Format
from data.interchange.rows import Rows, one_class_rows, one_class_scores, video_tubes
from data.restricted_pickle import load_pickle
from data.tube import Tube, VideoTubes
from data.validation import number

NAME = "act"
TUBES_SUFFIX = "_tubes.pkl"
INCLUSIVE = np.array([0, 0, 1, 1], np.float32)


class _Dump(NamedTuple):
    """The tubelets of one file: labels (n,) as in the file, boxes (n, K, 4), scores (n,)."""

    path: Path
    start: int
    keys: frozenset[int]
    labels: npt.NDArray[Any]
    boxes: npt.NDArray[Any]
    scores: npt.NDArray[Any]


def contents(path: Path) -> frozenset[str]:
    """As `Format.contents`."""
    kinds = set()
    sample = first_file(path, ".pkl", numbered=True)
    if sample is not None:
        try:
            _read_dump(sample, 1)
            kinds.add("detections")
        except InputError:
            pass
    if next(walk(path, TUBES_SUFFIX), None):
        kinds.add("tubes")
    return frozenset(kinds)


def read_detections(path: Path, context: Context) -> Iterator[Detections]:
    """Reads tubelets as detections: each gives its box and its score to each of its K frames.

    Nothing is suppressed. Of a row, the score stands in the column of its class and what is left
    to 1 in that of the background.

    Args:
        path: the folder, right above the class folders.
        context: knows classes and sizes.

    Raises:
        InputError: something is missing or wrong.
    """
    classes = context.class_names(path)
    for video, files in numbered_files(path, ".pkl"):
        shape = context.video(video, path)
        dumps = [_read_dump(file, start) for start, file in files]
        keys = frozenset[int]().union(*(dump.keys for dump in dumps))
        first = _first_label(keys, classes, path / video)
        rows = Rows(classes)
        for dump in dumps:
            count, length = dump.boxes.shape[:2]
            check_frame(dump.start + length - 1, shape.frames, dump.path)

            def place(row: int, path: Path = dump.path) -> str:
                return f"{path}: tubelet {row + 1}"

            def place_box(row: int, path: Path = dump.path, length: int = length) -> str:
                return f"{path}: tubelet {row // length + 1}, box {row % length + 1}"

            labels = label_rows(dump.labels, classes, place, first)
            scores = one_class_scores(labels, probability_rows(dump.scores, place), len(classes))
            rows.add(
                np.tile(np.arange(length) + dump.start - 1, count),
                box_rows(dump.boxes.reshape(-1, 4) + INCLUSIVE, place_box),
                np.repeat(scores, length, axis=0),
            )
        yield rows.detections(video, shape, context, NAME)


def _read_dump(path: Path, start: int) -> _Dump:
    content = load_pickle(path)
    if isinstance(content, tuple | list) and len(content) == 2:
        rows = number_array(content[0], None, path, "the first of the two arrays")
        length, rest = divmod(rows.shape[1] - 2, 4)
        if length > 0 and not rest:
            boxes = rows[:, 2:].reshape(len(rows), length, 4)
            return _Dump(path, start, frozenset({0}), rows[:, 0], boxes, rows[:, 1])
    elif _has_labels(content) and content:
        arrays = [
            number_array(array, None, path, f"label {label}") for label, array in content.items()
        ]
        length, rest = divmod(arrays[0].shape[1] - 1, 4)
        if length > 0 and not rest and len({array.shape[1] for array in arrays}) == 1:
            rows = np.concatenate(arrays)
            labels = np.repeat(list(content), [len(array) for array in arrays])
            boxes = rows[:, :-1].reshape(len(rows), length, 4)
            return _Dump(path, start, frozenset(content), labels, boxes, rows[:, -1])
    raise InputError(
        f"{path}: must be a dict from labels to arrays of 4K + 1 columns, or a pair of arrays of "
        "which the first has 2 + 4K columns; name the format of the files"
    )


def _has_labels(content: Any) -> bool:
    return isinstance(content, dict) and all(
        isinstance(key, int | np.integer) and abs(key) < 2**31 for key in content
    )


def _first_label(labels: frozenset[int], classes: Sequence[str], path: Path) -> int:
    """Returns 0 or 1, from which the labels of a video count; its files name all of them."""
    if 0 in labels:
        return 0
    if len(classes) in labels:
        return 1
    raise InputError(
        f"{path}: the labels {sorted(labels)[:3]}... may count the {len(classes)} classes from 0 "
        "or from 1; write an array for each class, as ACT and MOC do, also if it is empty"
    )


def write_detections(path: Path, videos: Iterable[Detections], context: Context) -> None:
    """Writes tubelets of one frame as MOC does, a row for each class that scores above 0.001.

    Raises:
        InputError: nothing can be written there.
    """
    with atomic_folder(path) as folder:
        for detections in videos:
            below = video_path(folder, detections.video)
            below.mkdir(parents=True)
            for frame in range(detections.frames):
                boxes, scores = detections.frame(frame)
                rows, labels = one_class_rows(scores)
                tubelets = np.column_stack([boxes[rows] - INCLUSIVE, scores[rows, labels]])
                dump = {
                    label + 1: tubelets[labels == label] for label in range(len(detections.classes))
                }
                (below / f"{frame + 1:05d}.pkl").write_bytes(pickle_content(dump))


def read_tubes(path: Path, context: Context) -> Iterator[VideoTubes]:
    """Reads tubes; they are numbered in the order of the file.

    Args:
        path: the folder, right above the class folders.
        context: knows classes and sizes.

    Raises:
        InputError: something is missing or wrong.
    """
    classes = context.class_names(path)
    for folder, names in walk(path, TUBES_SUFFIX):
        for name in names:
            video = (Path(folder) / name.removesuffix(TUBES_SUFFIX)).as_posix()
            shape = context.video(video, path)
            tubes = _read_tubes(path / folder / name, classes, shape.frames)
            yield video_tubes(video, shape, context, classes, NAME, tubes)


def _read_tubes(file: Path, classes: Sequence[str], frames: int) -> list[Tube]:
    content = load_pickle(file)
    if not _has_labels(content):
        raise InputError(f"{file}: must be a dict from labels to tubes; name another file")
    first = _first_label(frozenset(content), classes, file)
    tubes: list[Tube] = []
    for key, found in content.items():
        label = int(label_rows(np.array([key]), classes, lambda _: str(file), first)[0])
        for pair in _pairs(found, file):
            tubes.append(_read_tube(pair, label, len(tubes), frames, file))
    return tubes


def _pairs(found: Any, file: Path) -> list[Any]:
    if not isinstance(found, list | tuple) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in found
    ):
        raise InputError(
            f"{file}: the tubes of a label must be a list of pairs of array and score; take the "
            "file as ACT or MOC wrote it"
        )
    return list(found)


def _read_tube(pair: Sequence[Any], label: int, index: int, frames: int, file: Path) -> Tube:
    def place(row: int) -> str:
        return f"{file}: tube {index + 1}, row {row + 1}"

    rows = number_array(pair[0], 6, file, f"tube {index + 1}")
    times = frame_rows(rows[:, 0], frames, place)
    start = consecutive_rows(times, place)
    boxes = box_rows(rows[:, 1:5] + INCLUSIVE, place)
    try:
        score = number(pair[1], "score")
    except ValueError as error:
        raise InputError(f"{file}: tube {index + 1}: {error}; leave the tube out") from None
    return Tube(start, boxes, finite_rows(rows[:, 5], place), label, score, index)


def write_tubes(path: Path, videos: Iterable[VideoTubes], context: Context) -> None:
    """Writes a file of tubes for each video; ids are lost.

    Raises:
        InputError: nothing can be written there.
    """
    with atomic_folder(path) as folder:
        for video in videos:
            content: dict[int, list[Any]] = {label: [] for label in range(len(video.classes))}
            for tube in video.tubes:
                frames = np.arange(tube.start, tube.end) + 1
                rows = np.column_stack([frames, tube.boxes - INCLUSIVE, tube.scores])
                content[tube.label].append([rows.astype(np.float32), tube.score])
            file = video_path(folder, video.video, TUBES_SUFFIX)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(pickle_content(content))


FORMAT = Format(
    NAME,
    "pickles of ACT and MOC",
    contents,
    read_detections=read_detections,
    write_detections=write_detections,
    read_tubes=read_tubes,
    write_tubes=write_tubes,
)
