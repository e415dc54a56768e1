"""ROAD's filter, linking and trimming read plainly into NumPy: what `linker.py` compares with.

Arrays where the original has arrays: a frame's scores are filtered, sorted and suppressed as
arrays, a path's IoUs with all boxes of a frame are taken at once, and a column of the trimming is
one operation on a labels x labels matrix, as in the Matlab code.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass
class Path:
    """A path of one class while it is linked."""

    rows: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    scores: list[np.float32] = field(default_factory=list)
    missed: int = 0


def filtered(boxes: Floats, scores: Floats) -> NDArray[np.int64]:
    """Rows of one class in one frame: threshold, the best 50, NMS, the first 10."""
    rows = np.flatnonzero(scores > np.float32(0.001))
    rows = rows[np.argsort(-scores[rows], kind="stable")[:50]]
    left, top, right, bottom = boxes[rows].T
    areas = (right - left) * (bottom - top)
    order = np.argsort(scores[rows], kind="stable")
    picks = []
    while len(order) and len(picks) < 10:
        best, order = order[-1], order[:-1]
        picks.append(rows[best])
        across = np.minimum(right[best], right[order]) - np.maximum(left[best], left[order])
        down = np.minimum(bottom[best], bottom[order]) - np.maximum(top[best], top[order])
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        order = order[shared / (areas[best] + areas[order] - shared) <= np.float32(0.45)]
    return np.array(picks, np.int64)


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """IoU of one box with others, with ROAD's +1 on widths and heights."""
    sizes, other_sizes = box[2:] - box[:2] + 1, boxes[:, 2:] - boxes[:, :2] + 1
    shared = np.minimum(box[:2] + sizes, boxes[:, :2] + other_sizes)
    shared = (shared - np.maximum(box[:2], boxes[:, :2])).clip(0).prod(axis=1)
    return shared / (sizes.prod() + other_sizes.prod(axis=1) - shared)


def linked(boxes: Floats, scores: Floats, offsets: NDArray[np.int64], label: int) -> list[Path]:
    """Links one class of a video; boxes (N, 4) in 1-based pixels."""
    live: list[Path] = []
    dead: list[Path] = []
    for frame in range(len(offsets) - 1):
        first, end = int(offsets[frame]), int(offsets[frame + 1])
        own = scores[first:end, label]
        rows = filtered(boxes[first:end], own)
        found, gains = boxes[first + rows], own[rows]
        free = np.ones(len(rows), bool)
        for path in live:
            near = overlaps(boxes[path.rows[-1]], found) >= np.float32(0.1)
            edges = np.where(near & free, gains, 0)
            if edges.sum() > 0:
                choice = int(edges.argmax())
                free[choice] = False
                _append(path, frame, first + int(rows[choice]), gains[choice])
            else:
                path.missed += 1
        strengths = [np.sort(path.scores)[::-1][:4].mean() for path in live]
        live = [live[index] for index in np.argsort(-np.array(strengths), kind="stable")]
        dead += [path for path in live if path.missed >= 3]
        live = [path for path in live if path.missed < 3]
        for row in np.flatnonzero(free):
            live.append(Path())
            _append(live[-1], frame, first + int(rows[row]), gains[row])
    return [path for path in live + dead if len(path.rows) > 3]


def finished(paths: list[Path], scores: Floats, label: int) -> list[tuple[int, NDArray[np.int64]]]:
    """First frame and row of every frame of each path, gaps filled, the strongest first."""
    filled = []
    strengths = []
    for path in paths:
        repeats = np.diff(path.frames, prepend=path.frames[0] - 1)
        rows = np.repeat(path.rows, repeats)
        filled.append((path.frames[0], rows))
        strengths.append(np.sort(scores[rows, label])[::-1][:20].mean())
    return [filled[index] for index in np.argsort(-np.array(strengths), kind="stable")]


def labels_of(scores: Floats, alpha: float) -> NDArray[np.int64]:
    """The label of each frame; scores (T, classes) without background."""
    gains = (scores + np.float32(20)).astype(np.float64)
    penalty = alpha * (1 - np.eye(gains.shape[1]))
    value = gains[0]
    pointers = np.zeros(gains.shape, np.int64)
    for frame in range(1, len(gains)):
        options = value[None, :] - penalty
        pointers[frame] = options.argmax(axis=1)
        value = gains[frame] + options[np.arange(len(value)), pointers[frame]]
    labels = np.empty(len(gains), np.int64)
    labels[-1] = value.argmax()
    for frame in range(len(gains) - 1, 0, -1):
        labels[frame - 1] = pointers[frame, labels[frame]]
    return labels


def _append(path: Path, frame: int, row: int, score: np.float32) -> None:
    path.rows.append(row)
    path.frames.append(frame)
    path.scores.append(score)
    path.missed = 0
