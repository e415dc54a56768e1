"""How a training goes, and what for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor


@dataclass(frozen=True)
class TrainerSettings:
    """How the loop goes.

    Attributes:
        batch_size: samples in a step, of all processes together.
        accumulate: parts of a step that are computed one after the other, to save memory.
        num_workers: processes that load samples, for each training process.
        seed: of the order of the samples.
        precision: "float32", or "bfloat16" or "float16" for mixed precision; gradients of the
            latter are scaled, and steps in which they overflow are left out.
        compiled: whether the network is compiled (`torch.compile`).
        average_decay: of the running average of the weights, which are often better than the last
            weights are; 0 for none.
        clip_gradient: the length to which the gradient of all parameters is cut; 0 for none.
    """

    batch_size: int
    accumulate: int = 1
    num_workers: int = 0
    seed: int = 0
    precision: str = "float32"
    compiled: bool = False
    average_decay: float = 0.0
    clip_gradient: float = 0.0


@dataclass(frozen=True)
class FirstStage:
    """Steps at the beginning in which only a part of a network is trained.

    Attributes:
        steps: how many.
        names: of the parameters that are trained in them.
    """

    steps: int
    names: frozenset[str]


class Objective(Protocol):
    """What a network is trained for.

    Attributes:
        unit: what a sample is called.
    """

    unit: str

    def count(self, batch: Any) -> Tensor:
        """By what the losses of a batch are divided, such as its samples.

        Args:
            batch: of the samples, as the loader puts them together, on the device; in training with
                several processes what this one has of it.
        """
        ...

    def losses(
        self, forward: Callable[..., Any], batch: Any, count: Tensor
    ) -> Mapping[str, Tensor]:
        """The losses of a batch or of a part of one, by name; they are added up.

        Those without a gradient are figures for the log.

        Args:
            forward: the network.
            batch: see `count`.
            count: of the batch as a whole, that of all processes.
        """
        ...
