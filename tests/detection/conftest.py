"""Reference cases of AMTNet and ROAD."""

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
    return partial(reference_cases.read_case, "detection")


@pytest.fixture
def make_input() -> Callable[..., np.ndarray]:
    """Makes the input of a case."""
    return reference_cases.make_input


@pytest.fixture
def fill_state() -> Callable[..., dict[str, np.ndarray]]:
    """Fills the tensors of a manifest."""
    return reference_cases.fill_state
