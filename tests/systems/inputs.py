"""The 72 videos of the evaluation set as the other systems' programs were given them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from data import Detections
from tests.tubes.cases import arrays, eval72


@cache
def other_protocols() -> dict[str, np.ndarray]:
    """The stored results of the other systems."""
    return arrays("eval72_other_protocols")


@cache
def videos() -> tuple[Detections, ...]:
    """RGB detections with boxes inside the frame.

    The programs were given what ROAD's reader makes of them: inside the frame and with 1 added to
    all four values. That 1 is left out here; each program's reading says what it adds.
    """
    return tuple(replace(video, boxes=_inside(video)) for video in eval72()[0])


def _inside(video: Detections) -> np.ndarray:
    """As ROAD clips boxes: one that lies outside the frame can end up with x2 < x1."""
    boxes = video.boxes.copy()
    boxes[:, :2] = np.maximum(boxes[:, :2], 0)
    boxes[:, 2:] = np.minimum(boxes[:, 2:], [video.width - 1, video.height - 1])
    return boxes


def kept_rows(system: str) -> list[list[np.ndarray]]:
    """Rows of each frame of each video that the class-agnostic NMS of "yowo" or "retina" kept."""
    stored = other_protocols()
    rows = np.split(stored[f"{system}_rows"], stored[f"{system}_ptr"][1:-1])
    kept, frame, row = [], 0, 0
    for video in videos():
        kept.append([own - row for own in rows[frame : frame + video.frames]])
        frame += video.frames
        row += len(video.boxes)
    return kept
