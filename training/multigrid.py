"""Multigrid training: batches that are larger while their clips are shorter and smaller.

Wu et al., "A Multigrid Method for Efficiently Training Video Models" (arXiv 1912.00998).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

# Of the long cycle: how many times the batch, and of frames and side which part.
_LONG = ((8, 4, math.sqrt(2)), (4, 2, math.sqrt(2)), (2, 2, 1.0), (1, 1, 1.0))
_LOWEST_RATE = 1e-6


@dataclass(frozen=True)
class GridStep:
    """What a step of training looks at.

    Attributes:
        batch: clips.
        frames: of a clip.
        size: side of the frames in pixels.
        rate: factor of the learning rate.
    """

    batch: int
    frames: int
    size: int
    rate: float


def srtg_epoch(
    clips: int, batch: int, frames: int, size: int, *, long: bool = True, short: bool = True
) -> list[GridStep]:
    """The steps of an epoch as SRTG's code takes them, slips included.

    It goes through all four parts of the long cycle in every epoch, which sees a third of the
    clips; without cycles the rates are lower in later parts all the same.

    Args:
        clips: to train on.
        batch: clips of the smallest batch.
        frames: of the longest clips.
        size: side of the largest frames in pixels.
        long: whether there is a long cycle.
        short: whether there is a short one, of three steps. Either of them brings both.

    Raises:
        ValueError: there are too few clips, or there is a short cycle without the long one.
    """
    if short and not long:
        raise ValueError("there is no short cycle without the long one")
    steps = _srtg_steps(clips // batch, short=short) if long else clips // batch
    wanted = [_srtg_step(step, steps, batch, frames, size, cycles=long) for step in range(steps)]
    # Each of the three steps of the short cycle has a loader, which stays while any of the three
    # gives clips of the wanted kind: now and then a step gets those of the part before.
    loaders: dict[int, GridStep] = {}
    given = []
    for index, step in enumerate(wanted):
        place = index % 3 if long else 0
        if (step.frames, step.size) not in {(one.frames, one.size) for one in loaders.values()}:
            loaders[place] = step
        given.append(replace(loaders[place], rate=step.rate))
    return given


def _srtg_steps(batches: int, *, short: bool) -> int:
    """Steps of an epoch with cycles."""
    steps = 4 * (batches // 15)
    if short:
        index, left = 0, steps
        while index <= left:
            left -= (5, 2, 4)[index % 3]
            index += 1
        steps = index
    quarter = steps // 4
    if quarter == 0:
        raise ValueError(f"{batches} batches of clips are too few for the cycles")
    return (steps - 1) // quarter * quarter


def _srtg_step(
    step: int, steps: int, batch: int, frames: int, size: int, *, cycles: bool
) -> GridStep:
    factor, shorter, smaller = _LONG[_part(step, steps)]
    # The step is counted before its rate is taken.
    rate = 1 / 2 ** _part((step + 1) % steps, steps) if step + 1 < steps else 1.0
    if not cycles:
        return GridStep(batch, frames, size, rate)
    side = int(size / smaller)
    if step % 3 == 1:
        side = int(side / math.sqrt(2))
    elif step % 3 == 2:
        side //= 2
    return GridStep(batch * factor << step % 3, frames // shorter, side + side % 2, rate)


def _part(step: int, steps: int) -> int:
    """Which of the four parts of the long cycle a step is in."""
    return sum(step >= steps * part // 4 for part in (1, 2, 3))
