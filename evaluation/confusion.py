"""Which classes are taken for which."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data import Tube, VideoAnnotation
from evaluation.accuracy import ScoreAccuracy, predicted_label
from evaluation.box_convention import CONTINUOUS, BoxConvention
from evaluation.frame_boxes import FrameBoxes
from evaluation.frame_evaluation import boxes_by_class
from evaluation.frame_protocols import FRAME_ROAD, FrameProtocol
from evaluation.overlap import match_boxes
from evaluation.protocols import ROAD, Protocol
from evaluation.tube_evaluation import find_true_tubes

# Of the boxes in frames only those with a higher score are compared: detectors give weaker ones by
# the dozen, each to several classes, and what they are taken for says nothing.
BOX_SCORE = 0.25


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """How often one class was taken for another.

    Attributes:
        classes: Class names, C of them.
        counts: True classes in rows, predicted ones in columns, int64 (C + 1, C + 1). The last row
            counts what was found where nothing is, the last column what was not found.
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]


def video_confusion(
    tubes: Mapping[str, Sequence[Tube]], truth: Sequence[VideoAnnotation], classes: Sequence[str]
) -> ConfusionMatrix:
    """Compares the classes of videos with those of their surest tubes; see `video_accuracy`.

    Args:
        tubes: Detected tubes by video.
        truth: The videos that count; those without annotated tubes are left out.
        classes: Class names, to which the labels of both point.
    """
    counts = np.zeros((len(classes) + 1, len(classes) + 1), np.int64)
    for video in truth:
        if video.tubes:
            predicted = predicted_label(tubes.get(video.name, ()))
            counts[video.tubes[-1].label, -1 if predicted is None else predicted] += 1
    return ConfusionMatrix(tuple(classes), counts)


def score_confusion(accuracy: ScoreAccuracy, classes: Sequence[str]) -> ConfusionMatrix:
    """Compares the classes of videos with those of their highest scores.

    There is always a class, so the last row and column are empty.

    Args:
        accuracy: Of the scores.
        classes: Class names, to which the labels point.
    """
    counts = np.zeros((len(classes) + 1, len(classes) + 1), np.int64)
    np.add.at(counts, (accuracy.labels, accuracy.predicted), 1)
    return ConfusionMatrix(tuple(classes), counts)


def tube_confusion(
    tubes: Mapping[str, Sequence[Tube]],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    *,
    threshold: float = 0.5,
    protocol: Protocol = ROAD,
    convention: BoxConvention = CONTINUOUS,
) -> ConfusionMatrix:
    """Compares the classes of true tubes with those of the tubes that found them.

    In each video the detected tubes choose by falling score among the true ones of all classes:
    each takes the one that it overlaps most and that is still free. So a tube in the right place
    with the wrong class counts as confused if no better one is there.

    Args:
        tubes: See `evaluate_tubes`.
        truth: See `evaluate_tubes`.
        classes: See `evaluate_tubes`.
        threshold: Of the tube IoU.
        protocol: See `evaluate_tubes`.
        convention: See `evaluate_tubes`.

    Raises:
        InputError: A label has no class.
    """
    matches = find_true_tubes(
        tubes, truth, classes, [threshold], protocol, convention, any_class=True
    )
    return _counted(classes, matches.labels, matches.true_labels, matches.partners[0])


def frame_confusion(
    found: Iterable[FrameBoxes],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    *,
    protocol: FrameProtocol = FRAME_ROAD,
    iou_thresh: float | None = None,
    convention: BoxConvention = CONTINUOUS,
    annotated_only: bool = False,
    min_score: float = BOX_SCORE,
) -> ConfusionMatrix:
    """Compares the classes of true boxes with those of the boxes that found them.

    In each frame boxes choose as tubes do in `tube_confusion`, whatever the protocol.

    Args:
        found: See `evaluate_frame_boxes`.
        truth: See `evaluate_frame_boxes`.
        classes: See `evaluate_frame_boxes`.
        protocol: Says the least IoU where none is given.
        iou_thresh: Least IoU with a true box; None stands for the protocol's.
        convention: See `evaluate_frame_boxes`.
        annotated_only: See `evaluate_frame_boxes`.
        min_score: Boxes must score higher.

    Raises:
        InputError: A label has no class.
    """
    threshold = protocol.settings.iou_thresh if iou_thresh is None else iou_thresh
    boxes = boxes_by_class(found, truth, classes, annotated_only)
    labels, true_labels = (
        np.repeat(np.arange(len(boxes)), [len(each) for each in every])
        for every in ([own.frames for own in boxes], [own.true_frames for own in boxes])
    )
    frames = np.concatenate([own.frames for own in boxes])
    scores = np.concatenate([own.scores for own in boxes])
    order = np.lexsort((-scores, frames))
    order = order[scores[order] > np.float32(min_score)]
    true_frames = np.concatenate([own.true_frames for own in boxes])
    true_order = np.argsort(true_frames, kind="stable")
    partners = match_boxes(
        frames[order],
        np.concatenate([own.boxes for own in boxes])[order],
        np.array(convention.detection, np.float64),
        true_frames[true_order],
        np.concatenate([own.true_boxes for own in boxes])[true_order],
        np.array(convention.frame_truth, np.float64),
        threshold,
        True,
    )
    return _counted(classes, labels[order], true_labels[true_order], partners)


def _counted(
    classes: Sequence[str],
    labels: NDArray[np.int64],
    true_labels: NDArray[np.int64],
    partners: NDArray[np.integer],
) -> ConfusionMatrix:
    """Counts pairs of classes.

    Args:
        classes: Class names.
        labels: Class of what was found, shape (N,).
        true_labels: Class of what is there, shape (M,).
        partners: Number of the true one that each has found, or -1, shape (N,).
    """
    counts = np.zeros((len(classes) + 1, len(classes) + 1), np.int64)
    # A partner of -1 is the last of these labels: nothing.
    np.add.at(counts, (np.append(true_labels, len(classes))[partners], labels), 1)
    missed = np.delete(true_labels, partners[partners >= 0])
    counts[:-1, -1] = np.bincount(missed, minlength=len(classes))
    return ConfusionMatrix(tuple(classes), counts)
