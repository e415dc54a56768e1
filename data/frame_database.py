"""A frame database: the frames of one video as image files in a table of SQLite, read like a video.

The files are those of dataset2database (repository alexandrosstergiou/dataset2database), which SRTG
and MTNet read: `VIDEO/frames.db` with a table `Images(ObjId, frames, size)`, in which `ObjId` is
`VIDEO/frame_00001` and so on, `frames` the JPEG file, and the rows have no order. A text file
`n_frames` beside it may hold the number of frames.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from data.errors import InputError
from data.still_images import StillImages

DATABASE, COUNT_FILE = "frames.db", "n_frames"


class FrameDatabase(StillImages):
    """The images of a frame database, all of one size.

    Args:
        path: the file, or the folder in which it is `frames.db`.
        frame_rate: frames per second, which the file does not hold.

    Raises:
        InputError: the file is no frame database, a frame is missing or there twice, or one is
            damaged or of another size than the first.
    """

    def __init__(self, path: str | Path, frame_rate: float) -> None:
        """Finds the rows of all frames and reads the first one for the size."""
        self.path = Path(path)
        self.file = self.path / DATABASE if self.path.is_dir() else self.path
        self.frame_rate = frame_rate
        self._rows = self._find_rows()
        self.frames = len(self._rows)
        self._check_count()
        ((_, first),) = self.read([0])
        self.height, self.width = first.shape[:2]

    def contents(self, indices: Sequence[int]) -> Iterator[tuple[str, bytes]]:
        """Yields file and number of each of these frames, and what is stored for it."""
        with closing(self._connect()) as connection:
            for index in indices:
                yield f"{self.file}: frame {index + 1}", self._content(connection, index)

    def _connect(self) -> sqlite3.Connection:
        try:
            return sqlite3.connect(f"{self.file.resolve().as_uri()}?mode=ro", uri=True)
        except sqlite3.Error as error:
            raise self._refused(str(error)) from None

    def _find_rows(self) -> list[int]:
        """The row of each frame: the table has no index, and its text ids sort by their length."""
        rows: dict[int, int] = {}
        with closing(self._connect()) as connection:
            try:
                listed = connection.execute("SELECT rowid, ObjId FROM Images").fetchall()
            except sqlite3.Error as error:
                raise self._refused(str(error)) from None
        for row, name in listed:
            number = re.search(r"\d+$", str(name))
            if number is None:
                raise self._refused(f"the row {name!r} has no number of a frame")
            if rows.setdefault(int(number[0]), row) != row:
                raise self._refused(f"frame {int(number[0])} is there twice")
        if not rows:
            raise self._refused("it holds no frames")
        missing = next((number for number in range(1, len(rows) + 1) if number not in rows), None)
        if missing is not None:
            raise self._refused(f"frame {missing} is missing")
        return [rows[number] for number in range(1, len(rows) + 1)]

    def _check_count(self) -> None:
        """Compares with the number of frames beside the file, if it is there."""
        beside = self.file.with_name(COUNT_FILE)
        if self.file.name == DATABASE and beside.is_file():
            count = beside.read_text(encoding="utf-8", errors="replace").strip()
            if count != str(self.frames):
                raise self._refused(f"it holds {self.frames} frames, and {beside} says {count!r}")

    def _content(self, connection: sqlite3.Connection, index: int) -> bytes:
        try:
            found = connection.execute(
                "SELECT frames FROM Images WHERE rowid = ?", [self._rows[index]]
            ).fetchone()
        except sqlite3.Error as error:
            raise self._refused(str(error)) from None
        return found[0] if found and isinstance(found[0], bytes) else b""

    def _refused(self, reason: str) -> InputError:
        return InputError(
            f"{self.file}: is no whole frame database ({reason}); convert the video again"
        )
