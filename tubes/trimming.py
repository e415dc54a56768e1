"""Temporal trimming: in which frames of a path its class is the one that is happening.

ROAD's `PARactionPathSmoother` and `dpEM_max` (gurkirt/realtime-action-detection, `online-tubes`):
every frame of a path gets one of the classes, where a change of class costs `alpha`; the frames
that got the path's own class are its tubes. The labels are found by the Viterbi algorithm; since
every change costs the same, the best predecessor of a label is either the label itself or the best
label of the frame before, and a frame takes one pass over the labels.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
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


@njit(cache=True, fastmath={"nnan", "nsz"})
def greatest(values: NDArray[np.float64]) -> float:
    """The greatest of some numbers; that none of them is a NaN lets it take several at a time."""
    best: float = values[0]
    for value in values:
        best = max(best, value)
    return best


@njit(cache=True)
def label_frames(
    scores: NDArray[np.float32],
    rows: NDArray[np.int64],
    alpha: np.float64,
    own: int,
    background: bool,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Labels every frame of one path.

    Args:
        scores: Scores of all classes, background last, shape (N, classes + 1). The background is no
            label.
        rows: Row of `scores` for each frame of the path, shape (T,).
        alpha: Cost of a change of label.
        own: Class whose forward values are returned.
        background: Decide between that class, label 0, and the background, label 1, whose score is
            1 - that of the class; else between all classes.

    Returns:
        The label of each frame, shape (T,); the forward values of the class `own`, shape (T,); the
        forward values of all labels in the last frame. Ties go to the lower label.
    """
    frames = rows.shape[0]
    classes = 2 if background else scores.shape[1] - 1
    shift = np.float32(SCORE_SHIFT)
    first = 0 if background else own
    value = np.zeros(classes, np.float64)
    own_values = np.empty(frames, np.float64)
    # Of the frame before: its best label, and for which labels of this frame it is the better
    # predecessor.
    leaders = np.zeros(frames, np.int64)
    from_leader = np.zeros((frames, classes), np.bool_)
    leader = 0
    for frame in range(frames):
        row = rows[frame]
        leaders[frame] = leader
        change = value[leader] - alpha if frame > 0 else -np.inf
        # These loops have no branches inside: they take several labels at a time.
        for label in range(classes):
            before = value[label]
            entered = (change > before) | ((change == before) & (leader < label))
            from_leader[frame, label] = entered
            value[label] = change if entered else before
        if background:
            value[0] += np.float64(scores[row, own])
            value[1] += np.float64(np.float32(1) - scores[row, own])
        else:
            for label in range(classes):
                value[label] += np.float64(scores[row, label] + shift)
        best = greatest(value)
        leader = 0
        while value[leader] != best:
            leader += 1
        own_values[frame] = value[first]

    labels = np.empty(frames, np.int64)
    label = leader
    for frame in range(frames - 1, -1, -1):
        labels[frame] = label
        if from_leader[frame, label]:
            label = int(leaders[frame])
    return labels, own_values, value


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
    count = 0
    for path in range(path_labels.shape[0]):
        own = path_labels[path]
        path_rows = rows[row_ptr[path] : row_ptr[path + 1]]
        frames = path_rows.shape[0]
        labels, own_values, last_values = label_frames(
            scores, path_rows, alphas[own], own, background
        )
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
                gain = own_values[end - 1] - own_values[start]
                action_scores[count] = gain / (end - 1 - start)
            path_scores[count] = last_values[labels[frames - 1]] / frames
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
