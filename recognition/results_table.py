"""The figures of epochs as a CSV file, as SRTG (train/callback.py of its code) writes them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import data

COLUMNS = ("Epoch", "Top1", "Top5", "Loss")


def add_row(path: Path, epoch: int, figures: Mapping[str, float]) -> None:
    """Add the figures of an epoch to a file; those of the same or of later epochs are replaced.

    Args:
        path: of the file, which may not be there yet.
        epoch: from 0.
        figures: "top1", "top5" and "loss".

    Raises:
        InputError: the file cannot be written.
    """
    rows: list[list[str]] = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row and row[0].isdigit()]
    kept = [row for row in rows if int(row[0]) < epoch]
    new = [str(epoch), *(f"{figures[name]:.6g}" for name in ("top1", "top5", "loss"))]
    with data.atomic_write(path, "w") as written:
        writer = csv.writer(written, lineterminator="\n")
        writer.writerows([COLUMNS, *kept, new])
