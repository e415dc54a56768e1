"""Reads variables of Matlab files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.errors import InputError


def load_variable(path: Path, name: str) -> Any:
    """Reads one variable of a Matlab file.

    Args:
        path: a file of Matlab 4 to 7.2.
        name: the variable.

    Returns:
        The array, in the type in which it is stored: Matlab packs doubles into small integers.

    Raises:
        InputError: the file cannot be read or has no such variable.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=[name])
    # SciPy raises what the place of the damage makes of it: zlib.error, MatReadError, TypeError...
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path}: not a Matlab file that can be read ({reason}); download it again"
        ) from error
    if name not in content:
        raise InputError(f"{path}: the variable {name!r} is missing; take the file as published")
    return content[name]
