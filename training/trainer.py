"""The training loop: steps, validation, checkpoints, and resuming exactly where it stopped."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch.utils.data import Dataset

import data
from data.command import FULL_DISK, ProgressBar
from training.average import running_average
from training.batch_tensors import moved, pieces_of, shape_of
from training.batches import GridOrder, PartOfBatches, ResumableOrder
from training.distributed import normalise_jointly, parallel, rank, summed, world_size
from training.loading import load
from training.multigrid import GridStep
from training.precision import autocast
from training.run_state import RunState
from training.settings import FirstStage, Objective, TrainerSettings
from training.speed import Speed, step_text
from training.step_means import StepMeans

LOG_STEP = 10
# A machine that fails costs a minute of training.
LASTING_SECONDS = 60.0
# On a GPU a step may be shorter than the writing of a state, which takes this share of the time.
SAVING_SHARE = 0.05


class Trainer:
    """Trains a network on the samples of a data set.

    The folder of the run holds the monitor's log and the state after the last step, from which
    `train` goes on: every random number is decided by the seed and the step, so a run that was
    killed goes on with the losses of one that was not. Of several processes the first one writes.

    Attributes:
        means: of the losses since they were last asked for.

    Args:
        network: to train, on the device where it is.
        objective: what for.
        optimizer: of the network's parameters.
        schedule: of the learning rate, stepped once a batch, or `ReduceLROnPlateau`, which gets the
            "loss" of validations.
        samples: what to train on; an item is asked for by (draw, index), see
            `training.batches.ResumableOrder`.
        folder: of the run.
        settings: how the loop goes.
        monitor: takes losses and figures; None in a process that does not write.
        options: what the run was started with; a state of other options is refused.
        first_stage: None, or what is trained at first; the optimiser begins anew after it.
        grid: None, or the steps of a multigrid schedule; items are asked for by (draw, index,
            frames, size, stride) then, see `training.multigrid.GridStep`.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        optimizer: torch.optim.Optimizer,
        schedule: LRScheduler,
        samples: Dataset[Any],
        folder: Path,
        *,
        settings: TrainerSettings,
        monitor: data.Monitor | None,
        options: Mapping[str, Any],
        first_stage: FirstStage | None = None,
        grid: Sequence[GridStep] | None = None,
    ) -> None:
        self.network, self.objective = network, objective
        self.optimizer, self.schedule = optimizer, schedule
        self.samples, self.folder, self.options = samples, folder, dict(options)
        self.settings, self.monitor, self.grid = settings, monitor, grid
        normalise_jointly(network)
        decay = settings.average_decay
        self.average = running_average(network, decay) if decay else None
        self._compiled = cast(nn.Module, torch.compile(network)) if settings.compiled else network
        self._model = parallel(self._compiled)
        self.first_stage = first_stage
        self._trained = {name for name, p in network.named_parameters() if p.requires_grad}
        self._device = next(network.parameters()).device
        self._scaler = torch.amp.GradScaler(
            self._device.type, enabled=settings.precision == "float16"
        )
        if self._scaler.is_enabled():
            # Of a first step that overflows, PyTorch takes it that the schedule came before it.
            warnings.filterwarnings("ignore", r"Detected call of `lr_scheduler.step\(\)` before")
        self._speed = Speed(self._device)
        self.means = StepMeans()
        self.iteration = 0
        self.log_step = LOG_STEP
        self._state = RunState(folder)
        self._next_lasting = self._next_passing = 0.0

    @property
    def trained_network(self) -> nn.Module:
        """The network as it is used: with the running average of the weights if there is one."""
        return self.network if self.average is None else self.average.module

    def resume(self) -> bool:
        """Take up the state in the folder, if there is one.

        Returns:
            Whether there was one.

        Raises:
            InputError: it is damaged or of other options.
        """
        path = self._state.path
        state = self._state.read()
        if state is None:
            return False
        try:
            before = state["options"]
            changed = sorted(k for k in self.options if self.options[k] != before.get(k))
            if not changed:
                for name, part in self._parts().items():
                    part.load_state_dict(state[name])
                self.iteration = state["iteration"]
        except Exception as error:
            raise data.InputError(
                f"{path}: cannot be resumed ({' '.join(str(error).split())[:120]}); "
                "add --overwrite to train anew"
            ) from None
        if changed:
            raise data.InputError(
                f"{path}: was trained with other {', '.join(changed)}; use the same options, "
                "another --save_root, or --overwrite to train anew"
            )
        if self.monitor is not None:
            self.monitor.resume_at(self.iteration)
        return True

    def train(
        self, max_iter: int, val_step: int, validate: Callable[[int], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Train up to a number of steps.

        Args:
            max_iter: steps in all, those before resuming included.
            val_step: steps between validations; there is one at the end too.
            validate: called with the number of steps done, in all processes; gives figures for the
                log.

        Returns:
            The figures of the last validation, empty if nothing was left to do.
        """
        figures: Mapping[str, Any] = {}
        started = time.monotonic()
        bar: ProgressBar[None] = data.progress(total=max_iter, description="train", unit="step")
        with bar:
            bar.update(self.iteration)
            self._enter_stage()
            for batch in self._speed.reading(self._batches(max_iter)):
                if self.first_stage and self.iteration == self.first_stage.steps:
                    self.optimizer.state.clear()
                    self._enter_stage()
                losses = self._step(batch)
                self.iteration += 1
                if self.iteration % self.log_step == 0:
                    seconds = round(time.monotonic() - started, 2)
                    bar.set_postfix_str(self._log_step(losses, shape_of(batch), seconds))
                milestone = self.iteration == max_iter or self.iteration % val_step == 0
                if milestone:
                    figures = validate(self.iteration)
                    self._log({"validation": figures})
                    if isinstance(self.schedule, ReduceLROnPlateau):
                        self.schedule.step(figures["loss"])
                self._save(lasting=milestone)
                bar.update()
        return figures

    def _save(self, *, lasting: bool) -> None:
        """Write the state that `resume` reads.

        A full disk ends no training: the state before stays, and the next one is tried.

        Args:
            lasting: whether it must outlive the machine; now and then it does anyhow.

        Raises:
            InputError: it cannot be written for another reason.
        """
        started = time.monotonic()
        lasting |= started >= self._next_lasting
        waits = self._device.type != "cpu" and started < self._next_passing
        if rank() > 0 or (waits and not lasting):
            return
        state: dict[str, Any] = {name: part.state_dict() for name, part in self._parts().items()}
        state |= {"options": self.options, "iteration": self.iteration}
        try:
            self._state.write(state, lasting=lasting)
        except OSError as error:
            if error.errno not in FULL_DISK:
                raise data.InputError(
                    f"{self.folder}: the state of step {self.iteration} cannot be written "
                    f"({error.strerror}); choose another --save_root"
                ) from error
            warnings.warn(
                f"{self._state.path}: the state of step {self.iteration} was not written "
                f"({error.strerror}); training goes on",
                stacklevel=2,
            )
        ended = time.monotonic()
        self._next_passing = ended + (ended - started) / SAVING_SHARE
        if lasting:
            self._next_lasting = ended + LASTING_SECONDS

    def _batches(self, max_iter: int) -> Iterator[Any]:
        """The steps that are left: of each batch what is this process's part."""
        settings, samples = self.settings, len(cast(Sized, self.samples))
        order: ResumableOrder | GridOrder
        if self.grid is None:
            order = ResumableOrder(
                samples, settings.batch_size, self.iteration, max_iter, settings.seed
            )
        else:
            order = GridOrder(samples, self.grid[:max_iter], self.iteration, settings.seed)
        batches = load(
            self.samples,
            batch_sampler=PartOfBatches(order, rank(), world_size()),
            num_workers=settings.num_workers,
            pin_memory=self._device.type == "cuda",
        )
        for batch in batches:
            yield moved(batch, self._device)

    def _step(self, batch: Any) -> dict[str, Tensor]:
        """One step; gives the losses."""
        # What is dropped in a step depends on nothing before it, so that a resumed run drops alike.
        numbers = np.random.SeedSequence([self.settings.seed, self.iteration, rank()])
        torch.manual_seed(int(numbers.generate_state(1, np.uint64)[0]))
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        count = summed(self.objective.count(batch)).clamp(min=1)
        losses: dict[str, Tensor] = {}
        pieces = pieces_of(batch, self.settings.accumulate)
        for index, piece in enumerate(pieces):
            # Gradients are exchanged once, with the last part.
            waits = index + 1 < len(pieces) and world_size() > 1
            with cast(Any, self._model).no_sync() if waits else nullcontext():
                with self._speed.of("forward"):
                    added = self.objective.losses(self._forward, piece, count)
                with self._speed.of("backward"):
                    # The processes' gradients are averaged, but their losses add up.
                    minimised = [world_size() * loss for loss in added.values() if loss.grad_fn]
                    self._scaler.scale(torch.stack(minimised).sum()).backward()
            losses = {k: losses.get(k, 0) + value.detach() for k, value in added.items()}
        self._speed.count(shape_of(batch)[0])
        if self.settings.clip_gradient:
            self._scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_gradient)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        if not isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.network)
        whole = summed(torch.stack(list(losses.values())))
        losses = dict(zip(losses, whole, strict=True))
        self.means.add(losses, count)
        return losses

    def _enter_stage(self) -> None:
        """Have those parameters trained that are in this stage."""
        stage = self.first_stage
        if stage:
            names = self._trained
            if self.iteration < stage.steps:
                names = names & stage.names
            for name, parameter in self.network.named_parameters():
                parameter.requires_grad_(name in names)
            self._model = parallel(self._compiled)

    def _forward(self, *inputs: Any) -> Any:
        with autocast(self._device, self.settings.precision):
            return self._model(*inputs)

    def _parts(self) -> dict[str, Any]:
        """What has a state, by name."""
        parts: dict[str, Any] = {"network": self.network, "optimizer": self.optimizer}
        parts |= {"schedule": self.schedule, "means": self.means}
        if self._scaler.is_enabled():
            parts["scaler"] = self._scaler
        if self.average is not None:
            parts["average"] = self.average
        return parts

    def _log_step(self, losses: Mapping[str, Tensor], shape: Sequence[int], seconds: float) -> str:
        """Write down the last step, and put it in a line."""
        values = {name: round(loss.item(), 6) for name, loss in losses.items()}
        speeds = self._speed.taken()
        rate = float(self.schedule.get_last_lr()[0])
        self._log(
            {
                **values,
                "lr": rate,
                "seconds": seconds,
                "batch_size": shape[0] * world_size(),
                "speed": {part: round(speed, 2) for part, speed in speeds.items()},
            }
        )
        return step_text(speeds, values, shape, rate, unit=self.objective.unit)

    def _log(self, record: Mapping[str, Any]) -> None:
        if self.monitor is not None:
            self.monitor.log({"iteration": self.iteration, **record})
