"""Average precision of a ranked list of detections, and the curve that it is the area under."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Method = Literal["envelope", "trapezoid"]


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Precision and recall among the best detections of one class, at each place of the ranking.

    Attributes:
        scores: Of the detections, falling, shape (N,).
        precisions: Share of true positives among the detections down to each, float64 (N,).
        recalls: Share of the objects that is found by them, float64 (N,).
        average_precision: Area under the curve by the rule of the protocol, 0 to 1.
    """

    scores: NDArray[np.float32]
    precisions: NDArray[np.float64]
    recalls: NDArray[np.float64]
    average_precision: float


def average_precision(
    scores: ArrayLike, hits: ArrayLike, positives: float, method: Method = "envelope"
) -> float:
    """Returns the area under the precision-recall curve of one class.

    `envelope` is the rule of PASCAL VOC since 2010 (ROAD's `xVOCap`): precision is first made to
    fall monotonically, then every step of recall counts with its precision. `trapezoid` joins the
    points of the curve, starting from precision 1 at recall 0, by straight lines (ACT, MOC); it is
    lower for the same ranking.

    Args:
        scores: Score of each detection, shape (N,). Of equal scores the earlier one ranks higher.
        hits: Whether each detection is a true positive, shape (N,).
        positives: Number of objects to be found.
        method: How the area is taken.

    Returns:
        From 0 to 1; 0 for a class without detections and, as in ROAD, for one without objects.
    """
    ranking = np.argsort(-np.asarray(scores), kind="stable")
    return area(np.asarray(hits, np.bool_)[ranking], positives, method == "trapezoid")


@njit(cache=True)
def area(hits: NDArray[np.bool_], positives: float, trapezoid: bool) -> float:
    """The same for detections that stand in order of their rank."""
    if positives <= 0:
        return 0.0
    found = 0
    total = 0.0
    if trapezoid:
        before = 1.0
        for place in range(hits.shape[0]):
            found += hits[place]
            precision = found / (place + 1)
            if hits[place]:
                total += (before + precision) / 2
            before = precision
    else:
        found = hits.sum()
        highest = 0.0
        for place in range(hits.shape[0] - 1, -1, -1):
            highest = max(highest, found / (place + 1))
            if hits[place]:
                total += highest
                found -= 1
    return total / positives


@njit(cache=True)
def class_figures(
    overlaps: NDArray[np.float64],
    firsts: NDArray[np.int64],
    positives: NDArray[np.float64],
    trapezoid: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average precision and mean overlap of each class at each threshold, shapes (K, classes).

    Args:
        overlaps: Of detections that stand class by class in order of their rank, with the object
            that each found at each threshold, negative where it found none, shape (K, N).
        firsts: Where each class begins among them, shape (classes + 1,).
        positives: Number of objects of each class, shape (classes,).
        trapezoid: Whether the area is taken as `trapezoid` or as `envelope`.

    Returns:
        The mean is taken as ROAD does, with 1e-6 added to the sum and 1e-5 to the number; it is 0
        for a class without detections.
    """
    shape = (overlaps.shape[0], positives.shape[0])
    precisions, means = np.zeros(shape), np.zeros(shape)
    for label in range(shape[1]):
        first, end = firsts[label], firsts[label + 1]
        if first == end:
            continue
        for row in range(shape[0]):
            hits = overlaps[row, first:end] >= 0
            precisions[row, label] = area(hits, positives[label], trapezoid)
            total = 1e-6
            for place in range(first, end):
                total += max(overlaps[row, place], 0.0)
            means[row, label] = total / (hits.sum() + 1e-5)
    return precisions, means


def precision_recall(
    scores: NDArray[np.float32], hits: NDArray[np.bool_], positives: float, method: Method
) -> PrecisionRecall:
    """Returns the curve of detections that stand in order of their rank; recall is 0 of nothing."""
    found = np.cumsum(hits)
    return PrecisionRecall(
        scores=scores,
        precisions=found / np.arange(1, len(found) + 1),
        recalls=found / positives if positives > 0 else np.zeros(len(found)),
        average_precision=area(hits, positives, method == "trapezoid"),
    )
