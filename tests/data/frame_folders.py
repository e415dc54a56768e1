"""Folders of frames as data sets have them, made for the tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from data import FrameNames
from tests.data.media import image

RGB = FrameNames("img_{:05d}.jpg")


def write_frames(folder: Path, frames: int, names: FrameNames = RGB, width: int = 64) -> Path:
    """Writes JPEG images, of which each shows its number; of flow, x is 40 + number and y 140."""
    for index in range(frames):
        files = names.files(folder, index)
        files[0].parent.mkdir(parents=True, exist_ok=True)
        picture: npt.NDArray[np.uint8] = image(index, width)
        if names.has_axes:
            for file, value in zip(files, (40, 140), strict=True):
                cv2.imwrite(str(file), np.full((48, width), value + index, np.uint8))
        else:
            cv2.imwrite(str(files[0]), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return folder


def cut(path: Path) -> None:
    """Leaves half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
