"""Recognition: networks that name the action of a clip, their training and their tests."""

from recognition.clip_models import ClipSettings
from recognition.heads.clip_classifier import ClipClassifier
from recognition.heads.segment_classifier import SegmentClassifier
from recognition.heads.seqvlad import SeqVLAD
from recognition.input_format import InputFormat
from recognition.models import MODELS, build_model, create_model, format_of
from recognition.online import OnlineClassifier, OnlineState
from recognition.sampling import MODES, SegmentSampling
from recognition.saved_models import load_model
from recognition.score_files import Scores, read_scores, write_scores
from recognition.score_fusion import fuse_idt, in_order_of, merge_scores
from recognition.segment_models import SegmentSettings
from recognition.temporal_shift import TemporalPool, TemporalShift, temporally_shifted
from recognition.transforms import (
    evaluation_transform,
    training_transform,
    validation_transform,
)

__all__ = [
    "MODELS",
    "MODES",
    "ClipClassifier",
    "ClipSettings",
    "InputFormat",
    "OnlineClassifier",
    "OnlineState",
    "Scores",
    "SegmentClassifier",
    "SegmentSampling",
    "SegmentSettings",
    "SeqVLAD",
    "TemporalPool",
    "TemporalShift",
    "build_model",
    "create_model",
    "evaluation_transform",
    "format_of",
    "fuse_idt",
    "in_order_of",
    "load_model",
    "merge_scores",
    "read_scores",
    "temporally_shifted",
    "training_transform",
    "validation_transform",
    "write_scores",
]
