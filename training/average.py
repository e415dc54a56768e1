"""The running average of the weights of a training."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def running_average(network: nn.Module, decay: float) -> AveragedModel:
    """An exponential average, over fewer steps at first: so it forgets the random start.

    Args:
        network: whose weights and statistics are averaged.
        decay: share of the average that a step leaves.
    """
    return AveragedModel(network, multi_avg_fn=_update(decay), use_buffers=True)


def _update(decay: float) -> Callable[..., None]:
    def update(
        averaged: tuple[Tensor, ...] | list[Tensor],
        current: tuple[Tensor, ...] | list[Tensor],
        updates: Tensor | int,
    ) -> None:
        now = min(decay, (1 + int(updates)) / (10 + int(updates)))
        get_ema_multi_avg_fn(now)(averaged, current, updates)

    return update
