"""Action tubes: one box a frame, from the frame where an action starts to where it ends."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from data.validation import (
    box_array,
    check_fields,
    class_names,
    count,
    float_array,
    number,
    positive,
    rate,
    text,
)


@dataclass(frozen=True, eq=False, repr=False)
class Tube:
    """The boxes of one action of one actor in consecutive frames.

    The arrays are shared with whoever made the object, not copied: treat them as read-only.

    Attributes:
        start: first frame, from 0.
        boxes: float32 (T, 4), x1, y1, x2, y2 in pixels of the original frame, continuous and
            0-based; row i belongs to frame start + i. T is at least 1.
        scores: float32 (T,), how sure the detector was in each frame.
        label: class index, from 0.
        score: of the whole tube.
        id: number of the tube in its video, the same for as long as the tube lives.

    Raises:
        ValueError: a field has the wrong shape, type or range.
    """

    start: int
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    label: int
    score: float
    id: int

    def __post_init__(self) -> None:
        check_fields(
            self,
            {
                "start": count,
                "boxes": box_array,
                "scores": partial(float_array, shape=(None,)),
                "label": count,
                "score": number,
                "id": count,
            },
        )
        if len(self.boxes) == 0:
            raise ValueError("boxes must hold at least one box")
        if len(self.scores) != len(self.boxes):
            raise ValueError(
                f"scores must be as many as boxes, {len(self.boxes)}, not {len(self.scores)}"
            )

    @classmethod
    def ground_truth(cls, start: int, boxes: npt.ArrayLike, label: int, id: int) -> Tube:
        """Returns an annotated tube: all scores are 1. Arguments as in the class."""
        array = box_array(boxes, "boxes")
        return cls(start, array, np.ones(len(array), np.float32), label, 1.0, id)

    @property
    def end(self) -> int:
        """The frame after the last one."""
        return self.start + len(self.boxes)

    def __len__(self) -> int:
        return len(self.boxes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tube):
            return NotImplemented
        return (
            (self.start, self.label, self.score, self.id)
            == (other.start, other.label, other.score, other.id)
            and np.array_equal(self.boxes, other.boxes)
            and np.array_equal(self.scores, other.scores)
        )

    def __repr__(self) -> str:
        return (
            f"Tube(id={self.id}, label={self.label}, score={self.score:.3f}, "
            f"frames={self.start}:{self.end}, boxes={self.boxes.shape})"
        )


@dataclass(frozen=True, repr=False)
class VideoTubes:
    """All tubes of one video.

    Attributes:
        video: name of the video.
        frames: number of frames.
        width: of the original frame, in pixels.
        height: of the original frame, in pixels.
        frame_rate: in frames per second.
        classes: class names; the label of a tube is an index into them.
        tubes: in any order.
        model: name of the detector.

    Raises:
        ValueError: a field has the wrong type or range, or a tube ends after the video or has a
            label without a class.
    """

    video: str
    frames: int
    width: int
    height: int
    frame_rate: float
    classes: tuple[str, ...]
    tubes: tuple[Tube, ...]
    model: str

    def __post_init__(self) -> None:
        check_fields(
            self,
            {
                "video": text,
                "frames": count,
                "width": positive,
                "height": positive,
                "frame_rate": rate,
                "classes": class_names,
                "tubes": tube_list,
                "model": text,
            },
        )
        check_tubes(self.tubes, self.frames)
        for tube in self.tubes:
            if tube.label >= len(self.classes):
                raise ValueError(
                    f"tubes must have labels below the number of classes, {len(self.classes)}, "
                    f"not {tube.label}"
                )

    def __repr__(self) -> str:
        return (
            f"VideoTubes({self.video!r}, tubes={len(self.tubes)}, frames={self.frames}, "
            f"{self.width}x{self.height}, {self.frame_rate:g} fps, classes={len(self.classes)}, "
            f"model={self.model!r})"
        )


def tube_list(value: Iterable[Any], field: str) -> tuple[Tube, ...]:
    """Returns the tubes as a tuple.

    Raises:
        ValueError: something among them is no tube.
    """
    tubes = tuple(value)
    for tube in tubes:
        if not isinstance(tube, Tube):
            raise ValueError(f"{field} must hold tubes, not {reprlib.repr(tube)}")
    return tubes


def check_tubes(tubes: Sequence[Tube], frames: int) -> None:
    """Checks that tubes are inside a video of `frames` frames.

    Raises:
        ValueError: one is not.
    """
    for tube in tubes:
        if tube.end > frames:
            raise ValueError(
                f"tubes must end within the {frames} frames of the video, not at {tube.end}"
            )
