"""Reference cases: the full ones where REFERENCE_CASES points to them, else figures of them."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

FIGURES = Path(__file__).parent / "reference"


def folder(area: str) -> Path:
    """The folder of the cases of an area, such as "detection"."""
    cases = os.environ.get("REFERENCE_CASES")
    return (Path(cases) if cases else FIGURES) / area


def read_case(area: str, name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Description and arrays of a case. It fails where a case is missing."""
    description = json.loads((folder(area) / f"{name}.json").read_text())
    arrays = folder(area) / f"{name}.npz"
    return description, dict(np.load(arrays)) if arrays.exists() else {}


def _generator(name: str, seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([zlib.crc32(name.encode()), seed]))


def make_input(
    name: str, shape: list[int], seed: int = 0, low: float = -1.0, high: float = 1.0
) -> np.ndarray:
    """The input of a case: float64, uniform in [low, high), drawn from its name and seed."""
    return _generator("input:" + name, seed).uniform(low, high, size=tuple(shape))


def fill_state(manifest: list[Any], gain: float, seed: int) -> dict[str, np.ndarray]:
    """The float tensors of a manifest with the cases' deterministic values."""
    return {
        key: _tensor(key, shape, gain, seed)
        for key, shape, dtype in manifest
        if dtype.startswith("float")
    }


def _tensor(key: str, shape: list[int], gain: float, seed: int) -> np.ndarray:
    rng = _generator(key, seed)
    if key.endswith(".running_var") or (key.endswith(".weight") and len(shape) == 1):
        return rng.uniform(0.5, 1.5, size=shape)
    if len(shape) >= 2:
        return rng.standard_normal(shape) * np.sqrt(gain / np.prod(shape[1:]))
    return rng.standard_normal(shape) * 0.1
