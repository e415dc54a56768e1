"""Writes JSON for people: short lists in one line, one box a line, no digit too many."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from data.files import atomic_write


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes `value` to a UTF-8 file, atomically.

    Raises:
        InputError: nothing can be written there.
    """
    text = _layout(value, "", ascii_only=False) + "\n"
    try:
        content = text.encode()
    except UnicodeEncodeError:
        # A name made from a file name that is not valid Unicode: JSON has escapes for it.
        content = (_layout(value, "", ascii_only=True) + "\n").encode()
    with atomic_write(path) as file:
        file.write(content)


def shortest_decimals(array: npt.NDArray[np.float32]) -> Any:
    """Returns the numbers as nested lists of floats that print with as few digits as possible.

    0.1 as float32 is 0.10000000149 as float64, which is what `tolist` gives; the shortest decimal
    that reads back to the same float32 is 0.1.
    """
    wide = array.astype(np.float64)
    short = np.array([float(str(number)) for number in array.ravel()]).reshape(array.shape)
    # Reading rounds twice, to float64 and to float32, which could in principle go wrong.
    return np.where(short.astype(np.float32) == array, short, wide).tolist()


def _layout(value: Any, indent: str, *, ascii_only: bool) -> str:
    """Writes containers of containers over several lines and everything else in one."""
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        items = [
            f"{json.dumps(key, ensure_ascii=ascii_only)}: "
            f"{_layout(item, deeper, ascii_only=ascii_only)}"
            for key, item in value.items()
        ]
        opening, closing = "{}"
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        items = [_layout(item, deeper, ascii_only=ascii_only) for item in value]
        opening, closing = "[]"
    else:
        return json.dumps(value, ensure_ascii=ascii_only, allow_nan=False)
    return f"{opening}\n{deeper}" + f",\n{deeper}".join(items) + f"\n{indent}{closing}"
