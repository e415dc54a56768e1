"""How fast samples are read, and go through a network forwards and backwards.

SRTG's speed monitor (train/callback.py of its repository), which takes times where a GPU is not yet
done; here the GPU's own clock is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar

import torch

PARTS = ("read", "forward", "backward")
# Samples a second below which a part is slow, and from which it is fast.
_LIMITS = {"read": (100.0, 3000.0), "forward": (50.0, 300.0), "backward": (20.0, 200.0)}
_SLOW, _MIDDLING, _FAST, _END = "\033[91m", "\033[93m", "\033[92m", "\033[0m"

ItemT = TypeVar("ItemT")


class Speed:
    """Seconds that the parts of steps take, until they are asked for.

    Args:
        device: on which the network is.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._spans: list[tuple[str, Any, Any]] = []
        self._samples = 0

    def reading(self, batches: Iterable[ItemT]) -> Iterator[ItemT]:
        """Yields batches; the time until one is there is that of reading."""
        iterator = iter(batches)
        while True:
            started = time.perf_counter()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            self._spans.append(("read", started, time.perf_counter()))
            yield batch

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Takes the time of what is inside of the `with` statement: "forward" or "backward"."""
        started = self._now()
        yield
        self._spans.append((part, started, self._now()))

    def count(self, samples: int) -> None:
        """Adds the samples of a step."""
        self._samples += samples

    def taken(self) -> dict[str, float]:
        """Samples a second of each part since this was last asked for."""
        seconds = dict.fromkeys(PARTS, 0.0)
        for part, start, end in self._spans:
            if isinstance(start, float):
                seconds[part] += end - start
            else:
                end.synchronize()
                seconds[part] += start.elapsed_time(end) / 1e3
        speeds = {part: self._samples / max(seconds[part], 1e-9) for part in PARTS}
        self._spans.clear()
        self._samples = 0
        return speeds

    def _now(self) -> Any:
        if not self._on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


def step_text(
    speeds: Mapping[str, float],
    values: Mapping[str, float],
    shape: Sequence[int],
    lr: float,
    *,
    unit: str = "clip",
) -> str:
    """A step in a line as SRTG logs it: speeds in colours, losses, the shape of the batch, rate.

    Args:
        speeds: samples a second by part, see `PARTS`; red below a limit, green from another on.
        values: by name.
        shape: of the batch.
        lr: learning rate.
        unit: what samples are called.
    """
    coloured = " ".join(f"{part[0]}={_coloured(part, speed)}" for part, speed in speeds.items())
    first, second, *others = shape
    sides = ",".join(f"{side:{2 if k + 2 < len(others) else 3}d}" for k, side in enumerate(others))
    parts = [f"{name} = {value:.5f}" for name, value in values.items()]
    parts += [f"batch_size = ({first:5d},{second},{sides})", f"lr = {Decimal(lr):.2e}"]
    return f"Speed ({coloured}) {unit}/sec  {', '.join(parts)}"


def _coloured(part: str, speed: float) -> str:
    slow, fast = _LIMITS[part]
    colour = _SLOW if speed < slow else _MIDDLING if speed < fast else _FAST
    return f"{colour}{Decimal(speed):.2e}{_END}"
