"""Squeeze and Recursion: feature maps times what a recurrent network makes of their means.

Stergiou and Poppe, "Learn to Cycle: Time-Consistent Feature Discovery for Action Recognition"
(arXiv 2006.08247), section 3, as the code of its authors has it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

GATES = ("off", "published", "cyclic")
_LAYERS = 2


class SqueezeRecursion(nn.Module):
    """Multiplies each channel at each time by a number in (-1, 1).

    Args:
        channels: of the maps.
        gate: which clips are multiplied:
            "off": all.
            "published": none. The gate of the published code never opens, so networks that were
                trained with it are plain ones.
            "cyclic": those whose means are consistent in time with what the recurrent network
                makes of them, see `time_consistent`.
    """

    def __init__(self, channels: int, gate: str = "off") -> None:
        super().__init__()
        if gate not in GATES:
            raise ValueError(f"gate must be one of {', '.join(GATES)}, not {gate}")
        self.lstm = nn.LSTM(channels, channels, _LAYERS)
        # What is never used has no gradients for several processes to wait for.
        self.lstm.requires_grad_(gate != "published")
        self.gate = gate

    def forward(self, maps: Tensor) -> Tensor:
        """The maps multiplied, `(N, C, T, H, W)` as they are."""
        if self.gate == "published":
            return maps
        means = spatial_means(maps)
        factors = recalibration(self.lstm, means)
        if self.gate == "cyclic":
            is_open = time_consistent(means, factors) | time_consistent(factors, means)
            factors = torch.where(is_open[:, None, None], factors, 1)
        return maps * factors[..., None, None]


def spatial_means(maps: Tensor) -> Tensor:
    """The means of maps `(N, C, T, H, W)` over height and width, `(N, C, T)`."""
    return maps.mean((3, 4))


def recalibration(recurrence: nn.LSTM | nn.GRU, means: Tensor) -> Tensor:
    """What a recurrent network that runs over time makes of `(N, C, T)`, of the same shape."""
    output, _ = recurrence(means.permute(2, 0, 1))
    factors: Tensor = output.permute(1, 2, 0)
    return factors


@torch.no_grad()
def time_consistent(first: Tensor, second: Tensor) -> Tensor:
    """Whether each step of a sequence is nearest to the step of the same time of another.

    The paper's cycle consistency. The published code compares exponentials of the distances of
    numbers of half precision, so that large activations are not consistent with themselves.

    Args:
        first: `(N, C, T)`.
        second: likewise.

    Returns:
        bool `(N,)`.
    """
    steps, others = (sequence.double().transpose(1, 2) for sequence in (first, second))
    # Not by a product of matrices: its rounding shows where steps are nearly alike.
    distances = torch.cdist(steps, others, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = distances.argmin(2)
    return (nearest == torch.arange(first.shape[2], device=first.device)).all(1)
