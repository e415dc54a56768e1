"""The scores that a classifier gives videos: the mean over clips and crops."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from data.errors import InputError
from recognition.clips import Clips
from training.loading import load
from training.precision import autocast


def video_scores(
    model: nn.Module,
    clips: Clips,
    videos: Sequence[int],
    *,
    channels: int | None,
    batch_size: int,
    num_workers: int = 0,
    precision: str = "float32",
    skip_bad: bool = False,
) -> Iterator[NDArray[np.float32] | None]:
    """Yields the scores of videos before a softmax, each the mean over its crops and clips.

    The tests of TSN, TSM, LSNet and SeqVLAD, which take that mean alike.

    Args:
        model: in evaluation mode, on the device where it is.
        clips: of the videos.
        videos: which, in the order of the scores.
        channels: of one clip; None: all images of a video are one.
        batch_size: clips that the network looks at together.
        num_workers: processes that load.
        precision: see `training.precision`.
        skip_bad: whether a video that turns out to be damaged is left out, as a note says.

    Yields:
        float32 `(classes,)`; None of a video that is left out.

    Raises:
        InputError: a video cannot be read.
    """
    device = next(model.parameters()).device
    samples = load(
        clips,
        told=skip_bad,
        batch_size=None,
        sampler=[(index, index) for index in videos],
        num_workers=num_workers,
        pin_memory=device.type == "cuda",
    )
    with (
        torch.inference_mode(),
        autocast(device, precision),
    ):
        for sample in samples:
            if isinstance(sample, InputError):
                print(f"note: {sample}; it is left out", file=sys.stderr)
                yield None
                continue
            stacked, _ = sample
            views = stacked.unflatten(0, (-1, channels or len(stacked)))
            scores = [
                model(part.to(device, non_blocking=True)).float()
                for part in views.split(batch_size)
            ]
            mean: NDArray[np.float32] = torch.cat(scores).mean(0).cpu().numpy()
            yield mean
