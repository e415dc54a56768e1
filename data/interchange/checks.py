"""Checks of rows that were read: boxes, scores, frames, classes and tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.validation import reversed_sides

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

Place = Callable[[int], str]
"""Says for a row, by its index, where it stands: `clip.txt:17`, for instance."""


def refuse(wrong: npt.NDArray[Any], place: Place, message: Callable[[int], str]) -> None:
    """Raises an error about the first row that is wrong.

    Args:
        wrong: bool (n,).
        place: where a row stands.
        message: says of a row what is wrong and what to do about it.

    Raises:
        InputError: a row is wrong.
    """
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(f"{place(row)}: {message(row)}")


def box_rows(values: npt.NDArray[Any], place: Place) -> Floats:
    """Returns boxes (n, 4) as float32.

    Raises:
        InputError: one is not finite, or its second corner is left of or above the first.
    """
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, refused below
        boxes = values.astype(np.float32, copy=False)
    refuse(
        np.logical_or.reduce(~np.isfinite(boxes), axis=1),
        place,
        lambda row: f"the box {values[row].tolist()} is not finite; leave it out",
    )
    refuse(
        np.logical_or.reduce(reversed_sides(boxes), axis=1),
        place,
        lambda row: (
            f"the corners of the box {boxes[row].tolist()} are reversed; "
            "write x1, y1, x2, y2 with x1 <= x2 and y1 <= y2"
        ),
    )
    return boxes


def probability_rows(values: npt.NDArray[Any], place: Place) -> Floats:
    """Returns scores (n,) or (n, columns) as float32.

    Raises:
        InputError: one is not from 0 to 1.
    """
    wrong = ~((values >= 0) & (values <= 1))
    refuse(
        wrong if wrong.ndim == 1 else np.logical_or.reduce(wrong, axis=1),
        place,
        lambda row: f"the score {values[row][wrong[row]].flat[0]:g} is not from 0 to 1; scale it",
    )
    return values.astype(np.float32, copy=False)


def finite_rows(values: npt.NDArray[Any], place: Place) -> Floats:
    """Returns the scores (n,) of the boxes of tubes as float32.

    Raises:
        InputError: one is not finite.
    """
    with np.errstate(over="ignore"):
        scores = values.astype(np.float32, copy=False)
    refuse(
        ~np.isfinite(scores),
        place,
        lambda row: f"the score {values[row]} is not finite; leave the row out",
    )
    return scores


def frame_rows(values: npt.NDArray[Any], frames: int, place: Place) -> Integers:
    """Returns frame numbers (n,) that count from 1 as such that count from 0.

    Raises:
        InputError: one is no whole number or outside of the video.
    """
    refuse(
        ~((values >= 1) & (values <= frames) & (np.floor(values) == values)),
        place,
        lambda row: (
            f"there is no frame {values[row]:g} in the video, whose frames are numbered "
            f"from 1 to {frames}; correct the number, or the annotation of the video"
        ),
    )
    return values.astype(np.int64) - 1


def label_rows(
    values: npt.NDArray[Any], classes: Sequence[str], place: Place, first: int
) -> Integers:
    """Returns class numbers (n,) that count from `first` as such that count from 0.

    Raises:
        InputError: one is no whole number or has no class.
    """
    last = first + len(classes) - 1
    refuse(
        ~((values >= first) & (values <= last) & (np.floor(values) == values)),
        place,
        lambda row: (
            f"there is no class {values[row]:g}, the {len(classes)} classes are numbered "
            f"from {first} to {last}; give the data set whose classes these are"
        ),
    )
    return values.astype(np.int64) - first


def track_rows(values: npt.NDArray[Any], place: Place) -> Integers:
    """Returns ids of tracks (n,).

    Raises:
        InputError: one is no whole number of at least 0.
    """
    # Parts of tracks with gaps are numbered behind the largest.
    most = 2**31 - 1 - len(values)
    refuse(
        ~((values >= 0) & (values <= most) & (np.floor(values) == values)),
        place,
        lambda row: (
            f"{values[row]:g} is no id of a track, which are whole numbers from 0 to {most}; "
            "number them anew, or read the file as detections"
        ),
    )
    return values.astype(np.int64)


def consecutive_rows(frames: Integers, place: Place) -> int:
    """Returns the first of the frames (n,) of a tube.

    Raises:
        InputError: there is none, or one is not the frame after the one before.
    """
    if not len(frames):
        raise InputError(f"{place(0)}: the tube has no boxes; leave it out")
    refuse(
        np.diff(frames, prepend=frames[0] - 1) != 1,
        place,
        lambda row: (
            f"frame {frames[row] + 1} must be the one after that of the row before; sort the rows, "
            "and cut the tube where frames are left out"
        ),
    )
    return int(frames[0])
