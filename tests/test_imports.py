"""The rules of the layout, asserted from the sources: who imports whom, which names are taken."""

import ast
import configparser
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What passes between packages that do not stand in each other's list is a type of `data`.
MAY_IMPORT = {
    "data": set(),
    "weights": {"data"},
    "evaluation": {"data"},
    "training": {"data"},
    "detection": {"data", "evaluation", "training", "weights"},
    "tubes": {"data", "evaluation"},
    "recognition": {"data", "evaluation", "training", "weights"},
    "demo": {"data", "evaluation", "weights", "detection", "tubes", "recognition"},
}
PACKAGES = sorted(name for name in MAY_IMPORT if (ROOT / name / "__init__.py").exists())
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def _imports(path: Path) -> Iterator[tuple[int, int, str]]:
    """Line, level (0 is absolute) and dotted name of every import, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, 0, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.level, node.module or ""


def test_every_package_is_listed_for_installation() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    assert set(PACKAGES) <= set(settings["options"]["packages"].split())


@pytest.mark.parametrize("package", PACKAGES)
def test_dependencies_point_one_way(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package}
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, _, name in _imports(path)
        if name.split(".")[0] in MAY_IMPORT and name.split(".")[0] not in allowed
    ]
    assert not wrong, wrong


def test_imports_are_absolute() -> None:
    # A relative import fails in a script that is run by its path.
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in SOURCES
        for line, level, _ in _imports(path)
        if level > 0
    ]
    assert not wrong, wrong


def test_no_module_hides_another() -> None:
    # `python data/check.py` puts data/ first on the import path: a data/types.py would then be
    # what every `import types` finds.
    taken = set(sys.stdlib_module_names) | set(packages_distributions()) | set(MAY_IMPORT)
    wrong = [
        str(entry.relative_to(ROOT))
        for folder in (*PACKAGES, "benchmarks")
        for entry in sorted((ROOT / folder).iterdir())
        if (entry.suffix == ".py" or (entry / "__init__.py").exists()) and entry.stem in taken
    ]
    assert not wrong, wrong


def test_every_module_imports_without_av_and_visdom() -> None:
    # Machines that only train have neither; whoever needs them imports them where they are used.
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCES
    ]
    program = (
        "import importlib, sys\n"
        "sys.modules['av'] = sys.modules['visdom'] = None\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_exports_is_not_called_as_its_modules(package: str) -> None:
    # Once such a module is imported, it is what the name stands for; but for what comes from it.
    tree = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if node.module != f"{package}.{alias.name}"
    }
    modules = {path.stem for path in (ROOT / package).glob("*.py")}
    assert not names & modules, names & modules
