"""Files of class names: of UCF101, Something-Something, Moments in Time, and plain ones."""

from __future__ import annotations

import re
from pathlib import Path

from data.errors import InputError
from data.interchange.files import read_lines


def read_class_names(path: str | Path) -> tuple[str, ...]:
    """Reads the names of classes, one a line, in the order of their labels.

    Where all lines have numbers, counted from 0 or 1, these are left out: `1 ApplyEyeMakeup` of
    UCF101's classInd.txt, `clapping,0` of Moments in Time.

    Raises:
        InputError: the file cannot be read, names no class or names one twice.
    """
    path = Path(path)
    lines = [line.strip() for line in read_lines(path) if line.strip()]
    names = _without_numbers(lines)
    if not names:
        raise InputError(f"{path}: names no classes; write one name a line")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: names {twice!r} twice; remove one")
    return tuple(names)


def _without_numbers(lines: list[str]) -> list[str]:
    for pattern in (r"(?P<number>\d{1,9})\s+(?P<name>.+)", r"(?P<name>.+),(?P<number>\d{1,9})"):
        found = [re.fullmatch(pattern, line, re.ASCII) for line in lines]
        numbered = [(int(match["number"]), match["name"].strip()) for match in found if match]
        for first in (0, 1):
            if [number for number, _ in numbered] == list(range(first, first + len(lines))):
                return [name for _, name in numbered]
    return lines
