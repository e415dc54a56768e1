"""Compiled functions are cached on disk, and renewed when their own file changes, and only then.

So a file whose compiled functions use those (or the constants) of other files notes a digest of
these, and changes with them: otherwise an update of the program would go on running what it had
compiled before.
"""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (
    *("data", "evaluation", "tubes", "training", "detection", "recognition"),
    *("demo", "weights"),
)
FILES = {
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
COMPILED = {
    name: path
    for name, path in FILES.items()
    if "from numba import" in path.read_text(encoding="utf-8")
}


def used(module: str) -> set[str]:
    """Modules with compiled functions or constants that a module imports, directly or not."""
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    direct = {
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module in FILES
        and (node.module in COMPILED or any(name.name.isupper() for name in node.names))
    }
    return direct.union(*(used(name) for name in direct))


@pytest.mark.parametrize("module", [name for name in COMPILED if used(name)])
def test_a_file_changes_with_what_is_compiled_into_it(module: str) -> None:
    sources = [FILES[name].read_bytes() for name in sorted(used(module))]
    digest = hashlib.sha256(b"".join(sources)).hexdigest()[:12]
    line = (
        f"# Compiled with other files, whose digest is {digest} (tests/test_compiled_caches.py).\n"
    )
    text = COMPILED[module].read_text(encoding="utf-8")
    found = re.search(r"^# Compiled with other files.*\n", text, re.MULTILINE)
    assert found and found[0] == line, f"write into {COMPILED[module]}:\n{line}"
