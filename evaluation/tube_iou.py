"""How well two tubes agree in space and time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data import Tube
from evaluation.box_convention import CONTINUOUS, BoxConvention
from evaluation.flat_tubes import flatten_tubes
from evaluation.overlap import tube_iou_table


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
    found, true = flatten_tubes([tubes]), flatten_tubes([truth])
    return tube_iou_table(
        found.boxes,
        found.pointers,
        found.starts,
        np.array(convention.tube),
        true.boxes,
        true.pointers,
        true.starts,
        np.array(convention.truth),
        single_frame_counts,
    )
