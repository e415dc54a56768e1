"""What classifiers of clips are trained for, and how good they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import data
from evaluation import ScoreAccuracy, score_accuracy
from recognition.clips import Clips
from training.distributed import rank, summed, world_size
from training.loading import load


class ClipObjective:
    """The cross entropy of clips; see `training.settings.Objective`.

    Batches are clips and classes, as of `recognition.clips`.
    """

    unit = "clip"

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._clips = 0

    def taken(self) -> dict[str, float]:
        """The means over all clips since this was last asked for, of all processes."""
        means = {name: (summed(total) / self._clips).item() for name, total in self._sums.items()}
        self._sums, self._clips = {}, 0
        return means

    def count(self, batch: Any) -> Tensor:
        """The clips."""
        clips, labels = batch
        return torch.tensor(len(labels), device=clips.device)

    def losses(self, forward: Callable[..., Any], batch: Any, count: Tensor) -> dict[str, Tensor]:
        """The mean over the clips of a whole batch, and the shares that are told rightly."""
        clips, labels = batch
        scores = forward(clips).float()
        best = scores.detach().topk(min(5, scores.shape[1])).indices == labels[:, None]
        losses = {
            "loss": F.cross_entropy(scores, labels, reduction="sum"),
            "top1": best[:, 0].sum(),
            "top5": best.sum(),
        }
        self._clips += len(labels) * world_size()
        for name, total in losses.items():
            self._sums[name] = self._sums.get(name, 0) + total.detach()
        return {name: total / count for name, total in losses.items()}


def validation_figures(
    model: nn.Module, clips: Clips, *, batch_size: int, num_workers: int, classes: int
) -> tuple[dict[str, Any], ScoreAccuracy]:
    """Loss and accuracy over clips, one a video, each process taking its part.

    Where damaged videos are skipped, those in their places count, see `Clips`.

    Args:
        model: the network, on the device where it is.
        clips: to look at.
        batch_size: at a time.
        num_workers: processes that load clips.
        classes: number of classes.

    Returns:
        "loss", "top1", "top5" (of the videos) and "mean_class" (of the classes), as fractions; and
        what they were made of.

    Raises:
        InputError: the training has diverged, or a video cannot be read.
    """
    device = next(model.parameters()).device
    own = range(rank(), len(clips), world_size())
    batches = load(
        clips,
        batch_size=batch_size,
        sampler=[(index, index) for index in own],
        num_workers=num_workers,
    )
    total = -(-len(own) // batch_size)
    scores = torch.zeros(len(clips), classes, device=device)
    labels = torch.zeros(len(clips), dtype=torch.long, device=device)
    place = rank()
    model.eval()
    with torch.inference_mode():
        for batch, of_batch in data.progress(
            batches, total=total, description="validate", unit="batch"
        ):
            found = model(batch.to(device)).float()
            places = slice(place, place + len(found) * world_size(), world_size())
            scores[places], labels[places] = found, of_batch.to(device)
            place = places.stop
    scores, labels = summed(scores).cpu(), summed(labels).cpu()
    if not scores.isfinite().all():
        raise data.InputError("the network's scores are no numbers any more; lower --lr")
    accuracy = score_accuracy(scores.numpy(), labels.numpy())
    figures = {
        "loss": round(F.cross_entropy(scores, labels).item(), 6),
        "top1": round(accuracy.top(1), 4),
        "top5": round(accuracy.top(5), 4),
        "mean_class": round(accuracy.mean_class_accuracy, 4),
    }
    return figures, accuracy
