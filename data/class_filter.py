"""The class filter: which boxes of one frame stand for one class.

Linking and frame-mAP look at every class of a frame on its own and keep only the best boxes that do
not cover each other (ROAD's `actionPaths` and `nms`; Singh et al., arXiv 1611.08563, section 3.4).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def class_filter(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    threshold: np.float32,
    top_k: int,
    nms_iou: np.float32,
    keep: int,
) -> NDArray[np.int64]:
    """Picks boxes of one class in one frame: threshold, the best `top_k`, NMS, the first `keep`.

    Sorting is stable, so of equal scores the earlier rows enter the best `top_k`; inside the NMS,
    however, the later of two equal scores goes first, as in the original. Overlap is measured
    between plain rectangles (no +1), in float32, and only where both sides of the intersection are
    positive.

    Args:
        boxes: Corners x1, y1, x2, y2, shape (N, 4), in any unit of length.
        scores: Scores of the class, shape (N,).
        threshold: A score must be greater than this.
        top_k: How many of the best scores enter the NMS.
        nms_iou: A box is dropped when its IoU with a better kept one is greater than this.
        keep: How many boxes are returned at most.

    Returns:
        Rows of the boxes kept, best first, shape (K,).
    """
    # A sorted list that takes every row in turn: cheap, since few rows get past the threshold and
    # the worst of the best `top_k`.
    best = np.empty(min(top_k, scores.shape[0]), np.int64)
    count = 0
    for row in range(scores.shape[0]):
        score = scores[row]
        if not score > threshold:
            continue
        if count == best.shape[0]:
            if count == 0 or not score > scores[best[count - 1]]:
                continue
        else:
            count += 1
        place = count - 1
        while place > 0 and score > scores[best[place - 1]]:
            best[place] = best[place - 1]
            place -= 1
        best[place] = row

    start = 0
    while start < count:
        end = start + 1
        while end < count and scores[best[end]] == scores[best[start]]:
            end += 1
        best[start:end] = best[start:end][::-1].copy()
        start = end

    picks = np.empty(min(keep, count), np.int64)
    kept = 0
    for place in range(count):
        if kept == picks.shape[0]:
            break
        row = best[place]
        area = (boxes[row, 2] - boxes[row, 0]) * (boxes[row, 3] - boxes[row, 1])
        covered = False
        for other in picks[:kept]:
            width = min(boxes[row, 2], boxes[other, 2]) - max(boxes[row, 0], boxes[other, 0])
            height = min(boxes[row, 3], boxes[other, 3]) - max(boxes[row, 1], boxes[other, 1])
            if width > 0 and height > 0:
                overlap = width * height
                other_area = (boxes[other, 2] - boxes[other, 0]) * (
                    boxes[other, 3] - boxes[other, 1]
                )
                if overlap / (area + other_area - overlap) > nms_iou:
                    covered = True
                    break
        if not covered:
            picks[kept] = row
            kept += 1
    return picks[:kept]


@njit(cache=True)
def frame_picks(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    classes: int,
    threshold: np.float32,
    top_k: int,
    nms_iou: np.float32,
    keep: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Applies `class_filter` to every class of one frame.

    Args:
        boxes: Corners x1, y1, x2, y2, shape (N, 4).
        scores: Class scores, shape (N, at least `classes`); further columns (background) are not
            looked at.
        classes: Number of classes.
        threshold: See `class_filter`.
        top_k: See `class_filter`.
        nms_iou: See `class_filter`.
        keep: See `class_filter`.

    Returns:
        Rows kept, all classes one after the other, shape (K,), and where each class begins in them,
        shape (classes + 1,).
    """
    rows = np.empty(classes * min(keep, scores.shape[0]), np.int64)
    starts = np.zeros(classes + 1, np.int64)
    for label in range(classes):
        picks = class_filter(boxes, scores[:, label], threshold, top_k, nms_iou, keep)
        starts[label + 1] = starts[label] + picks.shape[0]
        rows[starts[label] : starts[label + 1]] = picks
    return rows[: starts[classes]], starts
