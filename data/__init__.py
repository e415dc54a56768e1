"""The nouns of the project: videos, frames, annotations, detections, tubes, and their files."""

from data.annotation import Annotations, VideoAnnotation
from data.command import CommandParser, common_options, progress, run_command, write_run_record
from data.detections import Detections
from data.errors import InputError
from data.files import atomic_path, atomic_write
from data.frame import Frame
from data.tube import Tube, VideoTubes

__all__ = [
    "Annotations",
    "CommandParser",
    "Detections",
    "Frame",
    "InputError",
    "Tube",
    "VideoAnnotation",
    "VideoTubes",
    "atomic_path",
    "atomic_write",
    "common_options",
    "progress",
    "run_command",
    "write_run_record",
]
