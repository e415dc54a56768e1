"""Checkpoints by name."""

from __future__ import annotations

import os
from pathlib import Path

import data

_FOLDER = Path(__file__).parent


def shipped_weights() -> list[str]:
    """The names of the checkpoints that come with the program."""
    return sorted(path.stem for path in _FOLDER.glob("*.safetensors"))


def resolve_weights(weights: str | os.PathLike[str]) -> Path:
    """The file of a checkpoint.

    Args:
        weights: a name of the registry or the path of a file.

    Raises:
        InputError: neither.
    """
    if str(weights) in shipped_weights():
        return _FOLDER / f"{weights}.safetensors"
    path = Path(weights)
    if path.is_dir():
        raise data.InputError(f"{path}: is a folder; name a checkpoint file")
    if not path.exists():
        names = ", ".join(shipped_weights()) or "none"
        raise data.InputError(
            f"{path}: no such checkpoint; name a file or one of the shipped checkpoints ({names})"
        )
    return path
