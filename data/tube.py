"""Action tubes: one box a frame, from the frame where an action starts to where it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data.validation import class_names, count, float_array, number, rate, text


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
        boxes = float_array(self.boxes, "boxes", (None, 4))
        if len(boxes) == 0:
            raise ValueError("boxes must hold at least one box")
        fields: dict[str, Any] = {
            "start": count(self.start, "start"),
            "boxes": boxes,
            "scores": float_array(self.scores, "scores", (len(boxes),)),
            "label": count(self.label, "label"),
            "score": number(self.score, "score"),
            "id": count(self.id, "id"),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @classmethod
    def ground_truth(cls, start: int, boxes: npt.ArrayLike, label: int, id: int) -> Tube:
        """Returns an annotated tube: all scores are 1. Arguments as in the class."""
        array = float_array(boxes, "boxes", (None, 4))
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
        fields: dict[str, Any] = {
            "video": text(self.video, "video"),
            "frames": count(self.frames, "frames"),
            "width": count(self.width, "width", minimum=1),
            "height": count(self.height, "height", minimum=1),
            "frame_rate": rate(self.frame_rate),
            "classes": class_names(self.classes),
            "tubes": tuple(self.tubes),
            "model": text(self.model, "model"),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)
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


def check_tubes(tubes: Sequence[Tube], frames: int) -> None:
    """Checks that `tubes` are tubes inside a video of `frames` frames.

    Raises:
        ValueError: they are not.
    """
    for tube in tubes:
        if not isinstance(tube, Tube):
            raise ValueError(f"tubes must hold tubes, not {tube!r}")
        if tube.end > frames:
            raise ValueError(
                f"tubes must end within the {frames} frames of the video, not at {tube.end}"
            )
