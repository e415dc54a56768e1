"""Tubes as arrays in an .npz file, for sets too big to be read by people: see docs/formats.md."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data.array_file import read_arrays, read_metadata
from data.errors import InputError
from data.files import atomic_write
from data.tube import Tube, VideoTubes

FORMAT = "action-tubes/tube-arrays"
VERSION = 1
ARRAYS = ("boxes", "scores", "offsets", "tubes", "tube_scores", "metadata")
FIELDS = ("video", "frames", "width", "height", "frame_rate")


def save_tube_arrays(
    path: str | os.PathLike[str], videos: Sequence[VideoTubes], made_from: str = ""
) -> None:
    """Writes the tubes of videos to one .npz file, atomically and without loss.

    Args:
        path: the file to write.
        videos: with the same classes and model.
        made_from: whatever tells later whether the tubes would come out the same again.

    Raises:
        InputError: nothing can be written there.
    """
    tubes = [(index, tube) for index, video in enumerate(videos) for tube in video.tubes]
    numbers = [(index, tube.start, tube.label, tube.id) for index, tube in tubes]
    metadata: dict[str, Any] = {"format": FORMAT, "version": VERSION, "made_from": made_from}
    metadata["classes"] = list(videos[0].classes) if videos else []
    metadata["model"] = videos[0].model if videos else ""
    metadata["videos"] = [{name: getattr(each, name) for name in FIELDS} for each in videos]
    with atomic_write(path) as file:
        np.savez(
            file,
            boxes=np.concatenate([np.zeros((0, 4), np.float32), *(t.boxes for _, t in tubes)]),
            scores=np.concatenate([np.zeros(0, np.float32), *(t.scores for _, t in tubes)]),
            offsets=np.cumsum([0, *(len(tube) for _, tube in tubes)], dtype=np.int64),
            tubes=np.array(numbers, np.int64).reshape(-1, 4),
            tube_scores=np.array([tube.score for _, tube in tubes], np.float64),
            # JSON in ASCII: names in any script, and even names that are not valid Unicode.
            metadata=np.array(json.dumps(metadata)),
        )


def load_tube_arrays(path: str | os.PathLike[str]) -> list[VideoTubes]:
    """Reads what `save_tube_arrays` wrote.

    Raises:
        InputError: the file is missing, damaged, of another format, or a field is wrong.
    """
    arrays = read_arrays(path, ARRAYS, "tubes")
    metadata = read_metadata(path, arrays["metadata"], FORMAT, VERSION)
    try:
        return _videos(arrays, metadata)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(f"{path}: {error}; make the file again") from None


def made_from(path: str | os.PathLike[str]) -> str | None:
    """Returns what was said when a file was written; None if it cannot be read."""
    try:
        text = read_arrays(path, ["metadata"], "tubes")["metadata"]
        metadata = read_metadata(path, text, FORMAT, VERSION)
    except InputError:
        return None
    said = metadata.get("made_from")
    return said if isinstance(said, str) else None


def _videos(arrays: dict[str, npt.NDArray[Any]], metadata: dict[str, Any]) -> list[VideoTubes]:
    offsets = arrays["offsets"]
    tubes: list[list[Tube]] = [[] for _ in metadata["videos"]]
    if not len(arrays["tubes"]) == len(arrays["tube_scores"]) == len(offsets) - 1:
        raise ValueError("tubes, tube_scores and offsets must be equally many")
    for row, (video, start, label, number) in enumerate(arrays["tubes"].tolist()):
        rows = slice(int(offsets[row]), int(offsets[row + 1]))
        if not 0 <= video < len(tubes):
            raise ValueError(f"tubes must belong to one of {len(tubes)} videos, not to {video}")
        try:
            tube = Tube(
                start=start,
                boxes=arrays["boxes"][rows],
                scores=arrays["scores"][rows],
                label=label,
                score=float(arrays["tube_scores"][row]),
                id=number,
            )
        except ValueError as error:
            name = metadata["videos"][video]["video"]
            raise ValueError(f"video {name!r}, tube {number}: {error}") from None
        tubes[video].append(tube)
    shared = {"classes": tuple(metadata["classes"]), "model": metadata["model"]}
    return [
        VideoTubes(tubes=tuple(own), **{name: video[name] for name in FIELDS}, **shared)
        for own, video in zip(tubes, metadata["videos"], strict=True)
    ]
