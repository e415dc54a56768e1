"""Arrays in one .npz file, with a JSON text beside them, and without running its pickles."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.files import open_file
from data.restricted_pickle import load_object_array

# In bytes: several times the scores of the largest published sets of videos, and not more than a
# small compressed file may ask for.
LARGEST_PICKLE = 2**32


def read_arrays(
    path: str | os.PathLike[str], names: Sequence[str], content: str, optional: Sequence[str] = ()
) -> dict[str, npt.NDArray[Any]]:
    """Reads arrays of an .npz file without ever unpickling.

    Args:
        path: the file.
        names: of the arrays.
        content: what the file should hold, for the message.
        optional: names of arrays that may be missing, and then are not in the result.

    Raises:
        InputError: the file is missing or damaged, or lacks an array.
    """
    arrays = {}
    with open_file(path) as file:
        with _told_errors(path, "", content):
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                archive = {}
        for name in (*names, *(name for name in optional if name in archive)):
            with _told_errors(path, name, content):
                arrays[name] = archive[name]
    return arrays


def read_object_array(
    path: str | os.PathLike[str], name: str, content: str
) -> npt.NDArray[np.object_]:
    """Reads an array of objects, which NumPy stores as a pickle, of an .npz file.

    The objects are those that `load_pickle` reads.

    Args:
        path: the file.
        name: of the array.
        content: what the file should hold, for the message.

    Raises:
        InputError: the file is missing or damaged, lacks the array, or the array is none of
            objects, or its pickle asks for anything that could run code.
    """
    with open_file(path) as file, _told_errors(path, name, content):
        archive = zipfile.ZipFile(file)
        member = archive.getinfo(f"{name}.npy")
        if member.file_size > LARGEST_PICKLE:
            raise ValueError("larger than any published file")
        with archive.open(member) as stored:
            if np.lib.format.read_magic(stored) == (1, 0):
                shape, _, dtype = np.lib.format.read_array_header_1_0(stored)
            else:
                shape, _, dtype = np.lib.format.read_array_header_2_0(stored)
            pickled = stored.read()
        if dtype.kind != "O":
            raise ValueError("an array of numbers")
    array = load_object_array(os.fspath(path), pickled)
    if array.shape != shape:
        raise InputError(f"{path}: the array {name!r} has another shape than its header says")
    return array


@contextmanager
def _told_errors(path: str | os.PathLike[str], name: str, content: str) -> Iterator[None]:
    """Turns what goes wrong while an array is read into an `InputError`; without name, the file."""
    try:
        yield
    except KeyError:
        raise InputError(
            f"{path}: the array {name!r} is missing, so this is no file of {content}; "
            "name another file"
        ) from None
    except Exception:
        # NumPy and zipfile document few of the many errors that damaged files cause.
        where = f" in the array {name!r}" if name else ""
        raise InputError(
            f"{path}: is damaged or not an .npz file of {content}{where}; make it again"
        ) from None


def read_metadata(
    path: str | os.PathLike[str], array: npt.NDArray[Any], format: str, version: int
) -> dict[str, Any]:
    """Reads the JSON text of an .npz file.

    Args:
        path: the file, for the message.
        array: that holds the text.
        format: the name of the format that it must give.
        version: of the format, likewise.

    Raises:
        InputError: the text is no JSON object, or of another format or version, or its classes are
            no list.
    """
    try:
        metadata = json.loads(str(array)) if array.dtype.kind == "U" and array.ndim == 0 else None
    except (ValueError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict) or metadata.get("format") != format:
        raise InputError(f"{path}: metadata is not that of {format}; name another file")
    if metadata.get("version") != version:
        raise InputError(
            f"{path}: version {metadata.get('version')!r} is unknown (this program reads "
            f"{version}); update the program or make the file again"
        )
    if "classes" in metadata and not isinstance(metadata["classes"], list):
        raise InputError(f"{path}: classes must be a list of names; make the file again")
    return metadata
