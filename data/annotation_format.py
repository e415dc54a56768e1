"""The project's own annotation format: JSON that users write for their own videos.

The format is described in docs/formats.md.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data.annotation import Annotations, VideoAnnotation
from data.errors import InputError
from data.json_reader import FieldPath, JsonDocument, field_name
from data.json_writer import shortest_decimals, write_json
from data.tube import Tube
from data.tube_format import class_index, parse_boxes
from data.validation import class_list, count, listing, mapping, positive

FORMAT = "action-tubes/annotations"
VERSION = 1


def save_annotations(
    path: str | os.PathLike[str],
    annotations: Annotations,
    media: Mapping[str, str | os.PathLike[str]],
) -> None:
    """Writes annotations to one JSON file, atomically and without loss.

    Args:
        path: the file to write.
        annotations: what to write.
        media: the video file or image folder of each video, as far as there is one.

    Raises:
        InputError: nothing can be written there.
    """
    folder = Path(path).resolve().parent
    files = {
        name: Path(os.path.relpath(Path(file).resolve(), folder)).as_posix()
        for name, file in media.items()
    }
    document = {
        "format": FORMAT,
        "version": VERSION,
        "classes": list(annotations.classes),
        "splits": {name: list(videos) for name, videos in annotations.splits.items()},
        "videos": {
            name: {
                "file": files.get(name),
                "frames": video.frames,
                "width": video.width,
                "height": video.height,
                "tubes": [
                    _tube_to_json(tube, index, annotations.classes)
                    for index, tube in enumerate(video.tubes)
                ],
            }
            for name, video in annotations.videos.items()
        },
    }
    write_json(path, document)


def load_annotations(path: str | os.PathLike[str]) -> tuple[Annotations, dict[str, Path]]:
    """Reads annotations and where their videos are.

    Returns:
        The annotations, and by name of the video the path of its file or folder of images, for
        those videos that name one. The files themselves are not looked for.

    Raises:
        InputError: the file is missing, damaged, of another format or version, or a field is
            missing or wrong.
    """
    document = JsonDocument(path)
    annotations, media = parse_annotations(document)
    document.raise_problems()
    return annotations, media


def find_problems(path: str | os.PathLike[str]) -> list[str]:
    """Returns everything that is wrong with an annotation file, with line and field, and remedy.

    Besides what `load_annotations` refuses these are videos that are not where the file says.
    """
    try:
        return annotation_problems(JsonDocument(path))
    except InputError as error:
        return [str(error)]


def annotation_problems(document: JsonDocument) -> list[str]:
    """As `find_problems`, of a document.

    Raises:
        InputError: the format or the version is another.
    """
    _, media = parse_annotations(document)
    for name, file in media.items():
        if not os.path.exists(file):
            field = ("videos", name, "file")
            document.problem(
                field, f"{field_name(field)} is not there ({file}); correct the path or write null"
            )
    return document.problems()


def parse_annotations(document: JsonDocument) -> tuple[Annotations, dict[str, Path]]:
    """Turns a document into annotations and notes its problems.

    Returns:
        As `load_annotations`; the annotations are empty if there are problems.

    Raises:
        InputError: the format or the version is another.
    """
    root = document.root(FORMAT, VERSION)
    fields = document.fields(
        root, (), {"classes": class_list, "splits": mapping, "videos": mapping}
    )
    classes = fields.get("classes")
    folder = Path(document.path).parent
    videos = {}
    media = {}
    for name, value in fields.get("videos", {}).items():
        video, file = _parse_video(document, value, name, classes)
        if video is not None:
            videos[name] = video
        if file is not None:
            media[name] = folder / file
    splits = {
        split: _parse_split(document, value, split, fields.get("videos"))
        for split, value in fields.get("splits", {}).items()
    }
    if document.problem_count or classes is None:
        return Annotations((), {}, {}), media
    return Annotations(classes, videos, splits), media


def _parse_video(
    document: JsonDocument, value: Any, name: str, classes: Sequence[str] | None
) -> tuple[VideoAnnotation | None, str | None]:
    """Reads one video; both results are None where there are problems."""
    path = ("videos", name)
    before = document.problem_count
    video = document.object(value, path)
    if video is None:
        return None, None
    fields = document.fields(
        video,
        path,
        {
            "file": _file_name,
            "frames": positive,
            "width": positive,
            "height": positive,
            "tubes": listing,
        },
    )
    file = fields.pop("file", None)
    tubes = [
        _parse_tube(document, tube, index, (*path, "tubes", index), classes, fields)
        for index, tube in enumerate(fields.pop("tubes", ()))
    ]
    if document.problem_count > before:
        return None, file
    return VideoAnnotation(name, tubes=tuple(tube for tube in tubes if tube), **fields), file


def _parse_tube(
    document: JsonDocument,
    value: Any,
    index: int,
    path: FieldPath,
    classes: Sequence[str] | None,
    video: Mapping[str, Any],
) -> Tube | None:
    before = document.problem_count
    tube = document.object(value, path)
    if tube is None:
        return None
    checks = {"label": class_index(classes), "start": count, "boxes": listing}
    if "id" in tube:
        checks["id"] = count
    fields = document.fields(tube, path, checks)
    boxes = parse_boxes(document, tube, path, video.get("frames"))
    _check_boxes(document, boxes, (*path, "boxes"), video.get("width"), video.get("height"))
    if document.problem_count > before:
        return None
    return Tube.ground_truth(fields["start"], boxes, fields["label"], fields.get("id", index))


def _check_boxes(
    document: JsonDocument,
    boxes: npt.NDArray[np.float32],
    path: FieldPath,
    width: int | None,
    height: int | None,
) -> None:
    """Notes the boxes that are empty or reach out of the frame; NaN is neither."""
    x1, y1, x2, y2 = boxes.T
    empty = (x2 <= x1) | (y2 <= y1)
    right, bottom = (np.inf if side is None else side for side in (width, height))
    outside = (x1 < 0) | (y1 < 0) | (x2 > right) | (y2 > bottom)
    for index in np.flatnonzero(empty | outside):
        box = [float(str(number)) for number in boxes[index]]
        name = field_name((*path, int(index)))
        message = (
            f"{name} has no positive width and height: {box}; write x1, y1, x2, y2 with x1 < x2 "
            "and y1 < y2"
            if empty[index]
            else f"{name} reaches out of the frame: {box}; clip it to 0, 0, "
            f"{'width' if width is None else width}, {'height' if height is None else height}"
        )
        document.problem((*path, int(index)), message)


def _parse_split(
    document: JsonDocument, value: Any, split: str, videos: Mapping[str, Any] | None
) -> tuple[str, ...]:
    path = ("splits", split)
    names = document.fields({split: value}, ("splits",), {split: listing}).get(split, [])
    for index, name in enumerate(names):
        field = field_name((*path, index))
        if not isinstance(name, str) or (videos is not None and name not in videos):
            document.problem(
                (*path, index),
                f"{field} must be the name of a video in videos, not {reprlib.repr(name)}; "
                "correct it",
            )
        elif name in names[:index]:
            document.problem((*path, index), f"{field} {name!r} is there twice; remove one")
    return tuple(names)


def _file_name(value: Any, field: str) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise ValueError(f"{field} must be the path of a video or null, not {reprlib.repr(value)}")
    return value


def _tube_to_json(tube: Tube, index: int, classes: Sequence[str]) -> dict[str, Any]:
    # The id is the place in the list unless said otherwise, so that people need not write it.
    ids = {} if tube.id == index else {"id": tube.id}
    return {
        **ids,
        "label": classes[tube.label],
        "start": tube.start,
        "boxes": shortest_decimals(tube.boxes),
    }
