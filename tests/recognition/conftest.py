"""Reference cases of TSN, TSM, LSNet and SeqVLAD, and small videos to train on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests import reference_cases

SIZE, FRAMES = 48, 12

Case = tuple[dict[str, Any], dict[str, np.ndarray]]


@pytest.fixture
def case() -> Callable[[str], Case]:
    """Reads a case: its description and its arrays."""
    return partial(reference_cases.read_case, "recognition2d")


@pytest.fixture(scope="session")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Squares that go right or left, in folders of frames, with lists in CSV."""
    root = tmp_path_factory.mktemp("clips")
    for part, count in (("train", 8), ("val", 4)):
        rows = ["video,start,end,label"]
        for number in range(count):
            folder = root / part / f"video {number}"
            folder.mkdir(parents=True)
            for index in range(FRAMES):
                image = np.full((SIZE, SIZE, 3), 40 + 5 * number, np.uint8)
                place = 3 * (index if number % 2 else FRAMES - 1 - index)
                image[16:32, place : place + 12] = 220
                cv2.imwrite(str(folder / f"{index + 1:05d}.jpg"), image)
            rows.append(f"{part}/video {number},,,{'right' if number % 2 else 'left'}")
        (root / f"{part}.csv").write_text("\n".join(rows) + "\n")
    return root
