"""The temporal shift: part of the channels of a segment come from its neighbours.

TSM (Lin et al., arXiv 1811.08383, section 3), as its code places it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def temporal_shift(
    frames: Tensor, segments: int, divisor: int = 8, *, past_only: bool = False
) -> Tensor:
    """Replace channels of each segment by those of the next and of the previous one.

    Always a new tensor: the published variant that works in place spoils the identity branch of a
    residual block, which is the same tensor.

    Args:
        frames: `(clips * segments, channels, height, width)`, the segments of a clip in a row.
        segments: of a clip.
        divisor: `channels // divisor` channels come from each neighbour; zeros where there is none.
        past_only: nothing comes from the next segment, and the first channels from the previous
            one, so that a clip can be seen frame by frame as it comes.
    """
    fold = frames.shape[1] // divisor
    ahead, behind = (0, fold) if past_only else (fold, 2 * fold)
    clips = frames.unflatten(0, (-1, segments))
    moved: Tensor = _Shift.apply(clips, slice(0, ahead), slice(ahead, behind))
    return moved.flatten(0, 1)


class _Shift(torch.autograd.Function):
    """Its own derivative, the other way round; each number is copied once, in both directions."""

    @staticmethod
    def forward(clips: Tensor, from_next: slice, from_previous: slice) -> Tensor:
        moved = torch.empty_like(clips)
        rest = max(from_next.stop, from_previous.stop)
        moved[:, :, rest:] = clips[:, :, rest:]
        moved[:, :-1, from_next] = clips[:, 1:, from_next]
        moved[:, -1, from_next] = 0
        moved[:, 1:, from_previous] = clips[:, :-1, from_previous]
        moved[:, 0, from_previous] = 0
        return moved

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, ctx.from_next, ctx.from_previous = inputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _Shift.apply(gradient, ctx.from_previous, ctx.from_next), None, None


class TemporalShift(nn.Module):
    """Shifts the input of a module; its parameters are those of `net`, as in published files.

    Args:
        net: what gets the shifted frames.
        segments: of a clip.
        divisor: see `temporal_shift`.
        past_only: see `temporal_shift`.

    Attributes:
        memory: while clips are seen frame by frame, a list of what the next frames get from the
            previous ones, `(clips, channels // divisor, height, width)`, or of None before the
            first; `forward` replaces it.
    """

    def __init__(
        self, net: nn.Module, segments: int, divisor: int = 8, *, past_only: bool = False
    ) -> None:
        super().__init__()
        self.net = net
        self.segments, self.divisor, self.past_only = segments, divisor, past_only
        self.memory: list[Tensor | None] | None = None

    def forward(self, frames: Tensor) -> Tensor:
        """The output of `net`."""
        if self.memory is None:
            shifted = temporal_shift(frames, self.segments, self.divisor, past_only=self.past_only)
        else:
            fold = frames.shape[1] // self.divisor
            (past,) = self.memory
            self.memory[:] = [frames[:, :fold].clone()]
            past = torch.zeros_like(frames[:, :fold]) if past is None else past
            shifted = torch.cat([past, frames[:, fold:]], 1)
        output: Tensor = self.net(shifted)
        return output


class TemporalPool(nn.Module):
    """Halves the segments in front of a module: the maximum over three segments, every second one.

    TSM's option `--temporal_pool`.

    Args:
        net: what gets the pooled frames.
        segments: of a clip, an even number.
    """

    def __init__(self, net: nn.Module, segments: int) -> None:
        super().__init__()
        self.net, self.segments = net, segments

    def forward(self, frames: Tensor) -> Tensor:
        """The output of `net` for half of the segments."""
        clips = frames.unflatten(0, (-1, self.segments)).transpose(1, 2)
        pooled = functional.max_pool3d(clips, (3, 1, 1), (2, 1, 1), (1, 0, 0))
        output: Tensor = self.net(pooled.transpose(1, 2).flatten(0, 1))
        return output
