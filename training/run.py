"""A training as a command runs it: its folder, what it says, and its record."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import data
from data.files import lock
from training.distributed import rank, wait_for_all
from training.settings import TrainerSettings
from training.trainer import Trainer

LAST_WEIGHTS, BEST_WEIGHTS = "last.safetensors", "best.safetensors"
_LOCK = ".lock"


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
    # Even a training that is interrupted draws its last curves.
    with ExitStack() as opened:
        monitor = None
        if rank() == 0:
            opened.enter_context(_own_folder(folder, overwrite=options.overwrite))
            monitor = opened.enter_context(data.open_monitor(options, folder, folder.name))
        wait_for_all()
        trainer = make_trainer(monitor)
        resumed = trainer.resume()
        if rank() == 0:
            print(_what_is_done(trainer, steps, length, resumed=resumed))
        figures = trainer.train(steps, val_step, lambda iteration: validate(trainer, iteration))
    if rank() == 0:
        data.write_run_record(folder, vars(options), figures)
        log = folder / data.LOG_FILE
        print(f"weights: {folder / BEST_WEIGHTS}, {LAST_WEIGHTS}   log: {log}")


@contextmanager
def _own_folder(folder: Path, *, overwrite: bool) -> Iterator[None]:
    """The folder of a run, which belongs to this process meanwhile.

    Raises:
        InputError: it cannot be made, or belongs to another training.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _LOCK).open("ab")
    except OSError as error:
        raise data.InputError(
            f"{folder}: cannot be written ({error.strerror}); choose another --save_root"
        ) from error
    with file:
        if lock(file) is False:
            raise data.InputError(
                f"{folder}: another training writes here; wait for it, or choose another "
                "--save_root"
            )
        if overwrite:  # only now that nothing can be wrong with the options
            for path in folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name != _LOCK:
                    path.unlink()
        yield


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
