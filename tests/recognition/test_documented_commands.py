"""The commands of the documents have options that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from recognition import testing_options, train_options

DOCS = Path(__file__).parents[2] / "docs"
TEXT = "".join((DOCS / name).read_text() for name in ("from-the-seeds.md", "recognition.md"))
PARSE = {"train": train_options.parse_options, "test": testing_options.parse_test_options}
EXAMPLES = sorted(
    set(re.findall(r"recognition/(train|test)\.py ((?:[^`\n#.]|\.(?!\.))+?)\s*(?=`|\n|#)", TEXT))
)


@pytest.mark.parametrize(("command", "options"), EXAMPLES)
def test_examples(command, options):
    PARSE[command](shlex.split(options))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"--recipe (\w+)", TEXT))))
def test_recipes_are_there(name):
    assert name in train_options.recipe_names()


def test_there_are_examples():
    assert len(EXAMPLES) > 10
