"""Detection: from frames to boxes with class scores."""

from detection.detection_stream import DetectionStream
from detection.detector import BACKENDS, Detector, choose_backend, choose_device, detect_video
from detection.network import MicroTubeNetwork

__all__ = [
    "BACKENDS",
    "DetectionStream",
    "Detector",
    "MicroTubeNetwork",
    "choose_backend",
    "choose_device",
    "detect_video",
]
