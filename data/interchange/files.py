"""Files of other programs: which are there, tables of numbers, pickles, atomic folders."""

from __future__ import annotations

import math
import os
import pickle
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.files import open_file, read_file


def walk(root: Path, suffix: str) -> Iterator[tuple[str, list[str]]]:
    """Yields the folders at and below `root` that hold files of a suffix, in order.

    Hidden ones are left out: they are what a killed process was writing.

    Yields:
        The path below `root` with slashes ("." for itself), and the names of the files, sorted.
    """
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if name[0] != ".")
        found = sorted(name for name in names if name.endswith(suffix) and name[0] != ".")
        if found:
            yield PurePath(folder).relative_to(root).as_posix(), found


def first_file(path: Path, suffix: str, *, numbered: bool = False) -> Path | None:
    """Returns the first file at or below `path` of that suffix that is not empty, if there is one.

    Args:
        path: a file or a folder.
        suffix: such as ".txt".
        numbered: whether the name must be the number of a frame.
    """
    if path.is_file():
        return path if path.suffix == suffix and not numbered else None
    for folder, names in walk(path, suffix):
        for name in names:
            file = path / folder / name
            if file.stat().st_size and not (numbered and frame_number(file.stem) is None):
                return file
    return None


def frame_number(text: str) -> int | None:
    """Returns the number in a file name like 00042, or None if it is none."""
    return int(text) if text.isascii() and text.isdigit() else None


def numbered_files(root: Path, suffix: str) -> Iterator[tuple[str, list[tuple[int, Path]]]]:
    """Yields for each folder below `root` the files that are named by frames, like 00042.mat.

    Yields:
        Name of the video, which is the path of the folder below `root`; frames, counted from 1 as
        in the file names, with the paths, in order.

    Raises:
        InputError: two files of a folder have the same number.
    """
    for folder, names in walk(root, suffix):
        frames: dict[int, Path] = {}
        for name in names:
            number = frame_number(name[: -len(suffix)])
            if number is None:
                continue
            path = root / folder / name
            if number in frames:
                raise InputError(
                    f"{path}: frame {number} is there twice, the other is {frames[number].name}; "
                    "remove one of them"
                )
            frames[number] = path
        if frames:
            yield folder, sorted(frames.items())


def note_file(files: dict[str, Path], video: str, file: Path) -> None:
    """Notes which file is about a video.

    Args:
        files: the files noted so far by name of the video.
        video: name of the video.
        file: the file.

    Raises:
        InputError: another file is about the same video.
    """
    if video in files:
        raise InputError(
            f"{file}: is about video {video!r}, as {files[video]} is; leave one of them out"
        )
    files[video] = file


def check_frame(number: int, frames: int, path: Path) -> None:
    """Checks the number of a frame, counted from 1, that a file name says.

    Raises:
        InputError: the video has no such frame.
    """
    if not 1 <= number <= frames:
        raise InputError(
            f"{path}: there is no frame {number} in the video, whose frames are numbered from 1 to "
            f"{frames}; give the annotation of this video"
        )


def video_path(root: Path, video: str, suffix: str = "") -> Path:
    """Returns where files about a video are written below a folder.

    Raises:
        InputError: the name would lead elsewhere or cannot be that of a file.
    """
    parts = video.split("/")
    try:
        os.fsencode(video)
        possible = "\0" not in video and not {"", ".", ".."} & set(parts)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise InputError(f"video {video!r}: its name cannot be that of a file; rename it")
    return root.joinpath(*parts[:-1], parts[-1] + suffix)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Lends a temporary folder beside `path` and renames it to `path` when the block succeeds.

    What a killed writer of the same folder has left is removed.

    Raises:
        InputError: there is something at `path`, or nothing can be written there.
    """
    target = Path(path)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise InputError(f"{path}: is already there; remove it or name another folder")
    temporary = target.with_name(f".{target.name}.part")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); choose another place"
        ) from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def read_lines(path: Path) -> list[str]:
    """Returns the lines of a text file.

    Raises:
        InputError: the file cannot be read or is not UTF-8.
    """
    try:
        return read_file(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: is not UTF-8 text; save it as UTF-8, or name another file"
        ) from None


def head(path: Path, size: int = 65536) -> list[str]:
    """Returns the lines at the start of a text file, without one that is cut off.

    Raises:
        InputError: the file cannot be read.
    """
    with open_file(path) as file:
        content = file.read(size)
    lines = content.decode("utf-8-sig", errors="replace").splitlines()
    return lines if len(content) < size else lines[:-1]


def number_table(
    path: Path,
    separator: str | None,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    *,
    finite: bool = True,
) -> tuple[npt.NDArray[np.float64], list[int]]:
    """Reads a text file of finite numbers, one row a line.

    Args:
        path: the file.
        separator: between the numbers; None stands for white space.
        columns: names of the columns that must be there.
        optional: names of columns that may follow; where they are left out, NaN is returned.
        finite: whether NaN and infinity are refused.

    Returns:
        float64 (n, all columns), further columns left out, and the number of the line of each row.

    Raises:
        InputError: a line is not as it should be.
    """
    rows: list[list[float]] = []
    lines: list[int] = []
    width = len(columns) + len(optional)
    for number, line in enumerate(read_lines(path), 1):
        if not line or line.isspace():
            continue
        fields = line.split(separator)[:width]
        try:
            row = [float(field) for field in fields]
        except ValueError:
            row = []
        if len(row) < len(columns) or (finite and not all(map(math.isfinite, row))):
            raise InputError(
                f"{path}:{number}: must be the finite numbers {', '.join(columns)}, not "
                f"{line[:60]!r}; correct the line or name the format of the file"
            )
        rows.append(row + [np.nan] * (width - len(row)))
        lines.append(number)
    return np.array(rows, np.float64).reshape(-1, width), lines


def number_array(value: Any, columns: int | None, path: Path, name: str) -> npt.NDArray[Any]:
    """Returns an array (n, columns) that came out of a file.

    Args:
        value: what came out.
        columns: how many there must be; None if any number will do.
        path: the file.
        name: of the array, for the error.

    Raises:
        InputError: it is none.
    """
    array = np.asarray(value) if isinstance(value, np.ndarray) else np.empty((), object)
    if array.dtype.kind not in "fiu" or array.ndim != 2 or columns not in (None, array.shape[1]):
        wanted = "any" if columns is None else columns
        raise InputError(
            f"{path}: {name} must be an array of numbers with {wanted} columns, not "
            f"{f'{array.dtype} {array.shape}' if array.ndim else type(value).__name__}; check that "
            "the data set has the classes of the detector, and name the format of the files"
        )
    return array


def pickle_content(value: Any) -> bytes:
    """Returns a pickle of arrays and plain containers that old programs read.

    That is protocol 2, for those that run in Python 2, and the name that NumPy had for its
    internals before version 2, which version 2 reads as well.
    """
    content = pickle.dumps(value, 2)
    return content.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
