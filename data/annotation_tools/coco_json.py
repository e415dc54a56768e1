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

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from data.annotation_tools.drawn_boxes import DrawnBox, link_boxes, usual_step
from data.annotation_tools.export import Choices, Export, ExportedVideo
from data.annotation_tools.image_frames import ImageName, find_frames
from data.annotation_tools.video_folder import FoundVideo, VideoFolder
from data.command import counted
from data.errors import InputError
from data.json_reader import JsonDocument
from data.validation import count, listing, mapping, number, text

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
    with _entry(path, "the file"):
        root = {"videos": [], "images": [], **mapping(document.value, "the file")}
        listed = listing(root["categories"], "categories")
        entries = listing(root["annotations"], "annotations")
        for optional in ("videos", "images"):
            listing(root[optional], optional)
    categories: dict[Any, str] = {}
    for index, category in enumerate(listed):
        with _entry(path, f"categories[{index}]"):
            categories[category["id"]] = text(category["name"], "name")
    frames = _frames(root, videos, path)
    boxes: dict[int, list[DrawnBox]] = defaultdict(list)
    known = {id(video): video for video, _ in frames.values()}
    left_out = 0
    for index, entry in enumerate(entries):
        with _entry(path, f"annotations[{index}]"):
            for annotation in _annotations(entry):
                label = _label(annotation, categories, choices.label_attribute)
                if label is None or entry.get("iscrowd") or not annotation.box:
                    left_out += 1
                    continue
                if annotation.image not in frames:
                    what = "image has its image_id" if "bbox" in entry else "file_names has its box"
                    raise ValueError(f"no {what}, {annotation.image!r}")
                video, frame = frames[annotation.image]
                track = None if annotation.track is None else str(annotation.track)
                boxes[id(video)].append(DrawnBox(frame, label, _corners(annotation.box), track))
    if left_out:
        export.notes.append(
            f"{path}: {counted(left_out, 'annotation')} without a box or class left out"
        )
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
    listed: dict[Any, Mapping[str, Any]] = {}
    for index, video in enumerate(root["videos"]):
        with _entry(path, f"videos[{index}]"):
            listed[video["id"]] = video
    names = {key: video.get("name", video.get("file_name")) for key, video in listed.items()}
    images: dict[Any, ImageName] = {}
    found: dict[Any, tuple[FoundVideo, int]] = {}
    sized: list[tuple[str, Any, Mapping[str, Any]]] = []
    for index, image in enumerate(root["images"]):
        place = f"images[{index}]"
        with _entry(path, place):
            sized.append((place, image["id"], image))
            name = names.get(image.get("video_id"))
            frame = next((image[field] for field in FRAME_NAMES if field in image), None)
            if name is not None and frame is not None:
                where = videos.must_find(path, text(name, "the name of its video"))
                frame = count(frame, "its number of the frame")
                if frame >= where.frames:
                    raise ValueError(
                        f"{where.path} has {where.frames} frames counted from 0, and none {frame}"
                    )
                found[image["id"]] = where, frame
            else:
                images[image["id"]] = ImageName(text(image["file_name"], "file_name"), name)
    for index, (key, video) in enumerate(listed.items()):
        place = f"videos[{index}]"
        with _entry(path, place):
            for frame, file in enumerate(video.get("file_names", [])):
                images[key, frame] = ImageName(text(file, "file_names"), video.get("name"))
                sized.append((place, (key, frame), video))
    by_name = find_frames(images.values(), videos, path)
    found |= {key: by_name[name] for key, name in images.items()}
    for place, key, entry in sized:
        width, height = entry.get("width"), entry.get("height")
        if width and height:  # which need not be there, and some tools write 0
            found[key][0].check_size((width, height), f"{path}: {place}")
    return found


@contextmanager
def _entry(path: Path, place: str) -> Iterator[None]:
    """Names the entry of the file in which something is missing or wrong.

    Raises:
        InputError: the block raised something that means an unexpected content.
    """
    try:
        yield
    except InputError:
        raise
    except KeyError as error:
        raise InputError(f"{path}: {place} lacks {error}; add it") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: {place} is wrong ({error}); correct it") from None


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
        if annotation.category not in categories:
            raise ValueError(f"no category has its category_id, {annotation.category!r}")
        return categories[annotation.category]
    value = annotation.attributes.get(attribute)
    return None if value in (None, "", "__undefined__") else str(value)


def _corners(box: Sequence[Any]) -> tuple[float, float, float, float]:
    numbers = [number(value, "a number of its bbox") for value in listing(box, "bbox")]
    if len(numbers) != 4:
        raise ValueError(f"its bbox must be x, y, width and height, not {numbers}")
    x, y, width, height = numbers
    return x, y, x + width, y + height
