"""Arrays with a JSON text beside them in one .npz file, without pickles."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.files import open_file


def read_arrays(
    path: str | os.PathLike[str], names: Sequence[str], content: str
) -> dict[str, npt.NDArray[Any]]:
    """Reads arrays of an .npz file without ever unpickling.

    Args:
        path: the file.
        names: of the arrays.
        content: what the file should hold, for the message.

    Raises:
        InputError: the file is missing or damaged, or lacks an array.
    """
    arrays = {}
    name = ""
    with open_file(path) as file:
        try:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                archive = {}
            for name in names:
                arrays[name] = archive[name]
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
    return arrays


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
