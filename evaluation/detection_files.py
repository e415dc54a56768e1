"""Finds the files of detections that a command was given."""

from collections.abc import Sequence
from pathlib import Path

from data import InputError


def find_detections(paths: Sequence[Path]) -> list[Path]:
    """Returns the files of detections named, those in folders in order of their names.

    Args:
        paths: Files, or folders that hold .npz files at any depth.

    Raises:
        InputError: A path is missing, or a folder holds no detections.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            # Hidden files are what a killed process was writing.
            inside = sorted(path.rglob("[!.]*.npz"))
            if not inside:
                raise InputError(
                    f"{path}: holds no .npz file of detections; name another folder, or make some "
                    "with python detection/detect.py"
                )
            files += inside
        elif path.exists():
            files.append(path)
        else:
            raise InputError(f"{path}: no such file or folder; name one that detect.py wrote")
    return files
