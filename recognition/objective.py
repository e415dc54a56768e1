"""What classifiers of clips are trained for, and how good they are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

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
        return {name: total / count for name, total in losses.items()}


class _Placed(Dataset[tuple[Tensor, int]]):
    """Clips with their numbers in place of their classes."""

    def __init__(self, clips: Clips) -> None:
        self.clips = clips

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return self.clips[place, place][0], place


def validation_figures(
    model: nn.Module,
    clips: Clips,
    *,
    batch_size: int,
    num_workers: int,
    classes: int,
    skip_bad: bool = False,
) -> tuple[dict[str, Any], ScoreAccuracy]:
    """Loss and accuracy over clips, one a video, each process taking its part.

    Args:
        model: the network, on the device where it is.
        clips: to look at.
        batch_size: at a time.
        num_workers: processes that load clips.
        classes: number of classes.
        skip_bad: whether a video that turns out to be damaged is left out, as a note says.

    Returns:
        "loss", "top1", "top5" (of the videos) and "mean_class" (of the classes), as fractions; and
        what they were made of.

    Raises:
        InputError: the training has diverged, or a video cannot be read.
    """
    device = next(model.parameters()).device
    own = range(rank(), len(clips), world_size())
    batches = load(
        _Placed(clips), told=skip_bad, batch_size=batch_size, sampler=own, num_workers=num_workers
    )
    scores = torch.zeros(len(clips), classes, device=device)
    read = torch.zeros(len(clips), device=device)
    model.eval()
    bar: data.ProgressBar[None] = data.progress(
        total=len(own), description="validate", unit="video"
    )
    with torch.inference_mode(), bar:
        for batch in batches:
            if isinstance(batch, data.InputError):
                print(f"note: {batch}; it is left out", file=sys.stderr)
                bar.update()
                continue
            seen, places = batch[0].to(device), batch[1].to(device)
            scores[places] = model(seen).float()
            read[places] = 1
            bar.update(len(places))
    there = summed(read).cpu() > 0
    scores = summed(scores).cpu()[there]
    if not len(scores):
        raise data.InputError("every video to validate on is damaged; get them again")
    if not scores.isfinite().all():
        raise data.InputError("the network's scores are no numbers any more; lower --lr")
    labels = torch.tensor([video.label for video in clips.videos])[there]
    accuracy = score_accuracy(scores.numpy(), labels.numpy())
    figures = {
        "loss": round(F.cross_entropy(scores, labels).item(), 6),
        "top1": round(accuracy.top(1), 4),
        "top5": round(accuracy.top(5), 4),
        "mean_class": round(accuracy.mean_class_accuracy, 4),
    }
    return figures, accuracy
