"""What is wrong with the boxes of single frames: ACT's error analysis.

Kalogeiton, Weinzaepfel, Ferrari and Schmid, Action tubelet detector for spatio-temporal action
localization, ICCV 2017, section 4.4; the rules are those of `frameAP_error` in MOC's copy of it
(MCG-NJU/MOC-Detector, `ACT_utils`), since ACT's own fails.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data import VideoAnnotation
from evaluation.box_convention import CONTINUOUS, BoxConvention
from evaluation.error_shares import KINDS, ErrorShares, shares_of_class
from evaluation.frame_boxes import FrameBoxes
from evaluation.frame_evaluation import VIDEO_FRAMES, ClassBoxes, boxes_by_class
from evaluation.frame_protocols import FRAME_ACT, FrameProtocol
from evaluation.overlap import reaches_any


@dataclass(frozen=True, eq=False)
class FrameErrors(ErrorShares):
    """Of what kind the errors in single frames are; see `ErrorShares`. A false positive is one of

    - localisation: its frame has a true box of the class, which it misses or which was found;
    - classification: its frame has true boxes of other classes, and it overlaps one enough;
    - timing: its frame has no true box, but its video has some of the class;
    - other: all the rest.

    Attributes:
        protocol: The rules by which boxes were compared.
        annotated_only: Whether only frames with true boxes were looked at.
    """

    protocol: FrameProtocol
    annotated_only: bool


def analyse_frame_errors(
    found: Iterable[FrameBoxes],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    *,
    protocol: FrameProtocol = FRAME_ACT,
    iou_thresh: float | None = None,
    convention: BoxConvention = CONTINUOUS,
    annotated_only: bool = False,
) -> FrameErrors:
    """Tells of what kind errors are; arguments as of `evaluate_frame_boxes`.

    Raises:
        InputError: A label has no class.
    """
    threshold = protocol.settings.iou_thresh if iou_thresh is None else iou_thresh
    boxes = boxes_by_class(found, truth, classes, annotated_only)
    true_frames = np.concatenate([own.true_frames for own in boxes])
    order = np.argsort(true_frames, kind="stable")
    true_frames = true_frames[order]
    true_boxes = np.concatenate([own.true_boxes for own in boxes])[order]
    shares = np.zeros((len(KINDS) + 2, len(boxes)))
    for label, own in enumerate(boxes):
        hits = own.hits(threshold, convention, protocol.only_free)
        reached = reaches_any(
            own.frames,
            own.boxes,
            np.array(convention.detection, np.float64),
            true_frames,
            true_boxes,
            np.array(convention.frame_truth, np.float64),
            threshold,
        )
        kinds = np.where(hits, 0, _kinds_of_errors(own, reached, true_frames))
        ranking = np.argsort(-own.scores, kind="stable")
        shares[:, label] = shares_of_class(kinds[ranking], len(own.true_frames))
    return FrameErrors(
        protocol=protocol,
        box_convention=convention.name,
        annotated_only=annotated_only,
        iou_thresh=threshold,
        classes=tuple(classes),
        positives=np.array([len(own.true_frames) for own in boxes]),
        average_precisions=shares[0],
        false_positives=shares[1:-1],
        missed=shares[-1],
    )


def _kinds_of_errors(
    boxes: ClassBoxes, reached: NDArray[np.bool_], true_frames: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Kind of error of each box if it is wrong, 1 + index into `KINDS`.

    Args:
        boxes: Of one class.
        reached: Whether each box overlaps a true box of any class enough.
        true_frames: Frames with true boxes of any class.
    """
    same_class = np.isin(boxes.frames, boxes.true_frames)
    any_class = np.isin(boxes.frames, true_frames)
    same_video = np.isin(boxes.frames // VIDEO_FRAMES, boxes.true_frames // VIDEO_FRAMES)
    return np.select([same_class, any_class & reached, ~any_class & same_video], [1, 2, 3], 4)
