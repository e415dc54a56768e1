"""Hypothesis strategies for the types of `data`."""

from __future__ import annotations

import math

import hypothesis.extra.numpy as arrays
import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from data import Annotations, Detections, Tube, VideoAnnotation, VideoTubes

# Any string at all, lone surrogates included: names come from file names.
names = st.text(
    st.characters(categories=("L", "N", "P", "S", "Z", "C"), max_codepoint=0x10FFFF), max_size=8
)
finite = st.floats(allow_nan=False, allow_infinity=False)
class_lists = st.lists(names.filter(bool), min_size=1, max_size=4, unique=True).map(tuple)
sizes = st.integers(1, 5000)
rates = st.floats(min_value=1e-3, max_value=1e6)


def float32s(shape: tuple[int, ...], **limits: float) -> st.SearchStrategy[npt.NDArray[np.float32]]:
    elements = st.floats(allow_nan=False, allow_infinity=False, width=32, **limits)
    return arrays.arrays(np.float32, shape, elements=elements)


@st.composite
def detections(draw: st.DrawFn) -> Detections:
    classes = draw(class_lists)
    lengths = draw(st.lists(st.integers(0, 3), max_size=5))
    rows = sum(lengths)
    return Detections(
        video=draw(names),
        boxes=draw(float32s((rows, 4))),
        scores=draw(float32s((rows, len(classes) + 1), min_value=0, max_value=1)),
        offsets=np.cumsum([0, *lengths]),
        width=draw(sizes),
        height=draw(sizes),
        frame_rate=draw(rates),
        classes=classes,
        model=draw(names),
    )


@st.composite
def tubes(draw: st.DrawFn, classes: int) -> Tube:
    length = draw(st.integers(1, 4))
    return Tube(
        start=draw(st.integers(0, 50)),
        boxes=draw(float32s((length, 4))),
        scores=draw(float32s((length,))),
        label=draw(st.integers(0, classes - 1)),
        score=draw(finite),
        id=draw(st.integers(0, 1000)),
    )


@st.composite
def video_tubes(draw: st.DrawFn) -> list[VideoTubes]:
    classes = draw(class_lists)
    model = draw(names)
    return [
        VideoTubes(
            video=name,
            frames=draw(st.integers(60, 100)),
            width=draw(sizes),
            height=draw(sizes),
            frame_rate=draw(rates),
            classes=classes,
            tubes=tuple(draw(st.lists(tubes(len(classes)), max_size=3))),
            model=model,
        )
        for name in draw(st.lists(names, max_size=3, unique=True))
    ]


@st.composite
def boxes_inside(draw: st.DrawFn, width: int, height: int) -> list[float]:
    def side(length: int) -> tuple[float, float]:
        numbers = st.floats(0, length, width=32)
        first, last = sorted((draw(numbers), draw(numbers)))
        if first == last:
            return 0.0, float(length)
        return first, last

    (x1, x2), (y1, y2) = side(width), side(height)
    return [x1, y1, x2, y2]


@st.composite
def annotations(draw: st.DrawFn) -> Annotations:
    classes = draw(class_lists)
    videos = {}
    for name in draw(st.lists(names, max_size=3, unique=True)):
        width, height = draw(sizes), draw(sizes)
        truth = []
        for _ in range(draw(st.integers(0, 2))):
            boxes = draw(st.lists(boxes_inside(width, height), min_size=1, max_size=3))
            label = draw(st.integers(0, len(classes) - 1))
            truth.append(
                Tube.ground_truth(draw(st.integers(0, 9)), boxes, label, draw(st.integers(0, 3)))
            )
        videos[name] = VideoAnnotation(name, draw(st.integers(12, 20)), width, height, tuple(truth))
    splits = draw(
        st.dictionaries(
            names,
            st.lists(st.sampled_from(sorted(videos)), unique=True).map(tuple)
            if videos
            else st.just(()),
            max_size=3,
        )
    )
    return Annotations(classes, videos, splits)


def same_bits(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> bool:
    return first.dtype == second.dtype and first.tobytes() == second.tobytes()


def nearly_anything() -> st.SearchStrategy[object]:
    """Values that JSON can hold, and NaN and the infinities, which Python's reader lets in."""
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.just(math.nan),
        st.just(10**400),
        st.text(max_size=4),
    )
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)
        ),
        max_leaves=6,
    )


def replaced(draw: st.DrawFn, document: object) -> object:
    """A document with one value, at any depth, replaced, taken away or repeated."""
    holder, place = None, None
    value = document
    while isinstance(value, (dict, list)) and value and (holder is None or draw(st.booleans())):
        holder = value
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        place = draw(st.sampled_from(keys))
        value = value[place]
    if holder is None or not draw(st.integers(0, 20)):
        return draw(nearly_anything())
    action = draw(st.sampled_from(["replace", "remove", "repeat"]))
    if action == "remove":
        del holder[place]
    elif action == "repeat" and isinstance(holder, list):
        holder.append(value)
    else:
        holder[place] = draw(nearly_anything())
    return document
