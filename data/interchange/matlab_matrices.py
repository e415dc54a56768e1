"""Reads the numeric matrices of Matlab files, and nothing else that they may hold.

SciPy's reader, which `data.matlab_file` uses for published annotations, ends the process with a
segmentation fault on about one in fifty slightly damaged files; detections are whatever a user
brings, in hundreds of thousands of files. The format is that of versions 5 to 7.2: MathWorks,
MAT-File Format, "Level 5 MAT-File Format".
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.files import read_file

HEADER = 128
# Types of elements (MathWorks, table 1-1), and classes of matrices (table 1-3).
MATRIX, COMPRESSED = 14, 15
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {
    6: "f8",
    7: "f4",
    8: "i1",
    9: "u1",
    10: "i2",
    11: "u2",
    12: "i4",
    13: "u4",
    14: "i8",
    15: "u8",
}
COMPLEX = 0x800
# A gigabyte: far more than the detections of a frame, and not more than a small file may ask for.
LARGEST = 2**30


def read_matrices(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Returns the real numeric matrices of a Matlab file by their names.

    Raises:
        InputError: the file cannot be read or is damaged.
    """
    content = memoryview(read_file(path))
    try:
        order = {b"IM": "<", b"MI": ">"}[bytes(content[126:HEADER])]
        return dict(_matrices(content[HEADER:], order))
    except (KeyError, ValueError, struct.error, zlib.error) as error:
        raise InputError(
            f"{path}: not a whole Matlab file of version 5 to 7.2 ({error}); write it again"
        ) from error


def _elements(content: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yields type and content of the elements that stand one after the other."""
    place = 0
    while place < len(content):
        kind, size = struct.unpack_from(f"{order}II", content, place)
        start = place + 8
        if kind >> 16:  # up to four bytes stand within the eight of the tag
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
        if start + size > len(content):
            raise ValueError("it ends early")
        yield kind, content[start : start + size]
        place = start + size
        if kind != COMPRESSED:
            place = math.ceil(place / 8) * 8


def _matrices(content: memoryview, order: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for kind, inside in _elements(content, order):
        if kind == COMPRESSED:
            expander = zlib.decompressobj()
            expanded = expander.decompress(inside, LARGEST)
            if not expander.eof:
                raise ValueError("a matrix is cut off or larger than a gigabyte")
            yield from _matrices(memoryview(expanded), order)
        elif kind == MATRIX:
            yield from _matrix(inside, order)


def _matrix(content: memoryview, order: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yields name and values of a matrix, or nothing if it is not of real numbers."""
    parts = _elements(content, order)
    (flags,) = struct.unpack_from(f"{order}I", next(parts, (0, b""))[1])
    if flags & 0xFF not in CLASSES or flags & COMPLEX:
        return
    found = [part for _, part in zip(range(3), parts, strict=False)]
    if len(found) < 3 or found[2][0] not in TYPES:
        raise ValueError("a matrix is cut off")
    shape = np.frombuffer(found[0][1], f"{order}i4").tolist()
    values = np.frombuffer(found[2][1], f"{order}{TYPES[found[2][0]]}")
    if min(shape, default=0) < 0 or math.prod(shape) != len(values):
        raise ValueError(f"{len(values)} numbers are no matrix of the shape {shape}")
    # Matlab stores doubles that are small whole numbers as such; the class says what they are.
    matrix = values.reshape(shape, order="F").astype(CLASSES[flags & 0xFF], order="C")
    yield bytes(found[1][1]).decode("latin-1"), matrix
