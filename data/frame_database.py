"""A frame database: the frames of one video as image files in a table of SQLite, read like a video.

The files are those of dataset2database (repository alexandrosstergiou/dataset2database), which SRTG
and MTNet read: `VIDEO/frames.db` with a table `Images(ObjId, frames, size)`, in which `ObjId` is
`VIDEO/frame_00001` and so on, `frames` the JPEG file, and the rows have no order. A text file
`n_frames` beside it may hold the number of frames. Ours (see `data.frame_database_writer`) have a
key, by which a frame is found without a walk through the table.
"""

from __future__ import annotations

import os
import re
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from data.errors import InputError
from data.files import open_file
from data.still_images import StillImages, image_size

DATABASE, COUNT_FILE = "frames.db", "n_frames"
# In seconds: so long is waited for another process that writes.
PATIENCE = 5.0
# So many frames are fetched at once; of frames of 300 kB, 10 MB.
_AT_ONCE = 32
_DIGITS = "0123456789"

_KEY = """SELECT 1 FROM pragma_index_list('Images') AS list, pragma_index_info(list.name) AS part
    WHERE list."unique" AND part.seqno = 0 AND part.name = 'ObjId'"""
_ENDS = """SELECT (SELECT min(ObjId) FROM Images), (SELECT max(ObjId) FROM Images),
    (SELECT count(*) FROM Images)"""


def has_database(folder: Path) -> bool:
    """Whether a folder is that of a frame database."""
    return (folder / DATABASE).is_file()


class LockedDatabaseError(InputError):
    """Another process writes to a frame database, and did not end in time."""


class FrameDatabase(StillImages):
    """The images of a frame database, all of one size.

    A connection is made for each reading and closed at its end, which costs a thirtieth of reading
    a clip: so thousands of databases can be read in turns, none is open when a process is forked,
    and none is locked while nobody reads.

    Args:
        path: the file, or the folder in which it is `frames.db`.
        frame_rate: frames per second, which the file does not hold.

    Raises:
        InputError: the file is no frame database, a frame is missing or there twice, or one is
            damaged or of another size than the first. In tables with a key, a frame that is
            missing in the middle, where another is there behind the last, shows when it is read.
        LockedDatabaseError: another process writes to it.
    """

    remedy = "convert the video again"

    def __init__(self, path: str | Path, frame_rate: float) -> None:
        """Finds the frames, and the size of the first one."""
        self.path = Path(path)
        self.file = self.path / DATABASE if self.path.is_dir() else self.path
        self.frame_rate = frame_rate
        place, first = self._find_frames()
        self.frames = len(self._ids)
        self._check_count()
        self.width, self.height = image_size(first, place, self.remedy)

    def contents(self, indices: Sequence[int]) -> Iterator[tuple[str, bytes]]:
        """Yields file and number of each of these frames, and what is stored for it."""
        for start in range(0, len(indices), _AT_ONCE):
            with self._connected() as connection:
                found = self._fetched(connection, indices[start : start + _AT_ONCE])
            yield from found

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Lends a connection that sees one state of the file.

        Raises:
            InputError: what is done with it failed.
        """
        address = f"{self.file.absolute().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(address, timeout=PATIENCE, uri=True)) as connection:
                connection.execute("BEGIN")  # the file is locked once and not for each query
                yield connection
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter of damaged names
            open_file(self.file).close()  # which tells what SQLite does not
            if "database is locked" in str(error):
                raise LockedDatabaseError(
                    f"{self.file}: another process has been writing to this frame database for "
                    f"{PATIENCE:g} seconds; wait for its end and try again"
                ) from None
            if self.file.with_name(f"{self.file.name}-journal").exists():
                raise self._refused("its writer was stopped, a journal is beside it") from None
            raise self._refused(str(error)) from None

    def _find_frames(self) -> tuple[str, bytes]:
        """Finds the keys or rows of the frames; returns the first of `contents`."""
        with self._connected() as connection:
            keyed = connection.execute(_KEY).fetchone() is not None
            self._column = "ObjId" if keyed else "rowid"
            names = _key_names(connection) if keyed else None
            if names:
                self._ids: _Ids = names
                return self._fetched(connection, [0])[0]
        # Not while there is a connection, whose locks would end with the file that this closes.
        _read_ahead(self.file)
        with self._connected() as connection:
            self._ids = self._listed_ids(connection)
            return self._fetched(connection, [0])[0]

    def _fetched(
        self, connection: sqlite3.Connection, indices: Sequence[int]
    ) -> list[tuple[str, bytes]]:
        ids = [self._ids[index] for index in indices]
        marks = ", ".join("?" * len(ids))
        found = dict(
            connection.execute(
                f"SELECT {self._column}, frames FROM Images WHERE {self._column} IN ({marks})", ids
            )
        )
        contents = []
        for index, name in zip(indices, ids, strict=True):
            if name not in found:
                raise self._refused(f"frame {index + 1} is missing")
            content = found[name]
            place = f"{self.file}: frame {index + 1}"
            contents.append((place, content if isinstance(content, bytes) else b""))
        return contents

    def _listed_ids(self, connection: sqlite3.Connection) -> _Ids:
        """The key or row of each frame, from a walk through all of them."""
        found: dict[int, int | str] = {}
        for identity, name in connection.execute(f"SELECT {self._column}, ObjId FROM Images"):
            digits = str(name)[len(str(name).rstrip(_DIGITS)) :]
            if not digits:
                raise self._refused(f"the row {name!r} has no number of a frame")
            if found.setdefault(int(digits), identity) != identity:
                raise self._refused(f"frame {int(digits)} is there twice")
        if not found:
            raise self._refused("it holds no frames")
        missing = next((number for number in range(1, len(found) + 1) if number not in found), None)
        if missing is not None:
            raise self._refused(f"frame {missing} is missing")
        ids = [found[number] for number in range(1, len(found) + 1)]
        return ids if self._column == "ObjId" else array("q", map(int, ids))

    def _check_count(self) -> None:
        """Compares with the number of frames beside the file, if it is there."""
        beside = self.file.with_name(COUNT_FILE)
        if self.file.name == DATABASE and beside.is_file():
            count = beside.read_text(encoding="utf-8", errors="replace").strip()
            if count != str(self.frames):
                raise self._refused(f"it holds {self.frames} frames, and {beside} says {count!r}")

    def _refused(self, reason: str) -> InputError:
        return InputError(f"{self.file}: is no whole frame database ({reason}); {self.remedy}")


class _Ids(Protocol):
    """The key or row of each frame."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> int | str: ...


@dataclass(frozen=True)
class _KeyNames:
    """The keys of frames that are numbered as the published ones.

    Attributes:
        prefix: what stands before the number.
        digits: the least number of them.
        frames: how many there are.
    """

    prefix: str
    digits: int
    frames: int

    def __len__(self) -> int:
        return self.frames

    def __getitem__(self, index: int) -> str:
        return f"{self.prefix}{index + 1:0{self.digits}d}"


def _read_ahead(file: Path) -> None:
    """Has the system read a whole file, where it can be asked to.

    A walk through a table touches pages all over the file: one by one they take a disk three times
    as long as all of it at once.
    """
    if hasattr(os, "posix_fadvise"):
        with open_file(file) as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def _key_names(connection: sqlite3.Connection) -> _KeyNames | None:
    """The keys of a table, from the first, the last and their number; None: they are not so."""
    first, last, frames = connection.execute(_ENDS).fetchone()
    number = re.fullmatch(r"(.*?)([0-9]+)", str(first), re.DOTALL)
    if number is None or int(number[2]) != 1:
        return None
    names = _KeyNames(number[1], len(number[2]), frames)
    end = names[frames - 1]
    if frames < 10**names.digits:
        # So many different ones between the first and the last are all.
        return names if last == end else None
    # Frame 100000 sorts before 99999, as text.
    there = connection.execute("SELECT 1 FROM Images WHERE ObjId = ?", [end]).fetchone()
    return names if there else None
