"""Curves of a training in TensorBoard, in event files beside its log."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

FLUSH_SECONDS = 10


class TensorBoardSink:
    """Writes each value of the log as a scalar of the same name.

    Args:
        folder: of the event files; made with the first of them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def restart(self, points: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Writes the curves anew.

        What the folder has of the run before is purged, all of it: what a killed run had not yet
        flushed would otherwise be missing for ever. The log has it.

        Args:
            points: each a step and the values by name.
        """
        from torch.utils.tensorboard import SummaryWriter

        self.close()
        make: Any = SummaryWriter
        self._writer = make(str(self._folder), purge_step=0, flush_secs=FLUSH_SECONDS)
        for iteration, values in points:
            self.add(iteration, values)

    def add(self, iteration: int, values: Mapping[str, float]) -> None:
        """Writes the values of a step; a disk that takes no more ends the curves, nothing else."""
        if self._writer is None:
            return
        try:
            for name, value in values.items():
                self._writer.add_scalar(name, value, iteration)
        except OSError as error:
            from tqdm import tqdm

            tqdm.write(
                f"{self._folder}: cannot be written ({error.strerror}); training goes on without "
                "TensorBoard, and its curves are whole again when the run is resumed",
                file=sys.stderr,
            )
            self.close()

    def close(self) -> None:
        """Writes what is pending."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(OSError):
                writer.close()
