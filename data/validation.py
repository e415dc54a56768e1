"""Checks that constructors of the types share; each error names the field."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

# Far beyond any video, and small enough for arithmetic in any type.
LARGEST = 2**31 - 1


def check_fields(target: object, checks: Mapping[str, Callable[[Any, str], Any]]) -> None:
    """Checks fields of a frozen dataclass and puts what the checks return in their place.

    Args:
        target: the object.
        checks: for each field a function that takes the value and the name of the field and
            returns the value as it should be, or raises `ValueError`.

    Raises:
        ValueError: fields are wrong; all of them are named.
    """
    errors = []
    for name, check in checks.items():
        try:
            object.__setattr__(target, name, check(getattr(target, name), name))
        except ValueError as error:
            errors.append(str(error))
    if errors:
        raise ValueError("; ".join(errors))


def count(value: Any, field: str, minimum: int = 0) -> int:
    """Returns `value` as int.

    Raises:
        ValueError: it is not a whole number of at least `minimum`.
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not minimum <= value <= LARGEST:
        raise ValueError(
            f"{field} must be a whole number of at least {minimum}"
            f"{f' and at most {LARGEST}' if whole and value > LARGEST else ''}, "
            f"not {reprlib.repr(value)}"
        )
    return int(value)


def positive(value: Any, field: str) -> int:
    """Returns `value` as int.

    Raises:
        ValueError: it is not a whole number of at least 1.
    """
    return count(value, field, minimum=1)


def number(value: Any, field: str) -> float:
    """Returns `value` as float.

    Raises:
        ValueError: it is not a finite number.
    """
    # Fraction is Real, as NumPy's floats and integers are: PyAV gives frame rates as fractions.
    try:
        right = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        right = False
    if not right:
        raise ValueError(f"{field} must be a finite number, not {reprlib.repr(value)}")
    return float(value)


def rate(value: Any, field: str) -> float:
    """Returns a frame rate in frames per second as float.

    Raises:
        ValueError: it is not a finite number above 0.
    """
    result = number(value, field)
    if result <= 0:
        raise ValueError(f"{field} must be above 0, not {reprlib.repr(value)}")
    return result


def text(value: Any, field: str) -> str:
    """Returns `value` if it is a string.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, str):
        raise ValueError(f"{field} must be a string, not {reprlib.repr(value)}")
    return str(value)


def class_names(values: Iterable[Any], field: str) -> tuple[str, ...]:
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


def class_list(value: Any, field: str) -> tuple[str, ...]:
    """Returns the class names in a list from a file as a tuple.

    Raises:
        ValueError: it is no list, or a name is empty, no string, or there twice.
    """
    return class_names(listing(value, field), field)


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


def box_array(values: npt.ArrayLike, field: str) -> npt.NDArray[np.float32]:
    """Returns boxes as a float32 array (N, 4); the same array where it is one already.

    Raises:
        ValueError: the shape is another, or something is not a finite number.
    """
    return float_array(values, field, (None, 4))


def reversed_sides(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Returns of each of the boxes (n, 4) whether x2 < x1 and whether y2 < y1, shape (n, 2)."""
    return boxes[:, 2:] < boxes[:, :2]


def mapping(value: Any, field: str) -> dict[str, Any]:
    """Returns `value` if it is a dict.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{field} must be an object in braces, not {reprlib.repr(value)}")
    return value


def listing(value: Any, field: str) -> list[Any]:
    """Returns `value` if it is a list.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, list):
        raise ValueError(f"{field} must be a list in brackets, not {reprlib.repr(value)}")
    return value
