"""What all commands have in common, run as users run them, in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMANDS = sorted(
    str(path.relative_to(ROOT).with_suffix(""))
    for path in ROOT.glob("[a-z]*/*.py")
    if (path.parent / "__init__.py").exists()
    and '__name__ == "__main__"' in path.read_text(encoding="utf-8")
)


def _run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_script_explains_itself(command: str) -> None:
    # By its path a script has its own folder first on the import path.
    done = _run(f"{command}.py", "--help", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert f"python {command}.py" in done.stdout.lower(), "--help has no example"


@pytest.mark.parametrize("command", COMMANDS)
def test_module_runs_anywhere_and_refuses_unknown_options(command: str, tmp_path: Path) -> None:
    # A folder of the user's that is called like one of the packages must not be taken for it.
    (tmp_path / "data").mkdir()
    done = _run("-m", command.replace("/", "."), "--no_such_option", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
