"""Reads Matlab files: real matrices, texts, cells and structs, and nothing else they may hold.

SciPy's reader ends the process with a segmentation fault on about one in fifty slightly damaged
files. The format is that of versions 5 to 7.2: MathWorks, MAT-File Format, "Level 5 MAT-File
Format".
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
CELL, STRUCT, TEXT = 1, 2, 4
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
ENCODINGS = {2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16"}
# A gigabyte: far more than the detections of a frame, and not more than a small file may ask for.
LARGEST = 2**30


def read_matlab(path: Path) -> dict[str, Any]:
    """Returns the variables of a Matlab file by their names.

    Real matrices come as arrays, lines of text as str, cells of any shape as lists and structs of
    any shape as lists of dicts (both column after column); others are left out, or None in a cell
    or struct.

    Raises:
        InputError: the file cannot be read or is damaged.
    """
    content = memoryview(read_file(path))
    try:
        if len(content) < HEADER:
            raise ValueError("it ends early")
        order = {b"IM": "<", b"MI": ">"}.get(bytes(content[126:HEADER]))
        if order is None:
            raise ValueError("its header is that of another kind of file")
        variables = dict(_variables(content[HEADER:], order))
        return {name: value for name, value in variables.items() if value is not None}
    except (ValueError, RecursionError, struct.error, zlib.error) as error:
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


def _variables(content: memoryview, order: str) -> Iterator[tuple[str, Any]]:
    """Yields name and value of the variables that stand one after the other."""
    for kind, inside in _elements(content, order):
        if kind == COMPRESSED:
            expander = zlib.decompressobj()
            expanded = expander.decompress(inside, LARGEST)
            if not expander.eof:
                raise ValueError("a matrix is cut off or larger than a gigabyte")
            yield from _variables(memoryview(expanded), order)
        elif kind == MATRIX:
            yield _variable(inside, order)


def _variable(content: memoryview, order: str) -> tuple[str, Any]:
    """Returns name and value, which is None if it is of a class that is not read."""
    if not content:
        return "", np.zeros((0, 0))
    parts = _elements(content, order)
    (flags,) = struct.unpack_from(f"{order}I", next(parts, (0, b""))[1])
    found = [part for _, part in zip(range(3), parts, strict=False)]
    if len(found) < 2:
        raise ValueError("a matrix is cut off")
    shape = np.frombuffer(found[0][1], f"{order}i4").tolist()
    name, kind = bytes(found[1][1]).decode("latin-1"), flags & 0xFF
    if flags & COMPLEX or kind not in (CELL, STRUCT, TEXT, *CLASSES):
        return name, None
    if kind == CELL:
        # The first cell stands where other classes have their values.
        inside = (*found[2:], *parts)
        cells = [_variable(part, order)[1] for kind, part in inside if kind == MATRIX]
        if len(cells) != math.prod(shape):
            raise ValueError("a cell is cut off")
        return name, cells
    if len(found) < 3:
        raise ValueError("a matrix is cut off")
    stored, values = found[2]
    if kind == STRUCT:
        (length,) = struct.unpack_from(f"{order}i", values)
        return name, _structs(parts, length, math.prod(shape), order)
    if kind == TEXT:
        return name, _text(values, stored, order) if len(shape) == 2 and shape[0] < 2 else None
    return name, _matrix(values, stored, shape, CLASSES[kind], order)


def _structs(
    parts: Iterator[tuple[int, memoryview]], length: int, count: int, order: str
) -> list[dict[str, Any]]:
    """Returns structs, whose names of fields are padded to a length."""
    padded = bytes(next(parts, (0, b""))[1])
    if length < 1 or len(padded) % length:
        raise ValueError("a struct is cut off")
    names = [
        padded[place : place + length].partition(b"\0")[0].decode("latin-1")
        for place in range(0, len(padded), length)
    ]
    values = [_variable(part, order)[1] for kind, part in parts if kind == MATRIX]
    if len(values) != count * len(names):
        raise ValueError("a struct is cut off")
    return [
        dict(zip(names, values[place : place + len(names)], strict=True))
        for place in range(0, len(values), max(1, len(names)))
    ]


def _text(values: memoryview, stored: int, order: str) -> str:
    if stored not in ENCODINGS:
        raise ValueError("a text is cut off")
    encoding = ENCODINGS[stored]
    if encoding == "utf-16":
        encoding += "-le" if order == "<" else "-be"
    return bytes(values).decode(encoding)


def _matrix(
    values: memoryview, stored: int, shape: list[int], kind: str, order: str
) -> npt.NDArray[Any]:
    if stored not in TYPES:
        raise ValueError("a matrix is cut off")
    numbers = np.frombuffer(values, f"{order}{TYPES[stored]}")
    if min(shape, default=0) < 0 or math.prod(shape) != len(numbers):
        raise ValueError(f"{len(numbers)} numbers are no matrix of the shape {shape}")
    # Matlab stores doubles that are small whole numbers as such; the class says what they are.
    return numbers.reshape(shape, order="F").astype(kind, order="C")
