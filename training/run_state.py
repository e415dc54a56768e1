"""The state of a training on disk, from which it goes on after it was stopped in any way."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from data.errors import InputError

STATE_FILE = "state.pt"
STEP_FILES = ("step-a.pt", "step-b.pt")


class RunState:
    """The state of a run in its folder.

    `state.pt` outlives the machine: it is written through to the disk, which takes as long as a
    step. What a killed process wrote, however, the system keeps. So the states in between go into
    two other files, one after the other and in place: that takes a tenth of the time, and the
    system brings only the last of many to the disk. A file that was being written when the
    process was killed fails its check sums, and then the other one is whole.

    Args:
        folder: of the run, which exists.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / STATE_FILE
        self._turns = [folder / name for name in STEP_FILES]

    def write(self, state: Mapping[str, Any], *, lasting: bool) -> None:
        """Write the state after a step.

        Args:
            state: tensors and plain values, and the step as "iteration".
            lasting: whether it goes into `state.pt`.

        Raises:
            OSError: it cannot be written; the one before is still there.
        """
        path = self._turns[0]
        with path.open("r+b" if path.exists() else "xb") as file:
            try:
                torch.save(state, file)
            except RuntimeError as error:  # torch's, after that of the system
                raise error.__context__ or error from None
            file.truncate()
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        self._turns.reverse()
        if lasting:
            path.replace(self.path)
            self._turns[0].unlink(missing_ok=True)

    def read(self) -> dict[str, Any] | None:
        """The last state that was written, on the CPU; None if there is none.

        Raises:
            InputError: there are files, but none is whole.
        """
        found = [path for path in (self.path, *self._turns) if path.exists()]
        if not found:
            return None
        states = {
            path: torch.load(path, map_location="cpu", weights_only=True)
            for path in found
            if _is_whole(path)
        }
        if not states:
            raise InputError(f"{found[0]}: is damaged; add --overwrite to train anew")
        last = max(states, key=lambda path: states[path]["iteration"])
        if last in self._turns:  # the next one goes into the other file
            self._turns.sort(key=lambda path: path == last)
        return states[last]


def _is_whole(path: Path) -> bool:
    """Whether all of a file was written."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError):
        return False
