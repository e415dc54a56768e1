"""Devices, and training with several processes, on one machine or many, started by torchrun.

Every process takes its part of each batch. What depends on the whole batch, the number of positives
in the loss and the statistics of batch normalisation, is summed over the processes, so that a batch
gives the same step however many there are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, TypeVar, cast

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

import data


def named_device(name: str) -> torch.device:
    """The device of the option `--device auto|cpu|cuda`.

    Raises:
        InputError: cuda was asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise data.InputError("--device cuda: this machine has no CUDA GPU; use --device cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def start_processes(device: torch.device) -> torch.device:
    """Joins the processes that torchrun started; does nothing without it.

    Args:
        device: where to compute.

    Returns:
        The device of this process.

    Raises:
        InputError: there are fewer GPUs on this machine than processes.
    """
    if "WORLD_SIZE" not in os.environ or dist.is_initialized():
        return device
    device = own_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return device


def own_device(device: torch.device) -> torch.device:
    """The device of this process, one of those that torchrun started on a machine.

    Args:
        device: of all of them; without torchrun it is returned.

    Raises:
        InputError: there are fewer GPUs on this machine than processes.
    """
    if "LOCAL_RANK" not in os.environ or device.type != "cuda":
        return device
    place = int(os.environ["LOCAL_RANK"])
    if place >= torch.cuda.device_count():
        raise data.InputError(
            f"--nproc_per_node: this machine has {torch.cuda.device_count()} GPUs; start as "
            "many processes on it, or add --device cpu"
        )
    device = torch.device("cuda", place)
    torch.cuda.set_device(device)
    return device


def start_on_gpus(ngpu: int, module: str, arguments: Sequence[str]) -> None:
    """Starts a command anew under torchrun, a process for each GPU; not where torchrun runs it.

    Args:
        ngpu: how many GPUs of this machine.
        module: of the command.
        arguments: of the command.

    Raises:
        InputError: there are not as many.
    """
    if ngpu == 1 or "WORLD_SIZE" in os.environ:
        return
    there = torch.cuda.device_count()
    if ngpu > there:
        raise data.InputError(f"--ngpu {ngpu}: this machine has {there} GPUs; name as many")
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={ngpu}"]
    os.execv(sys.executable, [sys.executable, *launcher, "-m", module, *arguments])


def end_processes() -> None:
    """Leaves the other processes."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    """Number of this process; 0 is the one that writes.

    As torchrun tells it, so that processes need not join to share work between them.
    """
    return dist.get_rank() if dist.is_initialized() else int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """How many processes there are, as `rank`."""
    if dist.is_initialized():
        return dist.get_world_size()
    return int(os.environ.get("WORLD_SIZE", "1"))


def summed(value: Tensor) -> Tensor:
    """The sum of a value over the processes, without gradient."""
    if world_size() > 1:
        dist.all_reduce(value)
    return value


def gathered(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The rows of all processes, of which each has those from its rank on in steps of all.

    Args:
        rows: of this process.
        count: of all.
    """
    if world_size() == 1:
        return rows
    parts: list[Any] = [None] * world_size()
    dist.all_gather_object(parts, rows)
    whole = np.empty((count, *rows.shape[1:]), rows.dtype)
    for place, part in enumerate(parts):
        whole[place :: world_size()] = part
    return whole


def wait_for_all() -> None:
    """Returns when all processes have come here."""
    if world_size() > 1:
        dist.barrier()


def parallel(network: nn.Module) -> nn.Module:
    """A network whose gradients are those of the whole batch."""
    if world_size() == 1:
        return network
    device = next(network.parameters()).device
    places = [device] if device.type == "cuda" else None
    # Of two-stream networks every layer is used, of frozen ones none needs a gradient.
    return nn.parallel.DistributedDataParallel(network, device_ids=places)


def normalise_jointly(network: nn.Module) -> None:
    """Has batch normalisation take its statistics from the batch of all processes.

    PyTorch's own does so on GPUs only.
    """
    if world_size() == 1:
        return
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, JointBatchNorm.like(child))
            elif isinstance(child, nn.BatchNorm3d):
                setattr(module, name, JointBatchNorm3d.like(child))


JointT = TypeVar("JointT", bound="_JointBatchNorm")


class _Sum(torch.autograd.Function):
    """A sum over the processes, each of which adds to the gradient of what the others gave."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return summed(value.clone())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return summed(gradients[0].clone())


def _added_up(value: Tensor) -> Tensor:
    """The sum of a value over the processes, with gradient."""
    return cast(Tensor, _Sum.apply(value))


class _JointBatchNorm(_BatchNorm):
    """Batch normalisation over the batch of all processes, each with equally many samples."""

    @classmethod
    def like(cls: type[JointT], other: _BatchNorm) -> JointT:
        """With the parameters and statistics of another one."""
        made = cls(other.num_features, other.eps, other.momentum)
        made.weight, made.bias = other.weight, other.bias
        made.running_mean, made.running_var = other.running_mean, other.running_var
        made.num_batches_tracked = other.num_batches_tracked
        return made.train(other.training)

    def forward(self, maps: Tensor) -> Tensor:
        """`(N, C, H, W)`, or `(N, C, T, H, W)`, to the same shape."""
        if not self.training:
            return super().forward(maps)
        values = maps.to(self.weight.dtype)
        axes = [axis for axis in range(values.dim()) if axis != 1]
        each = (-1, *[1] * (values.dim() - 2))
        count = world_size() * values[:, 0].numel()
        mean = _added_up(values.sum(axes)) / count
        centred = values - mean.view(each)
        variance = _added_up(centred.square().sum(axes)) / count
        self._remember(mean.detach(), variance.detach() * count / max(count - 1, 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalised = centred * scale.view(each) + self.bias.view(each)
        return normalised.to(maps.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        part = self.momentum if self.momentum is not None else 1 / int(self.num_batches_tracked)
        self.running_mean.lerp_(mean, part)
        self.running_var.lerp_(variance, part)


class JointBatchNorm(_JointBatchNorm, nn.BatchNorm2d):
    """Of images, see `_JointBatchNorm`."""


class JointBatchNorm3d(_JointBatchNorm, nn.BatchNorm3d):
    """Of clips, see `_JointBatchNorm`."""
