"""The class filter against a plain one, on random boxes with many ties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import nms

from data.class_filter import class_filter, filter_frame, frame_picks, new_filter_buffers
from tests.tubes.plain_linker import picked


@st.composite
def boxes_and_scores(draw, levels: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = draw(st.integers(0, 40))
    corners = rng.integers(0, 12, (rows, 2))
    boxes = np.hstack([corners, corners + rng.integers(0, 10, (rows, 2))]).astype(np.float32)
    return boxes, (rng.integers(0, levels, rows) / levels).astype(np.float32)


def filtered(boxes, scores, threshold=0.001, top_k=50, nms_iou=0.45, keep=10) -> list[int]:
    limits = np.float32(threshold), np.float32(nms_iou)
    return class_filter(boxes, scores, limits[0], top_k, limits[1], keep).tolist()


@settings(max_examples=200, deadline=None)
@given(boxes_and_scores(levels=8), st.integers(1, 50), st.integers(1, 50))
def test_picks_as_the_plain_filter_does(given_boxes, top_k, keep):
    boxes, scores = given_boxes
    expected = picked(boxes.tolist(), scores.tolist(), top_k=top_k, keep=keep)
    assert filtered(boxes, scores, top_k=top_k, keep=keep) == expected


@settings(max_examples=50, deadline=None)
@given(boxes_and_scores(levels=2**20))
def test_the_nms_is_torchvisions(given_boxes):
    boxes, scores = given_boxes
    solid = (boxes[:, 2:] > boxes[:, :2]).all(axis=1) & (scores > 0)
    boxes, scores = boxes[solid], scores[solid]
    expected = nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.45).tolist()
    assert filtered(boxes, scores, threshold=0, top_k=99, keep=99) == expected


APART = np.array([[10 * row, 0, 10 * row + 5, 5] for row in range(4)], np.float32)


@pytest.mark.parametrize(
    ("scores", "options", "picks"),
    [
        ([0.5, 0.5, 0.5, 0.5], {}, [3, 2, 1, 0]),  # ties are reversed ...
        ([0.5, 0.5, 0.5, 0.5], {"top_k": 2}, [1, 0]),  # ... after the best were chosen
        ([0.1, 0.4, 0.2, 0.3], {"keep": 2}, [1, 3]),
        ([0.5, 0.25, 0.75, 0.1], {"threshold": 0.25}, [2, 0]),  # the threshold itself is too low
        ([0.5, 0.5, 0.5, 0.5], {"threshold": 0.5}, []),
    ],
)
def test_order_and_limits(scores, options, picks):
    assert filtered(APART, np.array(scores, np.float32), **options) == picks


def test_boxes_that_overlap_by_just_the_threshold_stay():
    boxes = np.array([[0, 0, 4, 1], [0, 0, 2, 1], [0, 0, 3, 1]], np.float32)
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    assert filtered(boxes, scores, nms_iou=0.5) == [0, 1]


def test_classes_of_a_frame_are_filtered_one_by_one():
    scores = np.array([[0.1, 0.9, 0.0], [0.2, 0.0, 0.8], [0.0, 0.3, 0.7], [0.4, 0.1, 0.5]])
    limits = np.float32(0.001), np.float32(0.45)
    rows, starts = frame_picks(APART, scores.astype(np.float32), 2, limits[0], 50, limits[1], 2)
    assert rows.tolist() == [3, 1, 0, 2]
    assert starts.tolist() == [0, 2, 4]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 8))
def test_buffers_that_are_used_again_change_nothing(seed, top_k, keep):
    # What earlier frames leave in the buffers saves time: frames with many rows and with few, high
    # and low scores, follow each other here.
    rng = np.random.default_rng(seed)
    buffers = new_filter_buffers(2, top_k, keep, 400)
    for _ in range(12):
        rows = int(rng.choice([0, 3, 40, 400]))
        corners = rng.integers(0, 30, (rows, 2))
        boxes = np.hstack([corners, corners + rng.integers(1, 20, (rows, 2))]).astype(np.float32)
        scores = (rng.integers(0, 200, (rows, 3)) / 200 * rng.choice([0.01, 1])).astype(np.float32)
        filter_frame(boxes, scores, np.float32(0.001), np.float32(0.45), keep, buffers)
        for label in range(2):
            picks = buffers.picks[buffers.starts[label] : buffers.starts[label + 1]]
            expected = picked(boxes.tolist(), scores[:, label].tolist(), top_k=top_k, keep=keep)
            assert picks.tolist() == expected


def test_nothing_to_pick_from():
    empty = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    assert filtered(*empty) == filtered(*empty, top_k=0) == []
    assert filtered(APART, np.full(4, 0.5, np.float32), top_k=0) == []
