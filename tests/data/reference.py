"""Where the published data and real samples are, for tests that compare with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Tests with this mark run where REFERENCE_CASES is set, and then the files must be there.
needs_samples = pytest.mark.skipif(
    "REFERENCE_CASES" not in os.environ, reason="REFERENCE_CASES is not set"
)


def sample(name: str) -> Path:
    """Returns a file or folder of the samples, which lie beside the reference cases."""
    path = Path(os.environ["REFERENCE_CASES"]).parent / "samples" / name
    assert path.exists(), f"{path} is missing; REFERENCE_CASES names its sister folder"
    return path
