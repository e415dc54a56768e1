"""Settings of the tests in this folder."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from data import Frame, open_video
from tests.data.codings import CODINGS
from tests.data.media import write_video
from tests.data.training_records import Events


@pytest.fixture(scope="session")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, list[Frame]]]:
    """Writes and reads each of the videos once."""

    @cache
    def write(kind: str) -> tuple[Path, list[Frame]]:
        name, options, _ = CODINGS[kind]
        path = write_video(tmp_path_factory.mktemp("coded") / name, **options)
        with open_video(path) as video:
            return path, list(video)

    return write


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Events]:
    Events.opened = []
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Events  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    return Events.opened
