"""Detections and tubes as COCO's JSON, one image a frame.

COCO: Lin et al., Microsoft COCO: Common objects in context, ECCV 2014 (cocodataset.org, "Data
format" and "Results format"); pycocotools loads both kinds of files.

A *data set* is an object of images, annotations and categories, a *results file* a list of
image_id, category_id, bbox and score. Boxes are x, y, width, height in pixels from 0. The data sets
we write have the fields that MMTracking adds for videos (CocoVID): videos, video_id, frame_id from
0, and instance_id, the id of the tube; and tube_score, which is ours.

An image belongs to the frame that video_id and frame_id say, or else its file name:
`<video>/<frame, counted from 1>.jpg`. A results file needs its data set beside it, in the same
folder; without one, image ids count the frames of all videos of the annotation, and category ids
the classes, from 1, as they do where we write.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from data.detections import Detections
from data.errors import InputError
from data.files import atomic_write
from data.interchange.checks import Floats
from data.interchange.coco_reader import NAME, contents, read_detections, read_tubes
from data.interchange.context import Context
from data.interchange.files import atomic_folder
from data.interchange.format import Format
from data.interchange.rows import different_ids, rows_of
from data.json_writer import shortest_decimals
from data.tube import VideoTubes

RESULTS, IMAGES = "results.json", "images.json"


class _Video(NamedTuple):
    """A video that is written."""

    id: int
    name: str
    first_image: int
    frames: int
    width: int
    height: int
    classes: tuple[str, ...]


def write_detections(path: Path, videos: Iterable[Detections], context: Context) -> None:
    """Writes results and the data set of their images, without annotations, into a folder.

    There is a result for each box and class that scores above 0.001. Image ids are those of a data
    set that `write_tubes` writes with the same `Context`.

    Raises:
        InputError: classes differ, a video has another length than the annotation says, or nothing
            can be written there.
    """
    written: list[_Video] = []

    def results() -> Iterator[dict[str, Any]]:
        for detections in videos:
            video = _number(detections, written, context)
            frames, rows, labels = rows_of(detections)
            for frame, label, box, score in zip(
                frames.tolist(),
                labels.tolist(),
                _sides(detections.boxes[rows]),
                shortest_decimals(detections.scores[rows, labels]),
                strict=True,
            ):
                where = {"image_id": video.first_image + frame, "category_id": label + 1}
                yield {**where, "bbox": box, "score": score}

    with atomic_folder(path) as folder:
        with (folder / RESULTS).open("w", encoding="utf-8") as file:
            _write_list(file, results())
        with (folder / IMAGES).open("w", encoding="utf-8") as file:
            _write_data_set(file, iter(()), written)


def write_tubes(path: Path, videos: Iterable[VideoTubes], context: Context) -> None:
    """Writes a data set: ground truth for pycocotools, or found tubes.

    Raises:
        InputError: classes differ, two tubes of a video have the same id, a video has another
            length than the annotation says, or nothing can be written there.
    """
    written: list[_Video] = []

    def annotations() -> Iterator[dict[str, Any]]:
        number = 0
        for tubes in videos:
            video = _number(tubes, written, context)
            for tube in different_ids(tubes):
                scores = shortest_decimals(tube.scores)
                for frame, (box, score) in enumerate(
                    zip(_sides(tube.boxes), scores, strict=True), tube.start
                ):
                    number += 1
                    yield {
                        "id": number,
                        "image_id": video.first_image + frame,
                        "video_id": video.id,
                        "category_id": tube.label + 1,
                        "instance_id": tube.id,
                        "bbox": box,
                        "area": box[2] * box[3],
                        "iscrowd": 0,
                        "score": score,
                        "tube_score": tube.score,
                    }

    with atomic_write(path, "w") as file:
        _write_data_set(file, annotations(), written)


def _number(video: Detections | VideoTubes, written: list[_Video], context: Context) -> _Video:
    """Gives a video its number and its images theirs, and adds it to those written.

    Images of the annotation's videos come first, in its order.
    """
    if written and written[0].classes != video.classes:
        raise InputError(
            f"video {video.video!r}: its classes are others than those of {written[0].name!r}; "
            "write them to files of their own"
        )
    first = 1
    for name, shape in context.videos.items():
        if name == video.video:
            if shape.frames != video.frames:
                raise InputError(
                    f"video {video.video!r}: has {video.frames} frames, and the annotation says "
                    f"{shape.frames}; give the data set of this video"
                )
            break
        first += shape.frames
    else:
        first += sum(other.frames for other in written if other.name not in context.videos)
    written.append(
        _Video(
            len(written) + 1,
            video.video,
            first,
            video.frames,
            video.width,
            video.height,
            video.classes,
        )
    )
    return written[-1]


def _sides(boxes: Floats) -> list[list[float]]:
    """Returns x, y, width and height of boxes (n, 4)."""
    corners = np.array(shortest_decimals(boxes), np.float64).reshape(-1, 4)
    corners[:, 2:] -= corners[:, :2]
    sides: list[list[float]] = corners.tolist()
    return sides


def _write_data_set(
    file: IO[str], annotations: Iterator[dict[str, Any]], written: list[_Video]
) -> None:
    """Writes a data set; `written` is complete when all annotations have been taken."""
    file.write('{\n"annotations": ')
    _write_list(file, annotations)
    classes = written[0].classes if written else ()
    images = (
        {
            "id": video.first_image + frame,
            "video_id": video.id,
            "frame_id": frame,
            "file_name": f"{video.name}/{frame + 1:05d}.jpg",
            "width": video.width,
            "height": video.height,
        }
        for video in written
        for frame in range(video.frames)
    )
    lists: dict[str, Iterable[dict[str, Any]]] = {
        "categories": ({"id": i, "name": name} for i, name in enumerate(classes, 1)),
        "videos": (
            {"id": video.id, "name": video.name, "width": video.width, "height": video.height}
            for video in written
        ),
        "images": images,
    }
    for name, items in lists.items():
        file.write(f',\n"{name}": ')
        _write_list(file, items)
    file.write("\n}\n")


def _write_list(file: IO[str], items: Iterable[dict[str, Any]]) -> None:
    """Writes a JSON list, one item a line."""
    separator = "[\n"
    for item in items:
        file.write(separator + json.dumps(item, allow_nan=False))
        separator = ",\n"
    file.write("[]" if separator == "[\n" else "\n]")


FORMAT = Format(
    NAME,
    "JSON of COCO: results, or a data set with annotations",
    contents,
    read_detections=read_detections,
    write_detections=write_detections,
    read_tubes=read_tubes,
    write_tubes=write_tubes,
    suffixes={"tubes": (".json",)},
)
