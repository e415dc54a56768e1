"""Videos that annotations are about."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pytest

from tests.data.media import image, write_video


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two videos, of 30 frames of 64x48 at 25 frames a second, and one of images."""
    root = tmp_path_factory.mktemp("clips")
    write_video(root / "clip.mp4")
    shutil.copy(root / "clip.mp4", root / "Straße 2.mp4")
    (root / "frames").mkdir()
    for index in range(12):
        cv2.imwrite(str(root / f"frames/{index:06d}.jpg"), image(index))
    return root


@pytest.fixture
def videos(clips: Path, tmp_path: Path) -> Path:
    """The same, to write beside them."""
    return Path(shutil.copytree(clips, tmp_path / "videos"))
