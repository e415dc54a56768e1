"""Tubes as YOWO builds them (wei-tim/YOWO, `core/eval_results.py`), bugs included.

Every class links the same boxes of a frame with its own scores, by the best path through the whole
video; so every tube spans the video. What is shared by the classes is taken for all at once.

Boxes: the program takes the corners of a network as they come, which count from 1 here; `Tube`
holds just these numbers. The IoUs of linking are those of plain rectangles; those of tubes take a
side as x2 - x1 + 1: in our corners x1, y1, x2 + 1, y2 + 1. The truth was given to it as x, y,
x + w, y + h: its boxes are our x1 + 1, y1 + 1, x2 + 2, y2 + 2.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from data import Tube
from tests.systems.inputs import kept_rows, videos

TUBES = 3
NMS_OVERLAP = 0.3


@cache
def eval72_tubes() -> tuple[tuple[Tube, ...], ...]:
    """Tubes of each of the 72 videos after the tube NMS."""
    return tuple(
        tuple(
            build_tubes(
                [video.boxes[rows] + np.float32(1) for rows in kept],
                [video.scores[rows] for rows in kept],
            )
        )
        for video, kept in zip(videos(), kept_rows("yowo"), strict=True)
    )


def build_tubes(frames: list[np.ndarray], scores: list[np.ndarray]) -> list[Tube]:
    """Builds the tubes of one video, class after class, best first.

    Args:
        frames: Boxes of each frame, float32 (n, 4).
        scores: Scores of each frame, float32 (n, classes + 1).
    """
    seen = np.flatnonzero([len(boxes) for boxes in frames])
    nearest = [seen[np.argmin(np.abs(seen - frame))] for frame in range(len(frames))]
    boxes = [frames[frame] for frame in nearest]
    classes = scores[0].shape[1] - 1
    # (classes, n) of each frame.
    class_scores = [scores[frame][:, :classes].T for frame in nearest]
    rounds = min(TUBES, *map(len, boxes))
    choices = _best_paths(boxes, class_scores, rounds)
    tubes: list[Tube] = []
    for label in range(classes):
        found = []
        for rows in choices[:, label]:
            path = np.array([own[row] for own, row in zip(boxes, rows, strict=True)])
            values = np.array(
                [own[label, row] for own, row in zip(class_scores, rows, strict=True)]
            )
            found.append((path, values, values.mean()))
        for path, values, score in _tube_nms(found):
            tubes.append(Tube(0, path, values, label, float(score), len(tubes)))
    return tubes


def _best_paths(boxes: list[np.ndarray], scores: list[np.ndarray], rounds: int) -> np.ndarray:
    """Rows of the best path of each class, again and again without the boxes already taken.

    Returns:
        int64 (rounds, classes, frames).
    """
    edges = [
        _edges(*pair) for pair in zip(boxes[:-1], boxes[1:], scores[:-1], scores[1:], strict=True)
    ]
    classes = np.arange(len(scores[0]))
    # 0, or minus infinity for a box that is taken.
    free = [np.zeros_like(own) for own in scores]
    choices = np.empty((rounds, len(classes), len(boxes)), np.int64)
    for choice in choices:
        # Best sum of edges from each box to the end of the video, going back from there.
        values = free[-1]
        best = []
        for edge, own_free in zip(edges[::-1], free[-2::-1], strict=True):
            sums = edge + values[:, None]
            best.append(sums.argmax(axis=2))
            values = sums.max(axis=2) + own_free
        choice[:, 0] = values.argmax(axis=1)
        for frame, following in enumerate(best[::-1]):
            choice[:, frame + 1] = following[classes, choice[:, frame]]
        for frame, own_free in enumerate(free):
            own_free[classes, choice[:, frame]] = -np.inf
    return choices


def _edges(
    boxes: np.ndarray, following: np.ndarray, scores: np.ndarray, next_scores: np.ndarray
) -> np.ndarray:
    """Weights between the boxes of two frames, float32 (classes, n, following n)."""
    first, second = scores[:, :, None], next_scores[:, None, :]
    return _box_iou(boxes, following) + (first + second) + np.float32(0.5) * (first * second)


def _box_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    sides = np.minimum(boxes[:, None, 2:], others[:, 2:])
    sides = sides - np.maximum(boxes[:, None, :2], others[:, :2])
    inter = np.where((sides > 0).all(axis=2), sides.prod(axis=2), np.float32(0))
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    other_areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    return inter / (areas[:, None] + other_areas - inter)


def _tube_nms(
    tubes: list[tuple[np.ndarray, np.ndarray, float]],
) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Drops tubes that a better one overlaps by more than NMS_OVERLAP; returns the best first.

    The later of two equal tubes is taken for the better one.
    """
    queue = sorted(tubes, key=lambda tube: tube[2])
    kept = []
    while queue:
        kept.append(queue.pop())
        queue = [tube for tube in queue if _tube_iou(tube[0], kept[-1][0]) <= NMS_OVERLAP]
    return kept


def _tube_iou(boxes: np.ndarray, others: np.ndarray) -> float:
    """Overlap of two tubes that span the same video; none where it has one frame only."""
    if len(boxes) == 1:
        return 0.0
    sides = np.minimum(boxes[:, 2:], others[:, 2:]) - np.maximum(boxes[:, :2], others[:, :2]) + 1
    inter = np.maximum(sides, 0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1)
    other_areas = (others[:, 2:] - others[:, :2] + 1).prod(axis=1)
    return float((inter / (areas + other_areas - inter)).mean())
