"""Reads COCO's JSON; the format is described in `data.interchange.coco_json`."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple, NoReturn

import numpy as np

from data.detections import Detections
from data.errors import InputError
from data.files import open_file
from data.interchange.checks import (
    Floats,
    Integers,
    Place,
    box_rows,
    finite_rows,
    probability_rows,
    track_rows,
)
from data.interchange.context import Context, VideoShape
from data.interchange.rows import Rows, one_class_scores, tubes_from_rows, video_tubes
from data.json_reader import FieldPath, JsonDocument, field_name
from data.tube import VideoTubes
from data.validation import class_names, count, listing, number, text

NAME = "coco"


class _Row(NamedTuple):
    """One annotation or result."""

    entry: int
    frame: int
    label: int
    box: list[float]
    score: float
    tube: float
    tube_score: float | None


def contents(path: Path) -> frozenset[str]:
    """As `Format.contents`: ids of instances tell tubes."""
    try:
        file, beside = _files(path)
    except InputError:
        return frozenset()
    if beside is None and not _holds(file, "image_id") and not _is_data_set(file):
        return frozenset()  # an empty list may be anything
    tubes = _holds(file, "instance_id") or _holds(file, "track_id")
    return frozenset({"detections", "tubes"} if tubes else {"detections"})


def _files(path: Path) -> tuple[Path, Path | None]:
    """Returns the file of annotations or results, and the data set if that is another file."""
    folder = path if path.is_dir() else path.parent
    beside = [file for file in sorted(folder.glob("*.json")) if _is_data_set(file)]
    if path.is_dir():
        found = [file for file in sorted(path.glob("*.json")) if _is_results(file)] or beside
        if len(found) != 1:
            raise InputError(f"{path}: holds {len(found)} files of COCO results; name one of them")
        path = found[0]
    if _is_data_set(path):
        return path, None
    if not _is_results(path):
        raise InputError(
            f"{path}: is neither a list of COCO results nor an object with images; name the "
            "format of the file"
        )
    if len(beside) > 1:
        raise InputError(
            f"{path}: which of {beside[0].name} and {beside[1].name} is the data set of these "
            "results cannot be told; leave only that one in the folder"
        )
    return path, beside[0] if beside else None


def _is_results(path: Path) -> bool:
    if path.suffix != ".json":
        return False
    with open_file(path) as file:
        start = b"".join(file.read(64).split())[:2]
    return start == b"[]" or (start == b"[{" and _holds(path, "image_id"))


def _is_data_set(path: Path) -> bool:
    return path.suffix == ".json" and _holds(path, "images") and _holds(path, "categories")


def _holds(path: Path, key: str) -> bool:
    """Returns whether a key stands somewhere in a JSON file, which is not read as such."""
    with open_file(path) as file:
        if not path.stat().st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(f'"{key}"'.encode()) >= 0


def read_detections(path: Path, context: Context) -> Iterator[Detections]:
    """Reads results, or the annotations of a data set, whose score is 1 where it is left out.

    Of a row, the score stands in the column of its class and what is left to 1 in that of the
    background. The whole file is held in memory.

    Args:
        path: the file, or the folder that holds only results and their data set.
        context: knows sizes, and classes where no data set names them.

    Raises:
        InputError: something is missing or wrong.
    """
    classes, videos, file = _read(path, context)
    for video, found in videos.items():
        shape = context.video(video, path)
        frames, boxes, place = _frames_and_boxes(found, video, shape, file)
        scores = probability_rows(np.array([row.score for row in found], np.float64), place)
        labels = np.array([row.label for row in found], np.int64)
        rows = Rows(classes)
        rows.add(frames, boxes, one_class_scores(labels, scores, len(classes)))
        yield rows.detections(video, shape, context, NAME)


def read_tubes(path: Path, context: Context) -> Iterator[VideoTubes]:
    """Reads the annotations of a data set that have an instance_id (or track_id).

    The score of a tube is tube_score, or else the mean of its rows. Instances with gaps become
    several tubes, see `tubes_from_rows`. The whole file is held in memory.

    Args:
        path: the file.
        context: knows sizes.

    Raises:
        InputError: something is missing or wrong.
    """
    classes, videos, file = _read(path, context)
    for video, found in videos.items():
        shape = context.video(video, path)
        frames, boxes, place = _frames_and_boxes(found, video, shape, file)
        tracks = track_rows(np.array([row.tube for row in found], np.float64), place)
        tubes = tubes_from_rows(
            tracks,
            np.array([row.label for row in found], np.int64),
            (frames, boxes, finite_rows(np.array([row.score for row in found]), place)),
            place,
            {int(row.tube): row.tube_score for row in found if row.tube_score is not None},
        )
        yield video_tubes(video, shape, context, classes, NAME, tubes)


def _frames_and_boxes(
    found: list[_Row], video: str, shape: VideoShape, file: Path
) -> tuple[Integers, Floats, Place]:
    def place(row: int) -> str:
        return f"{file}: entry {found[row].entry + 1} (frame {found[row].frame} of {video!r})"

    frames = np.array([row.frame for row in found], np.int64)
    for row, frame in enumerate(frames):
        if not 0 <= frame < shape.frames:
            raise InputError(
                f"{place(row)}: the video has {shape.frames} frames, which count from 0; give "
                "the annotation of this video"
            )
    boxes = np.array([row.box for row in found], np.float64).reshape(-1, 4)
    return frames, box_rows(boxes, place), place


def _read(path: Path, context: Context) -> tuple[tuple[str, ...], dict[str, list[_Row]], Path]:
    """Returns class names, the rows of each video, and the file that they are in."""
    try:
        file, beside = _files(path)
    except InputError:
        if path.is_file():
            JsonDocument(path)  # says where a file is damaged
        raise
    document = JsonDocument(file)
    where: FieldPath = () if isinstance(document.value, list) else ("annotations",)
    entries = document.value.get("annotations") if where else document.value
    data_set = document if where else JsonDocument(beside) if beside else None
    if data_set is not None:
        images = _listed_images(data_set)
        classes, labels = _categories(data_set, context)
        videos: dict[str, list[_Row]] = {video: [] for video, _ in images.values()}
    else:
        classes = context.class_names(path)
        labels = {label + 1: label for label in range(len(classes))}
        images = _numbered_images(path, context)
        videos = {}
    if not isinstance(entries, list):
        _fail(document, (), "must have a list of annotations; name another file")
    for index, entry in enumerate(entries):
        try:
            image, category = entry["image_id"], entry["category_id"]
            if image not in images:
                raise ValueError(f"image_id {image!r} is that of no image")
            if category not in labels:
                raise ValueError(
                    f"category_id {category!r} is that of none of the classes {', '.join(classes)}"
                )
            video, frame = images[image]
            x, y, width, height = map(float, listing(entry["bbox"], "bbox"))
            tube_score = entry.get("tube_score")
            row = _Row(
                index,
                frame,
                labels[category],
                [x, y, x + width, y + height],
                float(entry.get("score", 1)),
                float(entry.get("instance_id", entry.get("track_id", -1))),
                None if tube_score is None else number(tube_score, "tube_score"),
            )
        except KeyError as error:
            _fail(document, (*where, index), f"lacks {error}; add it")
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            _fail(document, (*where, index), f"is wrong: {error}; correct it, or its data set")
        videos.setdefault(video, []).append(row)
    return classes, videos, file


def _fail(document: JsonDocument, where: FieldPath, message: str) -> NoReturn:
    """Raises an `InputError` with file, line and field."""
    document.problem(where, f"{field_name(where)} {message}")
    raise InputError(document.problems()[0])


def _listed_images(document: JsonDocument) -> dict[int, tuple[str, int]]:
    """Returns video and frame (from 0) of each image of a data set."""
    images: dict[int, tuple[str, int]] = {}
    where: FieldPath = ()
    try:
        names = {video["id"]: video["name"] for video in document.value.get("videos", [])}
        for index, image in enumerate(listing(document.value["images"], "images")):
            where = ("images", index)
            if "video_id" in image and "frame_id" in image:
                video, frame = names[image["video_id"]], count(image["frame_id"], "frame_id")
            else:
                file = PurePosixPath(image["file_name"])
                video, frame = file.parent.as_posix(), int(file.stem) - 1
            images[image["id"]] = text(video, "name"), frame
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        _fail(
            document,
            where,
            f"does not say which frame of which video it is ({error}); add video_id and frame_id, "
            "and videos with id and name, or file names like walk/clip/00001.jpg",
        )
    return images


def _categories(document: JsonDocument, context: Context) -> tuple[tuple[str, ...], dict[int, int]]:
    """Returns class names, and the label of each category that is one of them."""
    try:
        names = {category["id"]: category["name"] for category in document.value["categories"]}
        classes = context.classes or class_names(names.values(), "categories")
        labels = {key: classes.index(name) for key, name in names.items() if name in classes}
    except (KeyError, TypeError, ValueError) as error:
        _fail(document, (), f"has no usable categories ({error}); each needs an id and a name")
    return classes, labels


def _numbered_images(path: Path, context: Context) -> dict[int, tuple[str, int]]:
    """Returns video and frame of each image where ids count all frames of the annotation."""
    shapes = context.shapes(path)
    frames = ((video, frame) for video in shapes for frame in range(shapes[video].frames))
    return dict(enumerate(frames, 1))
