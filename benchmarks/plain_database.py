"""Frames of a database as SRTG's loader reads them: by one query, which walks through the table."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt


def read_contents(folder: Path, frames: Sequence[int]) -> list[tuple[str, bytes]]:
    """Ids and image files of the frames of a clip, as the table has them."""
    names = [f"{folder.name}/frame_{frame + 1:05d}" for frame in frames]
    connection = sqlite3.connect(folder / "frames.db")
    marks = ",".join("?" * len(names))
    rows = connection.execute(
        f"SELECT ObjId, frames FROM Images WHERE ObjId IN ({marks})", names
    ).fetchall()
    connection.close()
    return rows


def read_clip(folder: Path, frames: Sequence[int]) -> list[npt.NDArray[np.uint8]]:
    """The images of a clip, in the order of their ids; uint8 (H, W, 3), BGR."""
    images = {
        name: cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        for name, content in read_contents(folder, frames)
    }
    return [images[name] for name in sorted(images)]
