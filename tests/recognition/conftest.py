"""Reference cases of TSN, TSM, LSNet and SeqVLAD."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests import reference_cases

Case = tuple[dict[str, Any], dict[str, np.ndarray]]


@pytest.fixture
def case() -> Callable[[str], Case]:
    """Reads a case: its description and its arrays."""
    return partial(reference_cases.read_case, "recognition2d")
