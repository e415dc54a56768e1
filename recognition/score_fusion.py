"""Fuses the scores of several classifiers: two streams, several networks, and iDT.

The late fusion of two-stream networks (Simonyan and Zisserman, arXiv 1406.2199, section 4): a
weighted sum of scores. TSN (arXiv 1608.00859) and SeqVLAD sum raw logits, in which flow weighs 1.5
times as much as RGB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from recognition.score_files import Scores

Floats = npt.NDArray[np.float64]


def in_order_of(first: Scores, second: Scores) -> Scores:
    """Returns the second scores in the order of the first ones, where the names of both are known.

    Where they are not, the order is taken to be the same.

    Raises:
        ValueError: They are not of the same videos, classes and labels.
    """
    if first.logits.shape != second.logits.shape:
        videos, classes = second.logits.shape
        raise ValueError(
            f"it has {videos} videos and {classes} classes, not {first.logits.shape[0]} and "
            f"{first.logits.shape[1]}"
        )
    if first.names and second.names and first.names != second.names:
        rows = {name: row for row, name in enumerate(second.names)}
        missing = [name for name in first.names if name not in rows]
        if missing:
            raise ValueError(f"it lacks {len(missing)} videos, of which {missing[0]!r} is one")
        if len(rows) < len(second.names):
            raise ValueError("it has other names, and some of them twice")
        order = [rows[name] for name in first.names]
        second = Scores(second.logits[order], second.labels[order], first.names)
    wrong = np.flatnonzero(first.labels != second.labels)
    if len(wrong):
        row = int(wrong[0])
        video = repr(first.names[row]) if first.names else f"row {row}"
        raise ValueError(
            f"the label of {video} is {second.labels[row]}, not {first.labels[row]}, and of "
            f"{len(first.labels)} labels {len(wrong)} differ"
        )
    return second


def merge_scores(
    parts: Sequence[Scores], weights: Sequence[float], scaling: str = "none"
) -> Scores:
    """Returns the weighted sum of scores.

    Args:
        parts: Of the same videos in the same order; see `in_order_of`.
        weights: As many.
        scaling: What becomes of the scores of each part before: "none", "softmax" (probabilities),
            or "l2" (Euclidean length 1, as late temporal modelling adds two streams).

    Raises:
        ValueError: The sum is not finite.
    """
    scaled = _SCALINGS[scaling]
    logits = np.zeros(parts[0].logits.shape)
    for part, weight in zip(parts, weights, strict=True):
        logits += weight * scaled(part.logits.astype(np.float64))
    names = next((part.names for part in parts if part.names), None)
    return with_logits(parts[0], logits, names)


def fuse_idt(scores: Scores, idt: Floats, weight: float = 0.25) -> Scores:
    """Adds iDT to scores as SeqVLAD does: both at unit length, a weighted mean.

    Args:
        scores: Of networks, already merged.
        idt: Of the same videos and classes, (N, C); see `recognition.idt_scores.idt_beside`.
        weight: Of iDT, from 0 to 1; the other one is what is left of 1.
    """
    own = unit_length(scores.logits.astype(np.float64))
    return with_logits(scores, (1 - weight) * own + weight * unit_length(idt), scores.names)


def with_logits(scores: Scores, logits: Floats, names: tuple[str, ...] | None) -> Scores:
    """Returns scores of the same videos with other numbers.

    Raises:
        ValueError: They are not finite in float32.
    """
    with np.errstate(over="ignore"):
        return Scores(logits.astype(np.float32), scores.labels, names)


def softmax_of(logits: Floats) -> Floats:
    """Returns the probabilities of classes, (N, C), whose logits these are."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def unit_length(scores: Floats) -> Floats:
    """Returns rows (N, C) of Euclidean length 1; those of zeros stay as they are."""
    lengths = np.linalg.norm(scores, axis=1, keepdims=True)
    return scores / np.where(lengths > 0, lengths, 1)


_SCALINGS: dict[str, Callable[[Floats], Floats]] = {
    "none": np.asarray,
    "softmax": softmax_of,
    "l2": unit_length,
}
