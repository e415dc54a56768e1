"""Average precision of a ranked list of detections."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Method = Literal["envelope", "trapezoid"]


def average_precision(
    scores: ArrayLike, hits: ArrayLike, positives: int, method: Method = "envelope"
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
    hit_array = np.asarray(hits, np.bool_)
    if positives == 0 or len(hit_array) == 0:
        return 0.0
    ranking = np.argsort(-np.asarray(scores), kind="stable")
    found = np.cumsum(hit_array[ranking])
    precision = found / np.arange(1, len(found) + 1)
    recall = found / positives
    if method == "trapezoid":
        return _trapezoid(np.append(1.0, precision), np.append(0.0, recall))
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def _trapezoid(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> float:
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2))
