"""Records of a training, and waiting for what happens elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")


Point = tuple[int, dict[str, float]]


class Memory:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.closed = False

    def restart(self, points: Any) -> None:
        self.points = list(points)

    def add(self, iteration: int, values: Any) -> None:
        self.points.append((iteration, dict(values)))

    def close(self) -> None:
        self.closed = True


def step(iteration: int) -> dict[str, Any]:
    losses = {"loc": 100 / iteration, "cls": 200 / iteration}
    return {"iteration": iteration, **losses, "lr": 0.001, "seconds": iteration / 4}


def validation(iteration: int) -> dict[str, Any]:
    figures = {"frame_map": iteration / 1000, "ap": {"run": 0.25, "jump high": iteration / 500}}
    return {"iteration": iteration, "validation": figures}


def records_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def eventually(happens: Callable[[], Result | None], seconds: float = 60) -> Result:
    """What `happens` returns once it is not None, asked again and again until a deadline."""
    deadline = time.monotonic() + seconds
    while (result := happens()) is None:
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return result


class Events:
    """Stands in for `SummaryWriter`."""

    opened: list[Events]

    def __init__(self, folder: str, purge_step: int, flush_secs: int) -> None:
        assert flush_secs > 0
        self.folder, self.purge_step = folder, purge_step
        self.scalars: list[tuple[str, float, int]] = []
        self.closed = self.full = False
        self.opened.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.scalars.append((name, value, step))

    def close(self) -> None:
        self.closed = True
        if self.full:
            raise OSError(28, "No space left on device")
