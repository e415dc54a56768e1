"""The chain for a running video."""

from __future__ import annotations

import numpy as np
import pytest

from data import Frame
from demo.pipeline import TubePipeline


class BrokenDetector:
    """Sees an actor that stands still; in one frame its numbers are none."""

    classes = ("a",)
    name = "broken"

    def __init__(self, bad_frame: int) -> None:
        self._bad_frame = bad_frame

    def stream(self) -> BrokenDetector:
        return self

    def update(self, frame: Frame) -> list[tuple[np.ndarray, np.ndarray]]:
        right = np.nan if frame.index == self._bad_frame else 30
        boxes = np.array([[10, 10, right, 30]], np.float32)
        return [(boxes, np.array([[0.9, 0.1]], np.float32))]

    def finish(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return []


def test_a_bad_frame_is_reported_and_skipped():
    pipeline = TubePipeline(BrokenDetector(7), "door", 64, 48, 25.0)
    image = np.zeros((48, 64, 3), np.uint8)
    with pytest.warns(
        UserWarning, match=r"door: boxes must be finite numbers \(frame 7\); this"
    ) as w:
        for index in range(20):
            pipeline.update(Frame(image, index, index / 25))
    assert len(w) == 1
    (tube,) = pipeline.finish().tubes
    assert (tube.start, tube.end) == (0, 20)
