"""What every command shares: exit codes, options, the progress bar and the record of a run."""

from __future__ import annotations

import json
import math
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import (
    CommandParser,
    InputError,
    common_options,
    progress,
    run_command,
    write_run_record,
)
from data.command import counted
from data.errors import InputErrors

FULL = "cannot be written (No space left on device); make room and run it again\n"


def _main_that(result: int | BaseException | None) -> Any:
    def main(argv: Sequence[str] | None) -> int | None:
        if isinstance(result, BaseException):
            raise result
        return result

    return main


@pytest.mark.parametrize(
    ("result", "code", "message"),
    [
        (None, 0, ""),
        (0, 0, ""),
        (1, 1, ""),
        (InputError("a.json: is\n  wrong; mend it"), 2, "error: a.json: is wrong; mend it\n"),
        (InputErrors([InputError("a: x"), InputError("b: y")]), 2, "error: a: x\nerror: b: y\n"),
        (
            InputErrors([InputError("a: x")] * 12),
            2,
            "error: a: x\n" * 10 + "error: and 2 more like these\n",
        ),
        (KeyboardInterrupt(), 130, "interrupted; what was written is kept\n"),
        (SystemExit(3), 3, ""),
        (
            OSError(28, "No space left on device"),
            2,
            f"error: the output {FULL}",
        ),
        (
            OSError(28, "No space left on device", "a.json"),
            2,
            f"error: a.json: {FULL}",
        ),
    ],
)
def test_exit_codes(
    result: int | BaseException | None,
    code: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        run_command(_main_that(result))
    assert caught.value.code == code
    assert capsys.readouterr() == ("", message)


@pytest.mark.parametrize("error", [RuntimeError("broken"), ValueError("broken"), OSError(5, "x")])
def test_other_errors_are_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error)):
        run_command(_main_that(error))


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_stops_reading_is_no_failure(lines: int) -> None:
    """As in `python demo/run.py | head`: what has been printed may be more than is wanted."""
    script = (
        "import sys; from data import run_command; sys.stdin.read();"
        f"run_command(lambda argv: print(*range({lines})))"
    )
    command = [sys.executable, "-c", script]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as run:
        assert run.stdin and run.stdout and run.stderr
        run.stdout.close()
        run.stdin.close()  # only now it begins
        assert run.stderr.read() == b""
    assert run.returncode == 141


@pytest.mark.parametrize("main", ["print('x')", "print(*range(100_000))", "print('x'), sys.exit()"])
def test_output_to_a_full_disk(main: str) -> None:
    script = f"import sys; from data import run_command; run_command(lambda argv: ({main}, 0)[-1])"
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == f"error: the output {FULL}"


COMPILING = """
import sys
from numba import njit
from data import progress, run_command
twice, thrice = njit(lambda x: 2 * x), njit(lambda x: 3 * x)
run_command(lambda argv: len([twice(x) * thrice(x) for x in progress([1, 2])]) - 2)
"""


def test_warnings_for_users_are_notes() -> None:
    script = (
        "import warnings; from data import run_command; run_command(lambda argv: "
        "(warnings.warn('a.mp4 is\\n cut'), warnings.warn('old', FutureWarning), 0)[-1])"
    )
    done = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    first, *others = done.stderr.splitlines()
    assert (done.returncode, first) == (0, "note: a.mp4 is cut")
    assert "FutureWarning: old" in others[0]


def test_a_terminal_is_told_once_of_compiling() -> None:
    outer, inner = pty.openpty()
    try:
        done = subprocess.run([sys.executable, "-c", COMPILING], stderr=inner)
        shown = os.read(outer, 10_000).decode()
    finally:
        os.close(outer)
        os.close(inner)
    assert done.returncode == 0, shown
    assert shown.count("compiling, which only the first run has to do") == 1


def test_a_pipe_is_not_told_of_compiling() -> None:
    done = subprocess.run([sys.executable, "-c", COMPILING], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(1, "tube", "1 tube"), (2, "tube", "2 tubes"), (0, "box", "0 boxes"), (1, "class", "1 class")],
)
def test_numbers_with_nouns(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text


def test_a_failing_command_exits_with_1_and_its_traceback() -> None:
    script = "from data import run_command; run_command(lambda argv: 1 / 0)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def _parse(argv: Sequence[str] | None) -> dict[str, Any]:
    parser = CommandParser(prog="python some/thing.py")
    common_options(parser)
    return vars(parser.parse_args(argv))


def test_arguments_are_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Sequence[str] | None] = []

    def main(argv: Sequence[str] | None) -> None:
        seen.append(argv)

    for argv in (["--seed", "1"], None):
        with pytest.raises(SystemExit):
            run_command(main, argv)
    assert seen == [["--seed", "1"], None]


def test_common_options() -> None:
    assert _parse([]) == {
        "seed": 123,
        "device": "auto",
        "save_root": Path("runs"),
        "overwrite": False,
    }
    assert _parse(["--seed=7", "--device", "cpu", "--save_root", "x", "--overwrite"]) == {
        "seed": 7,
        "device": "cpu",
        "save_root": Path("x"),
        "overwrite": True,
    }


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["--device", "tpu"], "argument --device: invalid choice: 'tpu'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_wrong_options_are_one_sentence(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run_command(lambda argv: len(_parse(argv)), argv)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}")
    assert error.endswith("; python some/thing.py --help shows the options\n")
    assert error.count("\n") == 1


def test_progress_is_silent_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(3), description="linking")) == [0, 1, 2]
    with progress(total=3, unit="video") as bar:
        bar.update()
        bar.set_postfix_str("one done")
    assert capsys.readouterr() == ("", "")


def test_progress_shows_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(progress(iter("abc"), total=3, description="linking", unit="video")) == list("abc")
    output = capsys.readouterr().err
    assert "linking: 100%" in output
    assert "3/3" in output


def test_run_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["detection/train.py", "--input", "a b"])
    options = {"save_root": Path("runs"), "sizes": (1, 2), "none": None, "on": True, "seed": 123}
    figures = {
        "map": np.float32(0.5),
        "per_class": {"run": 0.25, 3: math.nan},
        "curve": np.arange(3.0),
        "infinite": math.inf,
        "classes": {"walk"},
    }
    path = write_run_record(tmp_path / "made", options, figures)
    assert path == tmp_path / "made" / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert record["command"] == "detection/train.py --input 'a b'"
    assert record["options"] == {
        "save_root": "runs",
        "sizes": [1, 2],
        "none": None,
        "on": True,
        "seed": 123,
    }
    assert record["figures"] == {
        "map": 0.5,
        "per_class": {"run": 0.25, "3": None},
        "curve": [0.0, 1.0, 2.0],
        "infinite": None,
        "classes": ["walk"],
    }
    assert record["versions"]["python"].startswith("3.")
    assert {"numpy", "torch"} <= set(record["versions"])


def test_a_record_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = write_run_record(tmp_path, {}, {"map": 0.5})
    before = path.read_bytes()

    class Unwritable:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with pytest.raises(RuntimeError):
        write_run_record(tmp_path, {"option": Unwritable()}, {})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


def test_importing_data_is_cheap() -> None:
    script = (
        "import sys, data\n"
        "heavy = {'torch', 'av', 'matplotlib', 'numba', 'scipy', 'visdom', 'tqdm'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
