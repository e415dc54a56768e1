"""Accuracy of the classes of whole videos: of their surest tubes, or by their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data import Tube, VideoAnnotation


def predicted_label(tubes: Sequence[Tube]) -> int | None:
    """Returns the class of the highest-scoring tube, the first of equal ones; None for no tube."""
    return max(tubes, key=lambda tube: tube.score).label if tubes else None


def video_accuracy(tubes: Mapping[str, Sequence[Tube]], truth: Sequence[VideoAnnotation]) -> float:
    """Returns the fraction of videos whose highest-scoring tube has the right class.

    ROAD's rule: a video's class is that of its last annotated tube, and a video without any tube
    counts as wrong. Videos without annotated tubes have no class and are left out.

    Args:
        tubes: Detected tubes by video; labels are those of the truth.
        truth: The videos that count.

    Returns:
        From 0 to 1; not a number if no video has a class.
    """
    return label_accuracy([predicted_label(tubes.get(video.name, ())) for video in truth], truth)


def label_accuracy(labels: Sequence[int | None], truth: Sequence[VideoAnnotation]) -> float:
    """Returns the same for classes predicted for the videos, one each; None is always wrong."""
    right = [
        label == video.tubes[-1].label
        for label, video in zip(labels, truth, strict=True)
        if video.tubes
    ]
    return sum(right) / len(right) if right else float("nan")


@dataclass(frozen=True, eq=False)
class ScoreAccuracy:
    """How well the scores of videos tell their classes.

    Attributes:
        labels: True class of each video, int64 (N,).
        predicted: Class with the highest score, the first of equal ones, int64 (N,).
        ranks: How many classes come before the true one, int64 (N,); 0 is right.
        positives: Videos of each class, int64 (C,).
        hits: Of these, those that are right, int64 (C,).
    """

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    ranks: NDArray[np.int64]
    positives: NDArray[np.int64]
    hits: NDArray[np.int64]

    def correct(self, k: int = 1) -> int:
        """Returns the number of videos whose true class is among the `k` first."""
        return int(np.count_nonzero(self.ranks < k))

    def top(self, k: int = 1) -> float:
        """Returns the same as a fraction of all videos, the top-`k` accuracy."""
        return self.correct(k) / len(self.ranks)

    @property
    def class_accuracies(self) -> NDArray[np.float64]:
        """Fraction of the videos of each class that are right, (C,); no number without videos."""
        with np.errstate(invalid="ignore"):
            return self.hits / self.positives

    @property
    def mean_class_accuracy(self) -> float:
        """Mean of the accuracies of the classes that have videos: TSN's "Accuracy"."""
        return float(np.nanmean(self.class_accuracies))


def score_accuracy(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> ScoreAccuracy:
    """Compares the scores of videos with their true classes.

    Classes are ranked by falling score, those of equal score by rising number. So the first one is
    that of `numpy.argmax`, by which TSN and SeqVLAD count, and top-1 and top-k go together.

    Args:
        scores: Of each video and class, higher for surer, (N, C) with at least one of each.
        labels: True classes, 0-based, (N,).

    Raises:
        ValueError: A shape does not fit, a score is not a number, or a label has no class.
    """
    if scores.ndim != 2 or 0 in scores.shape or labels.shape != scores.shape[:1]:
        raise ValueError(f"scores {scores.shape} and labels {labels.shape} do not fit")
    videos, classes = scores.shape
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must lie between 0 and {classes - 1}")
    if np.isnan(scores).any():
        raise ValueError("scores must be numbers")
    own = scores[np.arange(videos), labels, None]
    earlier = np.arange(classes) < labels[:, None]
    ranks = np.count_nonzero((scores > own) | ((scores == own) & earlier), axis=1)
    return ScoreAccuracy(
        labels.astype(np.int64),
        scores.argmax(axis=1),
        ranks,
        np.bincount(labels, minlength=classes),
        np.bincount(labels[ranks == 0], minlength=classes),
    )
