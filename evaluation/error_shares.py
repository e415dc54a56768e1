"""Of what kind the errors of ranked detections are: shares that make up the whole with the AP.

Kalogeiton, Weinzaepfel, Ferrari and Schmid, Action tubelet detector for spatio-temporal action
localization, ICCV 2017, section 4.4.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of a false positive; what remains to 1 is missed.
KINDS = ("localisation", "classification", "timing", "other")


@dataclass(frozen=True, eq=False)
class ErrorShares:
    """Of what kind errors are. For each class that is there the six shares add up to 1.

    At each place of the ranking, the detections down to there are right or wrong in one of four
    ways; the share of each is averaged over recall, by the trapezoid rule.

    Attributes:
        box_convention: Name of what was added to the boxes.
        iou_thresh: Least IoU of what is right.
        classes: Class names.
        positives: How often each class is there, shape (classes,).
        average_precisions: Of each class, by the trapezoid rule whatever the protocol, (classes,).
        false_positives: Share of each of `KINDS`, float64 (4, classes).
        missed: Share of what is there that was not found, float64 (classes,).
    """

    box_convention: str
    iou_thresh: float
    classes: tuple[str, ...]
    positives: NDArray[np.int64]
    average_precisions: NDArray[np.float64]
    false_positives: NDArray[np.float64]
    missed: NDArray[np.float64]

    def shares(self) -> dict[str, float]:
        """The six shares by name, each as mean over the classes that are there; 0 without any."""
        shares = np.vstack([self.average_precisions, self.false_positives, self.missed])
        counted = shares[:, self.positives > 0]
        means = counted.mean(axis=1) if counted.size else np.zeros(len(shares))
        return dict(zip(("average_precision", *KINDS, "missed"), means.tolist(), strict=True))


def shares_of_class(kinds: NDArray[np.int64], positives: int) -> NDArray[np.float64]:
    """Returns average precision, the share of each of `KINDS`, and what is missed, float64 (6,).

    Args:
        kinds: Of detections of a class in order of their rank: 0 if right, or else 1 + index into
            `KINDS`, shape (N,).
        positives: How often the class is there.
    """
    shares = np.zeros(len(KINDS) + 2)
    if positives == 0:
        return shares
    counts = np.cumsum(kinds == np.arange(len(KINDS) + 1)[:, None], axis=1)
    # Nothing detected counts as nothing wrong.
    rates = np.zeros((len(KINDS) + 1, len(kinds) + 1))
    rates[0, 0] = 1.0
    rates[:, 1:] = counts / np.arange(1, len(kinds) + 1)
    steps = np.diff(counts[0], prepend=0) / positives
    shares[:-1] = ((rates[:, 1:] + rates[:, :-1]) / 2 * steps).sum(axis=1)
    shares[-1] = 1 - (kinds == 0).sum() / positives
    return shares


def error_line(errors: ErrorShares) -> str:
    """Returns the shares of all kinds of errors as a line."""
    shares = list(errors.shares().items())[1:]
    kinds = ", ".join(f"{kind} {value:.4f}" for kind, value in shares)
    return f"errors at IoU {errors.iou_thresh:g} by ACT's analysis: {kinds}"


def error_figures(errors: ErrorShares) -> dict[str, Any]:
    """Returns the shares of all kinds of errors, as mean and for each class, for a report."""
    kinds = list(errors.shares())
    columns = [errors.average_precisions, *errors.false_positives, errors.missed]
    return {
        "iou_thresh": errors.iou_thresh,
        "mean": errors.shares(),
        "classes": {
            name: {kind: column[label] for kind, column in zip(kinds, columns, strict=True)}
            for label, name in enumerate(errors.classes)
        },
    }
