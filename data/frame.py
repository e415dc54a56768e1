"""One image of a video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data.validation import check_fields, count, number


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of a video, with its place in it.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        index: number of the frame in the video, from 0.
        time: when the frame is shown, in seconds from the start of the video.

    Raises:
        ValueError: a field has the wrong shape, type or range.
    """

    image: npt.NDArray[np.uint8]
    index: int
    time: float

    def __post_init__(self) -> None:
        check_fields(self, {"image": _image, "index": count, "time": number})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return (
            self.index == other.index
            and self.time == other.time
            and np.array_equal(self.image, other.image)
        )

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"Frame(index={self.index}, time={self.time:.3f}, {width}x{height})"


def _image(value: Any, field: str) -> npt.NDArray[np.uint8]:
    if (
        not isinstance(value, np.ndarray)
        or value.dtype != np.uint8
        or value.ndim != 3
        or value.shape[2] != 3
        or value.size == 0
    ):
        raise ValueError(f"{field} must be a uint8 array (H, W, 3)")
    return value
