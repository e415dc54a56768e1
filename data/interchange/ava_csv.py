"""Detections and ground truth of AVA: one csv file for all videos.

AVA: Gu et al., AVA: A video dataset of spatio-temporally localized atomic visual actions, CVPR
2018.

Lines `video, second, x1, y1, x2, y2, action, score` (detections) or, with the number of the person
in place of the score, ground truth. Corners are divided by the frame size, actions count from 1,
and seconds from the start of the film (see `Context.start_time`). There are boxes in key frames
only, one each second. A line of video and second alone is a key frame without boxes.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from data.detections import Detections
from data.errors import InputError
from data.files import atomic_write
from data.interchange.checks import (
    Floats,
    Integers,
    Place,
    box_rows,
    label_rows,
    probability_rows,
    refuse,
    track_rows,
)
from data.interchange.context import Context, VideoShape
from data.interchange.files import head, read_lines
from data.interchange.format import Format
from data.interchange.rows import Rows, different_ids, one_class_scores, rows_of, video_tubes
from data.interpolation import interpolate_boxes
from data.tube import Tube, VideoTubes

NAME = "ava"
VideoT = TypeVar("VideoT", Detections, VideoTubes)
# Columns of the array of a video; the last is NaN where it is left out.
SECOND, BOX, ACTION, LAST = 0, slice(1, 5), 5, 6


def contents(path: Path) -> frozenset[str]:
    """As `Format.contents`: numbers of persons are whole, scores are not above 1."""
    if path.suffix != ".csv" or not path.is_file():
        return frozenset()
    try:
        values = [rows for rows, _ in _parse(path, head(path)).values()]
    except InputError:
        return frozenset()
    last = np.concatenate([np.zeros(0), *(rows[:, LAST] for rows in values)])
    if (last > 1).any():
        return frozenset({"tubes"})
    if np.isnan(last).any() or (np.floor(last) != last).any():
        return frozenset({"detections"})
    return frozenset({"detections", "tubes"} if values else ())


def read_detections(path: Path, context: Context) -> Iterator[Detections]:
    """Reads detections; all frames but the key frames have none.

    Of a row, the score stands in the column of its action and what is left to 1 in that of the
    background; where it is left out, it is 1.

    Args:
        path: the file.
        context: knows classes, sizes, frame rate and start time.

    Raises:
        InputError: something is missing or wrong.
    """
    classes = context.class_names(path)
    for video, (values, lines) in _parse(path, read_lines(path)).items():
        shape = context.video(video, path)
        place = _place(path, lines)
        scores = probability_rows(np.nan_to_num(values[:, LAST], nan=1), place)
        rows = Rows(classes)
        rows.add(
            _frames(values, shape, context, path, place),
            _boxes(values, shape, place),
            one_class_scores(
                label_rows(values[:, ACTION], classes, place, first=1), scores, len(classes)
            ),
        )
        yield rows.detections(video, shape, context, NAME)


def read_tubes(path: Path, context: Context) -> Iterator[VideoTubes]:
    """Reads ground truth as tubes, one for each action of a person.

    A tube goes from key frame to key frame as long as there is one each second; in between, boxes
    are interpolated linearly. Tubes are numbered anew, since a person may act in several ways.

    Args:
        path: the file.
        context: knows classes, sizes, frame rate and start time.

    Raises:
        InputError: something is missing or wrong.
    """
    classes = context.class_names(path)
    for video, (values, lines) in _parse(path, read_lines(path)).items():
        shape = context.video(video, path)
        place = _place(path, lines)
        tubes = _tubes(
            values[:, SECOND],
            track_rows(values[:, LAST], place),
            label_rows(values[:, ACTION], classes, place, first=1),
            (_frames(values, shape, context, path, place), _boxes(values, shape, place)),
            place,
        )
        yield video_tubes(video, shape, context, classes, NAME, tubes)


def _tubes(
    seconds: npt.NDArray[np.float64],
    persons: Integers,
    labels: Integers,
    frames_and_boxes: tuple[Integers, Floats],
    place: Place,
) -> list[Tube]:
    frames, boxes = frames_and_boxes
    order = np.lexsort((frames, labels, persons))
    same = (np.diff(persons[order]) == 0) & (np.diff(labels[order]) == 0)
    refuse(
        same & (np.diff(frames[order]) == 0),
        lambda row: place(int(order[row + 1])),
        lambda row: "the person does the same in this frame twice; remove one of the lines",
    )
    tubes: list[Tube] = []
    for part in np.split(order, np.flatnonzero(~same | (np.diff(seconds[order]) > 1)) + 1):
        if len(part):
            start, label = int(frames[part[0]]), int(labels[part[0]])
            wanted = range(start, int(frames[part[-1]]) + 1)
            between = interpolate_boxes(frames[part].tolist(), boxes[part], wanted)
            tubes.append(Tube.ground_truth(start, between.astype(np.float32), label, len(tubes)))
    return tubes


def _parse(
    path: Path, lines: Iterable[str]
) -> dict[str, tuple[npt.NDArray[np.float64], list[int]]]:
    """Returns the rows of each video, in the order of their first lines, and the line of each."""
    rows: dict[str, tuple[list[list[float]], list[int]]] = {}
    reader = csv.reader(lines)
    try:
        for fields in reader:
            if not fields:
                continue
            video, *texts = fields
            try:
                numbers = [float(text) for text in texts]
            except ValueError:
                numbers = []
            if len(numbers) not in (1, 6, 7) or not all(map(math.isfinite, numbers)):
                raise InputError(
                    f"{path}:{reader.line_num}: must be video,second,x1,y1,x2,y2,action and score "
                    f"or person, not {','.join(fields)[:60]!r}; correct the line or name the "
                    "format of the file"
                )
            found, places = rows.setdefault(video, ([], []))
            if len(numbers) > 1:
                found.append(numbers + [math.nan] * (7 - len(numbers)))
                places.append(reader.line_num)
    except csv.Error as error:
        raise InputError(
            f"{path}:{reader.line_num}: is no csv ({error}); correct the line"
        ) from None
    return {
        video: (np.array(found, np.float64).reshape(-1, 7), places)
        for video, (found, places) in rows.items()
    }


def _place(path: Path, lines: list[int]) -> Place:
    return lambda row: f"{path}:{lines[row]}"


def _boxes(values: npt.NDArray[np.float64], shape: VideoShape, place: Place) -> Floats:
    return box_rows(values[:, BOX] * ([shape.width, shape.height] * 2), place)


def _frames(
    values: npt.NDArray[np.float64],
    shape: VideoShape,
    context: Context,
    path: Path,
    place: Place,
) -> Integers:
    """Returns the frame, from 0, of the second of each row."""
    if context.frame_rate is None:
        raise InputError(
            f"{path}: the file counts in seconds; give the frame rate of the videos, for instance "
            "with --frame_rate"
        )
    frames = np.rint((values[:, SECOND] - context.start_time) * context.frame_rate)
    refuse(
        ~((frames >= 0) & (frames < shape.frames)),
        place,
        lambda row: (
            f"second {values[row, SECOND]:g} is outside of the video, whose {shape.frames} frames "
            f"start at second {context.start_time:g}; give another --start_time or --frame_rate"
        ),
    )
    return frames.astype(np.int64)


def write_detections(path: Path, videos: Iterable[Detections], context: Context) -> None:
    """Writes the detections of key frames, a line for each box and class that scores above 0.001.

    Raises:
        InputError: nothing can be written there.
    """

    def lines(video: Detections) -> Iterator[tuple[int, int, Floats, object]]:
        for frame, row, label in zip(*rows_of(video), strict=True):
            yield int(frame), int(label), video.boxes[row], video.scores[row, label]

    _write(path, videos, context, lines)


def write_tubes(path: Path, videos: Iterable[VideoTubes], context: Context) -> None:
    """Writes tubes as ground truth: their boxes in key frames, the id as number of the person.

    Scores are lost, and tubes in which no key frame is.

    Raises:
        InputError: two tubes of a video have the same id, or nothing can be written there.
    """

    def lines(video: VideoTubes) -> Iterator[tuple[int, int, Floats, object]]:
        for tube in different_ids(video):
            for frame, box in enumerate(tube.boxes, tube.start):
                yield frame, tube.label, box, tube.id

    _write(path, videos, context, lines)


def _write(
    path: Path,
    videos: Iterable[VideoT],
    context: Context,
    lines: Callable[[VideoT], Iterator[tuple[int, int, Floats, object]]],
) -> None:
    """Writes what `lines` yields of a video: frame, label, box, and the last column."""
    with atomic_write(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        for video in videos:
            if not video.video.isprintable():
                raise InputError(f"video {video.video!r}: its name cannot be in a csv; rename it")
            seconds = _key_frames(video, context.start_time)
            size = np.array([video.width, video.height] * 2, np.float64)
            empty = True
            for frame, label, box, last in lines(video):
                if frame in seconds:
                    corners: list[float] = (box / size).tolist()
                    second = f"{seconds[frame]:04d}"
                    writer.writerow([video.video, second, *corners, label + 1, last])
                    empty = False
            if empty and seconds:
                writer.writerow([video.video, f"{min(seconds.values()):04d}"])


def _key_frames(video: Detections | VideoTubes, start_time: float) -> dict[int, int]:
    """Returns by frame the whole second that is nearest to it."""
    seconds: dict[int, int] = {}
    for second in range(math.ceil(start_time), math.ceil(start_time) + video.frames + 1):
        frame = round((second - start_time) * video.frame_rate)
        if frame >= video.frames:
            break
        seconds.setdefault(frame, second)
    return seconds


FORMAT = Format(
    NAME,
    "csv files of AVA, one for all videos",
    contents,
    read_detections=read_detections,
    write_detections=write_detections,
    read_tubes=read_tubes,
    write_tubes=write_tubes,
    suffixes={"detections": (".csv",), "tubes": (".csv",)},
)
