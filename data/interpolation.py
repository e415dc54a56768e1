"""Boxes in the frames between those that somebody drew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def interpolate_boxes(
    keys: Sequence[int], boxes: npt.NDArray[np.floating[Any]], frames: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Returns the boxes (T, 4) in some frames (T,), linearly between those in key frames.

    Args:
        keys: the key frames (n,), rising.
        boxes: their boxes (n, 4).
        frames: where boxes are wanted; before the first key frame they are as in it, and behind
            the last as in that.
    """
    columns = [np.interp(frames, keys, column) for column in boxes.T]
    return np.stack(columns, axis=1)
