"""How well true tubes are found, at several thresholds of the tube IoU: video-mAP.

ROAD's `get_PR_curve` (gurkirt/realtime-action-detection, `online-tubes/eval`). The IoUs are taken
once for all thresholds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data import Tube, VideoAnnotation
from evaluation.accuracy import video_accuracy
from evaluation.average_precision import average_precision
from evaluation.box_convention import CONTINUOUS, BoxConvention
from evaluation.protocols import ROAD, Protocol
from evaluation.tube_iou import tube_ious

# What "0.5:0.95" averages, and the thresholds that ROAD evaluates.
RANGE_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
THRESHOLDS = (0.2, *RANGE_THRESHOLDS)


@dataclass(frozen=True, eq=False)
class TubeEvaluation:
    """How good the tubes of a set of videos are.

    Attributes:
        classes: Class names.
        thresholds: Thresholds of the tube IoU, shape (K,).
        average_precisions: Of each class at each threshold, 0 to 1, float64 (K, classes).
        class_ious: Mean tube IoU of the true positives of each class at each threshold, with ROAD's
            small additions (1e-6 to the sum, 1e-5 to the number: 0.1 without a true positive), 0
            for a class without detections, float64 (K, classes).
        positives: Number of true tubes of each class, shape (classes,).
        detections: Number of detected tubes of each class, shape (classes,).
        accuracy: Video accuracy, 0 to 1.
    """

    classes: tuple[str, ...]
    thresholds: tuple[float, ...]
    average_precisions: NDArray[np.float64]
    class_ious: NDArray[np.float64]
    positives: NDArray[np.int64]
    detections: NDArray[np.int64]
    accuracy: float

    def mean_average_precision(self, *thresholds: float) -> float:
        """Mean over all classes, and over the thresholds named.

        Raises:
            ValueError: A threshold was not evaluated.
        """
        rows = [self.thresholds.index(threshold) for threshold in thresholds]
        return float(self.average_precisions[rows].mean())

    def mean_iou(self, *thresholds: float) -> float:
        """Mean tube IoU over all classes, and over the thresholds named.

        Raises:
            ValueError: A threshold was not evaluated.
        """
        rows = [self.thresholds.index(threshold) for threshold in thresholds]
        return float(self.class_ious[rows].mean())


def evaluate_tubes(
    tubes: Mapping[str, Sequence[Tube]],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    protocol: Protocol = ROAD,
    convention: BoxConvention = CONTINUOUS,
) -> TubeEvaluation:
    """Compares detected with annotated tubes.

    In each video the detected tubes choose by falling score: each takes the true tube of its class
    that it overlaps most and that is still free. All classes count in the mean, those without true
    tubes with 0.

    Args:
        tubes: Detected tubes by video; their order decides between equal scores. Videos that are
            not in `truth` are not looked at.
        truth: The videos that count, in the order that decides between equal scores.
        classes: Class names, to which the labels of both point.
        thresholds: Thresholds of the tube IoU.
        protocol: How tubes are compared and ranked.
        convention: What is added to the boxes.
    """
    limits = np.array(thresholds, np.float64)
    positives = np.zeros(len(classes), np.int64)
    scores = [np.zeros(0, np.float32)]
    labels = [np.zeros(0, np.int64)]
    matches = [np.zeros((len(limits), 0))]
    for video in truth:
        true_labels = np.array([tube.label for tube in video.tubes], np.int64)
        positives += np.bincount(true_labels, minlength=len(classes))
        found = sorted(tubes.get(video.name, ()), key=lambda tube: -tube.score)
        ious = tube_ious(
            found, video.tubes, convention, single_frame_counts=protocol.single_frame_counts
        )
        labels.append(np.array([tube.label for tube in found], np.int64))
        scores.append(np.array([tube.score for tube in found], np.float32))
        matches.append(_match(ious, labels[-1], true_labels, limits, protocol.strict))
    all_scores, all_labels = np.concatenate(scores), np.concatenate(labels)
    overlaps = np.concatenate(matches, axis=1)

    precisions = np.zeros((len(limits), len(classes)))
    class_ious = np.zeros((len(limits), len(classes)))
    for label in np.unique(all_labels):
        own = all_labels == label
        for row, own_overlaps in enumerate(overlaps[:, own]):
            hits = own_overlaps >= 0
            precisions[row, label] = average_precision(
                all_scores[own], hits, int(positives[label]), protocol.method
            )
            class_ious[row, label] = (own_overlaps[hits].sum() + 1e-6) / (hits.sum() + 1e-5)
    return TubeEvaluation(
        classes=tuple(classes),
        thresholds=tuple(thresholds),
        average_precisions=precisions,
        class_ious=class_ious,
        positives=positives,
        detections=np.bincount(all_labels, minlength=len(classes)),
        accuracy=video_accuracy(tubes, truth),
    )


@njit(cache=True)
def _match(
    ious: NDArray[np.float64],
    labels: NDArray[np.int64],
    true_labels: NDArray[np.int64],
    thresholds: NDArray[np.float64],
    strict: bool,
) -> NDArray[np.float64]:
    """Matches the tubes of one video, which stand in order of falling score, at every threshold.

    Returns:
        IoU of each tube with the true tube it took, or -1, shape (thresholds, tubes).
    """
    overlaps = np.full((thresholds.shape[0], labels.shape[0]), -1.0)
    for row in range(thresholds.shape[0]):
        taken = np.zeros(true_labels.shape[0], np.bool_)
        for tube in range(labels.shape[0]):
            best = -1
            for other in range(true_labels.shape[0]):
                if taken[other] or true_labels[other] != labels[tube]:
                    continue
                if best < 0 or ious[tube, other] > ious[tube, best]:
                    best = other
            if best < 0:
                continue
            iou = ious[tube, best]
            if iou > thresholds[row] or (iou == thresholds[row] and not strict):
                taken[best] = True
                overlaps[row, tube] = iou
    return overlaps
