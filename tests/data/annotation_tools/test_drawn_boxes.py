"""Tubes made of drawn boxes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data import Tube
from data.annotation_tools import DrawnBox, DrawnTube, inside_frame, link_boxes


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12),
            st.sampled_from(["walk", "wave"]),
            st.integers(0, 40),
            st.sampled_from([None, "a", "b"]),
        ),
        max_size=30,
    ),
    st.integers(1, 4),
)
def test_linked_boxes_are_all_there_and_only_those(
    rows: list[tuple[int, str, int, str | None]], step: int
) -> None:
    boxes = list(
        {
            (frame, label, track or x): DrawnBox(frame, label, (x, 5, x + 10, 25), track)
            for frame, label, x, track in rows
        }.values()
    )
    found = link_boxes(boxes, step)
    ends = {box.frame for box in boxes}
    for tube in found:
        assert tube.start in ends and tube.start + len(tube.boxes) - 1 in ends
    for box in boxes:
        assert any(
            tube.label == box.label
            and 0 <= box.frame - tube.start < len(tube.boxes)
            and np.allclose(tube.boxes[box.frame - tube.start], box.corners)
            for tube in found
        )
    assert sum(len(tube.boxes) for tube in found) >= len(boxes)
    if step == 1:
        assert sum(len(tube.boxes) for tube in found) == len(boxes)


@given(st.lists(st.lists(st.floats(-100, 200), min_size=4, max_size=4), min_size=1, max_size=8))
def test_what_is_inside_the_frame_is_kept(boxes: list[list[float]]) -> None:
    tube = DrawnTube("walk", 3, np.array(boxes))
    parts = inside_frame(tube, 64, 48)
    for part in parts:
        Tube.ground_truth(part.start, part.boxes, 0, 0)
        assert (part.boxes[:, 2:] > part.boxes[:, :2]).all()
        assert (part.boxes >= 0).all() and (part.boxes <= [64, 48, 64, 48]).all()
    frames = [part.start + k for part in parts for k in range(len(part.boxes))]
    clipped = np.clip(np.array(boxes, np.float32), 0, [64, 48, 64, 48]).astype(np.float32)
    visible = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    assert frames == (3 + np.flatnonzero(visible)).tolist()
