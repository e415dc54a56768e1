"""Compiled comparisons of boxes and tubes.

They share one file because a compiled function that is cached on disk is renewed when its own file
changes, and not when that of a function it calls does.

Boxes are float32 corners x1, y1, x2, y2; what a box convention adds to them is given beside them,
as float64, in which all is computed. Tubes are given by the boxes of all of them, where each begins
in these, and their first frames.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def _box_iou(
    boxes: NDArray[np.float32],
    row: int,
    added: NDArray[np.float64],
    others: NDArray[np.float32],
    other: int,
    others_added: NDArray[np.float64],
) -> float:
    """IoU of two boxes, taken as plain rectangles; 0 if they do not overlap."""
    # With numbers of rows and not with rows, of which views would be made: that takes longer.
    x1, y1 = boxes[row, 0] + added[0], boxes[row, 1] + added[1]
    x2, y2 = boxes[row, 2] + added[2], boxes[row, 3] + added[3]
    left, top = others[other, 0] + others_added[0], others[other, 1] + others_added[1]
    right, bottom = others[other, 2] + others_added[2], others[other, 3] + others_added[3]
    width = min(x2, right) - max(x1, left)
    height = min(y2, bottom) - max(y1, top)
    if width <= 0 or height <= 0:
        return 0.0
    overlap = width * height
    iou: float = overlap / ((x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - overlap)
    return iou


# Sums may be taken in any order, so that several frames are compared at a time.
@njit(cache=True, error_model="numpy", fastmath={"reassoc", "nsz"})
def _tube_iou(
    boxes: NDArray[np.float32],
    added: NDArray[np.float64],
    row: int,
    start: int,
    length: int,
    others: NDArray[np.float32],
    others_added: NDArray[np.float64],
    other_row: int,
    other_start: int,
    other_length: int,
    single_frame_counts: bool,
) -> float:
    """IoU of two tubes, which begin at a row of their boxes and at a frame of their video."""
    first = max(start, other_start)
    end, other_end = start + length, other_start + other_length
    common = min(end, other_end) - first
    if common < 1 or (common == 1 and not single_frame_counts):
        return 0.0
    row += first - start
    other_row += first - other_start
    total = 0.0
    for frame in range(common):
        # `_box_iou` without a branch.
        x1, y1 = boxes[row + frame, 0] + added[0], boxes[row + frame, 1] + added[1]
        x2, y2 = boxes[row + frame, 2] + added[2], boxes[row + frame, 3] + added[3]
        left = others[other_row + frame, 0] + others_added[0]
        top = others[other_row + frame, 1] + others_added[1]
        right = others[other_row + frame, 2] + others_added[2]
        bottom = others[other_row + frame, 3] + others_added[3]
        width = max(min(x2, right) - max(x1, left), 0.0)
        height = max(min(y2, bottom) - max(y1, top), 0.0)
        overlap = width * height
        union = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - overlap
        total += overlap / union if overlap > 0 else 0.0
    return total / (max(end, other_end) - min(start, other_start))


@njit(cache=True)
def tube_iou_table(
    boxes: NDArray[np.float32],
    pointers: NDArray[np.int64],
    starts: NDArray[np.int64],
    added: NDArray[np.float64],
    true_boxes: NDArray[np.float32],
    true_pointers: NDArray[np.int64],
    true_starts: NDArray[np.int64],
    true_added: NDArray[np.float64],
    single_frame_counts: bool,
) -> NDArray[np.float64]:
    """IoU of each tube with each true one, shape (D, G)."""
    ious = np.empty((starts.shape[0], true_starts.shape[0]))
    for i in range(starts.shape[0]):
        for j in range(true_starts.shape[0]):
            ious[i, j] = _tube_iou(
                boxes,
                added,
                pointers[i],
                starts[i],
                pointers[i + 1] - pointers[i],
                true_boxes,
                true_added,
                true_pointers[j],
                true_starts[j],
                true_pointers[j + 1] - true_pointers[j],
                single_frame_counts,
            )
    return ious


@njit(cache=True)
def best_tubes(
    order: NDArray[np.int64],
    videos: NDArray[np.int64],
    labels: NDArray[np.int64],
    boxes: NDArray[np.float32],
    pointers: NDArray[np.int64],
    starts: NDArray[np.int64],
    added: NDArray[np.float64],
    single_frame_counts: bool,
    threshold: float,
) -> NDArray[np.int64]:
    """Drops tubes that overlap a better one of their video and class by more than the threshold.

    Args:
        order: The tubes, video by video, best first.
        videos: Where each video begins in `order`, shape (V + 1,).
        labels: Class of each tube.
        boxes: See the module.
        pointers: See the module.
        starts: See the module.
        added: What is added to the corners, shape (4,).
        single_frame_counts: Whether tubes with a single frame in common overlap.
        threshold: Highest IoU of two tubes that are kept.

    Returns:
        `order` without what was dropped.
    """
    kept = np.empty_like(order)
    count = 0
    for video in range(videos.shape[0] - 1):
        first = count
        for tube in order[videos[video] : videos[video + 1]]:
            covered = False
            for other in kept[first:count]:
                if labels[other] == labels[tube] and not covered:
                    covered = (
                        _tube_iou(
                            boxes,
                            added,
                            pointers[tube],
                            starts[tube],
                            pointers[tube + 1] - pointers[tube],
                            boxes,
                            added,
                            pointers[other],
                            starts[other],
                            pointers[other + 1] - pointers[other],
                            single_frame_counts,
                        )
                        > threshold
                    )
            if not covered:
                kept[count] = tube
                count += 1
    return kept[:count]


@njit(cache=True)
def match_tubes(
    order: NDArray[np.int64],
    videos: NDArray[np.int64],
    labels: NDArray[np.int64],
    boxes: NDArray[np.float32],
    pointers: NDArray[np.int64],
    starts: NDArray[np.int64],
    added: NDArray[np.float64],
    true_videos: NDArray[np.int64],
    true_labels: NDArray[np.int64],
    true_boxes: NDArray[np.float32],
    true_pointers: NDArray[np.int64],
    true_starts: NDArray[np.int64],
    true_added: NDArray[np.float64],
    single_frame_counts: bool,
    thresholds: NDArray[np.float64],
    strict: bool,
    columns: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Matches the tubes of each video with the true ones of their class, at every threshold.

    Each tube takes the true one that it overlaps most, the first of equal ones, among those that
    are still free. The IoUs are taken once for all thresholds.

    Args:
        order: The tubes, video by video, best first.
        videos: Where each video begins in `order`, shape (V + 1,).
        labels: Class of each tube.
        boxes: See the module.
        pointers: See the module.
        starts: See the module.
        added: What is added to the corners, shape (4,).
        true_videos: Where the true tubes of each video begin, shape (V + 1,).
        true_labels: As of the tubes, and so on.
        true_boxes: Likewise.
        true_pointers: Likewise.
        true_starts: Likewise.
        true_added: Likewise.
        single_frame_counts: Whether tubes with a single frame in common overlap.
        thresholds: Of the IoU, shape (K,).
        strict: Whether the IoU must be greater than the threshold, or only reach it.
        columns: Where the result of each tube is put, in the order of `order`, shape (N,).

    Returns:
        For each threshold and tube, shape (K, N): its IoU with the true tube that it took, and the
        number of that, both -1 where it took none.
    """
    overlaps = np.full((thresholds.shape[0], order.shape[0]), -1.0)
    partners = np.full((thresholds.shape[0], order.shape[0]), -1, np.int32)
    taken = np.zeros((thresholds.shape[0], true_labels.shape[0]), np.bool_)
    ious = np.empty(true_labels.shape[0])
    for video in range(videos.shape[0] - 1):
        first, last = true_videos[video], true_videos[video + 1]
        for place in range(videos[video], videos[video + 1]):
            tube = order[place]
            for other in range(first, last):
                if true_labels[other] == labels[tube]:
                    ious[other] = _tube_iou(
                        boxes,
                        added,
                        pointers[tube],
                        starts[tube],
                        pointers[tube + 1] - pointers[tube],
                        true_boxes,
                        true_added,
                        true_pointers[other],
                        true_starts[other],
                        true_pointers[other + 1] - true_pointers[other],
                        single_frame_counts,
                    )
            for row in range(thresholds.shape[0]):
                best = -1
                for other in range(first, last):
                    if true_labels[other] != labels[tube] or taken[row, other]:
                        continue
                    if best < 0 or ious[other] > ious[best]:
                        best = other
                if best < 0:
                    continue
                iou = ious[best]
                if iou > thresholds[row] or (iou == thresholds[row] and not strict):
                    taken[row, best] = True
                    overlaps[row, columns[place]] = iou
                    partners[row, columns[place]] = best
    return overlaps, partners


@njit(cache=True)
def match_boxes(
    frames: NDArray[np.int64],
    boxes: NDArray[np.float32],
    added: NDArray[np.float64],
    true_frames: NDArray[np.int64],
    true_boxes: NDArray[np.float32],
    true_added: NDArray[np.float64],
    iou_thresh: float,
    only_free: bool,
) -> NDArray[np.int64]:
    """Returns the row of the true box that each detection takes, or -1 for a false positive.

    Both lists stand in order of frames, the detections of a frame best first. Each detection takes
    the true box that it overlaps most, the first of equal ones, if the IoU reaches the threshold
    and nobody took it before; with `only_free`, the one among those that nobody took.
    """
    partners = np.full(frames.shape[0], -1)
    taken = np.zeros(true_frames.shape[0], np.bool_)
    first = 0
    for row in range(frames.shape[0]):
        while first < true_frames.shape[0] and true_frames[first] < frames[row]:
            first += 1
        best = -1
        best_iou = -1.0
        other = first
        while other < true_frames.shape[0] and true_frames[other] == frames[row]:
            if not (only_free and taken[other]):
                iou = _box_iou(boxes, row, added, true_boxes, other, true_added)
                if iou > best_iou:
                    best = other
                    best_iou = iou
            other += 1
        if best >= 0 and best_iou >= iou_thresh and not taken[best]:
            taken[best] = True
            partners[row] = best
    return partners


@njit(cache=True)
def reaches_any(
    frames: NDArray[np.int64],
    boxes: NDArray[np.float32],
    added: NDArray[np.float64],
    true_frames: NDArray[np.int64],
    true_boxes: NDArray[np.float32],
    true_added: NDArray[np.float64],
    iou_thresh: float,
) -> NDArray[np.bool_]:
    """Tells which boxes overlap a true box of their frame enough; lists as in `match_boxes`."""
    reached = np.zeros(frames.shape[0], np.bool_)
    first = 0
    for row in range(frames.shape[0]):
        while first < true_frames.shape[0] and true_frames[first] < frames[row]:
            first += 1
        other = first
        while other < true_frames.shape[0] and true_frames[other] == frames[row]:
            iou = _box_iou(boxes, row, added, true_boxes, other, true_added)
            reached[row] |= iou >= iou_thresh
            other += 1
    return reached
