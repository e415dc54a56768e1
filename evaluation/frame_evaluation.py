"""How well the boxes of single frames are found: frame-mAP.

The evaluators of ROAD and AMTNet (`utils/evaluation.py`, ROAD's `test-ucf24.py` and `frameAp.m`),
ACT, MOC, YOWO and 3D-RetinaNet, with stable sorting where theirs leave ties to chance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data import Detections, InputError, VideoAnnotation
from evaluation.average_precision import PrecisionRecall, area, precision_recall
from evaluation.box_convention import CONTINUOUS, BoxConvention
from evaluation.frame_boxes import FrameBoxes, boxes_of_detections
from evaluation.frame_protocols import FRAME_ROAD, FrameProtocol, FrameSettings
from evaluation.ground_truth import class_columns
from evaluation.overlap import match_boxes

# Numbers of frames of the first video begin at 0, of the second here, and so on.
VIDEO_FRAMES = 2**31


@dataclass(frozen=True, eq=False)
class FrameEvaluation:
    """How good the boxes of single frames are. Shares and precisions are from 0 to 1.

    Attributes:
        protocol: The rules of the comparison.
        box_convention: Name of what was added to the boxes.
        annotated_only: Whether only frames with true boxes were looked at.
        iou_thresh: Least IoU with a true box.
        classes: Class names.
        average_precisions: Of each class, float64 (classes,).
        positives: Number of true boxes of each class, shape (classes,).
        detections: Number of detected boxes of each class, shape (classes,).
        scores: Scores of the boxes, class by class, best first, float32 (N,).
        hits: Whether each of these is a true positive, shape (N,).
    """

    protocol: FrameProtocol
    box_convention: str
    annotated_only: bool
    iou_thresh: float
    classes: tuple[str, ...]
    average_precisions: NDArray[np.float64]
    positives: NDArray[np.int64]
    detections: NDArray[np.int64]
    scores: NDArray[np.float32]
    hits: NDArray[np.bool_]

    @property
    def mean_average_precision(self) -> float:
        """Mean over all classes; one without true boxes counts 0, or not at all in YOWO."""
        counted = self.positives > 0 if self.protocol.only_true_classes else slice(None)
        own = self.average_precisions[counted]
        return float(own.mean()) if len(own) else 0.0

    def curve(self, label: int) -> PrecisionRecall:
        """Precision and recall of a class."""
        end = int(self.detections[: label + 1].sum())
        own = slice(end - int(self.detections[label]), end)
        return precision_recall(
            self.scores[own], self.hits[own], int(self.positives[label]), self.protocol.method
        )


@dataclass(frozen=True, eq=False)
class ClassBoxes:
    """Found and true boxes of one class, both in order of frames, the found ones best first.

    Attributes:
        frames: Number of the frame of each found box through all videos, int64 (N,).
        boxes: Corners of each found box, float32 (N, 4).
        scores: Score of each found box, float32 (N,).
        true_frames: Number of the frame of each true box, int64 (M,).
        true_boxes: Corners of each true box, float32 (M, 4).
    """

    frames: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    true_frames: NDArray[np.int64]
    true_boxes: NDArray[np.float32]

    def hits(
        self, iou_thresh: float, convention: BoxConvention, only_free: bool
    ) -> NDArray[np.bool_]:
        """Tells which found boxes are true positives."""
        partners = match_boxes(
            self.frames,
            self.boxes,
            np.array(convention.detection, np.float64),
            self.true_frames,
            self.true_boxes,
            np.array(convention.frame_truth, np.float64),
            iou_thresh,
            only_free,
        )
        return partners >= 0


def evaluate_frames(
    detections: Iterable[Detections],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    *,
    protocol: FrameProtocol = FRAME_ROAD,
    settings: FrameSettings | None = None,
    convention: BoxConvention = CONTINUOUS,
    annotated_only: bool = False,
) -> FrameEvaluation:
    """Compares the detections of every frame with the annotated boxes.

    Args:
        detections: Of any videos; those not in `truth` are not looked at.
        truth: The videos that count. A video without detections is missed.
        classes: Class names, to which the labels of `truth` point; the detections have columns of
            these names in any order. A class that they do not have is missed.
        protocol: How boxes are chosen, compared and ranked.
        settings: Numbers to go with it; None stands for the protocol's own.
        convention: What is added to the boxes.
        annotated_only: Whether detections in frames without true boxes are left out, so that it
            does not matter whether the videos are cut to what is annotated.

    Raises:
        InputError: The detections know none of the classes.
    """
    settings = settings or protocol.settings
    found = choose_boxes(detections, truth, classes, protocol, settings, convention)
    return evaluate_frame_boxes(
        found,
        truth,
        classes,
        protocol=protocol,
        iou_thresh=settings.iou_thresh,
        convention=convention,
        annotated_only=annotated_only,
    )


def choose_boxes(
    detections: Iterable[Detections],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    protocol: FrameProtocol,
    settings: FrameSettings,
    convention: BoxConvention,
) -> list[FrameBoxes]:
    """Chooses boxes as a protocol does; arguments as of `evaluate_frames`.

    Raises:
        InputError: The detections know none of the classes.
    """
    wanted = {video.name for video in truth}
    return [
        boxes_of_detections(
            video,
            class_columns(video.classes, classes, video.video),
            protocol,
            settings,
            convention.edge,
        )
        for video in detections
        if video.video in wanted
    ]


def evaluate_frame_boxes(
    found: Iterable[FrameBoxes],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    *,
    protocol: FrameProtocol = FRAME_ROAD,
    iou_thresh: float | None = None,
    convention: BoxConvention = CONTINUOUS,
    annotated_only: bool = False,
) -> FrameEvaluation:
    """Compares boxes that were chosen before, such as those of tubes or of fused streams.

    In each frame the boxes of a class choose by falling score: each takes the true box that it
    overlaps most and that is still free, if the IoU reaches the threshold. Equal scores keep the
    order of the videos, of the frames, and then that of the boxes.

    Args:
        found: Boxes of any videos; those not in `truth` are not looked at.
        truth: See `evaluate_frames`.
        classes: See `evaluate_frames`.
        protocol: How boxes are compared and ranked; it chooses none.
        iou_thresh: Least IoU with a true box; None stands for the protocol's.
        convention: See `evaluate_frames`.
        annotated_only: See `evaluate_frames`.

    Raises:
        InputError: A label has no class.
    """
    threshold = protocol.settings.iou_thresh if iou_thresh is None else iou_thresh
    boxes = boxes_by_class(found, truth, classes, annotated_only)
    scores, hits = [np.zeros(0, np.float32)], [np.zeros(0, np.bool_)]
    for own in boxes:
        ranking = np.argsort(-own.scores, kind="stable")
        scores.append(own.scores[ranking])
        hits.append(own.hits(threshold, convention, protocol.only_free)[ranking])
    positives = np.array([len(own.true_frames) for own in boxes])
    return FrameEvaluation(
        protocol=protocol,
        box_convention=convention.name,
        annotated_only=annotated_only,
        iou_thresh=threshold,
        classes=tuple(classes),
        average_precisions=np.array(
            [
                area(own, sought, protocol.method == "trapezoid")
                for own, sought in zip(hits[1:], positives.tolist(), strict=True)
            ]
        ),
        positives=positives,
        detections=np.array([len(own.frames) for own in boxes]),
        scores=np.concatenate(scores),
        hits=np.concatenate(hits),
    )


def boxes_by_class(
    found: Iterable[FrameBoxes],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    annotated_only: bool,
) -> list[ClassBoxes]:
    """Sorts found and true boxes by class; arguments as of `evaluate_frame_boxes`.

    Raises:
        InputError: A label has no class.
    """
    firsts = {video.name: index * VIDEO_FRAMES for index, video in enumerate(truth)}
    given = [video for video in found if video.video in firsts]
    for video in given:
        if len(video.labels) and video.labels.max() >= len(classes):
            raise InputError(
                f"video {video.video!r}: a box has the label {video.labels.max()}, but there are "
                f"only {len(classes)} classes, numbered from 0; name the data set it belongs to"
            )
    tubes = [(video.name, tube) for video in truth for tube in video.tubes]
    spans = [firsts[name] + np.arange(tube.start, tube.end) for name, tube in tubes]
    true_frames = np.concatenate([np.zeros(0, np.int64), *spans])
    true_labels = np.repeat(
        np.array([tube.label for _, tube in tubes], np.int64), [len(span) for span in spans]
    )
    true_boxes = np.concatenate([np.zeros((0, 4), np.float32), *(tube.boxes for _, tube in tubes)])
    frames = np.concatenate(
        [np.zeros(0, np.int64), *(firsts[video.video] + video.frames for video in given)]
    )
    labels = np.concatenate([np.zeros(0, np.int64), *(video.labels for video in given)])
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(video.boxes for video in given)])
    scores = np.concatenate([np.zeros(0, np.float32), *(video.scores for video in given)])

    order = np.lexsort((-scores, frames, labels))
    if annotated_only:
        order = order[np.isin(frames[order], true_frames)]
    true_order = np.lexsort((true_frames, true_labels))
    ends = np.searchsorted(labels[order], np.arange(len(classes) + 1))
    true_ends = np.searchsorted(true_labels[true_order], np.arange(len(classes) + 1))
    sorted_boxes = []
    for label in range(len(classes)):
        own = order[ends[label] : ends[label + 1]]
        true = true_order[true_ends[label] : true_ends[label + 1]]
        sorted_boxes.append(
            ClassBoxes(frames[own], boxes[own], scores[own], true_frames[true], true_boxes[true])
        )
    return sorted_boxes
