"""Settings of the tests in this folder."""

from __future__ import annotations

import sys
import types

import pytest
from hypothesis import settings

from tests.data.training_records import Events

# Many examples write files, and how long a disk takes says nothing about the code.
settings.register_profile("files", deadline=None)
settings.load_profile("files")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Events]:
    Events.opened = []
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Events  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    return Events.opened
