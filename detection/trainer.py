"""The training loop: steps, validation, checkpoints, and resuming exactly where it stopped."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

import data
from data.command import FULL_DISK, ProgressBar
from detection.distributed import normalise_jointly, parallel, rank, summed, world_size
from detection.loss import multi_box_loss
from detection.network import MicroTubeNetwork
from detection.run_state import RunState
from detection.samples import PartOfBatches, ResumableOrder, TrainingSamples

LOG_STEP = 10
# A machine that fails costs a minute of training.
LASTING_SECONDS = 60.0
# On a GPU a step may be shorter than the writing of a state, which takes this share of the time.
SAVING_SHARE = 0.05


@dataclass(frozen=True)
class TrainerSettings:
    """How the loop goes.

    Attributes:
        batch_size: samples in a step, of all processes together.
        accumulate: parts of a step that are computed one after the other, to save memory.
        num_workers: processes that load samples, for each training process.
        seed: of the order of the samples.
        precision: "float32", or "bfloat16" for mixed precision.
        compiled: whether the network is compiled (`torch.compile`).
        average_decay: of the running average of the weights, which often detects better than the
            last weights do; 0 for none.
    """

    batch_size: int
    accumulate: int = 1
    num_workers: int = 0
    seed: int = 0
    precision: str = "float32"
    compiled: bool = False
    average_decay: float = 0.0


class Trainer:
    """Trains a network on the samples of a data set.

    The folder of the run holds the monitor's log and the state after the last step, from which
    `train` goes on: every random number is decided by the seed and the step, so a run that was
    killed goes on with the losses of one that was not. Of several processes the first one writes.

    Args:
        network: to train, on the device where it is.
        optimizer: of the network's parameters.
        schedule: of the learning rate, stepped once a batch.
        samples: what to train on.
        folder: of the run.
        settings: how the loop goes.
        monitor: takes losses and figures; None in a process that does not write.
        options: what the run was started with; a state of other options is refused.
    """

    def __init__(
        self,
        network: MicroTubeNetwork,
        optimizer: torch.optim.Optimizer,
        schedule: LRScheduler,
        samples: TrainingSamples,
        folder: Path,
        *,
        settings: TrainerSettings,
        monitor: data.Monitor | None,
        options: Mapping[str, Any],
    ) -> None:
        self.network, self.optimizer, self.schedule = network, optimizer, schedule
        self.samples, self.folder, self.options = samples, folder, dict(options)
        self.settings, self.monitor = settings, monitor
        normalise_jointly(network)
        decay = settings.average_decay
        self.average = (
            AveragedModel(network, multi_avg_fn=_running_average(decay), use_buffers=True)
            if decay
            else None
        )
        self._model = parallel(
            cast(nn.Module, torch.compile(network)) if settings.compiled else network
        )
        self._device = next(network.parameters()).device
        self.iteration = 0
        self.log_step = LOG_STEP
        self._state = RunState(folder)
        self._next_lasting = self._next_passing = 0.0

    @property
    def trained_network(self) -> MicroTubeNetwork:
        """The network as it is used: with the running average of the weights if there is one."""
        network = self.network if self.average is None else self.average.module
        assert isinstance(network, MicroTubeNetwork)
        return network

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
            for batch in self._batches(max_iter):
                losses = self._step(*batch)
                self.iteration += 1
                if self.iteration % self.log_step == 0:
                    values = {name: round(summed(loss).item(), 6) for name, loss in losses.items()}
                    bar.set_postfix_str(" ".join(f"{k} {v:.3f}" for k, v in values.items()))
                    lr = self.schedule.get_last_lr()[0]
                    seconds = round(time.monotonic() - started, 2)
                    self._log({**values, "lr": lr, "seconds": seconds})
                milestone = self.iteration == max_iter or self.iteration % val_step == 0
                if milestone:
                    figures = validate(self.iteration)
                    self._log({"validation": figures})
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

    def _batches(self, max_iter: int) -> Iterator[tuple[list[Tensor], Tensor, Tensor]]:
        """The steps that are left: of each batch what is this process's part."""
        settings = self.settings
        order = ResumableOrder(
            len(self.samples), settings.batch_size, self.iteration, max_iter, settings.seed
        )
        loader: DataLoader[Any] = DataLoader(
            self.samples,
            batch_sampler=PartOfBatches(order, rank(), world_size()),
            num_workers=settings.num_workers,
            pin_memory=self._device.type == "cuda",
        )
        for images, classes, offsets in loader:
            yield (
                [stream.to(self._device, non_blocking=True) for stream in images],
                classes.to(self._device, non_blocking=True),
                offsets.to(self._device, non_blocking=True),
            )

    def _step(self, images: list[Tensor], classes: Tensor, offsets: Tensor) -> dict[str, Tensor]:
        """One step; gives what this process adds to the losses."""
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        positives = summed((classes > 0).sum()).clamp(min=1)
        parts = self.settings.accumulate
        losses = {"loc": offsets.new_zeros(()), "cls": offsets.new_zeros(())}
        split = (
            *(stream.chunk(parts) for stream in images),
            classes.chunk(parts),
            offsets.chunk(parts),
        )
        pieces = list(zip(*split, strict=True))
        for index, (*inputs, part_classes, part_offsets) in enumerate(pieces):
            # Gradients are exchanged once, with the last part.
            waits = index + 1 < len(pieces) and world_size() > 1
            with cast(Any, self._model).no_sync() if waits else nullcontext():
                with self._autocast():
                    scores, predicted = self._model(*inputs)
                kind = part_offsets.dtype
                added = multi_box_loss(
                    scores.to(kind), predicted.to(kind), part_classes, part_offsets, positives
                )
                # The processes' gradients are averaged, but their losses add up.
                (world_size() * (added["loc"] + added["cls"])).backward()
            losses = {name: value + added[name].detach() for name, value in losses.items()}
        self.optimizer.step()
        self.schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.network)
        return losses

    def _autocast(self) -> torch.autocast:
        mixed = self.settings.precision != "float32"
        return torch.autocast(self._device.type, torch.bfloat16, enabled=mixed)

    def _parts(self) -> dict[str, Any]:
        """What has a state, by name."""
        parts: dict[str, Any] = {"network": self.network, "optimizer": self.optimizer}
        parts["schedule"] = self.schedule
        if self.average is not None:
            parts["average"] = self.average
        return parts

    def _log(self, record: Mapping[str, Any]) -> None:
        if self.monitor is not None:
            self.monitor.log({"iteration": self.iteration, **record})


def _running_average(decay: float) -> Callable[..., None]:
    """An exponential average, over fewer steps at first: so it forgets the random start."""

    def update(
        averaged: tuple[Tensor, ...] | list[Tensor],
        current: tuple[Tensor, ...] | list[Tensor],
        updates: Tensor | int,
    ) -> None:
        now = min(decay, (1 + int(updates)) / (10 + int(updates)))
        get_ema_multi_avg_fn(now)(averaged, current, updates)

    return update
