"""The nouns of the project: videos, frames, annotations, detections, tubes, and their files."""

from data.annotation import Annotations, VideoAnnotation
from data.annotation_format import find_problems, load_annotations, save_annotations
from data.class_names import read_class_names
from data.clip_frames import ClipFrames
from data.command import (
    CommandParser,
    ProgressBar,
    common_options,
    progress,
    run_command,
    write_run_record,
)
from data.daly import DALY_CLASSES, read_daly
from data.dataset import DATASETS, Dataset, open_dataset
from data.detections import Detections
from data.errors import InputError
from data.files import atomic_path, atomic_write
from data.film_split import film_of
from data.frame import Frame
from data.frame_database_writer import write_frame_database
from data.frame_names import FrameNames
from data.input_images import INPUT_TYPES, FlowVideo, open_input, stored_folder
from data.interchange import (
    FORMATS,
    Context,
    Format,
    find_format,
    read_detections,
    read_tubes,
)
from data.jhmdb import JHMDB21_CLASSES, read_jhmdb
from data.label_csv import LabelledVideos, is_label_csv, label_csv_classes, read_label_csv
from data.liris import LIRIS_CLASSES
from data.monitor import LOG_FILE, Monitor, monitor_options, open_monitor
from data.optical_flow import NO_MOTION, FlowStream, encode_flow, flow_estimator
from data.recognition_sets import RecognitionSet, recognition_set
from data.restricted_pickle import load_pickle
from data.tube import Tube, VideoTubes
from data.tube_format import load_tubes, save_tubes
from data.ucf24 import UCF24_CLASSES, read_ucf24
from data.video import open_video, read_frames
from data.video_list import ListedVideo, csv_class_names, read_video_list, write_video_list
from data.video_list_check import CheckedList, check_listed_videos
from data.video_reader import VideoReader
from data.video_writer import VideoWriter

__all__ = [
    "DALY_CLASSES",
    "DATASETS",
    "FORMATS",
    "INPUT_TYPES",
    "JHMDB21_CLASSES",
    "LIRIS_CLASSES",
    "LOG_FILE",
    "NO_MOTION",
    "UCF24_CLASSES",
    "Annotations",
    "CheckedList",
    "ClipFrames",
    "CommandParser",
    "Context",
    "Dataset",
    "Detections",
    "FlowStream",
    "FlowVideo",
    "Format",
    "Frame",
    "FrameNames",
    "InputError",
    "LabelledVideos",
    "ListedVideo",
    "Monitor",
    "ProgressBar",
    "RecognitionSet",
    "Tube",
    "VideoAnnotation",
    "VideoReader",
    "VideoTubes",
    "VideoWriter",
    "atomic_path",
    "atomic_write",
    "check_listed_videos",
    "common_options",
    "csv_class_names",
    "encode_flow",
    "film_of",
    "find_format",
    "find_problems",
    "flow_estimator",
    "is_label_csv",
    "label_csv_classes",
    "load_annotations",
    "load_pickle",
    "load_tubes",
    "monitor_options",
    "open_dataset",
    "open_input",
    "open_monitor",
    "open_video",
    "progress",
    "read_class_names",
    "read_daly",
    "read_detections",
    "read_frames",
    "read_jhmdb",
    "read_label_csv",
    "read_tubes",
    "read_ucf24",
    "read_video_list",
    "recognition_set",
    "run_command",
    "save_annotations",
    "save_tubes",
    "stored_folder",
    "write_frame_database",
    "write_run_record",
    "write_video_list",
]
