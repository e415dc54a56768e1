"""Reads pickles of numbers: arrays and plain containers, and nothing that runs code.

Published annotations come as pickles, and a pickle may call any function while it is loaded. Here
only the few names that NumPy needs to rebuild arrays are known; any other ends the reading.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.files import read_file


def load_pickle(path: str | Path) -> Any:
    """Reads a pickle that holds NumPy arrays and scalars and Python's plain containers only.

    Pickles of Python 2 are read too; their strings are taken as Latin-1.

    Raises:
        InputError: the file cannot be read, is damaged, or asks for anything else.
    """
    content = read_file(path)
    try:
        return _RestrictedUnpickler(path, content).load()
    except InputError:
        raise
    # What a damaged pickle raises depends on where the damage is; no code of its own can run.
    except Exception as error:
        raise InputError(
            f"{path}: not a pickle, or cut short ({error}); download the file again"
        ) from error


class _RestrictedUnpickler(pickle.Unpickler):
    def __init__(self, path: str | Path, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")
        self._path = path
        self._allowed = _allowed()

    def find_class(self, module: str, name: str) -> Any:
        """Returns the function or type of an allowed name.

        Raises:
            InputError: the name is not allowed.
        """
        if (module, name) not in self._allowed:
            raise InputError(
                f"{self._path}: the pickle asks for {module}.{name}, which could run code and was "
                "not executed; use the file as its authors published it"
            )
        return self._allowed[module, name]


def _allowed() -> dict[tuple[str, str], Any]:
    """Everything a pickle may name.

    The functions are made anew for each file: a pickle may also set attributes of what it names.
    """
    from numpy._core import multiarray

    def encode(text: str, encoding: str) -> bytes:
        """Rebuilds bytes from protocols 0 to 2 (`_codecs.encode`)."""
        if encoding != "latin1":
            raise ValueError(f"bytes in the encoding {encoding!r}")
        return text.encode("latin1")

    def from_buffer(
        content: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], order: Literal["C", "F"]
    ) -> npt.NDArray[Any]:
        """Rebuilds an array from protocol 5."""
        return np.frombuffer(content, dtype).reshape(shape, order=order)

    names: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): encode,
    }
    # NumPy 2 moved its internals from numpy.core to numpy._core; pickles hold either name.
    for core in ("numpy.core", "numpy._core"):
        names[f"{core}.multiarray", "_reconstruct"] = multiarray._reconstruct
        names[f"{core}.multiarray", "scalar"] = multiarray.scalar
        names[f"{core}.numeric", "_frombuffer"] = from_buffer
    for module in ("builtins", "__builtin__"):
        for kind in (set, frozenset, complex):
            names[module, kind.__name__] = kind
    return names
