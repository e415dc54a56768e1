"""How well true tubes are found, at several thresholds of the tube IoU: video-mAP.

ROAD's `get_PR_curve` (gurkirt/realtime-action-detection, `online-tubes/eval`) and the evaluations
of the other protocols. The IoUs are taken once for all thresholds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data import InputError, Tube, VideoAnnotation
from evaluation.accuracy import label_accuracy
from evaluation.average_precision import PrecisionRecall, class_figures, precision_recall
from evaluation.box_convention import CONTINUOUS, BoxConvention
from evaluation.flat_tubes import FlatTubes, flatten_tubes, ranking
from evaluation.overlap import best_tubes, match_tubes
from evaluation.protocols import ROAD, Protocol

# The thresholds that ROAD evaluates.
THRESHOLDS = ROAD.evaluated


@dataclass(frozen=True, eq=False)
class TubeEvaluation:
    """How good the tubes of a set of videos are. Shares and precisions are from 0 to 1.

    Attributes:
        protocol: The rules of the comparison.
        box_convention: Name of what was added to the boxes.
        classes: Class names.
        thresholds: Thresholds of the tube IoU, shape (K,).
        average_precisions: Of each class at each threshold, float64 (K, classes).
        class_ious: Mean tube IoU of the true positives of each class at each threshold, with ROAD's
            small additions (1e-6 to the sum, 1e-5 to the number: 0.1 without a true positive), 0
            for a class without detections, float64 (K, classes).
        positives: Number of true tubes of each class, shape (classes,).
        detections: Number of detected tubes of each class, shape (classes,); those that the
            protocol's NMS dropped do not count.
        accuracy: Video accuracy.
        scores: Scores of the tubes, class by class, best first, float32 (N,).
        overlaps: IoU of each of these with the true tube that it found at each threshold, -1 for a
            false positive, float64 (K, N).
    """

    protocol: Protocol
    box_convention: str
    classes: tuple[str, ...]
    thresholds: tuple[float, ...]
    average_precisions: NDArray[np.float64]
    class_ious: NDArray[np.float64]
    positives: NDArray[np.int64]
    detections: NDArray[np.int64]
    accuracy: float
    scores: NDArray[np.float32]
    overlaps: NDArray[np.float64]

    def mean_average_precision(self, *thresholds: float) -> float:
        """Mean over all classes, and over the thresholds named.

        Raises:
            ValueError: A threshold was not evaluated.
        """
        return float(self.average_precisions[self._rows(thresholds)].mean())

    def mean_iou(self, *thresholds: float) -> float:
        """Mean tube IoU over all classes, and over the thresholds named.

        Raises:
            ValueError: A threshold was not evaluated.
        """
        return float(self.class_ious[self._rows(thresholds)].mean())

    def curve(self, label: int, threshold: float) -> PrecisionRecall:
        """Precision and recall of a class at a threshold.

        Raises:
            ValueError: The threshold was not evaluated.
        """
        end = int(self.detections[: label + 1].sum())
        own = slice(end - int(self.detections[label]), end)
        hits = self.overlaps[self._rows([threshold])[0], own] >= 0
        positives = self.positives[label] + self.protocol.added_positives
        return precision_recall(self.scores[own], hits, positives, self.protocol.method)

    def _rows(self, thresholds: Sequence[float]) -> list[int]:
        return [self.thresholds.index(threshold) for threshold in thresholds]


@dataclass(frozen=True, eq=False)
class TubeMatches:
    """Which tubes found which true ones, class by class, the best tubes of a class first.

    Attributes:
        numbers: Number of each tube through all videos, as they stand there, shape (N,).
        labels: Class of each tube, shape (N,).
        scores: Score of each tube, float32 (N,).
        ranks: Place of each tube among those of its video, from 0, shape (N,).
        overlaps: IoU with the true tube that it took, or -1, float64 (thresholds, N).
        partners: Number of that tube through all videos, or -1, int32 (thresholds, N).
        true_labels: Class of each true tube, shape (M,).
        predictions: Class of the best tube of each video, or -1, shape (V,).
    """

    numbers: NDArray[np.int64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    ranks: NDArray[np.int64]
    overlaps: NDArray[np.float64]
    partners: NDArray[np.int32]
    true_labels: NDArray[np.int64]
    predictions: NDArray[np.int64]


def evaluate_tubes(
    tubes: Mapping[str, Sequence[Tube]],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    *,
    thresholds: Sequence[float] | None = None,
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
        thresholds: Thresholds of the tube IoU; None stands for the protocol's.
        protocol: How tubes are compared and ranked.
        convention: What is added to the boxes.

    Raises:
        InputError: A label has no class.
    """
    thresholds = protocol.evaluated if thresholds is None else tuple(thresholds)
    matches = find_true_tubes(tubes, truth, classes, thresholds, protocol, convention)
    detections = np.bincount(matches.labels, minlength=len(classes))
    positives = np.bincount(matches.true_labels, minlength=len(classes))
    precisions, class_ious = class_figures(
        matches.overlaps,
        np.concatenate([[0], np.cumsum(detections)]),
        positives.astype(np.float64) + protocol.added_positives,
        protocol.method == "trapezoid",
    )
    return TubeEvaluation(
        protocol=protocol,
        box_convention=convention.name,
        classes=tuple(classes),
        thresholds=thresholds,
        average_precisions=precisions,
        class_ious=class_ious,
        positives=positives,
        detections=detections,
        accuracy=label_accuracy(matches.predictions.tolist(), truth),
        scores=matches.scores,
        overlaps=matches.overlaps,
    )


def find_true_tubes(
    tubes: Mapping[str, Sequence[Tube]],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    thresholds: Sequence[float],
    protocol: Protocol,
    convention: BoxConvention,
    *,
    any_class: bool = False,
) -> TubeMatches:
    """Finds out which tubes found which true ones; arguments as of `evaluate_tubes`.

    Args:
        tubes: See `evaluate_tubes`.
        truth: See `evaluate_tubes`.
        classes: See `evaluate_tubes`.
        thresholds: See `evaluate_tubes`.
        protocol: See `evaluate_tubes`.
        convention: See `evaluate_tubes`.
        any_class: Whether tubes may also find true ones of other classes.

    Raises:
        InputError: A label has no class.
    """
    true = flatten_tubes([video.tubes for video in truth])
    needed = None
    if protocol.tube_nms is None and not any_class:
        needed = [{tube.label for tube in video.tubes} for video in truth]
    found = flatten_tubes([tubes.get(video.name, ()) for video in truth], needed)
    for flat in (found, true):
        _check_labels(flat, truth, classes)
    order, videos, added = found.best_first(), found.videos, np.array(convention.tube)
    if protocol.tube_nms is not None:
        order = best_tubes(
            order,
            videos,
            found.labels,
            found.boxes,
            found.pointers,
            found.starts,
            added,
            protocol.single_frame_counts,
            protocol.tube_nms,
        )
        # Tubes are numbered video by video.
        videos = np.searchsorted(np.sort(order), videos)
    labels, scores = found.labels[order], found.scores[order].astype(np.float32)
    ranked = ranking(labels, len(classes), scores)
    columns = np.empty_like(ranked)
    columns[ranked] = np.arange(len(ranked))
    overlaps, partners = match_tubes(
        order,
        videos,
        np.zeros_like(found.labels) if any_class else found.labels,
        found.boxes,
        found.pointers,
        found.starts,
        added,
        true.videos,
        np.zeros_like(true.labels) if any_class else true.labels,
        true.boxes,
        true.pointers,
        true.starts,
        np.array(convention.truth),
        protocol.single_frame_counts,
        np.array(thresholds, np.float64),
        protocol.strict,
        columns,
    )
    ranks = np.arange(len(order)) - np.repeat(videos[:-1], np.diff(videos))
    return TubeMatches(
        numbers=order[ranked],
        labels=labels[ranked],
        scores=scores[ranked],
        ranks=ranks[ranked],
        overlaps=overlaps,
        partners=partners,
        true_labels=true.labels,
        predictions=np.where(np.diff(videos) > 0, np.append(labels, -1)[videos[:-1]], -1),
    )


def _check_labels(
    tubes: FlatTubes, truth: Sequence[VideoAnnotation], classes: Sequence[str]
) -> None:
    wrong = np.flatnonzero(tubes.labels >= len(classes))
    if len(wrong):
        video = truth[int(np.searchsorted(tubes.videos, wrong[0], side="right")) - 1]
        raise InputError(
            f"video {video.name!r}: a tube has the label {tubes.labels[wrong[0]]}, but there are "
            f"only {len(classes)} classes, numbered from 0; name the data set it belongs to"
        )
