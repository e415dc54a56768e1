"""Reading and writing of whole files such that a failure never leaves half a file behind."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal

from data.errors import InputError

# In seconds; a temporary file that is younger may still be without its lock.
YOUNG = 60
# Whose lock the writer of a temporary folder has; folders without it are not ours.
_WRITER = ".writer"


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a file the user named for reading.

    Raises:
        InputError: the file is missing, is a folder or a pipe, or cannot be read.
    """
    try:
        if Path(path).is_fifo():
            raise InputError(f"{path}: is a pipe, which cannot be read from its end; name a file")
        return Path(path).open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name a file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); check the path") from None


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Returns the content of a file the user named.

    Raises:
        InputError: the file is missing, is a folder or cannot be read.
    """
    with open_file(path) as file:
        return file.read()


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Lends a temporary path beside `path` and renames it to `path` when the block succeeds.

    For writers that want a path and not an open file. The temporary name has the suffix of `path`,
    by which many writers choose their format. If the block raises, the temporary file is removed
    and an older file at `path` stays as it was. Folders that are missing are made. Temporary files
    of writers of `path` that were killed are removed.

    Raises:
        InputError: `path` is a folder or a device, or nothing can be written there.
    """
    # Links are followed, so that the file behind the link is replaced and not the link.
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        raise InputError(f"{path}: is not a regular file; name a file to write")
    prefix = f".{zlib.crc32(os.fsencode(target.name)):08x}-"
    temporary = target.with_name(f"{prefix}{secrets.token_hex(8)}.tmp{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target.parent, prefix)
        # Opened once to fail early, and with the permissions that the user's umask asks for.
        opened = temporary.open("xb")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); choose another place"
        ) from error
    with opened:
        if not lock(opened):
            opened.close()
        try:
            yield temporary
            with temporary.open("rb+") as written:
                os.fsync(written.fileno())
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def lock(file: BinaryIO) -> bool | None:
    """Takes the lock of a file, which the system lets go of when the process ends in any way.

    Returns:
        Whether it was taken, False if another process has it; None on Windows and in file systems
        without locks.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


def _remove_abandoned(folder: Path, prefix: str) -> None:
    """Removes the temporary files and folders of one target that no living process has."""
    for path in folder.iterdir():
        if path.name.startswith(prefix):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > YOUNG:
                    with (path / _WRITER if path.is_dir() else path).open("rb+") as file:
                        if lock(file):
                            shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """Lends a folder beside `path`, removed in the end; those of killed processes are too.

    For results of many files, which are moved to their place when they are complete, where several
    processes may make the same at once: each has a folder of its own. One writer alone takes
    `data.interchange.files.atomic_folder`.

    Raises:
        OSError: nothing can be written there.
    """
    prefix = f".{path.name}-"
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path.parent, prefix)
    with (
        tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as folder,
        Path(folder, _WRITER).open("xb") as file,
    ):
        lock(file)
        yield Path(folder)


@contextmanager
def atomic_write(
    path: str | os.PathLike[str], mode: Literal["wb", "w"] = "wb"
) -> Iterator[IO[Any]]:
    """Opens a temporary file that replaces `path` when the block succeeds; see `atomic_path`.

    Args:
        path: the file to write.
        mode: "wb" for bytes, "w" for text, which is written as UTF-8 with "\\n" line ends.

    Raises:
        InputError: `path` is a folder or a device, or nothing can be written there.
    """
    binary = mode == "wb"
    with (
        atomic_path(path) as temporary,
        temporary.open(
            mode, encoding=None if binary else "utf-8", newline=None if binary else "\n"
        ) as file,
    ):
        yield file
