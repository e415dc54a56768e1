"""Tubes as JSON: what the program finds, readable by people and other programs.

The format is described in docs/formats.md.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data.json_reader import FieldPath, JsonDocument, field_name
from data.json_writer import shortest_decimals, write_json
from data.tube import Tube, VideoTubes
from data.validation import class_list, count, listing, number, positive, rate, text

FORMAT = "action-tubes/tubes"
VERSION = 1
# From here on a number is nearer to the next power of two than to the largest float32.
FLOAT32_LIMIT = float(np.finfo(np.float32).max) + 2.0**103


def save_tubes(path: str | os.PathLike[str], videos: Sequence[VideoTubes]) -> None:
    """Writes the tubes of videos to one JSON file, atomically and without loss.

    Args:
        path: the file to write.
        videos: with the same classes and model, and different names.

    Raises:
        InputError: nothing can be written there.
        ValueError: the classes or the models differ, or a video is there twice.
    """
    if len({(video.classes, video.model) for video in videos}) > 1:
        raise ValueError("videos must have the same classes and model to go into one file")
    if len({video.video for video in videos}) < len(videos):
        raise ValueError("videos must have different names to go into one file")
    document = {
        "format": FORMAT,
        "version": VERSION,
        "classes": list(videos[0].classes) if videos else [],
        "model": videos[0].model if videos else "",
        "videos": [
            {
                "video": video.video,
                "frames": video.frames,
                "width": video.width,
                "height": video.height,
                "frame_rate": video.frame_rate,
                "tubes": [_tube_to_json(tube, video.classes) for tube in video.tubes],
            }
            for video in videos
        ],
    }
    write_json(path, document)


def load_tubes(path: str | os.PathLike[str]) -> list[VideoTubes]:
    """Reads what `save_tubes` wrote.

    Raises:
        InputError: the file is missing, damaged, of another format or version, or a field is
            missing or wrong.
    """
    document = JsonDocument(path)
    videos = parse_tubes(document)
    document.raise_problems()
    return videos


def tube_problems(document: JsonDocument) -> list[str]:
    """Returns everything that is wrong with the tubes in a document.

    Raises:
        InputError: the format or the version is another.
    """
    parse_tubes(document)
    return document.problems()


def parse_tubes(document: JsonDocument) -> list[VideoTubes]:
    """Turns a document into tubes and notes its problems; what has problems is left out.

    Raises:
        InputError: the format or the version is another.
    """
    root = document.root(FORMAT, VERSION)
    shared = document.fields(root, (), {"classes": class_list, "model": text, "videos": listing})
    videos: dict[str, VideoTubes] = {}
    for position, value in enumerate(shared.pop("videos", ())):
        video = _parse_video(document, value, ("videos", position), shared)
        if video is not None and video.video in videos:
            name = field_name(("videos", position, "video"))
            document.problem(
                ("videos", position, "video"), f"{name} {video.video!r} is there twice; remove one"
            )
        elif video is not None:
            videos[video.video] = video
    return list(videos.values())


def parse_boxes(
    document: JsonDocument, tube: dict[str, Any], path: FieldPath, end: int | None
) -> npt.NDArray[np.float32]:
    """Reads the boxes of a tube in a document and notes what is wrong with them.

    Args:
        document: where problems are noted.
        tube: the object of the tube, with fields "start" and "boxes" that were checked to be a
            whole number and a list, or are reported already.
        path: where the tube stands.
        end: number of frames of the video, None if unknown.

    Returns:
        float32 (T, 4); a row that is no box is NaN.
    """
    rows = tube.get("boxes")
    start = tube.get("start")
    if not isinstance(rows, list):
        return np.zeros((0, 4), np.float32)
    name = field_name((*path, "boxes"))
    if not rows:
        document.problem(
            (*path, "boxes"), f"{name} must hold at least one box; add it, or remove the tube"
        )
    boxes = np.full((len(rows), 4), np.nan, np.float32)
    for index, row in enumerate(rows):
        if isinstance(row, list) and len(row) == 4 and all(map(_is_finite, row)):
            boxes[index] = row
        else:
            document.problem(
                (*path, "boxes", index),
                f"{name}[{index}] must be four finite numbers x1, y1, x2, y2, "
                f"not {reprlib.repr(row)}; correct them",
            )
    if end is not None and isinstance(start, int) and 0 <= end < start + len(rows) and rows:
        document.problem(
            (*path, "boxes", max(0, end - max(0, start))),
            f"{name} must end with the video, which has {end} frames, not at frame "
            f"{start + len(rows)} (start {start} and {len(rows)} boxes); remove the boxes past "
            "the end or correct start",
        )
    return boxes


def class_index(classes: Sequence[str] | None) -> Callable[[Any, str], int]:
    """Returns a check that turns a class name into its index; with None any string will do."""

    def check(value: Any, field: str) -> int:
        name = text(value, field)
        if classes is None:
            return 0
        if name not in classes:
            raise ValueError(
                f"{field} must be one of the classes, not {reprlib.repr(value)}, or be added "
                "to them"
            )
        return classes.index(name)

    return check


def _parse_video(
    document: JsonDocument, value: Any, path: FieldPath, shared: dict[str, Any]
) -> VideoTubes | None:
    before = document.problem_count
    video = document.object(value, path)
    if video is None:
        return None
    fields = document.fields(
        video,
        path,
        {
            "video": text,
            "frames": count,
            "width": positive,
            "height": positive,
            "frame_rate": rate,
            "tubes": listing,
        },
    )
    tubes = [
        _parse_tube(
            document, tube, (*path, "tubes", index), shared.get("classes"), fields.get("frames")
        )
        for index, tube in enumerate(fields.pop("tubes", ()))
    ]
    if document.problem_count > before or len(shared) < 2:
        return None
    return VideoTubes(tubes=tuple(tube for tube in tubes if tube), **fields, **shared)


def _parse_tube(
    document: JsonDocument,
    value: Any,
    path: FieldPath,
    classes: Sequence[str] | None,
    frames: int | None,
) -> Tube | None:
    before = document.problem_count
    tube = document.object(value, path)
    if tube is None:
        return None
    fields = document.fields(
        tube,
        path,
        {
            "id": count,
            "label": class_index(classes),
            "score": number,
            "start": count,
            "boxes": listing,
            "scores": listing,
        },
    )
    fields["boxes"] = parse_boxes(document, tube, path, frames)
    scores = fields.get("scores", ())
    name = field_name((*path, "scores"))
    for index, score in enumerate(scores):
        if not _is_finite(score):
            document.problem(
                (*path, "scores", index),
                f"{name}[{index}] must be a finite number, not {reprlib.repr(score)}; correct it",
            )
    if "scores" in fields and len(scores) != len(fields["boxes"]):
        document.problem(
            (*path, "scores"),
            f"{name} must hold one number for each of the {len(fields['boxes'])} boxes, "
            f"not {len(scores)}; add or remove some",
        )
    return Tube(**fields) if document.problem_count == before else None


def _is_finite(value: Any) -> bool:
    """Whether a value from a file is a number that float32 can hold; True and False are not."""
    return type(value) in (int, float) and -FLOAT32_LIMIT < value < FLOAT32_LIMIT


def _tube_to_json(tube: Tube, classes: Sequence[str]) -> dict[str, Any]:
    return {
        "id": tube.id,
        "label": classes[tube.label],
        "score": tube.score,
        "start": tube.start,
        "boxes": shortest_decimals(tube.boxes),
        "scores": shortest_decimals(tube.scores),
    }
