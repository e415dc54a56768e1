"""How well two tubes agree in space and time."""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data import Tube
from evaluation.box_convention import CONTINUOUS, BoxConvention, Corners, shifted


def tube_ious(
    tubes: Sequence[Tube],
    truth: Sequence[Tube],
    convention: BoxConvention = CONTINUOUS,
    *,
    single_frame_counts: bool = True,
) -> NDArray[np.float64]:
    """Returns the spatio-temporal IoU of every detected with every true tube of one video.

    It is the sum of the IoUs of the boxes in the common frames over the number of frames that
    either tube covers: the temporal IoU times the mean spatial IoU of the common frames, which is
    the mean of the IoUs over all frames covered (ROAD's `compute_spatio_temporal_iou`; Gkioxari and
    Malik, arXiv 1411.6031, section 5).

    Args:
        tubes: Detected tubes, D of them.
        truth: True tubes, G of them. Labels are not looked at.
        convention: What is added to the boxes.
        single_frame_counts: Whether tubes with one frame in common overlap; in ROAD they do not.

    Returns:
        float64 (D, G).
    """
    return _tube_ious(
        *_flat(tubes, convention.tube), *_flat(truth, convention.truth), single_frame_counts
    )


def _flat(
    tubes: Sequence[Tube], corners: Corners
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Boxes of all tubes, where each tube begins in them, and the first frame of each tube."""
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(tube.boxes for tube in tubes)])
    pointers = np.cumsum([0, *(len(tube) for tube in tubes)], dtype=np.int64)
    return shifted(boxes, corners), pointers, np.array([tube.start for tube in tubes], np.int64)


@njit(cache=True)
def _tube_ious(
    boxes: NDArray[np.float64],
    pointers: NDArray[np.int64],
    starts: NDArray[np.int64],
    true_boxes: NDArray[np.float64],
    true_pointers: NDArray[np.int64],
    true_starts: NDArray[np.int64],
    single_frame_counts: bool,
) -> NDArray[np.float64]:
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
                total += box_iou(boxes[row + frame], true_boxes[true_row + frame])
            ious[i, j] = total / (max(end, true_end) - min(starts[i], true_starts[j]))
    return ious


@njit(cache=True)
def box_iou(box: NDArray[np.float64], other: NDArray[np.float64]) -> float:
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
