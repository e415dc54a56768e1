"""A training as a command runs it: its folder, what it says, and its record."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import data
from training.distributed import rank, wait_for_all
from training.settings import TrainerSettings
from training.trainer import Trainer

LAST_WEIGHTS, BEST_WEIGHTS = "last.safetensors", "best.safetensors"


def run_training(
    options: argparse.Namespace,
    folder: Path,
    make_trainer: Callable[[data.Monitor | None], Trainer],
    validate: Callable[[Trainer, int], Mapping[str, Any]],
    *,
    steps: int,
    val_step: int,
    length: str,
) -> None:
    """Train from the beginning, or from where it was stopped.

    Args:
        options: with those of `training.options`.
        folder: of the run.
        make_trainer: makes the trainer, with the monitor of the process that writes.
        validate: gives the figures after so many steps, in all processes.
        steps: in all.
        val_step: steps between validations.
        length: what there is to do, in words.

    Raises:
        InputError: a state to resume is not usable, or a sample is not.
    """
    if rank() == 0:
        if options.overwrite and folder.exists():
            shutil.rmtree(folder)  # only now that nothing can be wrong with the options
        folder.mkdir(parents=True, exist_ok=True)
    wait_for_all()
    # Even a training that is interrupted draws its last curves.
    with (
        data.open_monitor(options, folder, folder.name) if rank() == 0 else nullcontext() as monitor
    ):
        trainer = make_trainer(monitor)
        resumed = trainer.resume()
        if rank() == 0:
            print(_what_is_done(trainer, steps, length, resumed=resumed))
        figures = trainer.train(steps, val_step, lambda iteration: validate(trainer, iteration))
    if rank() == 0:
        data.write_run_record(folder, vars(options), figures)
        log = folder / data.LOG_FILE
        print(f"weights: {folder / BEST_WEIGHTS}, {LAST_WEIGHTS}   log: {log}")


def trainer_settings(options: argparse.Namespace, **others: Any) -> TrainerSettings:
    """The settings that options describe.

    Args:
        options: "batch_size", "ema" and those of `training.options`.
        others: settings by name.
    """
    return TrainerSettings(
        options.batch_size,
        options.accumulate,
        options.num_workers,
        options.seed,
        options.precision,
        options.compile,
        options.ema,
        **others,
    )


def _what_is_done(trainer: Trainer, steps: int, length: str, *, resumed: bool) -> str:
    """What is left of the training, and where it can be watched."""
    if trainer.iteration >= steps:
        return (
            f"finished before, {length}; to train on, start another training from these weights: "
            f"--init_weights {trainer.folder / BEST_WEIGHTS} --save_root FOLDER"
        )
    text = f"{length}; losses: {trainer.folder / data.LOG_FILE}"
    return f"resumed at step {trainer.iteration} from {trainer.folder}; {text}" if resumed else text
