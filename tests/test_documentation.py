"""The commands of docs/interchange.md have options that there are."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from data import InputError

DOCUMENT = Path(__file__).parents[1] / "docs" / "interchange.md"
EXAMPLES = re.findall(
    r"^    python ((?:data|evaluation|tubes)/\w+)\.py (?!SOURCE)(.+)$",
    DOCUMENT.read_text(encoding="utf-8"),
    re.MULTILINE,
)


@pytest.mark.parametrize(("command", "options"), EXAMPLES)
def test_examples(tmp_path, monkeypatch, command, options):
    monkeypatch.chdir(tmp_path)
    main = importlib.import_module(command.replace("/", ".")).main
    # Nothing is there: that is all there is to complain of.
    with pytest.raises(InputError, match=r"no such|DATA|my_data|is missing|there is no"):
        main(shlex.split(options))


def test_there_are_examples():
    assert len(EXAMPLES) > 20
