"""Curves of a training in Visdom, whose server may be slow, dead or started anew."""

from __future__ import annotations

import json
import math
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

HOST = "127.0.0.1"
# Seconds: between two drawings, for an answer of the server, and at most to the end of `close`.
PAUSE, PATIENCE, CLOSE_PATIENCE = 3.0, 2.0, 5.0
# Iterations of a running average.
AVERAGED = 300
# A browser draws no more points than this of a curve with ease.
MOST_POINTS = 2000

LOSS, LEARNING_RATE, VALIDATION = "loss", "learning_rate", "validation"
# Title and name of the vertical axis.
WINDOWS = {
    LOSS: ("Current Training Loss", "Loss"),
    LEARNING_RATE: ("Current Learning Rate", "Learning rate"),
    VALIDATION: ("Current Validation mean AP", "Mean AP"),
}

Curve = tuple[list[int], list[float]]
"""The steps of a curve and its values."""


class VisdomSink:
    """Draws the windows of ROAD and AMTNet, and the learning rate, in an environment for each run.

    The curves are kept here, and a thread sends whole windows, each in place of the one before.
    So what waits for a slow server is never more than one drawing, the newest; a server that was
    dead or started anew has the whole curves with the next drawing; and whoever trains never waits.

    The loss has the published curves: each part and their mean, then (`S-`) the running average of
    each. That is the mean of the values logged in the last 300 steps; the original systems start
    theirs anew every 300 steps.

    Messages are written here and not by the client of Visdom, which waits for ever for a server
    that hangs, and which machines that train often lack.

    Args:
        port: of the server on this machine.
        run_name: the environment.
    """

    def __init__(self, port: int, run_name: str) -> None:
        self._port, self._run_name = port, run_name
        self._windows: dict[str, dict[str, Curve]] = {}
        self._lock = threading.Lock()
        self._changed, self._closing = threading.Event(), threading.Event()
        self._told = False
        self._thread = threading.Thread(target=self._run, name="visdom", daemon=True)
        self._thread.start()

    def restart(self, points: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Takes these curves instead of those it had.

        Args:
            points: each a step and the values by name.
        """
        with self._lock:
            self._windows = {}
            for iteration, values in points:
                self._append(iteration, values)
        self._changed.set()

    def add(self, iteration: int, values: Mapping[str, float]) -> None:
        """Takes the values of a step, by name."""
        with self._lock:
            self._append(iteration, values)
        self._changed.set()

    def close(self) -> None:
        """Draws for the last time; a server that does not answer in a few seconds is left alone."""
        self._closing.set()
        self._changed.set()
        self._thread.join(CLOSE_PATIENCE)

    def _append(self, iteration: int, values: Mapping[str, float]) -> None:
        for window, name, value in _placed(values):
            steps, heights = self._windows.setdefault(window, {}).setdefault(name, ([], []))
            steps.append(iteration)
            heights.append(value)

    def _run(self) -> None:
        closing = False
        while not closing:
            self._changed.wait()
            # In this order: `close` sets them in the other one, and its last drawing is not missed.
            self._changed.clear()
            closing = self._closing.is_set()
            if not self._draw():
                self._changed.set()
            self._closing.wait(PAUSE)

    def _draw(self) -> bool:
        """Sends all windows.

        Returns:
            Whether the server took them.
        """
        from http.client import HTTPConnection, HTTPException

        with self._lock:
            windows = {
                window: {name: (steps[:], values[:]) for name, (steps, values) in curves.items()}
                for window, curves in self._windows.items()
            }
        connection = HTTPConnection(HOST, self._port, timeout=PATIENCE)
        try:
            for path, message in _messages(self._run_name, windows):
                connection.request("POST", path, json.dumps(message, allow_nan=False))
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise HTTPException(f"it answers {answer.status} {answer.reason}")
        except (OSError, HTTPException) as error:
            self._tell(error)
            return False
        finally:
            connection.close()
        return True

    def _tell(self, error: Exception) -> None:
        if self._told:
            return
        self._told = True
        from tqdm import tqdm

        tqdm.write(
            f"no Visdom server at {HOST}:{self._port} ({' '.join(str(error).split())}); training "
            "goes on, and the curves are drawn when there is one (--vis_port names its port)",
            file=sys.stderr,
        )


def _placed(values: Mapping[str, float]) -> Iterator[tuple[str, str, float]]:
    """Window, name in its legend, and value: of the values of a step and of the mean of losses."""
    losses = []
    for name, value in values.items():
        if name.startswith("validation/"):
            figure = name.removeprefix("validation/")
            yield VALIDATION, _legend(figure.removeprefix("ap/")), value
        elif name == "lr":
            yield LEARNING_RATE, name, value
        elif name != "seconds":
            losses.append(value)
            yield LOSS, _legend(name), value
    if len(losses) > 1:
        yield LOSS, "AVG", sum(losses) / len(losses)


def _legend(name: str) -> str:
    """The name in the windows of the original systems, where they have it."""
    return {"loc": "REG", "cls": "CLS", "frame_map": "meanAP"}.get(name, name)


def _messages(
    run_name: str, windows: Mapping[str, Mapping[str, Curve]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the server takes, each with the path of its kind: every plot in place of the one before.

    A window without curves is closed: an older run of the same name may have left it there.
    """
    for window, curves in windows.items():
        title, height = WINDOWS[window]
        lines = [_line(name, steps, values) for name, (steps, values) in curves.items()]
        if window == LOSS:
            lines += [
                _line(f"S-{name}", steps, _running_average(steps, values))
                for name, (steps, values) in curves.items()
            ]
        layout = {
            "title": title,
            "showlegend": True,
            "xaxis": {"title": "Iteration"},
            "yaxis": {"title": height},
            "margin": {"l": 60, "r": 60, "t": 60, "b": 60},
        }
        plot = {"data": lines, "layout": layout, "opts": {"title": title}}
        yield "/events", {"win": window, "eid": run_name, **plot}
    # Only now: of an environment that does not exist nothing can be closed.
    if windows:
        for window in WINDOWS.keys() - windows.keys():
            yield "/close", {"win": window, "eid": run_name}


def _line(name: str, steps: list[int], values: list[float]) -> dict[str, Any]:
    every = math.ceil(len(steps) / MOST_POINTS)
    # Counted from the end, so that the newest point is always there.
    kept = slice((len(steps) - 1) % every, None, every)
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(steps) == 1 else "lines",
        "name": name,
        "x": steps[kept],
        "y": [value if math.isfinite(value) else None for value in values[kept]],
    }


def _running_average(steps: list[int], values: list[float]) -> list[float]:
    """At each step the mean of the finite values of the last 300; NaN where there is none."""
    array = np.array(values, np.float64)
    finite = np.isfinite(array)
    sums = np.concatenate(([0.0], np.cumsum(np.where(finite, array, 0))))
    counts = np.concatenate(([0], np.cumsum(finite)))
    start = np.searchsorted(steps, np.array(steps) - AVERAGED, side="right")
    total, count = sums[1:] - sums[start], counts[1:] - counts[start]
    average: list[float] = np.where(count > 0, total / np.maximum(count, 1), np.nan).tolist()
    return average
