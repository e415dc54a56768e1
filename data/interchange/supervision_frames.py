"""Detections and tubes as the objects of the package supervision, one a frame, in memory.

A `supervision.Detections` has `xyxy` (n, 4) in pixels, `confidence` (n,), `class_id` (n,),
`tracker_id` (n,) and `data`, a dict of further columns. Only these attributes are used, so objects
that look alike will do; the package itself is needed by `to_supervision` and
`tubes_to_supervision` alone.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from data.detections import Detections
from data.errors import InputError
from data.interchange.checks import (
    Integers,
    Place,
    box_rows,
    finite_rows,
    label_rows,
    probability_rows,
    track_rows,
)
from data.interchange.context import Context
from data.interchange.rows import Rows, one_class_scores, tubes_from_rows, video_tubes
from data.tube import VideoTubes

SCORES = "scores"


class FrameDetections(Protocol):
    """What is used of a `supervision.Detections`; the arrays are None where there are none."""

    xyxy: Any
    confidence: Any
    class_id: Any
    tracker_id: Any
    data: Any


class _Shape(NamedTuple):
    frames: int
    width: int
    height: int


def from_supervision(
    video: str,
    frames: Iterable[FrameDetections],
    *,
    width: int,
    height: int,
    frame_rate: float,
    classes: Sequence[str],
    model: str,
) -> Detections:
    """Returns what was detected in the frames of a video.

    Of a row, the confidence stands in the column of its class and what is left to 1 in that of the
    background, unless `data` has the column "scores" (n, classes + 1), as `to_supervision` gives.

    Args:
        video: name of the video.
        frames: the detections of each frame from the first on, empty ones where there are none.
        width: of the original frame, in pixels.
        height: of the original frame, in pixels.
        frame_rate: in frames per second.
        classes: class names; class_id is an index into them.
        model: name of the detector.

    Raises:
        InputError: something is missing or wrong; video and frame are named.
    """
    rows = Rows(classes)
    count = 0
    for frame, found in enumerate(frames):
        count += 1
        place = _place(video, frame)
        boxes = box_rows(_column(found.xyxy, "xyxy", (len(found.xyxy), 4), place), place)
        if SCORES in (found.data or {}):
            shape = (len(boxes), len(classes) + 1)
            scores = probability_rows(_column(found.data[SCORES], SCORES, shape, place), place)
        else:
            labels, confidence = _labels_and_confidence(found, classes, place)
            scores = one_class_scores(labels, probability_rows(confidence, place), len(classes))
        rows.add(frame, boxes, scores)
    context = Context(frame_rate=frame_rate)
    return rows.detections(video, _Shape(count, width, height), context, model)


def tubes_from_supervision(
    video: str,
    frames: Iterable[FrameDetections],
    *,
    width: int,
    height: int,
    frame_rate: float,
    classes: Sequence[str],
    model: str,
) -> VideoTubes:
    """Returns what a tracker found, one tube for each tracker_id.

    The score of a tube is the mean of its confidences. Tracks with gaps become several tubes, see
    `tubes_from_rows`. Arguments as of `from_supervision`.

    Raises:
        InputError: something is missing or wrong; video and frame are named.
    """
    times = [np.zeros(0, np.int64)]
    tracks = [np.zeros(0, np.int64)]
    labels = [np.zeros(0, np.int64)]
    boxes = [np.zeros((0, 4), np.float32)]
    scores = [np.zeros(0, np.float32)]
    count = 0
    for frame, found in enumerate(frames):
        count += 1
        if not len(found.xyxy):
            continue
        place = _place(video, frame)
        boxes.append(box_rows(_column(found.xyxy, "xyxy", (len(found.xyxy), 4), place), place))
        label, confidence = _labels_and_confidence(found, classes, place)
        labels.append(label)
        scores.append(finite_rows(confidence, place))
        ids = _column(found.tracker_id, "tracker_id", (len(label),), place)
        tracks.append(track_rows(ids, place))
        times.append(np.full(len(label), frame))
    frame_of = np.concatenate(times)
    tubes = tubes_from_rows(
        np.concatenate(tracks),
        np.concatenate(labels),
        (frame_of, np.concatenate(boxes), np.concatenate(scores)),
        lambda row: f"video {video!r}, frame {frame_of[row]}",
    )
    shape = _Shape(count, width, height)
    return video_tubes(video, shape, Context(frame_rate=frame_rate), classes, model, tubes)


def to_supervision(detections: Detections) -> Iterator[Any]:
    """Yields a `supervision.Detections` for each frame.

    A row has the class that scores best, the background aside; all scores are in
    `data["scores"]` (n, classes + 1), and the class names in `data["class_name"]`.

    Raises:
        InputError: the package supervision is not installed.
    """
    make = _supervision().Detections
    names = np.array(detections.classes)
    for frame in range(detections.frames):
        boxes, scores = detections.frame(frame)
        labels = scores[:, :-1].argmax(axis=1)
        yield make(
            xyxy=boxes,
            confidence=scores[np.arange(len(labels)), labels],
            class_id=labels,
            data={"class_name": names[labels], SCORES: scores},
        )


def tubes_to_supervision(video: VideoTubes) -> Iterator[Any]:
    """Yields a `supervision.Detections` for each frame, with the ids of tubes as tracker_id.

    Raises:
        InputError: the package supervision is not installed.
    """
    make = _supervision().Detections
    names = np.array(video.classes)
    for frame in range(video.frames):
        tubes = [tube for tube in video.tubes if tube.start <= frame < tube.end]
        labels = np.array([tube.label for tube in tubes], np.int64)
        boxes = [tube.boxes[frame - tube.start] for tube in tubes]
        yield make(
            xyxy=np.array(boxes, np.float32).reshape(-1, 4),
            confidence=np.array([tube.scores[frame - tube.start] for tube in tubes], np.float32),
            class_id=labels,
            tracker_id=np.array([tube.id for tube in tubes], np.int64),
            data={"class_name": names[labels]},
        )


def _supervision() -> Any:
    try:
        return importlib.import_module("supervision")
    except ImportError:
        raise InputError(
            "the package supervision is not installed; install it with pip install supervision"
        ) from None


def _place(video: str, frame: int) -> Place:
    return lambda row: f"video {video!r}, frame {frame}, row {row}"


def _column(values: Any, name: str, shape: tuple[int, ...], place: Place) -> npt.NDArray[Any]:
    """Returns a column as an array of numbers; one that is missing is fine where there are no rows.

    Raises:
        InputError: it is missing or has another shape.
    """
    if values is None and shape[0] == 0:
        return np.zeros(shape, np.float32)
    array = np.asarray(values)
    if array.dtype.kind not in "fiu" or array.shape != shape:
        raise InputError(
            f"{place(0)}: {name} must be an array of numbers of the shape {shape}, not "
            f"{'None' if values is None else f'{array.dtype} {array.shape}'}; add what is missing"
        )
    return array


def _labels_and_confidence(
    found: FrameDetections, classes: Sequence[str], place: Place
) -> tuple[Integers, npt.NDArray[Any]]:
    shape = (len(found.xyxy),)
    labels = label_rows(_column(found.class_id, "class_id", shape, place), classes, place, first=0)
    return labels, _column(found.confidence, "confidence", shape, place)
