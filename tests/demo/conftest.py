from collections.abc import Callable

import numpy as np
import pytest

from data import Tube, VideoTubes


@pytest.fixture
def make_tube() -> Callable[..., Tube]:
    def make(
        id: int = 0,
        start: int = 0,
        length: int = 10,
        box: tuple[float, float, float, float] = (40.0, 30.0, 80.0, 90.0),
        label: int = 0,
        score: float = 0.5,
    ) -> Tube:
        boxes = np.tile(np.array(box, np.float32), (length, 1))
        scores = np.linspace(0.1, 0.9, length, dtype=np.float32)
        return Tube(start, boxes, scores, label, score, id)

    return make


@pytest.fixture
def make_video() -> Callable[..., VideoTubes]:
    def make(*tubes: Tube, width: int = 160, height: int = 120, frames: int = 60) -> VideoTubes:
        return VideoTubes(
            "clip", frames, width, height, 25.0, ("walk", "wave", "jump"), tubes, "tiny"
        )

    return make
