"""Writes frame databases, as `data.frame_database` reads them, with a key."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from data.errors import InputError
from data.frame_database import COUNT_FILE, DATABASE, FrameDatabase
from data.interchange.files import atomic_folder
from data.still_images import check_size, decode_image
from data.video_file import DEFAULT_FRAME_RATE

# Table and columns are the published ones but for the key. Without row numbers, the images would
# lie in the index: reading takes twice as long.
_TABLE = "CREATE TABLE Images(ObjId TEXT PRIMARY KEY, frames BLOB, size INT)"


def write_frame_database(
    folder: str | os.PathLike[str], contents: Iterable[tuple[str, bytes]]
) -> int:
    """Writes the frames of a video into `FOLDER/frames.db`, and their number into `n_frames`.

    The folder appears when both are complete, every image was decoded once, and what is stored was
    read again and found to be the same. Its name begins the ids of the frames.

    Args:
        folder: for the two files; not there, or empty.
        contents: for each frame, in order, where its image file comes from, for errors, and its
            content, which is stored as it is: a JPEG image, as other readers expect.

    Returns:
        The number of frames.

    Raises:
        InputError: an image is damaged or of another size than the first, there are none, the
            folder is there, or nothing can be written.
    """
    path = Path(folder)
    name = path.absolute().name
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{path}: the name of the folder is no text, as the ids of frames are; rename the video"
        ) from None
    with atomic_folder(path) as part:
        try:
            sums = _write_rows(part / DATABASE, name, contents)
        except sqlite3.Error as error:
            raise InputError(f"{path}: cannot be written ({error}); choose another place") from None
        if not sums:
            raise InputError(f"{path}: there are no frames to write; leave the video out")
        (part / COUNT_FILE).write_text(str(len(sums)), encoding="ascii")
        written = FrameDatabase(part, DEFAULT_FRAME_RATE).contents(range(len(sums)))
        if [zlib.crc32(content) for _, content in written] != sums:
            raise InputError(f"{path}: is read otherwise than it was written; check the disk")
    return len(sums)


def _write_rows(file: Path, name: str, contents: Iterable[tuple[str, bytes]]) -> list[int]:
    """Writes the table; returns the check sum of each image file."""
    sums: list[int] = []
    size: tuple[int, int] | None = None
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")  # what is not complete is removed
        connection.execute(_TABLE)
        for place, content in contents:
            image = decode_image(content, place)
            size = size or image.shape[1::-1]
            check_size(image, size, place)
            sums.append(zlib.crc32(content))
            row = (f"{name}/frame_{len(sums):05d}", content, size[0])
            connection.execute("INSERT INTO Images VALUES (?, ?, ?)", row)
        connection.commit()
    return sums
