"""Evaluation: frame-mAP, video-mAP, tube IoU and accuracies, of anybody's results."""

from evaluation.accuracy import ScoreAccuracy, predicted_label, score_accuracy, video_accuracy
from evaluation.average_precision import PrecisionRecall, average_precision
from evaluation.box_convention import BOX_CONVENTIONS, CONTINUOUS, ROAD_BOXES, BoxConvention
from evaluation.confusion import (
    ConfusionMatrix,
    frame_confusion,
    score_confusion,
    tube_confusion,
    video_confusion,
)
from evaluation.early_prediction import EarlyPrediction, evaluate_early, first_part
from evaluation.frame_boxes import FrameBoxes, boxes_of_detections, boxes_of_tubes
from evaluation.frame_errors import FrameErrors, analyse_frame_errors
from evaluation.frame_evaluation import FrameEvaluation, evaluate_frame_boxes, evaluate_frames
from evaluation.frame_protocols import FRAME_PROTOCOLS, FRAME_ROAD, FrameProtocol, FrameSettings
from evaluation.protocols import PROTOCOLS, RANGE_THRESHOLDS, ROAD, UCF_SPORTS, Protocol
from evaluation.recall_curves import RecallCurves, frame_recall, tube_recall
from evaluation.tube_errors import TubeErrors, analyse_tube_errors
from evaluation.tube_evaluation import THRESHOLDS, TubeEvaluation, evaluate_tubes
from evaluation.tube_iou import tube_ious

__all__ = [
    "BOX_CONVENTIONS",
    "CONTINUOUS",
    "FRAME_PROTOCOLS",
    "FRAME_ROAD",
    "PROTOCOLS",
    "RANGE_THRESHOLDS",
    "ROAD",
    "ROAD_BOXES",
    "THRESHOLDS",
    "UCF_SPORTS",
    "BoxConvention",
    "ConfusionMatrix",
    "EarlyPrediction",
    "FrameBoxes",
    "FrameErrors",
    "FrameEvaluation",
    "FrameProtocol",
    "FrameSettings",
    "PrecisionRecall",
    "Protocol",
    "RecallCurves",
    "ScoreAccuracy",
    "TubeErrors",
    "TubeEvaluation",
    "analyse_frame_errors",
    "analyse_tube_errors",
    "average_precision",
    "boxes_of_detections",
    "boxes_of_tubes",
    "evaluate_early",
    "evaluate_frame_boxes",
    "evaluate_frames",
    "evaluate_tubes",
    "first_part",
    "frame_confusion",
    "frame_recall",
    "predicted_label",
    "score_accuracy",
    "score_confusion",
    "tube_confusion",
    "tube_ious",
    "tube_recall",
    "video_accuracy",
    "video_confusion",
]
