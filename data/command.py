"""What every command shares: options, exit codes, the progress bar and the record of a run."""

from __future__ import annotations

import argparse
import errno
import json
import math
import os
import platform
import shlex
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Protocol, TextIO, TypeVar

from data.errors import InputError, InputErrors
from data.files import atomic_write

ItemT = TypeVar("ItemT")
ItemT_co = TypeVar("ItemT_co", covariant=True)

RECORDED_PACKAGES = (
    "action-tubes",
    "av",
    "numba",
    "numpy",
    "opencv-python",
    "scipy",
    "torch",
    "torchvision",
)
MOST_ERRORS = 10
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class CommandParser(argparse.ArgumentParser):
    """An argument parser whose complaints are `InputError`: one sentence, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Raises what argparse found wrong.

        Raises:
            InputError: always.
        """
        raise InputError(f"{message}; {self.prog} --help shows the options")

    def format_help(self) -> str:
        """Returns the help, with the default of each option whose text does not tell it."""
        for action in self._actions:
            text, default = action.help or "", action.default
            plain = default in (None, "", (), argparse.SUPPRESS) or default is False
            if action.option_strings and not plain and "default" not in text:
                action.help = f"{text} (default: %(default)s)" if text else "default: %(default)s"
        return super().format_help()


class ProgressBar(Protocol[ItemT_co]):
    """What commands use of a progress bar."""

    def __iter__(self) -> Iterator[ItemT_co]:
        """Yields the items and counts them."""
        ...

    def __enter__(self) -> ProgressBar[ItemT_co]: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def update(self, n: float | None = 1) -> bool | None:
        """Counts `n` more units as done."""
        ...

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Shows a short text behind the bar."""
        ...

    def close(self) -> None:
        """Ends the bar."""
        ...


def run_command(
    main: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None
) -> NoReturn:
    """Calls the `main` of a script and exits as every command of the project does.

    Exit codes: 0 done, 1 failed (any other exception, with its traceback), 2 bad input or a full
    disk (a sentence on stderr for each thing that is wrong), 130 interrupted by the user, 141
    whoever read the output has stopped.

    Args:
        main: takes the arguments (None: those of the process), returns an exit code or None for 0.
        argv: the arguments to pass on.
    """
    tell_of_compiling(threading.Lock().acquire)
    warn_in_sentences()
    code: Any
    try:
        try:
            code = main(argv) or 0
        except SystemExit as end:  # after --help
            code = end.code
        sys.stdout.flush()
    except InputError as error:
        errors = error.errors if isinstance(error, InputErrors) else (error,)
        for one in errors[:MOST_ERRORS]:
            print("error:", " ".join(str(one).split()), file=sys.stderr)
        if len(errors) > MOST_ERRORS:
            print(f"error: and {len(errors) - MOST_ERRORS} more like these", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("interrupted; what was written is kept", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        _drop_output()
        code = 141
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        what = f"{error.filename}:" if error.filename else "the output"
        text = f"{what} cannot be written ({error.strerror}); make room and run it again"
        print("error:", text, file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        code = 2
    sys.exit(code)


def _drop_output() -> None:
    """Lets go of what nobody takes any more: Python would complain of it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn_in_sentences() -> None:
    """Has warnings that are meant for users printed as the notes of commands are."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if category is UserWarning:
            text = f"note: {' '.join(str(message).split())}\n"
        else:
            text = warnings.formatwarning(message, category, filename, lineno, line)
        print(text, end="", file=file or sys.stderr)

    warnings.showwarning = show


def tell_of_compiling(take: Callable[[bool], bool]) -> None:
    """Has it said on a terminal that functions are compiled, when the first one is: it takes long.

    Numba keeps what it compiled, so that only the first run does (or one after an update).

    Args:
        take: takes a lock without waiting (its `acquire`); what succeeds says it, nothing else.
    """
    if "numba" not in sys.modules or not sys.stderr.isatty():
        return
    from numba.core import event
    from tqdm import tqdm

    class Listener(event.Listener):
        def on_start(self, event: object) -> None:
            if take(False):
                text = "compiling, which only the first run has to do (about half a minute) ..."
                tqdm.write(text, file=sys.stderr)  # above a progress bar

        def on_end(self, event: object) -> None:
            pass

    event.register("numba:compile", Listener())  # type: ignore[no-untyped-call]


def common_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that every command has: --seed, --device, --save_root, --overwrite."""
    parser.add_argument(
        "--seed", type=int, default=123, help="seed of all random numbers (default: %(default)s)"
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where networks run; auto takes a GPU if there is one (default: %(default)s)",
    )
    save_root_option(parser)
    parser.add_argument(
        "--overwrite", action="store_true", help="start anew instead of resuming earlier work"
    )


def save_root_option(parser: argparse.ArgumentParser) -> None:
    """Adds --save_root."""
    parser.add_argument(
        "--save_root",
        type=Path,
        default=Path("runs"),
        metavar="FOLDER",
        help="where results are written (default: %(default)s)",
    )


def positive(text: str) -> int:
    """Reads an option that is a whole number of at least 1.

    Raises:
        argparse.ArgumentTypeError: it is not.
    """
    return _whole_number(text, smallest=1)


def count(text: str) -> int:
    """Reads an option that is a whole number of at least 0.

    Raises:
        argparse.ArgumentTypeError: it is not.
    """
    return _whole_number(text, smallest=0)


def _whole_number(text: str, smallest: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = smallest - 1
    if number < smallest:
        raise argparse.ArgumentTypeError(
            f"must be a whole number of at least {smallest}, not {text!r}"
        )
    return number


def progress(
    iterable: Iterable[ItemT] | None = None,
    *,
    total: int | None = None,
    description: str = "",
    unit: str = "frame",
) -> ProgressBar[ItemT]:
    """Returns a progress bar on stderr that is silent where stderr is not a terminal.

    Args:
        iterable: what to walk through; None if the caller counts with `update`.
        total: number of items, where the iterable has no length.
        description: text before the bar.
        unit: what one item is.
    """
    from tqdm import tqdm

    bar: ProgressBar[ItemT] = tqdm(
        iterable, total=total, desc=description or None, unit=unit, file=sys.stderr, disable=None
    )
    return bar


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun, such as "1 class" or "2 classes"."""
    ending = "" if number == 1 else "es" if noun[-1] in "sx" else "s"
    return f"{number} {noun}{ending}"


def write_run_record(
    directory: str | os.PathLike[str], options: Mapping[str, Any], figures: Mapping[str, Any]
) -> Path:
    """Writes `run.json`: what was run, with which options and versions, and what came out.

    Args:
        directory: folder of the run; made if missing.
        options: options by name, such as `vars(args)`.
        figures: results by name; a number that is not finite is recorded as null.

    Returns:
        The path of the record.
    """
    record = {
        "command": shlex.join(sys.argv),
        "options": _plain(options),
        "versions": {"python": platform.python_version(), **_package_versions()},
        "figures": _plain(figures),
    }
    path = Path(directory) / "run.json"
    with atomic_write(path, "w") as file:
        json.dump(record, file, indent=2, allow_nan=False)
        file.write("\n")
    return path


def _package_versions() -> dict[str, str]:
    """Versions of the installed packages, from their metadata: importing torch would be slow."""
    versions = {}
    for name in RECORDED_PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _plain(value: Any) -> Any:
    """Turns options and figures into what JSON knows."""
    if hasattr(value, "tolist"):  # NumPy and torch, scalars included
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)
