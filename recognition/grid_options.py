"""The multigrid schedule that the options of training describe."""

from __future__ import annotations

import argparse

import data
from recognition.clip_models import ClipSettings
from recognition.models import Settings, format_of
from training.multigrid import (
    GridStep,
    multigrid_phases,
    multigrid_steps,
    srtg_epoch,
    srtg_steps,
)


def grid_of(
    options: argparse.Namespace, settings: Settings, clips: int
) -> tuple[list[GridStep], float] | None:
    """The steps of a training, and how many there are to an epoch; None without a schedule.

    Args:
        options: "multigrid", "cycles", "batch_size", "input_size", "epochs", "lr" and "lr_steps" of
            `recognition/train.py`.
        settings: of the network.
        clips: to train on.

    Raises:
        InputError: the network takes no other clips, or there are too few of them.
    """
    if not options.multigrid or not isinstance(settings, ClipSettings):
        return None
    if settings.head != "pooled":
        raise data.InputError(
            f"--multigrid: the head {settings.head} takes clips of {settings.frames} frames only; "
            "train without --multigrid, or with --head pooled"
        )
    size = format_of(settings, options.input_size).crop_size
    shape = (options.batch_size, settings.frames, size)
    cycles = {kind: options.cycles in (kind, "both") for kind in ("long", "short")}
    try:
        if options.multigrid == "srtg":
            epoch = srtg_epoch(clips, *shape, **cycles)
            every = srtg_steps(epoch, options.epochs, lr=options.lr, lr_steps=options.lr_steps)
            return list(every), len(epoch)
        phases = multigrid_phases(
            *shape, epochs=options.epochs, lr_steps=options.lr_steps, **cycles
        )
    except ValueError as error:
        raise data.InputError(
            f"--multigrid: {error}; change --batch_size, --clip_length, --cycles or --lr_steps, or "
            "train without"
        ) from None
    steps = list(multigrid_steps(phases, clips))
    return steps, len(steps) / phases[-1].until
