"""COCO's JSON as annotation tools write it: boxes in images that are frames of videos.

Which frame an image is stands in the file in many ways, of which `data.interchange.coco_reader`,
for results of detectors, knows that of MMTracking and of image folders alone. Here are read

- images with `video_id` and `frame_id` (MMTracking) or `frame_index` (TAO), counted from 0, and
  `videos` with names,
- images with nothing but a `file_name`, see `data.annotation_tools.image_frames`,
- annotations of whole videos, with `video_id` and one of `bboxes` for each of the video's
  `file_names`, or null (YouTube-VIS).

The id of the actor is `track_id` or `instance_id`, of the annotation or in its `attributes` (CVAT).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from data.annotation_tools.drawn_boxes import DrawnBox, link_boxes, usual_step
from data.annotation_tools.export import Choices, Export, ExportedVideo
from data.annotation_tools.image_frames import ImageName, find_frames
from data.annotation_tools.video_folder import FoundVideo, VideoFolder
from data.errors import InputError
from data.json_reader import JsonDocument
from data.validation import count, listing, mapping, text

TRACK_NAMES = ("track_id", "instance_id")
FRAME_NAMES = ("frame_id", "frame_index")


class _Annotation(NamedTuple):
    """An annotation of one image."""

    image: Any
    category: Any
    box: list[Any]
    track: Any
    attributes: Mapping[str, Any]


def recognise(document: JsonDocument) -> bool:
    """Whether a JSON file is of COCO."""
    value = document.value
    return isinstance(value, dict) and "categories" in value and "annotations" in value


def read(document: JsonDocument, videos: VideoFolder, choices: Choices) -> Export:
    """Reads one export.

    Boxes without the id of an actor are linked, see `link_boxes`; those of crowds (`iscrowd`) and
    annotations without a box are left out. Classes are the categories, or the values of one of the
    `attributes` of the annotations.

    Args:
        document: the file.
        videos: where the videos are.
        choices: tell the attribute.

    Raises:
        InputError: something is missing or wrong.
    """
    path = Path(document.path)
    export = Export()
    place = "the file"
    try:
        root = mapping(document.value, "the file")
        categories: dict[Any, str] = {}
        for index, category in enumerate(listing(root["categories"], "categories")):
            place = f"categories[{index}]"
            categories[category["id"]] = text(category["name"], "name")
        place = "images"
        frames = _frames(root, videos, path)
        boxes: dict[int, list[DrawnBox]] = defaultdict(list)
        known = {id(video): video for video, _ in frames.values()}
        left_out = 0
        for index, entry in enumerate(listing(root["annotations"], "annotations")):
            place = f"annotations[{index}]"
            for annotation in _annotations(entry):
                label = _label(annotation, categories, choices.label_attribute)
                if label is None or entry.get("iscrowd") or not annotation.box:
                    left_out += 1
                    continue
                x, y, width, height = map(float, annotation.box)
                if not all(map(math.isfinite, (x, y, width, height))):
                    raise ValueError(f"the box {annotation.box} is not finite")
                video, frame = frames[annotation.image]
                track = None if annotation.track is None else str(annotation.track)
                corners = (x, y, x + width, y + height)
                boxes[id(video)].append(DrawnBox(frame, label, corners, track))
    except InputError:
        raise
    except KeyError as error:
        raise InputError(f"{path}: {place} lacks or misses {error}; add it") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: {place} is wrong ({error}); correct it") from None
    if left_out:
        export.notes.append(f"{path}: {left_out} annotations without a box or class are left out")
    if choices.label_attribute is None:
        export.classes = list(dict.fromkeys(categories.values()))
    for key, video in known.items():
        step = usual_step(frame for other, frame in frames.values() if other is video)
        try:
            export.videos.append(ExportedVideo(video, link_boxes(boxes[key], step)))
        except ValueError as error:
            raise InputError(f"{path}: video {video.name!r}: {error}") from None
    return export


def _frames(
    root: Mapping[str, Any], videos: VideoFolder, path: Path
) -> dict[Any, tuple[FoundVideo, int]]:
    """Returns video and frame of each image by its id, or by (video id, place in the video)."""
    listed = {video["id"]: video for video in root.get("videos", [])}
    names = {key: video.get("name", video.get("file_name")) for key, video in listed.items()}
    images: dict[Any, ImageName] = {}
    found: dict[Any, tuple[FoundVideo, int]] = {}
    for image in root.get("images", []):
        video = names.get(image.get("video_id"))
        number = next((image[name] for name in FRAME_NAMES if name in image), None)
        if video is not None and number is not None:
            where = videos.must_find(path, video)
            frame = count(number, "the frame of an image")
            if frame >= where.frames:
                raise ValueError(
                    f"{where.path} has {where.frames} frames counted from 0, and none {frame}"
                )
            found[image["id"]] = where, frame
        else:
            images[image["id"]] = ImageName(text(image["file_name"], "file_name"), video)
    for key, video in listed.items():
        for place, file in enumerate(video.get("file_names", [])):
            images[key, place] = ImageName(text(file, "file_names"), video.get("name"))
    by_name = find_frames(images.values(), videos, path)
    return found | {key: by_name[name] for key, name in images.items()}


def _annotations(entry: Mapping[str, Any]) -> Iterator[_Annotation]:
    """Yields an annotation, or those of all frames of one of a video."""
    attributes = entry.get("attributes") or {}
    track = next(
        (
            place[name]
            for name in TRACK_NAMES
            for place in (entry, attributes)
            if place.get(name) is not None
        ),
        None,
    )
    if "bboxes" in entry:
        for place, box in enumerate(entry["bboxes"]):
            if box is not None:
                image = (entry["video_id"], place)
                yield _Annotation(image, entry["category_id"], box, entry["id"], attributes)
    else:
        box = entry.get("bbox") or []
        yield _Annotation(entry["image_id"], entry["category_id"], box, track, attributes)


def _label(
    annotation: _Annotation, categories: Mapping[Any, str], attribute: str | None
) -> str | None:
    if attribute is None:
        return categories[annotation.category]
    value = annotation.attributes.get(attribute)
    return None if value in (None, "", "__undefined__") else str(value)
