"""Reads pickles of numbers: arrays and plain containers, and nothing that runs code.

Published annotations come as pickles, and a pickle may call any function while it is loaded. Here
only the few names are known that rebuild arrays, and they stand for code of this module: NumPy's
own can be made to write outside its memory by a damaged or hostile file.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.files import read_file

_NUMBERS_AND_TEXT = re.compile(r"[<>=|]?([biufc?]\d*|[SU]\d+)")
_OBJECTS = re.compile(r"\|?O[48]?")


def load_pickle(path: str | Path) -> Any:
    """Reads a pickle that holds NumPy arrays and scalars and Python's plain containers only.

    Arrays hold numbers, truth values or text. Pickles of Python 2 are read too; their strings are
    taken as Latin-1.

    Raises:
        InputError: the file cannot be read, is damaged, or asks for anything else.
    """
    return _load(_RestrictedUnpickler(path, read_file(path), _Dtype))


def load_pickled_dict(path: str | Path) -> dict[Any, Any]:
    """Reads a pickle that holds a dict; see `load_pickle`.

    Raises:
        InputError: as `load_pickle`, or the file holds something else.
    """
    content = load_pickle(path)
    if not isinstance(content, dict):
        raise InputError(
            f"{path}: holds a {type(content).__name__} and no dict; take the file as published"
        )
    return content


def load_object_array(path: str | Path, content: bytes) -> npt.NDArray[np.object_]:
    """Reads the pickle of an array of objects, as NumPy puts it into .npy and .npz files.

    The objects are what `load_pickle` reads, or arrays of objects themselves.

    Args:
        path: the file that holds the pickle, for the message.
        content: the pickle.

    Raises:
        InputError: as `load_pickle`, or the pickle holds something else.
    """
    array = _load(_RestrictedUnpickler(path, content, _ObjectDtype))
    if not isinstance(array, np.ndarray) or array.dtype.kind != "O":
        raise InputError(
            f"{path}: holds a pickle of no array of objects; take the file as published"
        )
    return array


def _load(unpickler: _RestrictedUnpickler) -> Any:
    try:
        return _with_arrays(unpickler.load(), {})
    except InputError:
        raise
    # What a damaged pickle raises depends on where the damage is; no code of its own can run.
    except Exception as error:
        raise InputError(
            f"{unpickler.path}: not a whole pickle of numbers and text ({error}); make or download "
            "it again"
        ) from error


class _Whole(io.BytesIO):
    """A file that never gives less than was asked for, as pickle takes it without a word."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Returns `size` bytes, or all that are left.

        Raises:
            EOFError: there are fewer.
        """
        content = super().read(size)
        if len(content) < (size or 0):
            raise EOFError("it ends early")
        return content

    def readline(self, size: int | None = -1, /) -> bytes:
        """Returns a line.

        Raises:
            EOFError: the file ends before the line does.
        """
        line = super().readline(size)
        if not line.endswith(b"\n"):
            raise EOFError("it ends early")
        return line


# The unpickler written in Python, which takes twice the time: the other one reserves as much memory
# as a damaged file may name, up to 64 GB.
class _RestrictedUnpickler(pickle._Unpickler):
    def __init__(self, path: str | Path, content: bytes, dtype: type[_Dtype]) -> None:
        super().__init__(_Whole(content), encoding="latin1")
        self.path = path
        self._allowed = _allowed(dtype)

    def find_class(self, module: str, name: str) -> Any:
        """Returns what stands for an allowed name.

        Raises:
            InputError: the name is not allowed.
        """
        if (module, name) not in self._allowed:
            raise InputError(
                f"{self.path}: the pickle asks for {module}.{name}, which could run code and was "
                "not executed; use the file as its authors published it"
            )
        return self._allowed[module, name]


class _Dtype:
    """Stands for `numpy.dtype` while a pickle is loaded."""

    __slots__ = ("_dtype",)

    def __init__(self, spec: str, align: object = False, copy: object = False) -> None:
        if not isinstance(spec, str) or not _NUMBERS_AND_TEXT.fullmatch(spec):
            raise ValueError(f"arrays of type {spec!r} are not read")
        self._dtype: np.dtype[Any] = np.dtype(spec)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        # Version, byte order, then what only records and other composed types have.
        if state[1] in ("<", ">"):
            self._dtype = self._dtype.newbyteorder(state[1])

    def array(self, content: Any, shape: Any, order: str) -> npt.NDArray[Any]:
        """Returns the array that `content` holds, after checking that it does."""
        if isinstance(content, str):  # the bytes of Python 2
            content = content.encode("latin1")
        if math.prod(shape) * self._dtype.itemsize != len(content) or min(shape, default=0) < 0:
            raise ValueError(f"{len(content)} bytes are no array of the shape {shape}")
        values: npt.NDArray[Any] = np.empty(0, self._dtype)
        if len(content):
            values = np.frombuffer(content, self._dtype).copy()
        values = values.reshape(shape, order="F" if order == "F" else "C")
        return values


class _ObjectDtype(_Dtype):
    """The same where arrays may hold objects too."""

    __slots__ = ()

    def __init__(self, spec: str, align: object = False, copy: object = False) -> None:
        if isinstance(spec, str) and _OBJECTS.fullmatch(spec):
            self._dtype = np.dtype(object)
        else:
            super().__init__(spec)

    def array(self, content: Any, shape: Any, order: str) -> npt.NDArray[Any]:
        """Returns the array that `content` holds: for objects, a list of them in C order."""
        if self._dtype.kind != "O":
            return super().array(content, shape, order)
        if (
            not isinstance(content, list)
            or math.prod(shape) != len(content)
            or min(shape, default=0) < 0
        ):
            raise ValueError(f"no list of objects for an array of the shape {shape}")
        values: npt.NDArray[Any] = np.empty(len(content), object)
        for place, value in enumerate(content):  # all at once, lists would become rows
            values[place] = value
        values = values.reshape(shape)
        return values


class _Array:
    """Stands for an array between the two steps that rebuild it, and for `numpy.ndarray`."""

    __slots__ = ("value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, *_: object) -> None:
        self.value: npt.NDArray[Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        *_, shape, dtype, fortran, content = state
        self.value = dtype.array(content, shape, "F" if fortran else "C")


def _allowed(array_dtype: type[_Dtype]) -> dict[tuple[str, str], Any]:
    """Everything a pickle may name.

    The functions are made anew for each file: a pickle may also set attributes of what it names.

    Args:
        array_dtype: stands for `numpy.dtype`.
    """

    def encode(text: str, encoding: str) -> bytes:
        """Rebuilds bytes in protocols 0 to 2 (`_codecs.encode`)."""
        if encoding != "latin1":
            raise ValueError(f"bytes in the encoding {encoding!r}")
        return text.encode("latin1")

    def no_bytes() -> bytes:
        """Rebuilds empty bytes in protocols 0 to 2."""
        return b""

    def scalar(dtype: _Dtype, content: Any) -> Any:
        """Rebuilds a NumPy scalar."""
        return dtype.array(content, (), "C")[()]

    def from_buffer(content: Any, dtype: _Dtype, shape: Any, order: str) -> npt.NDArray[Any]:
        """Rebuilds an array in protocol 5."""
        return dtype.array(content, shape, order)

    names: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): array_dtype,
        ("_codecs", "encode"): encode,
    }
    # NumPy 2 moved its internals from numpy.core to numpy._core; pickles hold either name.
    for core in ("numpy.core", "numpy._core"):
        names[f"{core}.multiarray", "_reconstruct"] = _Array
        names[f"{core}.multiarray", "scalar"] = scalar
        names[f"{core}.numeric", "_frombuffer"] = from_buffer
    for module in ("builtins", "__builtin__"):
        names[module, "bytes"] = no_bytes
        for kind in (set, frozenset, complex):
            names[module, kind.__name__] = kind
    return names


def _with_arrays(item: Any, done: dict[int, Any]) -> Any:
    """Puts the arrays in the place of what stood for them; lists, dicts and objects in place.

    Args:
        item: what was loaded.
        done: results by identity of what they stand for: a pickle may hold the same list in
            many places, and in itself.
    """
    if id(item) in done:
        return done[id(item)]
    result = item
    if isinstance(item, _Array):
        if item.value is None:
            raise ValueError("an array without content")
        result = _with_arrays(item.value, done)
    elif isinstance(item, np.ndarray) and item.dtype.kind == "O":
        done[id(item)] = item
        for place, value in enumerate(item.flat):
            item.flat[place] = _with_arrays(value, done)
    elif isinstance(item, _Dtype) or callable(item):
        raise ValueError("a part of an array on its own")
    elif isinstance(item, tuple):
        result = tuple(_with_arrays(value, done) for value in item)
    elif isinstance(item, dict | list):
        done[id(item)] = item
        for key, value in list(item.items() if isinstance(item, dict) else enumerate(item)):
            item[key] = _with_arrays(value, done)
    # Whoever takes over the identity of an item is made here, and what is made here isn't visited.
    done[id(item)] = result
    return result
