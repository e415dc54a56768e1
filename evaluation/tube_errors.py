"""What is wrong with tubes: ACT's error analysis of single frames, carried over to videos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data import Tube, VideoAnnotation
from evaluation.box_convention import CONTINUOUS, BoxConvention
from evaluation.error_shares import KINDS, ErrorShares, shares_of_class
from evaluation.protocols import ROAD, Protocol
from evaluation.tube_evaluation import find_true_tubes
from evaluation.tube_iou import tube_ious


@dataclass(frozen=True, eq=False)
class TubeErrors(ErrorShares):
    """Of what kind the errors of tubes are; see `ErrorShares`. A false positive is an error of

    - timing: its video has a true tube of the class, with which it agrees enough in the frames that
      both cover, but it begins or ends too early or too late;
    - localisation: its video has a true tube of the class, which it misses or which was found;
    - classification: its video has true tubes of other classes only, and it overlaps one enough;
    - other: all the rest.

    Attributes:
        protocol: The rules by which tubes were compared.
    """

    protocol: Protocol


def analyse_tube_errors(
    tubes: Mapping[str, Sequence[Tube]],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    *,
    iou_thresh: float = 0.5,
    protocol: Protocol = ROAD,
    convention: BoxConvention = CONTINUOUS,
) -> TubeErrors:
    """Tells of what kind errors are; other arguments as of `evaluate_tubes`.

    Args:
        tubes: See `evaluate_tubes`.
        truth: See `evaluate_tubes`.
        classes: See `evaluate_tubes`.
        iou_thresh: Of the tube IoU, and for errors of timing that of the boxes in common frames.
        protocol: See `evaluate_tubes`.
        convention: See `evaluate_tubes`.

    Raises:
        InputError: A label has no class.
    """
    matches = find_true_tubes(tubes, truth, classes, [iou_thresh], protocol, convention)
    kinds = np.concatenate(
        [
            np.zeros(0, np.int64),
            *(
                _kinds_of_errors(
                    tubes.get(video.name, ()), video.tubes, iou_thresh, protocol, convention
                )
                for video in truth
            ),
        ]
    )[matches.numbers]
    kinds[matches.partners[0] >= 0] = 0
    positives = np.bincount(matches.true_labels, minlength=len(classes))
    ends = np.searchsorted(matches.labels, np.arange(len(classes) + 1))
    shares = np.array(
        [
            shares_of_class(kinds[ends[label] : ends[label + 1]], int(positives[label]))
            for label in range(len(classes))
        ]
    ).T
    return TubeErrors(
        protocol=protocol,
        box_convention=convention.name,
        iou_thresh=iou_thresh,
        classes=tuple(classes),
        positives=positives,
        average_precisions=shares[0],
        false_positives=shares[1:-1],
        missed=shares[-1],
    )


def _kinds_of_errors(
    tubes: Sequence[Tube],
    true: Sequence[Tube],
    iou_thresh: float,
    protocol: Protocol,
    convention: BoxConvention,
) -> NDArray[np.int64]:
    """Kind of error of each tube of a video if it is wrong, 1 + index into `KINDS`."""
    if not tubes or not true:
        return np.full(len(tubes), 1 + KINDS.index("other"))
    ious = tube_ious(tubes, true, convention, single_frame_counts=protocol.single_frame_counts)
    starts, ends = _spans(tubes)
    true_starts, true_ends = _spans(true)
    common = np.minimum(ends[:, None], true_ends) - np.maximum(starts[:, None], true_starts)
    either = np.maximum(ends[:, None], true_ends) - np.minimum(starts[:, None], true_starts)
    # The tube IoU is the mean over all frames that either covers.
    in_common = ious * either / np.maximum(common, 1)
    own_class = np.array([tube.label for tube in tubes])[:, None] == [tube.label for tube in true]

    def reached(values: NDArray[np.float64]) -> NDArray[np.bool_]:
        return values > iou_thresh if protocol.strict else values >= iou_thresh

    found_before = (own_class & reached(ious)).any(axis=1)
    only_time = (own_class & reached(in_common) & (common > 0)).any(axis=1)
    same_class = own_class.any(axis=1)
    kinds = {
        "localisation": found_before | (same_class & ~only_time),
        "timing": same_class,
        "classification": reached(ious).any(axis=1),
    }
    return np.select(
        list(kinds.values()), [1 + KINDS.index(kind) for kind in kinds], 1 + KINDS.index("other")
    )


def _spans(tubes: Sequence[Tube]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First frames and ends of tubes."""
    return np.array([tube.start for tube in tubes]), np.array([tube.end for tube in tubes])
