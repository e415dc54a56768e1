"""The temporal shift: part of the channels of a segment come from its neighbours.

TSM (Lin et al., arXiv 1811.08383, section 3), as its code places it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def temporally_shifted(
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
    clips = frames.unflatten(0, (-1, segments))
    shifts = _shifts(frames.shape[1] // divisor, past_only=past_only)
    # What PyTorch does around a derivative costs more than to shift a small tensor.
    shift = _Shift.apply if clips.requires_grad else _Shift.forward
    moved: Tensor = shift(clips, *shifts)
    return moved.flatten(0, 1)


@contextmanager
def shifted_in_place(
    frames: Tensor, segments: int, divisor: int = 8, *, past_only: bool = False
) -> Iterator[None]:
    """Frames are shifted until the end of the `with` statement, then are as before.

    Other channels than those that move are not touched, so this takes about half as long as
    `temporally_shifted`. Not for frames that a gradient needs, which would find them changed.

    Args:
        frames: see `temporally_shifted`; in memory the channels of a pixel follow each other.
        segments: of a clip.
        divisor: see `temporally_shifted`.
        past_only: see `temporally_shifted`.
    """
    from_next, from_previous = _shifts(frames.shape[1] // divisor, past_only=past_only)
    clips, pixels = len(frames) // segments, frames.shape[2] * frames.shape[3]
    every, others = segments * pixels, (segments - 1) * pixels

    def part(rows: Tensor, pixel: int, count: int, channels: slice) -> Tensor:
        # One view in place of several, which for small maps cost as much as to copy them.
        row = frames.shape[1] if rows is frames else from_previous.stop
        start = rows.storage_offset() + pixel * row + channels.start
        shape = (clips, count, channels.stop - channels.start)
        return rows.as_strided(shape, (every * row, row, 1), start)

    changed = part(frames, 0, every, slice(0, from_previous.stop))
    kept = changed.clone(memory_format=torch.contiguous_format)
    for channels, target, source, empty in (
        (from_next, 0, pixels, others),
        (from_previous, pixels, 0, 0),
    ):
        if channels.start < channels.stop:
            moved = part(kept, source, others, channels)
            part(frames, target, others, channels).copy_(moved)
            part(frames, empty, pixels, channels).zero_()
    try:
        yield
    finally:
        changed.copy_(kept)


def _shifts(fold: int, *, past_only: bool) -> tuple[slice, slice]:
    """The channels that come from the next segment, and from the previous one."""
    ahead, behind = (0, fold) if past_only else (fold, 2 * fold)
    return slice(0, ahead), slice(ahead, behind)


def _move(source: Tensor, target: Tensor, from_next: slice, from_previous: slice) -> None:
    target[:, :-1, from_next] = source[:, 1:, from_next]
    target[:, -1, from_next] = 0
    target[:, 1:, from_previous] = source[:, :-1, from_previous]
    target[:, 0, from_previous] = 0


class _Shift(torch.autograd.Function):
    """Its own derivative, the other way round."""

    @staticmethod
    def forward(clips: Tensor, from_next: slice, from_previous: slice) -> Tensor:
        moved = clips.clone()
        _move(clips, moved, from_next, from_previous)
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
        net: what gets the shifted frames; its output is a tensor of its own.
        segments: of a clip.
        divisor: see `temporally_shifted`.
        past_only: see `temporally_shifted`.

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
        output: Tensor
        shift = (self.segments, self.divisor)
        if self.memory is not None:
            output = self.net(self._remembering(frames, self.memory))
        elif torch.is_grad_enabled() or not frames.is_contiguous(memory_format=torch.channels_last):
            output = self.net(temporally_shifted(frames, *shift, past_only=self.past_only))
        else:
            with shifted_in_place(frames, *shift, past_only=self.past_only):
                output = self.net(frames)
        return output

    def _remembering(self, frames: Tensor, memory: list[Tensor | None]) -> Tensor:
        """Frames with what the memory holds, which then holds what the next ones get."""
        fold = frames.shape[1] // self.divisor
        handed_on = frames[:, :fold].clone()
        (past,) = memory
        past = torch.zeros_like(handed_on) if past is None else past
        if past.shape != handed_on.shape:
            raise ValueError(
                "frames must be as many and as large as those before; begin with a new state"
            )
        memory[:] = [handed_on]
        return torch.cat([past, frames[:, fold:]], 1)


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
