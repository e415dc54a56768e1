"""Evaluation: frame-mAP, video-mAP, tube IoU and video accuracy, of anybody's results."""

from evaluation.accuracy import predicted_label, video_accuracy
from evaluation.average_precision import average_precision
from evaluation.box_convention import CONTINUOUS, ROAD_BOXES, BoxConvention
from evaluation.frame_evaluation import (
    FrameEvaluation,
    FrameSettings,
    evaluate_frames,
    frame_average_precision,
)
from evaluation.protocols import ROAD, UCF_SPORTS, Protocol
from evaluation.tube_evaluation import (
    RANGE_THRESHOLDS,
    THRESHOLDS,
    TubeEvaluation,
    evaluate_tubes,
)
from evaluation.tube_iou import tube_ious

__all__ = [
    "CONTINUOUS",
    "RANGE_THRESHOLDS",
    "ROAD",
    "ROAD_BOXES",
    "THRESHOLDS",
    "UCF_SPORTS",
    "BoxConvention",
    "FrameEvaluation",
    "FrameSettings",
    "Protocol",
    "TubeEvaluation",
    "average_precision",
    "evaluate_frames",
    "evaluate_tubes",
    "frame_average_precision",
    "predicted_label",
    "tube_ious",
    "video_accuracy",
]
