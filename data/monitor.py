"""What a training tells about itself: a log of JSON Lines, and curves in Visdom and TensorBoard.

The log is the truth: the curves can always be drawn from it, and a resumed run does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from data.command import FULL_DISK
from data.files import atomic_write, read_file
from data.tensorboard_sink import TensorBoardSink
from data.visdom_sink import VisdomSink

LOG_FILE = "log.jsonl"
SINKS = ("visdom", "tensorboard")
AMTNET_PORT = 8095


class Sink(Protocol):
    """Where curves go; it never raises because of a server."""

    def restart(self, points: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Draws these curves, each point a step and its values by name, instead of what it has."""
        ...

    def add(self, iteration: int, values: Mapping[str, float]) -> None:
        """Goes on with the values of a step, by name."""
        ...

    def close(self) -> None:
        """Draws what is pending, in bounded time."""
        ...


class Monitor:
    """Takes the records of a run, each with its "iteration".

    Records of steps are flat, such as `{"iteration": 10, "loc": 2.1, "cls": 3.4, "lr": 0.001,
    "seconds": 5.0}`. Those of validations have their figures in one field: `{"iteration": 1000,
    "validation": {"frame_map": 0.4, "ap": {"run": 0.4}}}`. Sinks get the numbers by name, inner
    ones with their path, such as "validation/ap/run".

    A run that goes on says so with `resume_at` before its first record. One that does not is new:
    a log that an older one left in the folder is dropped.

    Attributes:
        path: of the log.

    Args:
        folder: of the run; made if missing.
        sinks: where curves go.
    """

    def __init__(self, folder: str | os.PathLike[str], sinks: Sequence[Sink] = ()) -> None:
        self.path = Path(folder) / LOG_FILE
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._sinks = tuple(sinks)
        self._begun = self._told = False
        self._unwritten = b""

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def resume_at(self, iteration: int) -> None:
        """Goes on after a step: drops what the log has of later ones, and gives the rest to sinks.

        Lines that a kill cut short are dropped too.

        Args:
            iteration: the last step that counts; the next record is of a later one.

        Raises:
            InputError: the log cannot be read or written.
        """
        lines, records = [], []
        if self.path.exists():
            for line in read_file(self.path).decode("utf-8", "replace").splitlines():
                record = _parse(line)
                if record is not None and record["iteration"] <= iteration:
                    lines.append(f"{line}\n")
                    records.append(record)
            with atomic_write(self.path, "w") as file:
                file.writelines(lines)
        self._begun = True
        for sink in self._sinks:
            sink.restart([_point(record) for record in records])

    def log(self, record: Mapping[str, Any]) -> None:
        """Appends a line to the log, and goes on with the curves.

        Numbers that are not finite stand as null in the log. A full disk ends no training: what
        could not be written is written with the next record.

        Args:
            record: with its "iteration", later than those before or the same.
        """
        if not self._begun:
            self.resume_at(-1)
        # As a reader of the log will see it.
        text = json.dumps(record, default=lambda number: number.item())  # of NumPy and torch
        logged = json.loads(text, parse_constant=lambda _: None)
        self._unwritten += json.dumps(logged).encode() + b"\n"
        self._write()
        iteration, values = _point(logged)
        for sink in self._sinks:
            sink.add(iteration, values)

    def close(self) -> None:
        """Writes and draws what is pending; a server that does not answer is soon left alone."""
        if self._unwritten:
            self._write()
        for sink in self._sinks:
            sink.close()

    def _write(self) -> None:
        size = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open("ab") as file:
                file.write(self._unwritten)
        except OSError as error:
            if error.errno not in FULL_DISK:
                raise
            with suppress(OSError):
                os.truncate(self.path, size)  # a part may have been written
            self._tell(error)
        else:
            self._unwritten = b""

    def _tell(self, error: OSError) -> None:
        if self._told:
            return
        self._told = True
        from tqdm import tqdm

        tqdm.write(
            f"{self.path}: cannot be written ({error.strerror}); training goes on, and what is "
            "missing is written when there is room again",
            file=sys.stderr,
        )


def monitor_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options --monitor, --visdom and --vis_port, which `open_monitor` reads."""
    add = parser.add_argument_group(
        "monitor", "the log in the folder of the run has it all"
    ).add_argument
    add(
        "--monitor",
        type=sink_names,
        default=(),
        metavar="NAMES",
        help=f"where curves are drawn too: {','.join(SINKS)}, or one of them",
    )
    add(
        "--visdom",
        type=_truth,
        default=False,
        metavar="true|false",
        help="as --monitor visdom (default: false)",
    )
    add(
        "--vis_port",
        type=_port,
        default=AMTNET_PORT,
        metavar="PORT",
        help="of the Visdom server on this machine, which itself takes 8097 unless told otherwise "
        "(default: %(default)s)",
    )


def open_monitor(
    options: argparse.Namespace, folder: str | os.PathLike[str], run_name: str
) -> Monitor:
    """Opens the monitor that the options of `monitor_options` ask for.

    Args:
        options: of the command.
        folder: of the run, where the log is.
        run_name: names its curves, in Visdom the environment.
    """
    sinks: list[Sink] = []
    if options.visdom or "visdom" in options.monitor:
        sinks.append(VisdomSink(options.vis_port, run_name))
    if "tensorboard" in options.monitor:
        sinks.append(TensorBoardSink(Path(folder) / "tensorboard"))
    return Monitor(folder, sinks)


def sink_names(text: str) -> tuple[str, ...]:
    """Reads the option --monitor: names with commas between them.

    Raises:
        argparse.ArgumentTypeError: a name is not known, or what it needs is not installed.
    """
    names = tuple(part.strip() for part in text.split(","))
    for name in names:
        if name not in SINKS:
            raise argparse.ArgumentTypeError(f"{name!r} is unknown; name {' or '.join(SINKS)}")
    if "tensorboard" in names:
        try:
            import torch.utils.tensorboard  # noqa: F401
        except ImportError:
            raise argparse.ArgumentTypeError(
                "the Python package tensorboard is not installed; install it with python -m pip "
                "install tensorboard"
            ) from None
    return names


def _truth(text: str) -> bool:
    """True or false, in the spellings that ROAD and AMTNet take."""
    word = text.lower()
    if word not in ("yes", "true", "t", "1", "no", "false", "f", "0"):
        raise argparse.ArgumentTypeError(f"must be true or false, not {text!r}")
    return word in ("yes", "true", "t", "1")


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"must be a port, 1 to 65535, not {text!r}")
    return int(text)


def _parse(line: str) -> dict[str, Any] | None:
    """The record in a line; None if there is none."""
    try:
        record = json.loads(line, parse_constant=lambda _: None)
    except ValueError:
        return None
    if isinstance(record, dict) and isinstance(record.get("iteration"), int):
        return record
    return None


def _point(record: Mapping[str, Any]) -> tuple[int, dict[str, float]]:
    """The step of a record and its numbers by name."""
    values = {name: value for name, value in record.items() if name != "iteration"}
    return record["iteration"], dict(_flat(values, ""))


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}/")
        elif value is None:  # was not finite
            yield f"{prefix}{name}", float("nan")
        elif isinstance(value, int | float):
            yield f"{prefix}{name}", float(value)
