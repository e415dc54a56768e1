"""What was lost on average over many steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class StepMeans:
    """The means of losses over the samples of all steps since they were last asked for.

    They are a part of the state of a training, so one that is resumed forgets no step.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count: Tensor | float = 0.0

    def add(self, losses: Mapping[str, Tensor], count: Tensor) -> None:
        """Counts a step.

        Args:
            losses: by name, means over its samples, of all processes.
            count: of its samples, of all processes.
        """
        for name, loss in losses.items():
            self._sums[name] = self._sums.get(name, 0) + loss.double() * count
        self._count = self._count + count.double()

    def taken(self) -> dict[str, float]:
        """The means by name, after which counting begins anew; empty if there was no step."""
        means = {name: float(total / self._count) for name, total in self._sums.items()}
        self._sums, self._count = {}, 0.0
        return means

    def state_dict(self) -> dict[str, Any]:
        """The sums so far."""
        return {"sums": dict(self._sums), "count": torch.as_tensor(self._count)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes up what `state_dict` gave."""
        self._sums, self._count = dict(state["sums"]), state["count"]
