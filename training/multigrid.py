"""Multigrid training: batches that are larger while their clips are shorter and smaller.

Wu et al., "A Multigrid Method for Efficiently Training Video Models" (arXiv 1912.00998).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, pairwise

# Of the long cycle: how many times the batch, and of frames and side which part.
_LONG = ((8, 4, math.sqrt(2)), (4, 2, math.sqrt(2)), (2, 2, 1.0), (1, 1, 1.0))
# Of the short cycle: which part of the largest side.
_SHORT = (2.0, math.sqrt(2))
_LONGER = 1.5
_LOWEST_RATE = 1e-6


@dataclass(frozen=True)
class GridStep:
    """What a step of training looks at.

    Attributes:
        batch: clips.
        frames: of a clip.
        size: side of the frames in pixels.
        rate: factor of the learning rate.
        stride: how many times farther than usual the frames are from each other.
    """

    batch: int
    frames: int
    size: int
    rate: float
    stride: int = 1


@dataclass(frozen=True)
class GridPhase:
    """Epochs of one long cycle.

    Attributes:
        until: the epoch before which it ends.
        rate: factor of the learning rate.
        shapes: the steps of the short cycle, in turn.
    """

    until: int
    rate: float
    shapes: tuple[GridStep, ...]


def multigrid_phases(
    batch: int,
    frames: int,
    size: int,
    *,
    epochs: int,
    lr_steps: Sequence[int],
    gamma: float = 0.1,
    long: bool = True,
    short: bool = True,
) -> list[GridPhase]:
    """The cycles of Wu et al. (section 3; multigrid.py of SlowFast's code), 1.5 times as long.

    Each part between two falls of the learning rate has one long cycle, whose four shapes get
    about as many steps each; the last part has the largest shape only, and its rate falls in its
    middle.

    Args:
        batch: clips of the smallest batch, those of the largest shape.
        frames: of the longest clips.
        size: side of the largest frames in pixels.
        epochs: of a training without cycles.
        lr_steps: epochs in which its rate falls.
        gamma: how much it falls.
        long: whether there is a long cycle.
        short: whether there is a short one.

    Raises:
        ValueError: the clips are too short or too small for the cycles, or there is no part of the
            training between two falls of the rate.
    """
    if any(start >= end for start, end in pairwise((0, *lr_steps, epochs))):
        raise ValueError(
            f"the epochs at which the rate falls ({', '.join(map(str, lr_steps))}) must rise and "
            f"be less than all {epochs}"
        )
    if min(frames // 4, size // 3) < 1:
        raise ValueError(f"clips of {frames} frames of {size} pixels are too small for the cycles")
    if not long:
        factor = _LONGER if short else 1.0
        ends = [int(factor * epoch) for epoch in (*lr_steps, epochs)]
        shapes = _short_cycle(GridStep(batch, frames, size, 1.0), size, short=short)
        return [GridPhase(end, gamma**fall, shapes) for fall, end in enumerate(ends)]
    largest = frames * size * size
    bases = [
        GridStep(batch * times, round(frames / shorter), round(size / smaller), 1.0, shorter)
        for times, shorter, smaller in _LONG
    ]
    # Of the sizes that a short cycle would have, were they computed one by one.
    means = []
    for base in bases:
        sides = [size / part for part in _SHORT] if short else []
        counts = [round(largest / (base.frames * side**2)) for side in (*sides, base.size)]
        means.append(sum(counts) / len(counts))
    falls = list(pairwise((0, *lr_steps)))
    lengths = [
        ((end - start) * mean / sum(means), fall, base)
        for fall, (start, end) in enumerate(falls)
        for base, mean in zip(bases, means, strict=True)
    ]
    steps = sum(length / mean for (length, *_), mean in zip(lengths, cycle(means), strict=False))
    last = epochs - lr_steps[-1]
    lengths.append((last * steps * means[-1] / lr_steps[-1], len(falls), bases[-1]))
    scale = epochs * _LONGER / sum(length for length, *_ in lengths)
    phases = []
    total = 0.0
    for length, fall, base in lengths:
        total += scale * length
        rate = gamma**fall * base.batch / batch
        shapes = _short_cycle(base, size, short=short)
        phases.append(GridPhase(round(total), rate, shapes))
    *others, final = phases
    middle = (others[-1].until + final.until) // 2
    return [*others, replace(final, until=middle, rate=others[-1].rate), final]


def multigrid_steps(phases: Sequence[GridPhase], clips: int) -> Iterator[GridStep]:
    """Yields the steps of all epochs, in each of which nearly all clips are seen once.

    Args:
        phases: see `multigrid_phases`.
        clips: to train on; if they are fewer than those of a step, an epoch is one step.
    """
    epoch = 0
    for phase in phases:
        rated = [replace(shape, rate=phase.rate) for shape in phase.shapes]
        for _ in range(epoch, phase.until):
            seen = 0
            for step in cycle(rated):
                if seen and seen + step.batch > clips:
                    break
                seen += step.batch
                yield step
        epoch = phase.until


def _short_cycle(base: GridStep, size: int, *, short: bool) -> tuple[GridStep, ...]:
    if not short:
        return (base,)
    sides = [size / part for part in _SHORT]
    smaller = [
        replace(base, batch=base.batch * round((base.size / side) ** 2), size=round(side))
        for side in sides
    ]
    return (*smaller, base)


def srtg_steps(
    epoch: Sequence[GridStep], epochs: int, *, lr: float, lr_steps: Sequence[int]
) -> Iterator[GridStep]:
    """Yields the steps of all epochs of SRTG, which are alike but for the learning rate.

    Args:
        epoch: see `srtg_epoch`.
        epochs: of the training.
        lr: the learning rate at the beginning.
        lr_steps: epochs from which it is a tenth.
    """
    for number in range(epochs):
        fallen = lr * 0.1 ** sum(number >= step for step in lr_steps)
        rated = {
            step: replace(step, rate=max(fallen * step.rate, _LOWEST_RATE) / lr) for step in epoch
        }
        yield from (rated[step] for step in epoch)


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
    steps = _srtg_count(clips // batch, short=short) if long else max(1, clips // batch)
    wanted = [_srtg_step(step, steps, batch, frames, size, cycles=long) for step in range(steps)]
    # Each of the three steps of the short cycle has a loader, which stays while any of the three
    # gives clips of the wanted kind: now and then a step gets those of the part before.
    loaders: dict[int, GridStep] = {}
    given = []
    for index, step in enumerate(wanted):
        place = index % 3 if long else 0
        shapes = {(one.frames, one.size) for one in loaders.values()}
        if place not in loaders or (step.frames, step.size) not in shapes:
            loaders[place] = step
        given.append(replace(loaders[place], rate=step.rate))
    return given


def _srtg_count(batches: int, *, short: bool) -> int:
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
