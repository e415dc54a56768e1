"""Compiled comparisons of boxes.

They share one file because a compiled function that is cached on disk is renewed when its own file
changes, and not when that of a function it calls does.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def _box_iou(box: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """IoU of two boxes x1, y1, x2, y2, taken as plain rectangles; 0 if they do not overlap."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    area = (box[2] - box[0]) * (box[3] - box[1])
    other_area = (other[2] - other[0]) * (other[3] - other[1])
    overlap = width * height
    iou: float = overlap / (area + other_area - overlap)
    return iou


@njit(cache=True)
def tube_iou_table(
    boxes: NDArray[np.float64],
    pointers: NDArray[np.int64],
    starts: NDArray[np.int64],
    true_boxes: NDArray[np.float64],
    true_pointers: NDArray[np.int64],
    true_starts: NDArray[np.int64],
    single_frame_counts: bool,
) -> NDArray[np.float64]:
    """IoU of each tube with each true one, shape (D, G).

    Tubes are given by the boxes of all of them, where each begins in these, and their first frames.
    """
    ious = np.zeros((starts.shape[0], true_starts.shape[0]))
    for i in range(starts.shape[0]):
        end = starts[i] + pointers[i + 1] - pointers[i]
        for j in range(true_starts.shape[0]):
            true_end = true_starts[j] + true_pointers[j + 1] - true_pointers[j]
            first = max(starts[i], true_starts[j])
            common = min(end, true_end) - first
            if common < 1 or (common == 1 and not single_frame_counts):
                continue
            row = pointers[i] + first - starts[i]
            true_row = true_pointers[j] + first - true_starts[j]
            total = 0.0
            for frame in range(common):
                total += _box_iou(boxes[row + frame], true_boxes[true_row + frame])
            ious[i, j] = total / (max(end, true_end) - min(starts[i], true_starts[j]))
    return ious


@njit(cache=True)
def match_boxes(
    frames: NDArray[np.int64],
    boxes: NDArray[np.float64],
    true_frames: NDArray[np.int64],
    true_boxes: NDArray[np.float64],
    iou_thresh: float,
) -> NDArray[np.bool_]:
    """Tells which detections are true positives; both lists stand in order of frames."""
    hits = np.zeros(frames.shape[0], np.bool_)
    taken = np.zeros(true_frames.shape[0], np.bool_)
    first = 0
    for row in range(frames.shape[0]):
        while first < true_frames.shape[0] and true_frames[first] < frames[row]:
            first += 1
        best = -1
        best_iou = -1.0
        other = first
        while other < true_frames.shape[0] and true_frames[other] == frames[row]:
            if not taken[other]:
                iou = _box_iou(boxes[row], true_boxes[other])
                if iou > best_iou:
                    best = other
                    best_iou = iou
            other += 1
        if best >= 0 and best_iou >= iou_thresh:
            taken[best] = True
            hits[row] = True
    return hits
