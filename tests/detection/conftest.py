"""Reference cases of AMTNet: the full ones where REFERENCE_CASES points to them, else figures."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FIGURES = Path(__file__).parent.parent / "reference" / "detection"

Case = tuple[dict[str, Any], dict[str, np.ndarray]]


@pytest.fixture
def case() -> Callable[[str], Case]:
    """Reads a case: its description and its arrays. It fails where a case is missing."""
    cases = os.environ.get("REFERENCE_CASES")
    folder = Path(cases) / "detection" if cases else FIGURES

    def read(name: str) -> Case:
        description = json.loads((folder / f"{name}.json").read_text())
        arrays = folder / f"{name}.npz"
        return description, dict(np.load(arrays)) if arrays.exists() else {}

    return read


def _generator(name: str, seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([zlib.crc32(name.encode()), seed]))


@pytest.fixture
def make_input() -> Callable[..., np.ndarray]:
    """Makes the input of a case: float64, uniform in [low, high), drawn from its name and seed."""

    def make(
        name: str, shape: list[int], seed: int = 0, low: float = -1.0, high: float = 1.0
    ) -> np.ndarray:
        return _generator("input:" + name, seed).uniform(low, high, size=tuple(shape))

    return make


@pytest.fixture
def fill_state() -> Callable[..., dict[str, np.ndarray]]:
    """Fills the float tensors of a manifest with the cases' deterministic values."""

    def tensor(key: str, shape: list[int], gain: float, seed: int) -> np.ndarray:
        rng = _generator(key, seed)
        if key.endswith(".weight") and len(shape) == 1:
            return rng.uniform(0.5, 1.5, size=shape)
        if len(shape) >= 2:
            return rng.standard_normal(shape) * np.sqrt(gain / np.prod(shape[1:]))
        return rng.standard_normal(shape) * 0.1

    def fill(manifest: list[Any], gain: float, seed: int) -> dict[str, np.ndarray]:
        return {
            key: tensor(key, shape, gain, seed)
            for key, shape, dtype in manifest
            if dtype.startswith("float")
        }

    return fill
