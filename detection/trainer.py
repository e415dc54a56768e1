"""The training loop: steps, log, validation, checkpoints, and resuming exactly where it stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

import data
from data.command import ProgressBar
from detection.loss import multi_box_loss
from detection.network import MicroTubeNetwork
from detection.samples import ResumableOrder, TrainingSamples

LOG_STEP = 10
STATE_STEP = 200
AVERAGE_DECAY = 0.998
STATE_FILE, LOG_FILE = "state.pt", "log.jsonl"


def _running_average(
    averaged: tuple[Tensor, ...] | list[Tensor],
    current: tuple[Tensor, ...] | list[Tensor],
    updates: Tensor | int,
) -> None:
    """Update an exponential average, over fewer steps at first: so it forgets the random start."""
    decay = min(AVERAGE_DECAY, (1 + int(updates)) / (10 + int(updates)))
    get_ema_multi_avg_fn(decay)(averaged, current, updates)


class Trainer:
    """Trains a network on the samples of a data set.

    The folder of the run holds `log.jsonl` (a line every ten steps and for each validation) and
    `state.pt`, from which `train` goes on: every random number is decided by the seed and the step,
    so a run that was killed goes on with the losses of one that was not.

    Args:
        network: to train, on the device where it is.
        optimizer: with its schedule, stepped once a batch.
        schedule: of the learning rate.
        samples: what to train on.
        folder: of the run.
        options: what the run was started with; a state of other options is refused.
        batch_size: samples in a step.
        num_workers: processes that load samples.
        seed: of the order of the samples.
    """

    def __init__(
        self,
        network: MicroTubeNetwork,
        optimizer: torch.optim.Optimizer,
        schedule: LRScheduler,
        samples: TrainingSamples,
        folder: Path,
        *,
        options: Mapping[str, Any],
        batch_size: int,
        num_workers: int,
        seed: int,
    ) -> None:
        self.network, self.optimizer, self.schedule = network, optimizer, schedule
        self.samples, self.folder, self.options = samples, folder, dict(options)
        self.batch_size, self.num_workers, self.seed = batch_size, num_workers, seed
        # The running average of the weights detects better than the last weights do.
        self.average = AveragedModel(network, multi_avg_fn=_running_average, use_buffers=True)
        self.iteration = 0

    @property
    def averaged_network(self) -> MicroTubeNetwork:
        """The network with the running average of the weights."""
        network = self.average.module
        assert isinstance(network, MicroTubeNetwork)
        return network

    def resume(self) -> bool:
        """Take up the state in the folder, if there is one.

        Returns:
            Whether there was one.

        Raises:
            InputError: it is damaged or of other options.
        """
        path = self.folder / STATE_FILE
        if not path.exists():
            return False
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            before = state["options"]
            changed = sorted(k for k in self.options if self.options[k] != before.get(k))
            if not changed:
                self.network.load_state_dict(state["network"])
                self.average.load_state_dict(state["average"])
                self.optimizer.load_state_dict(state["optimizer"])
                self.schedule.load_state_dict(state["schedule"])
                self.iteration = state["iteration"]
        except Exception as error:
            raise data.InputError(
                f"{path}: cannot be resumed ({' '.join(str(error).split())[:120]}); "
                "add --overwrite to train anew"
            ) from None
        if changed:
            raise data.InputError(
                f"{path}: was trained with another {', '.join(changed)}; use the same options, "
                "another --save_root, or --overwrite to train anew"
            )
        self._trim_log()
        return True

    def train(
        self, max_iter: int, val_step: int, validate: Callable[[int], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Train up to a number of steps.

        Args:
            max_iter: steps in all, those before resuming included.
            val_step: steps between validations; there is one at the end too.
            validate: called with the number of steps done; gives figures for the log.

        Returns:
            The figures of the last validation, empty if nothing was left to do.
        """
        order = ResumableOrder(
            len(self.samples), self.batch_size, self.iteration, max_iter, self.seed
        )
        loader = DataLoader(self.samples, batch_sampler=order, num_workers=self.num_workers)
        figures: Mapping[str, Any] = {}
        started = time.monotonic()
        bar: ProgressBar[None] = data.progress(total=max_iter, description="train", unit="step")
        with bar:
            bar.update(self.iteration)
            for batch in loader:
                losses = self._step(batch)
                self.iteration += 1
                bar.update()
                if self.iteration % LOG_STEP == 0:
                    values = {name: round(loss.item(), 6) for name, loss in losses.items()}
                    bar.set_postfix_str(" ".join(f"{k} {v:.3f}" for k, v in values.items()))
                    self.log(
                        {
                            "iteration": self.iteration,
                            **values,
                            "lr": self.schedule.get_last_lr()[0],
                            "seconds": round(time.monotonic() - started, 2),
                        }
                    )
                done = self.iteration == max_iter
                if done or self.iteration % val_step == 0:
                    figures = validate(self.iteration)
                    self.log({"iteration": self.iteration, "validation": figures})
                if done or self.iteration % STATE_STEP == 0 or self.iteration % val_step == 0:
                    self.save()
        return figures

    def _step(self, batch: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        device = next(self.network.parameters()).device
        images, classes, target_offsets = (tensor.to(device) for tensor in batch)
        self.network.train()
        scores, offsets = self.network(images)
        losses = multi_box_loss(scores, offsets, classes, target_offsets)
        self.optimizer.zero_grad(set_to_none=True)
        sum(losses.values(), start=scores.new_zeros(())).backward()
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self.network)
        return losses

    def save(self) -> None:
        """Write the state that `resume` reads."""
        state = {
            "options": self.options,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "iteration": self.iteration,
        }
        with data.atomic_write(self.folder / STATE_FILE) as file:
            torch.save(state, file)

    def log(self, record: Mapping[str, Any]) -> None:
        """Append a line to the log."""
        with (self.folder / LOG_FILE).open("a") as file:
            file.write(json.dumps(record) + "\n")

    def _trim_log(self) -> None:
        """Drop the lines of steps after the saved state, which will be done again."""
        path = self.folder / LOG_FILE
        lines = path.read_text().splitlines() if path.exists() else []
        kept = []
        for line in lines:
            try:
                if json.loads(line)["iteration"] > self.iteration:
                    continue
            except (ValueError, KeyError):
                continue  # cut short by the kill
            kept.append(line + "\n")
        with data.atomic_write(path, "w") as file:
            file.writelines(kept)
