"""The class filter: which boxes of one frame stand for each class.

Linking and frame-mAP look at every class of a frame on its own and keep only the best boxes that do
not cover each other (ROAD's `actionPaths` and `nms`; Singh et al., arXiv 1611.08563, section 3.4).
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

NOTHING = np.int32(-(2**31))
# So few rows of a frame are compared all with all, and their sets are the bits of a number. Of a
# class so few are sorted at once; of more, the best are sought one after the other.
FEW = 32
# So far below the last score that was needed in a frame lies the guess for the next one.
CAUTION = np.float32(0.9)


class FilterBuffers(NamedTuple):
    """Arrays that `filter_frame` fills anew for every frame; made by `new_filter_buffers`.

    Attributes:
        picks: Rows kept, all classes one after the other, best first; filled up to `starts[-1]`.
        starts: Where each class begins in `picks`, shape (classes + 1,).
        rows: Rows of each class above its limit, shape (classes, at least N).
        order: Numbers that are ordered as the scores of these rows, same shape.
        filled: How many rows of each class these are, shape (classes,).
        floors: A guess at a score of each class above which there are rows enough, made from the
            frame before; it saves time and changes no result. Shape (classes,).
        limits: What the scores of each class must exceed to be listed, shape (classes,).
        tied: Rows of equal score, shape (top_k,).
        ranks: Place of each row in each class of a frame with few rows, shape (FEW, classes).
        covered: Rows that each row of such a frame covers, as bits, shape (FEW,).
    """

    picks: NDArray[np.int64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    order: NDArray[np.int32]
    filled: NDArray[np.int64]
    floors: NDArray[np.float32]
    limits: NDArray[np.float32]
    tied: NDArray[np.int32]
    ranks: NDArray[np.int32]
    covered: NDArray[np.int64]


def new_filter_buffers(classes: int, top_k: int, keep: int, most_rows: int) -> FilterBuffers:
    """Buffers for frames with at most `most_rows` boxes; see `filter_frame` for the others."""
    shape = (classes, most_rows)
    return FilterBuffers(
        picks=np.zeros(classes * min(keep, top_k, most_rows), np.int64),
        starts=np.zeros(classes + 1, np.int64),
        rows=np.zeros(shape, np.int32),
        order=np.zeros(shape, np.int32),
        filled=np.zeros(classes, np.int64),
        floors=np.zeros(classes, np.float32),
        limits=np.zeros(classes, np.float32),
        tied=np.zeros(top_k, np.int32),
        ranks=np.zeros((FEW, classes), np.int32),
        covered=np.zeros(FEW, np.int64),
    )


@njit(cache=True)
def filter_frame(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    threshold: np.float32,
    nms_iou: np.float32,
    keep: int,
    buffers: FilterBuffers,
) -> None:
    """Picks boxes of every class in one frame: threshold, the best `top_k`, NMS, the first `keep`.

    Sorting is stable, so of equal scores the earlier rows enter the best `top_k`; inside the NMS,
    however, the later of two equal scores goes first, as in the original. Overlap is measured
    between plain rectangles (no +1), in float32, and only where both sides of the intersection are
    positive.

    Args:
        boxes: Corners x1, y1, x2, y2, shape (N, 4), in any unit of length.
        scores: Class scores, not negative, C-contiguous, shape (N, at least classes); further
            columns (background) are not looked at.
        threshold: A score must be greater than this.
        nms_iou: A box is dropped when its IoU with a better kept one is greater than this.
        keep: How many boxes of a class are kept at most.
        buffers: Results and working space, which give the number of classes and `top_k`.
    """
    picks, starts, rows, order, filled, floors, limits, tied, ranks, covered = buffers
    top_k = tied.shape[0]
    if scores.shape[0] <= min(FEW, top_k):
        _filter_few(boxes, scores, threshold, nms_iou, keep, picks, starts, rows, ranks, covered)
        return
    for label in range(filled.shape[0]):
        filled[label] = 0
        limits[label] = max(threshold, floors[label])
    _collect(scores, limits, rows, order, filled)
    starts[0] = 0
    for label in range(filled.shape[0]):
        first, count = starts[label], filled[label]
        end = _suppress(boxes, nms_iou, keep, label, count, first, picks, rows, order, tied)
        if end - first < keep and count < top_k and limits[label] > threshold:
            # The guess was too high: look at all rows above the threshold.
            count = _collect_class(scores, threshold, label, rows, order)
            end = _suppress(boxes, nms_iou, keep, label, count, first, picks, rows, order, tied)
        if end - first == keep:
            floors[label] = scores[picks[end - 1], label] * CAUTION
        elif count < top_k:
            floors[label] = 0
        starts[label + 1] = end


@njit(cache=True, error_model="numpy")
def _filter_few(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    threshold: np.float32,
    nms_iou: np.float32,
    keep: int,
    picks: NDArray[np.int64],
    starts: NDArray[np.int64],
    rows: NDArray[np.int32],
    ranks: NDArray[np.int32],
    covered: NDArray[np.int64],
) -> None:
    """The filter for a frame with few rows: these are compared once, for all classes."""
    count, classes = scores.shape[0], ranks.shape[1]
    zero = np.float32(0)
    for row in range(count):
        left, top, right, bottom = boxes[row, 0], boxes[row, 1], boxes[row, 2], boxes[row, 3]
        area = (right - left) * (bottom - top)
        bits = 0
        for other in range(count):
            width = min(right, boxes[other, 2]) - max(left, boxes[other, 0])
            height = min(bottom, boxes[other, 3]) - max(top, boxes[other, 1])
            overlap = max(width, zero) * max(height, zero)
            other_area = (boxes[other, 2] - boxes[other, 0]) * (boxes[other, 3] - boxes[other, 1])
            bits |= int(overlap / (area + other_area - overlap) > nms_iou) << other
        covered[row] = bits
        for label in range(classes):
            ranks[row, label] = 0
        for other in range(row):
            for label in range(classes):
                ranks[row, label] += scores[other, label] > scores[row, label]
        for other in range(row + 1, count):
            for label in range(classes):
                ranks[row, label] += scores[other, label] >= scores[row, label]
    for row in range(count):
        for label in range(classes):
            rows[label, ranks[row, label]] = row
    total = 0
    for label in range(classes):
        starts[label] = total
        last = total + keep
        banned = 0
        for place in range(count):
            row = rows[label, place]
            if total == last or not scores[row, label] > threshold:
                break
            if not banned >> row & 1:
                picks[total] = row
                total += 1
                banned |= covered[row]
    starts[classes] = total


@njit(cache=True)
def _collect(
    scores: NDArray[np.float32],
    limits: NDArray[np.float32],
    rows: NDArray[np.int32],
    order: NDArray[np.int32],
    filled: NDArray[np.int64],
) -> None:
    """Lists the rows of each class that exceed its limit."""
    # The bits of numbers that are not negative are ordered as the numbers are.
    bits = scores.view(np.int32)
    for row in range(scores.shape[0]):
        # Most of a detector's thousands of rows show nothing: this loop has no branch inside, so
        # it looks at several classes at a time.
        hit = False
        for label in range(limits.shape[0]):
            hit |= scores[row, label] > limits[label]
        if hit:
            for label in range(limits.shape[0]):
                if scores[row, label] > limits[label]:
                    place = filled[label]
                    rows[label, place] = row
                    order[label, place] = bits[row, label]
                    filled[label] = place + 1


@njit(cache=True)
def _collect_class(
    scores: NDArray[np.float32],
    limit: np.float32,
    label: int,
    rows: NDArray[np.int32],
    order: NDArray[np.int32],
) -> int:
    """Lists the rows of one class that exceed a limit; returns how many these are."""
    bits = scores.view(np.int32)
    count = 0
    for row in range(scores.shape[0]):
        if scores[row, label] > limit:
            rows[label, count] = row
            order[label, count] = bits[row, label]
            count += 1
    return count


@njit(cache=True)
def _suppress(
    boxes: NDArray[np.float32],
    nms_iou: np.float32,
    keep: int,
    label: int,
    count: int,
    first: int,
    picks: NDArray[np.int64],
    rows: NDArray[np.int32],
    order: NDArray[np.int32],
    tied: NDArray[np.int32],
) -> int:
    """The greedy NMS over the `count` rows of one class; returns where its picks end."""
    few = count <= FEW
    if few:
        for index in range(1, count):
            row, key = rows[label, index], order[label, index]
            place = index
            while place > 0 and key > order[label, place - 1]:
                rows[label, place] = rows[label, place - 1]
                order[label, place] = order[label, place - 1]
                place -= 1
            rows[label, place] = row
            order[label, place] = key
    total = first
    visited = 0
    top_k = min(tied.shape[0], count)
    while visited < top_k and total - first < keep:
        # The next best rows, which have one score; the last to come goes first.
        ties = 0
        if few:
            best = order[label, visited]
            while visited < top_k and order[label, visited] == best:
                tied[ties] = rows[label, visited]
                ties += 1
                visited += 1
        else:
            best = NOTHING
            for place in range(count):
                best = max(best, order[label, place])
            for place in range(count):
                if order[label, place] == best:
                    order[label, place] = NOTHING
                    if visited < top_k:
                        tied[ties] = rows[label, place]
                        ties += 1
                        visited += 1
        for tie in range(ties - 1, -1, -1):
            row = tied[tie]
            left, top, right, bottom = boxes[row, 0], boxes[row, 1], boxes[row, 2], boxes[row, 3]
            area = (right - left) * (bottom - top)
            covered = total - first == keep
            for pick in range(first, total):
                other = picks[pick]
                width = min(right, boxes[other, 2]) - max(left, boxes[other, 0])
                height = min(bottom, boxes[other, 3]) - max(top, boxes[other, 1])
                if width > 0 and height > 0:
                    overlap = width * height
                    other_area = (boxes[other, 2] - boxes[other, 0]) * (
                        boxes[other, 3] - boxes[other, 1]
                    )
                    if overlap / (area + other_area - overlap) > nms_iou:
                        covered = True
                        break
            if not covered:
                picks[total] = row
                total += 1
    return total


def frame_picks(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    classes: int,
    threshold: np.float32,
    top_k: int,
    nms_iou: np.float32,
    keep: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Picks boxes of every class in one frame; see `filter_frame`.

    Returns:
        Rows kept, all classes one after the other, shape (K,), and where each class begins in them,
        shape (classes + 1,).
    """
    buffers = new_filter_buffers(classes, top_k, keep, len(scores))
    filter_frame(boxes, np.ascontiguousarray(scores), threshold, nms_iou, keep, buffers)
    return buffers.picks[: buffers.starts[-1]], buffers.starts


def class_filter(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    threshold: np.float32,
    top_k: int,
    nms_iou: np.float32,
    keep: int,
) -> NDArray[np.int64]:
    """Picks boxes of one class in one frame; see `filter_frame`.

    Args:
        boxes: Corners x1, y1, x2, y2, shape (N, 4).
        scores: Scores of the class, shape (N,).
        threshold: See `filter_frame`.
        top_k: How many of the best scores enter the NMS.
        nms_iou: See `filter_frame`.
        keep: See `filter_frame`.

    Returns:
        Rows of the boxes kept, best first, shape (K,).
    """
    return frame_picks(boxes, scores[:, None], 1, threshold, top_k, nms_iou, keep)[0]
