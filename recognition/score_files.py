"""Reads and writes recognition score files: the `.npz` files of TSN and SeqVLAD.

Their test scripts (`--save_scores`) store `scores`, an array of objects (N, 2): the raw logits of a
video, float32 (segments, 1, C) with 1 segment in SeqVLAD, and its label; and `labels`, int64 (N,).
Such arrays are pickles, those of published files of Python 2. What is written here has 1 segment,
the mean, is a pickle that Python 2 and every NumPy read, and holds the names of the videos too, as
`names`, which the published scripts leave alone.
"""

from __future__ import annotations

import io
import operator
import os
import pickle
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data import InputError, atomic_write
from data.array_file import read_arrays, read_object_array

CONTENT = "recognition scores"


@dataclass(frozen=True, eq=False)
class Scores:
    """What a classifier says of videos, and what they are.

    Attributes:
        logits: Score of each class before any softmax, mean over the segments and crops of the
            video, float32 (N, C), finite.
        labels: True classes, 0-based, int64 (N,).
        names: Of the videos, N of them; None where nobody knows.

    Raises:
        ValueError: A field does not fit.
    """

    logits: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.logits.ndim != 2 or self.logits.dtype != np.float32 or 0 in self.logits.shape:
            raise ValueError(f"logits must be float32 (N, C), not {_described(self.logits)}")
        videos, classes = self.logits.shape
        bad = np.flatnonzero(~np.isfinite(self.logits).all(axis=1))
        if len(bad):
            raise ValueError(f"logits must be finite numbers, and those of row {bad[0]} are not")
        if self.labels.shape != (videos,) or self.labels.dtype != np.int64:
            raise ValueError(f"labels must be int64 ({videos},), not {_described(self.labels)}")
        bad = np.flatnonzero((self.labels < 0) | (self.labels >= classes))
        if len(bad):
            raise ValueError(
                f"labels must lie between 0 and {classes - 1}, and that of row {bad[0]} is "
                f"{self.labels[bad[0]]}"
            )
        if self.names is not None and len(self.names) != videos:
            raise ValueError(f"names must be {videos}, not {len(self.names)}")


def read_scores(path: str | os.PathLike[str]) -> Scores:
    """Reads a score file without running anything that it may hold.

    Raises:
        InputError: The file is missing, damaged or none of scores, asks for code, holds what is no
            finite number, or its labels contradict each other.
    """
    arrays = read_arrays(path, ["labels"], CONTENT, optional=["names"])
    rows = read_object_array(path, "scores", CONTENT)
    try:
        if rows.ndim != 2 or rows.shape[1] != 2:
            raise ValueError(f"scores must be pairs of logits and label, not {_described(rows)}")
        labels = arrays["labels"]
        if labels.dtype.kind not in "iu" or labels.shape != rows.shape[:1]:
            raise ValueError(f"labels must be {len(rows)} integers, not {_described(labels)}")
        for row, (label, own) in enumerate(zip(labels.tolist(), rows[:, 1], strict=True)):
            if operator.index(own) != label:
                raise ValueError(f"the label of row {row} is {label} in labels and {own} in scores")
        logits = np.stack([_mean_of_segments(video) for video in rows[:, 0]])
        names = tuple(map(str, arrays["names"])) if "names" in arrays else None
        return Scores(logits, labels.astype(np.int64), names)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path}: is no file of recognition scores ({error}); make or download it again"
        ) from None


def write_scores(path: str | os.PathLike[str], scores: Scores) -> None:
    """Writes a score file as a whole or not at all.

    Raises:
        InputError: Nothing can be written there.
    """
    members = {"scores": _pickled(scores), "labels": _array(scores.labels)}
    if scores.names is not None:
        members["names"] = _array(np.array(scores.names))
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            # Without the time of writing, so that equal scores are equal files.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content)


def _mean_of_segments(logits: Any) -> npt.NDArray[np.float32]:
    """Returns the mean of (segments, 1, C) as (C,), taken in their own precision as published."""
    if not isinstance(logits, np.ndarray) or logits.dtype.kind != "f":
        raise ValueError(f"logits must be arrays of numbers, not {_described(logits)}")
    if not logits.ndim or not logits.size:
        raise ValueError(f"logits must be (segments, 1, C), not {logits.shape}")
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
        mean: npt.NDArray[np.float32] = logits.reshape(-1, logits.shape[-1]).mean(axis=0)
        return mean.astype(np.float32)


def _described(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else repr(type(value))


def _array(array: npt.NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def _pickled(scores: Scores) -> bytes:
    """Returns the array of objects as it stands in the archive."""
    rows = np.empty((len(scores.labels), 2), object)
    for row, label in enumerate(scores.labels.tolist()):
        rows[row, 0], rows[row, 1] = scores.logits[row, None, None], label
    file = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": rows.shape}
    np.lib.format.write_array_header_1_0(file, header)
    # The last protocol of Python 2. The name comes first of all, and only once; NumPy before
    # version 1.26 knows the old one only, and all later ones know both.
    content = pickle.dumps(rows, protocol=2)
    file.write(content.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n", 1))
    return file.getvalue()
