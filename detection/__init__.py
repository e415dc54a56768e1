"""Detection: from frames to boxes with class scores."""

from detection.detector import DetectionStream, Detector, choose_device, detect_video
from detection.network import MicroTubeNetwork

__all__ = [
    "DetectionStream",
    "Detector",
    "MicroTubeNetwork",
    "choose_device",
    "detect_video",
]
