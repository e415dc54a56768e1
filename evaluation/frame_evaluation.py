"""How well the boxes of single frames are found: frame-mAP.

The evaluator of ROAD and AMTNet (`utils/evaluation.py` and ROAD's `test-ucf24.py`), with stable
sorting where theirs leaves ties to chance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data import Detections, VideoAnnotation
from data.class_filter import frame_picks
from evaluation.average_precision import average_precision
from evaluation.box_convention import CONTINUOUS, BoxConvention, shifted
from evaluation.ground_truth import class_columns
from evaluation.overlap import match_boxes


@dataclass(frozen=True)
class FrameSettings:
    """Which boxes of a frame are detections; the defaults are those of ROAD's test script for RGB.

    Attributes:
        conf_thresh: Detections of a class must score higher than this.
        topk: At most so many of the best detections of a class and frame enter the NMS.
        nms_thresh: IoU above which the NMS drops the lower-scoring box.
        iou_thresh: Least IoU with a true box.

    Raises:
        ValueError: A setting is out of its range.
    """

    conf_thresh: float = 0.01
    topk: int = 20
    nms_thresh: float = 0.45
    iou_thresh: float = 0.5

    def __post_init__(self) -> None:
        if self.topk < 1:
            raise ValueError(f"topk must be at least 1, not {self.topk}")
        for name in ("conf_thresh", "nms_thresh", "iou_thresh"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class FrameEvaluation:
    """How good the boxes of single frames are.

    Attributes:
        classes: Class names.
        average_precisions: Of each class, 0 to 1, float64 (classes,).
        positives: Number of true boxes of each class, shape (classes,).
        detections: Number of detected boxes of each class, shape (classes,).
    """

    classes: tuple[str, ...]
    average_precisions: NDArray[np.float64]
    positives: NDArray[np.int64]
    detections: NDArray[np.int64]

    @property
    def mean_average_precision(self) -> float:
        """Mean over all classes; one without true boxes counts 0, as in ROAD."""
        return float(self.average_precisions.mean())


@dataclass(frozen=True)
class _Boxes:
    """Boxes of one class: number of the frame (N,), corners (N, 4), scores (N,)."""

    frames: NDArray[np.int64]
    boxes: NDArray[np.float64]
    scores: NDArray[np.float32]


def evaluate_frames(
    detections: Iterable[Detections],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    *,
    settings: FrameSettings | None = None,
    convention: BoxConvention = CONTINUOUS,
) -> FrameEvaluation:
    """Compares the detections of every frame with the annotated boxes.

    Args:
        detections: Of any videos; those not in `truth` are not looked at.
        truth: The videos that count. A video without detections is missed.
        classes: Class names, to which the labels of `truth` point; the detections have columns of
            these names in any order.
        settings: Which boxes are detections; None stands for ROAD's.
        convention: What is added to the boxes.

    Raises:
        InputError: The detections lack a class.
    """
    settings = settings or FrameSettings()
    # Frames are numbered through all videos, which gives the order that decides between ties.
    first_frame = np.cumsum([0, *(video.frames for video in truth)])
    firsts = dict(zip((video.name for video in truth), first_frame[:-1].tolist(), strict=True))
    found: list[list[_Boxes]] = [[] for _ in classes]
    for video in detections:
        if video.video in firsts:
            picked = _picked_boxes(video, class_columns(video.classes, classes), settings)
            for label, boxes in enumerate(picked):
                corners = shifted(boxes.boxes, convention.detection)
                frames = boxes.frames + firsts[video.video]
                found[label].append(_Boxes(frames, corners, boxes.scores))
    true: list[list[_Boxes]] = [[] for _ in classes]
    for annotation in truth:
        for tube in annotation.tubes:
            frames = firsts[annotation.name] + np.arange(tube.start, tube.end)
            corners = shifted(tube.boxes, convention.truth)
            true[tube.label].append(_Boxes(frames, corners, tube.scores))

    precisions = np.zeros(len(classes))
    for label in range(len(classes)):
        own, own_true = _joined(found[label]), _joined(true[label])
        precisions[label] = frame_average_precision(
            own.frames,
            own.boxes,
            own.scores,
            own_true.frames,
            own_true.boxes,
            settings.iou_thresh,
        )
    return FrameEvaluation(
        classes=tuple(classes),
        average_precisions=precisions,
        positives=np.array([sum(len(boxes.frames) for boxes in own) for own in true]),
        detections=np.array([sum(len(boxes.frames) for boxes in own) for own in found]),
    )


def frame_average_precision(
    frames: NDArray[np.int64],
    boxes: NDArray[np.float64],
    scores: NDArray[np.float32],
    true_frames: NDArray[np.int64],
    true_boxes: NDArray[np.float64],
    iou_thresh: float = 0.5,
) -> float:
    """Returns the average precision of the boxes of one class.

    In each frame the detections choose by falling score: each takes the true box that it overlaps
    most and that is still free, if the IoU reaches the threshold. Equal scores keep the order of
    the frames and then of the rows.

    Args:
        frames: Frame of each detection, shape (N,).
        boxes: Corners of each detection, shape (N, 4).
        scores: Score of each detection, shape (N,).
        true_frames: Frame of each true box, shape (M,).
        true_boxes: Corners of each true box, shape (M, 4).
        iou_thresh: Least IoU with a true box.
    """
    order = np.lexsort((-scores, frames))
    true_order = np.argsort(true_frames, kind="stable")
    hits = match_boxes(
        frames[order], boxes[order], true_frames[true_order], true_boxes[true_order], iou_thresh
    )
    return average_precision(scores[order], hits, len(true_frames))


def _picked_boxes(
    video: Detections, columns: Sequence[int], settings: FrameSettings
) -> list[_Boxes]:
    """What remains of the detections of each class, clipped to the frame, in frames from 0."""
    threshold, nms_iou = np.float32(settings.conf_thresh), np.float32(settings.nms_thresh)
    rows: list[list[NDArray[np.int64]]] = [[] for _ in columns]
    for frame in range(video.frames):
        boxes, scores = video.frame(frame)
        picks, starts = frame_picks(
            boxes, scores, len(video.classes), threshold, settings.topk, nms_iou, settings.topk
        )
        picks += video.offsets[frame]
        for label, column in enumerate(columns):
            rows[label].append(picks[starts[column] : starts[column + 1]])
    limits = np.array([video.width, video.height] * 2, np.float32)
    picked = []
    for column, own in zip(columns, rows, strict=True):
        own_rows = np.concatenate([np.zeros(0, np.int64), *own])
        frames = np.repeat(np.arange(video.frames), [len(picks) for picks in own])
        boxes = np.clip(video.boxes[own_rows], 0, limits).astype(np.float64)
        picked.append(_Boxes(frames, boxes, video.scores[own_rows, column]))
    return picked


def _joined(parts: Sequence[_Boxes]) -> _Boxes:
    """One list of boxes."""
    return _Boxes(
        np.concatenate([np.zeros(0, np.int64), *(part.frames for part in parts)]),
        np.concatenate([np.zeros((0, 4)), *(part.boxes for part in parts)]),
        np.concatenate([np.zeros(0, np.float32), *(part.scores for part in parts)]),
    )
