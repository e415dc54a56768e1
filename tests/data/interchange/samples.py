"""Videos for the tests of formats, drawn by Hypothesis or small enough to write out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from data import Context, Detections, Tube, VideoTubes

CLASSES = ("run", "walk", "wave")


class Shape(NamedTuple):
    """Length and frame size of a video."""

    frames: int
    width: int
    height: int


# Twice the size of the images that YOWO works on, and not that of 3D-RetinaNet's.
CLIP = Shape(9, 640, 480)
CONTEXT = Context(CLASSES, {"walk/clip": CLIP, "run/other": Shape(5, 320, 240)}, 25.0)

names = st.lists(
    st.text("ab é,\"'", min_size=1, max_size=4).filter(lambda name: name == name.strip()),
    min_size=1,
    max_size=2,
).map("/".join)


@st.composite
def boxes(draw: st.DrawFn, rows: int) -> npt.NDArray[np.float32]:
    """Corners in order, also outside of the frame, and none so small that 1 swallows it."""
    side = st.integers(-20_000, 100_000).map(lambda number: number / 64)
    sides = st.tuples(side, side).map(sorted)
    corners = [(draw(sides), draw(sides)) for _ in range(rows)]
    return np.array([(x[0], y[0], x[1], y[1]) for x, y in corners], np.float32).reshape(-1, 4)


def probabilities(low: float = 0.0) -> st.SearchStrategy[float]:
    return st.floats(low, 1, width=32)


@st.composite
def detections(draw: st.DrawFn, video: str) -> Detections:
    lengths = draw(st.lists(st.integers(0, 3), min_size=2, max_size=5))
    rows = sum(lengths)
    width = len(CLASSES) + 1
    scores = [draw(st.lists(probabilities(), min_size=width, max_size=width)) for _ in range(rows)]
    return Detections(
        video=video,
        boxes=draw(boxes(rows)),
        scores=np.array(scores, np.float32).reshape(-1, width),
        offsets=np.cumsum([0, *lengths]),
        width=draw(st.integers(1, 2000)),
        height=draw(st.integers(1, 2000)),
        frame_rate=2.0,
        classes=CLASSES,
        model="detector",
    )


@st.composite
def video_tubes(draw: st.DrawFn, video: str) -> VideoTubes:
    tubes = []
    for number in draw(st.lists(st.integers(0, 1000), max_size=3, unique=True)):
        length = draw(st.integers(1, 5))
        tubes.append(
            Tube(
                start=draw(st.integers(0, 5)),
                boxes=draw(boxes(length)),
                scores=np.array([draw(probabilities()) for _ in range(length)], np.float32),
                label=draw(st.integers(0, len(CLASSES) - 1)),
                score=draw(st.floats(-10, 10)),
                id=number,
            )
        )
    width, height = draw(st.integers(1, 2000)), draw(st.integers(1, 2000))
    return VideoTubes(video, 10, width, height, 2.0, CLASSES, tuple(tubes), "detector")


# No two may have the same name in the file names of YOWO.
video_names = st.lists(names, min_size=1, max_size=2, unique_by=lambda name: name.replace("/", "_"))
several_detections = video_names.flatmap(lambda found: st.tuples(*map(detections, found)))
several_tubes = video_names.flatmap(lambda found: st.tuples(*map(video_tubes, found)))
