"""Times ways to do the same, in turns, so that a machine whose speed changes is fair to all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch


def in_turns(
    ways: Mapping[str, Callable[[], object]],
    rounds: int,
    device: torch.device | None = None,
    before: Callable[[], object] | None = None,
) -> dict[str, list[float]]:
    """Seconds of each way in each round; one round more, which is not counted, goes before.

    Every second round is in the reverse order, so that what a way leaves in caches is fair too.
    What is to be done before each run does not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        order = list(ways.items())
        for name, run in order if number % 2 else reversed(order):
            if before is not None:
                before()
            started = time.perf_counter()
            run()
            if device is not None and device.type == "cuda":
                torch.cuda.synchronize(device)
            if number:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def ratio(seconds: Mapping[str, list[float]]) -> float:
    """Median of the rounds' ratios of the first way to the second."""
    first, second, *_ = seconds.values()
    return statistics.median(a / b for a, b in zip(first, second, strict=True))
