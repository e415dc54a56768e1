"""Scores of videos while they are computed, from which an interrupted test goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import data

Rows = NDArray[np.float32]


def resumable_scores(
    path: Path,
    described: Mapping[str, Any],
    count: int,
    classes: int,
    compute: Callable[[int], Iterator[Rows]],
) -> Rows:
    """The scores of videos, those of an interrupted run first.

    Each row is added to the file as soon as it is there, so a process that is killed loses the
    video at hand. The file stays until whoever asked removes it.

    Args:
        path: of the file.
        described: what scores depend on; a file of other things is begun anew.
        count: number of videos.
        classes: number of classes.
        compute: yields the scores of the videos from a number on, `(classes,)` each.

    Returns:
        `(count, classes)`.

    Raises:
        InputError: the file cannot be written.
    """
    header = json.dumps({**described, "classes": classes}, sort_keys=True).encode() + b"\n"
    before = path.read_bytes() if path.is_file() else b""
    size = 4 * classes
    done = (len(before) - len(header)) // size if before.startswith(header) else 0
    rows = np.frombuffer(before, "<f4", done * classes, len(header)) if done > 0 else np.empty(0)
    kept = header + np.asarray(rows, "<f4").tobytes()
    with data.atomic_write(path) as file:
        file.write(kept)
    found: list[Rows] = [*np.asarray(rows, np.float32).reshape(-1, classes)]
    with path.open("ab") as file:
        for row in compute(len(found)):
            file.write(np.asarray(row, "<f4").tobytes())
            file.flush()
            found.append(row)
    return np.array(found[:count], np.float32).reshape(-1, classes)
