"""The boxes and class scores that a detector found in the frames of one video."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data.array_file import read_arrays, read_metadata
from data.errors import InputError
from data.files import atomic_write
from data.validation import (
    box_array,
    check_fields,
    class_names,
    float_array,
    positive,
    rate,
    text,
)

FORMAT = "action-tubes/detections"
VERSION = 1
ARRAYS = ("boxes", "scores", "offsets", "metadata")
FIELDS = ("video", "width", "height", "frame_rate", "classes", "model")


@dataclass(frozen=True, eq=False, repr=False)
class Detections:
    """Everything detected in one video, frame after frame in parallel arrays.

    The rows of frame `t` are `offsets[t]` to `offsets[t + 1]`. The arrays are shared with whoever
    made the object, not copied: treat them as read-only.

    Attributes:
        video: name of the video.
        boxes: float32 (N, 4), x1, y1, x2, y2 in pixels of the original frame, continuous and
            0-based: a whole frame is 0, 0, width, height.
        scores: float32 (N, classes + 1), from 0 to 1, background last.
        offsets: int64 (frames + 1), from 0 to N, never falling.
        width: of the original frame, in pixels.
        height: of the original frame, in pixels.
        frame_rate: in frames per second.
        classes: class names without the background.
        model: name of the detector.

    Raises:
        ValueError: a field has the wrong shape, type or range.
    """

    video: str
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int64]
    width: int
    height: int
    frame_rate: float
    classes: tuple[str, ...]
    model: str

    def __post_init__(self) -> None:
        check_fields(
            self,
            {
                "video": text,
                "boxes": box_array,
                "scores": _probabilities,
                "offsets": _offsets,
                "width": positive,
                "height": positive,
                "frame_rate": rate,
                "classes": class_names,
                "model": text,
            },
        )
        shape = (len(self.boxes), len(self.classes) + 1)
        if self.scores.shape != shape:
            raise ValueError(
                f"scores must have the shape {shape} (boxes, classes and background), "
                f"not {self.scores.shape}"
            )
        if self.offsets[-1] != len(self.boxes):
            raise ValueError(
                f"offsets must end at the number of boxes, {len(self.boxes)}, "
                f"not at {self.offsets[-1]}"
            )

    @classmethod
    def from_frames(
        cls,
        video: str,
        frames: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]],
        *,
        width: int,
        height: int,
        frame_rate: float,
        classes: Sequence[str],
        model: str,
    ) -> Detections:
        """Puts together what was detected frame by frame.

        Args:
            video: name of the video.
            frames: for each frame boxes (n, 4) and scores (n, classes + 1); n may be 0.
            width: of the original frame, in pixels.
            height: of the original frame, in pixels.
            frame_rate: in frames per second.
            classes: class names without the background.
            model: name of the detector.

        Raises:
            ValueError: a field has the wrong shape, type or range, or the boxes and the scores of
                a frame differ in number.
        """
        names = class_names(classes, "classes")
        boxes = [np.zeros((0, 4), np.float32)]
        scores = [np.zeros((0, len(names) + 1), np.float32)]
        lengths = [0]
        for index, (frame_boxes, frame_scores) in enumerate(frames):
            boxes.append(box_array(frame_boxes, f"boxes of frame {index}"))
            scores.append(
                float_array(
                    frame_scores, f"scores of frame {index}", (len(boxes[-1]), len(names) + 1)
                )
            )
            lengths.append(len(boxes[-1]))
        return cls(
            video=video,
            boxes=np.concatenate(boxes),
            scores=np.concatenate(scores),
            offsets=np.cumsum(lengths, dtype=np.int64),
            width=width,
            height=height,
            frame_rate=frame_rate,
            classes=names,
            model=model,
        )

    @property
    def frames(self) -> int:
        """Number of frames of the video, those without detections included."""
        return len(self.offsets) - 1

    def frame(self, t: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Returns views of the boxes (n, 4) and scores (n, classes + 1) of frame `t`.

        Raises:
            IndexError: `t` is not from 0 to `frames` - 1.
        """
        if not 0 <= t < self.frames:
            raise IndexError(f"frame {t} of a video of {self.frames} frames")
        rows = slice(int(self.offsets[t]), int(self.offsets[t + 1]))
        return self.boxes[rows], self.scores[rows]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything to one .npz file (docs/formats.md), atomically and without loss.

        Raises:
            InputError: nothing can be written there.
        """
        metadata = {"format": FORMAT, "version": VERSION}
        metadata |= {name: getattr(self, name) for name in FIELDS}
        with atomic_write(path) as file:
            np.savez(
                file,
                boxes=self.boxes,
                scores=self.scores,
                offsets=self.offsets,
                # JSON in ASCII: names in any script, and even names that are not valid Unicode.
                metadata=np.array(json.dumps(metadata)),
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Detections:
        """Reads what `save` wrote.

        Raises:
            InputError: the file is missing, damaged, of another format, or a field is wrong.
        """
        arrays = read_arrays(path, ARRAYS, "detections")
        metadata = read_metadata(path, arrays["metadata"], FORMAT, VERSION)
        for name in FIELDS:
            if name not in metadata:
                raise InputError(f"{path}: metadata lacks {name!r}; make the file again")
        try:
            return cls(
                boxes=arrays["boxes"],
                scores=arrays["scores"],
                offsets=arrays["offsets"],
                **{name: metadata[name] for name in FIELDS},
            )
        except ValueError as error:
            place = _wrong_frame(arrays["boxes"], arrays["scores"], arrays["offsets"])
            raise InputError(f"{path}: {place}{error}; make the file again") from None

    def frames_of(self, rows: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Returns the frame to which each of some rows belongs, same shape."""
        return np.searchsorted(self.offsets, rows, side="right") - 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detections):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in FIELDS) and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("boxes", "scores", "offsets")
        )

    def __repr__(self) -> str:
        return (
            f"Detections({self.video!r}, boxes={self.boxes.shape}, scores={self.scores.shape}, "
            f"frames={self.frames}, {self.width}x{self.height}, {self.frame_rate:g} fps, "
            f"model={self.model!r})"
        )


def _probabilities(value: npt.ArrayLike, field: str) -> npt.NDArray[np.float32]:
    array = float_array(value, field, (None, None))
    if array.size and (array.min() < 0 or array.max() > 1):
        raise ValueError(f"{field} must lie between 0 and 1")
    return array


def _offsets(value: npt.ArrayLike, field: str) -> npt.NDArray[np.int64]:
    array = np.asarray(value)
    if array.dtype.kind not in "iu" or array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{field} must be an array (frames + 1) of whole numbers")
    # An unsigned number too large for int64 becomes negative, which the next check refuses.
    offsets = array.astype(np.int64, copy=False)
    if offsets[0] != 0 or (offsets[1:] < offsets[:-1]).any():
        raise ValueError(f"{field} must start at 0 and never fall")
    return offsets


def _wrong_frame(
    boxes: npt.NDArray[Any], scores: npt.NDArray[Any], offsets: npt.NDArray[Any]
) -> str:
    """Says which frame has the first wrong number, if there is one and the arrays tell."""
    try:
        starts = _offsets(offsets, "offsets")
        finite = np.abs(boxes) <= np.finfo(np.float32).max
        good = finite.all(axis=1) & ((scores >= 0) & (scores <= 1)).all(axis=1)
    except (TypeError, ValueError):
        return ""
    if good.all() or starts[-1] != len(good):
        return ""
    return f"frame {np.searchsorted(starts, good.argmin(), side='right') - 1}: "
