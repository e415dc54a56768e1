"""How far equal scores leave an average precision open.

The original Python programs sort in no fixed order where scores are equal, which the scores of the
cases often are.
"""

from __future__ import annotations

import numpy as np

from evaluation import FrameEvaluation, average_precision


def tie_bounds(evaluation: FrameEvaluation) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest average precision of each class, whatever comes first of equal scores."""
    bounds: list[list[float]] = [[], []]
    ends = np.cumsum(evaluation.detections)
    for label, end in enumerate(ends):
        own = slice(end - evaluation.detections[label], end)
        scores, hits = evaluation.scores[own], evaluation.hits[own]
        for bound, key in zip(bounds, (hits, ~hits), strict=True):
            order = np.lexsort((key, -scores))
            bound.append(
                average_precision(
                    scores[order],
                    hits[order],
                    evaluation.positives[label],
                    evaluation.protocol.method,
                )
            )
    return np.array(bounds[0]), np.array(bounds[1])


def assert_within_ties(evaluation: FrameEvaluation, expected: np.ndarray, atol: float) -> None:
    """Asserts that the average precisions are those expected, up to the order of equal scores."""
    lowest, highest = tie_bounds(evaluation)
    assert (np.asarray(expected) >= lowest - atol).all()
    assert (np.asarray(expected) <= highest + atol).all()
    # So it says something: the order of equal scores matters little.
    assert (highest - lowest).max() < 5e-3
