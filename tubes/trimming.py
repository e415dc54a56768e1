"""Temporal trimming: in which frames of a path its class is the one that is happening.

ROAD's `PARactionPathSmoother` and `dpEM_max` (gurkirt/realtime-action-detection, `online-tubes`):
every frame of a path gets one of the classes, where a change of class costs `alpha`; the frames
that got the path's own class are its tubes. The labels are found by the Viterbi algorithm; since
every change costs the same, the best predecessor of a label is either the label itself or the best
label of the frame before, and a frame takes one pass over the labels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.extending import intrinsic
from numpy.typing import ArrayLike, NDArray

from tubes.paths import LinkedPaths

# Added to every score in float32, as the original does: it shifts the reported sums and rounds the
# scores.
SCORE_SHIFT = 20


@dataclass(frozen=True, eq=False)
class Runs:
    """Stretches of paths that are labelled with the path's own class, in order of path and time.

    Attributes:
        paths: Index of the path, shape (R,).
        starts: Position of the first frame inside the path, 0-based, shape (R,).
        ends: Position after the last frame, shape (R,).
        dp_action_scores: Mean gain of the recursion over the run, not a number for runs of one
            frame, float64 (R,).
        dp_path_scores: Value of the best labelling of the whole path over its length, float64 (R,).
        path_mean_scores: Mean class score of the whole path, float32 (R,).
    """

    paths: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    dp_action_scores: NDArray[np.float64]
    dp_path_scores: NDArray[np.float64]
    path_mean_scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.paths)


def trim(paths: LinkedPaths, alpha: ArrayLike, trimming: str = "labels") -> Runs:
    """Finds the runs of every path.

    Args:
        paths: Paths of a video.
        alpha: Cost of a change of label, 0 or more; one for all paths, or one for each class,
            shape (classes,).
        trimming: "labels" or "background", see `TubeSettings`.

    Raises:
        ValueError: `alpha` is negative, or not one for each class.
    """
    classes = paths.scores.shape[1] - 1
    alphas = np.broadcast_to(np.asarray(alpha, np.float64), classes)
    if not (alphas >= 0).all():
        raise ValueError(f"alpha must be 0 or more, not {alphas.min()}")
    return Runs(
        *_trim_paths(
            paths.scores,
            paths.rows,
            paths.row_ptr,
            paths.labels,
            np.ascontiguousarray(alphas),
            trimming == "background",
        )
    )


def whole_paths(paths: LinkedPaths) -> Runs:
    """Makes every path one run; no recursion is made, so its scores are not numbers."""
    count, lengths = len(paths), np.diff(paths.row_ptr)
    unknown = np.full(count, np.nan)
    own_scores = paths.scores[paths.rows, np.repeat(paths.labels, lengths)]
    totals = np.bincount(np.repeat(np.arange(count), lengths), own_scores, count)
    return Runs(
        paths=np.arange(count),
        starts=np.zeros(count, np.int64),
        ends=lengths,
        dp_action_scores=unknown,
        dp_path_scores=unknown,
        path_mean_scores=(totals / lengths).astype(np.float32),
    )


def _greater(_: Any, one: Any, other: Any) -> Any:
    """Types and code of `greater`."""

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        double = ir.DoubleType()
        maxnum = builder.module.declare_intrinsic(
            "llvm.maxnum", [double], ir.FunctionType(double, [double, double])
        )
        return builder.call(maxnum, arguments, fastmath=("nnan", "nsz"))

    return one(one, other), generate


# The greater of two float64 numbers, none of which is a NaN. A loop with Python's `max` takes its
# numbers one by one, since it may not change the order of comparisons with NaN; this one need not.
greater: Any = intrinsic(_greater)


@njit(cache=True)
def label_frames(
    scores: NDArray[np.float32],
    rows: NDArray[np.int64],
    alpha: np.float64,
    own: int,
    background: bool,
    values: NDArray[np.float64],
    labels: NDArray[np.int64],
) -> None:
    """Labels every frame of one path.

    Args:
        scores: Scores of all classes, background last, shape (N, classes + 1). The background is no
            label.
        rows: Row of `scores` for each frame of the path, shape (T,).
        alpha: Cost of a change of label.
        own: Class of the path.
        background: Decide between that class, label 0, and the background, label 1, whose score is
            1 - that of the class; else between all classes.
        values: Filled with the forward values of all labels before the first frame, 0, and in each
            frame, shape (at least T + 1, labels).
        labels: Filled with the label of each frame, shape (at least T,). Ties go to the lower one.
    """
    frames = rows.shape[0]
    shift = np.float32(SCORE_SHIFT)
    values[0] = 0
    change = -np.inf
    for frame in range(frames):
        row = rows[frame]
        if background:
            score = scores[row, own]
            values[frame + 1, 0] = max(change, values[frame, 0]) + np.float64(score)
            values[frame + 1, 1] = max(change, values[frame, 1]) + np.float64(np.float32(1) - score)
            best = max(values[frame + 1, 0], values[frame + 1, 1])
        else:
            # This loop has no branches inside: it takes several labels at a time.
            best = np.float64(0)
            before, after, gains = values[frame], values[frame + 1], scores[row]
            for label in range(after.shape[0]):
                gain = np.float64(gains[label] + shift)
                after[label] = greater(change, before[label]) + gain
                best = greater(best, after[label])
        leader = 0
        while values[frame + 1, leader] != best:
            leader += 1
        labels[frame] = leader
        change = best - alpha

    # Each frame has its best label; from the end, it gets that from which the next one came.
    for frame in range(frames - 2, -1, -1):
        leader, label = labels[frame], labels[frame + 1]
        change, before = values[frame + 1, leader] - alpha, values[frame + 1, label]
        if not (change > before or (change == before and leader < label)):
            labels[frame] = label


@njit(cache=True)
def _trim_paths(
    scores: NDArray[np.float32],
    rows: NDArray[np.int64],
    row_ptr: NDArray[np.int64],
    path_labels: NDArray[np.int64],
    alphas: NDArray[np.float64],
    background: bool,
) -> tuple[
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float32],
]:
    """The fields of `Runs` in their order."""
    # Between two runs of a path lies at least one frame.
    room = (rows.shape[0] + path_labels.shape[0]) // 2
    paths = np.empty(room, np.int64)
    starts = np.empty(room, np.int64)
    ends = np.empty(room, np.int64)
    action_scores = np.empty(room, np.float64)
    path_scores = np.empty(room, np.float64)
    mean_scores = np.empty(room, np.float32)
    longest = 0
    for path in range(path_labels.shape[0]):
        longest = max(longest, row_ptr[path + 1] - row_ptr[path])
    values = np.empty((longest + 1, 2 if background else scores.shape[1] - 1))
    labels = np.empty(longest, np.int64)
    count = 0
    for path in range(path_labels.shape[0]):
        own = path_labels[path]
        path_rows = rows[row_ptr[path] : row_ptr[path + 1]]
        frames = path_rows.shape[0]
        label_frames(scores, path_rows, alphas[own], own, background, values, labels)
        wanted = 0 if background else own
        total = np.float32(0)
        for row in path_rows:
            total += scores[row, own]
        start = 0
        while start < frames:
            if labels[start] != wanted:
                start += 1
                continue
            end = start + 1
            while end < frames and labels[end] == wanted:
                end += 1
            paths[count] = path
            starts[count] = start
            ends[count] = end
            action_scores[count] = np.nan
            if end - start > 1:
                gain = values[end, wanted] - values[start + 1, wanted]
                action_scores[count] = gain / (end - 1 - start)
            path_scores[count] = values[frames, labels[frames - 1]] / frames
            mean_scores[count] = total / np.float32(frames)
            count += 1
            start = end
    return (
        paths[:count],
        starts[:count],
        ends[:count],
        action_scores[:count],
        path_scores[:count],
        mean_scores[:count],
    )
