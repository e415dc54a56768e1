"""Checkpoints: the registry of names, the file format, and the layouts of published files."""

from weights.checkpoint import Checkpoint, load_checkpoint, load_tensors, save_checkpoint
from weights.classifier import ClassifierCheckpoint, load_classifier, save_classifier
from weights.normalisation import merge_normalisation
from weights.registry import resolve_weights, shipped_weights

__all__ = [
    "Checkpoint",
    "ClassifierCheckpoint",
    "load_checkpoint",
    "load_classifier",
    "load_tensors",
    "merge_normalisation",
    "resolve_weights",
    "save_checkpoint",
    "save_classifier",
    "shipped_weights",
]
