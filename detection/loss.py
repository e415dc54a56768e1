"""The multi-box loss with hard negatives, for micro-tubes.

Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2, as AMTNet computes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

NEGATIVES_PER_POSITIVE = 3


def hard_negatives(scores: Tensor, classes: Tensor) -> Tensor:
    """The negatives of each sample that look least like background, three for each positive.

    Args:
        scores: `(B, P, classes + 1)` before softmax, background in column 0.
        classes: `(B, P)` int64 targets, 0 for background.

    Returns:
        `(B, P)` bool.
    """
    with torch.no_grad():
        surprise = -F.log_softmax(scores, -1)[..., 0]
        positive = classes > 0
        surprise[positive] = -torch.inf
        wanted = NEGATIVES_PER_POSITIVE * positive.sum(1, keepdim=True)
        rank = surprise.argsort(1, descending=True).argsort(1)
        return (rank < wanted) & ~positive


def multi_box_loss(
    scores: Tensor,
    offsets: Tensor,
    classes: Tensor,
    target_offsets: Tensor,
    positives: Tensor | None = None,
) -> dict[str, Tensor]:
    """Localisation and classification loss of a batch, each divided by the number of positives.

    Args:
        scores: `(B, P, classes + 1)` before softmax, background in column 0.
        offsets: `(B, P, 4 S)` predicted offsets.
        classes: `(B, P)` int64 targets, 0 for background.
        target_offsets: `(B, P, 4 S)`; only those of positives count.
        positives: how many there are, at least 1, where this is a part of a batch.

    Returns:
        "loc" (smooth L1 over the coordinates of positives) and "cls" (cross entropy over positives
        and hard negatives). Both are 0 for a batch without positives.
    """
    positive = classes > 0
    count = positive.sum().clamp(min=1) if positives is None else positives
    loc = F.smooth_l1_loss(offsets[positive], target_offsets[positive], reduction="sum")
    used = positive | hard_negatives(scores, classes)
    cls = F.cross_entropy(scores[used], classes[used], reduction="sum")
    return {"loc": loc / count, "cls": cls / count}


class MicroTubeObjective:
    """The multi-box loss as what a network is trained for; see `training.settings.Objective`.

    Batches are images of each stream, classes and offsets, as of `detection.samples`.
    """

    unit = "micro-tube"

    def count(self, batch: Any) -> Tensor:
        """The positives."""
        _, classes, _ = batch
        return (classes > 0).sum()

    def losses(self, forward: Callable[..., Any], batch: Any, count: Tensor) -> dict[str, Tensor]:
        """The losses of classes and of boxes."""
        images, classes, offsets = batch
        scores, predicted = forward(*images)
        kind = offsets.dtype
        return multi_box_loss(scores.to(kind), predicted.to(kind), classes, offsets, count)
