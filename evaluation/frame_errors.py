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
from evaluation.frame_boxes import FrameBoxes
from evaluation.frame_evaluation import VIDEO_FRAMES, ClassBoxes, boxes_by_class
from evaluation.frame_protocols import FRAME_ACT, FrameProtocol
from evaluation.overlap import reaches_any

# Of a false positive; what remains to 1 is missed.
KINDS = ("localisation", "classification", "timing", "other")


@dataclass(frozen=True, eq=False)
class FrameErrors:
    """Of what kind the errors are. For each class with true boxes the six shares add up to 1.

    At each place of the ranking, the detections down to there are right or wrong in one of four
    ways; the share of each is averaged over recall, by the trapezoid rule. A false positive is an
    error of

    - localisation: its frame has a true box of the class, which it misses or which was found;
    - classification: its frame has true boxes of other classes, and it overlaps one enough;
    - timing: its frame has no true box, but its video has some of the class;
    - other: all the rest.

    Attributes:
        protocol: The rules by which boxes were compared.
        box_convention: Name of what was added to the boxes.
        annotated_only: Whether only frames with true boxes were looked at.
        classes: Class names.
        positives: Number of true boxes of each class, shape (classes,).
        average_precisions: Of each class, by the trapezoid rule whatever the protocol, (classes,).
        false_positives: Share of each of `KINDS`, float64 (4, classes).
        missed: Share of true boxes that no detection found, float64 (classes,).
    """

    protocol: FrameProtocol
    box_convention: str
    annotated_only: bool
    classes: tuple[str, ...]
    positives: NDArray[np.int64]
    average_precisions: NDArray[np.float64]
    false_positives: NDArray[np.float64]
    missed: NDArray[np.float64]

    def shares(self) -> dict[str, float]:
        """The six shares by name, each as mean over the classes with true boxes; 0 without any."""
        shares = np.vstack([self.average_precisions, self.false_positives, self.missed])
        counted = shares[:, self.positives > 0]
        means = counted.mean(axis=1) if counted.size else np.zeros(len(shares))
        return dict(zip(("average_precision", *KINDS, "missed"), means.tolist(), strict=True))


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
        shares[:, label] = _shares(kinds[ranking], len(own.true_frames))
    return FrameErrors(
        protocol=protocol,
        box_convention=convention.name,
        annotated_only=annotated_only,
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


def _shares(kinds: NDArray[np.int64], positives: int) -> NDArray[np.float64]:
    """Average precision, share of each kind of error, and what is missed, of ranked detections."""
    shares = np.zeros(len(KINDS) + 2)
    if positives == 0:
        return shares
    counts = np.cumsum(kinds == np.arange(len(KINDS) + 1)[:, None], axis=1)
    # Nothing detected counts as nothing wrong.
    rates = np.zeros((len(KINDS) + 1, len(kinds) + 1))
    rates[0, 0] = 1.0
    rates[:, 1:] = counts / np.arange(1, len(kinds) + 1)
    steps = np.diff(counts[0], prepend=0) / positives
    shares[:-1] = ((rates[:, 1:] + rates[:, :-1]) / 2 * steps).sum(axis=1)
    shares[-1] = 1 - (kinds == 0).sum() / positives
    return shares
