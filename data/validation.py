"""Checks that constructors of the types share; each error names the field."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt


def count(value: Any, field: str, minimum: int = 0) -> int:
    """Returns `value` as int.

    Raises:
        ValueError: it is not a whole number of at least `minimum`.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < minimum:
        raise ValueError(f"{field} must be a whole number of at least {minimum}, not {value!r}")
    return int(value)


def number(value: Any, field: str) -> float:
    """Returns `value` as float.

    Raises:
        ValueError: it is not a finite number.
    """
    # Fraction is Real, as NumPy's floats and integers are: PyAV gives frame rates as fractions.
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{field} must be a finite number, not {value!r}")
    return float(value)


def rate(value: Any, field: str = "frame_rate") -> float:
    """Returns a frame rate in frames per second as float.

    Raises:
        ValueError: it is not a finite number above 0.
    """
    result = number(value, field)
    if result <= 0:
        raise ValueError(f"{field} must be above 0, not {value!r}")
    return result


def text(value: Any, field: str) -> str:
    """Returns `value` if it is a string.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, str):
        raise ValueError(f"{field} must be a string, not {value!r}")
    return str(value)


def class_names(values: Iterable[Any], field: str = "classes") -> tuple[str, ...]:
    """Returns the class names as a tuple.

    Raises:
        ValueError: a name is empty, no string, or there twice.
    """
    if isinstance(values, str):
        raise ValueError(f"{field} must be a list of names, not one string")
    names = tuple(text(value, field) for value in values)
    if not all(names):
        raise ValueError(f"{field} must not hold an empty name")
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{field} must not hold {repeated!r} twice")
    return names


def float_array(
    values: npt.ArrayLike, field: str, shape: tuple[int | None, ...]
) -> npt.NDArray[np.float32]:
    """Returns `values` as a float32 array; the same array where it is one already.

    Args:
        values: the numbers.
        field: name for the error.
        shape: the wanted shape, None where any length will do.

    Raises:
        ValueError: the shape is another, or something is not a finite number.
    """
    try:
        array = np.asarray(values)
    except ValueError:  # ragged lists
        array = np.empty((), dtype=object)
    wanted = ", ".join("N" if length is None else str(length) for length in shape)
    if array.dtype.kind not in "fiu" or array.ndim != len(shape):
        # An empty list is float64 (0,), which would do for any shape that starts with None.
        raise ValueError(
            f"{field} must be an array ({wanted}) of numbers, not {array.dtype} {array.shape}"
        )
    if any(want is not None and want != has for want, has in zip(shape, array.shape, strict=True)):
        raise ValueError(f"{field} must have the shape ({wanted}), not {array.shape}")
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, refused below
        result = array.astype(np.float32, copy=False)
    if not np.isfinite(result).all():
        raise ValueError(f"{field} must hold finite numbers only")
    return result
