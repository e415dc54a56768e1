"""Exports of VIA 2, the VGG Image Annotator: regions in images that are frames of videos.

Dutta and Zisserman, The VIA annotation software for images, audio and video, ACM Multimedia 2019.
Its project files, and its annotations exported as JSON or csv, hold the same.
"""

from __future__ import annotations

import csv
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data.annotation_tools.drawn_boxes import DrawnBox, link_boxes, usual_step
from data.annotation_tools.export import Choices, Export, ExportedVideo, choose_attribute
from data.annotation_tools.image_frames import ImageName, find_frames
from data.annotation_tools.video_folder import VideoFolder
from data.command import counted
from data.errors import InputError
from data.interchange.files import head, read_lines
from data.json_reader import JsonDocument
from data.validation import mapping, text

# Region attributes that tell one actor from another, in whatever letter case.
TRACK_ATTRIBUTES = ("track_id", "track", "person_id", "id")
VIDEO_ATTRIBUTE = "video"
CSV_COLUMNS = (
    "filename",
    "file_attributes",
    "region_shape_attributes",
    "region_attributes",
)


class _Region(NamedTuple):
    """A region of an image."""

    image: ImageName
    shape: Mapping[str, Any]
    attributes: Mapping[str, Any]


def recognise(document: JsonDocument) -> bool:
    """Whether a JSON file is a project or an export of VIA 2."""
    value = document.value
    if not isinstance(value, dict):
        return False
    if "_via_img_metadata" in value:
        return True
    return bool(value) and all(
        isinstance(entry, dict) and "filename" in entry and "regions" in entry
        for entry in value.values()
    )


def recognise_csv(path: Path) -> bool:
    """Whether a csv file is an export of VIA 2."""
    lines = head(path)
    columns = next(csv.reader(lines), []) if lines else []
    return set(CSV_COLUMNS) <= set(_columns(columns))


def read(document: JsonDocument, videos: VideoFolder, choices: Choices) -> Export:
    """Reads a project file, or annotations exported as JSON; see `read_csv`."""
    path = Path(document.path)
    try:
        images, regions = _regions(document.value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: an image is not as VIA writes it ({error}); export it again"
        ) from None
    return _export(path, images, regions, videos, choices)


def read_csv(path: Path, videos: VideoFolder, choices: Choices) -> Export:
    """Reads annotations exported as csv.

    The class of a region is the value of an attribute, the only one or the chosen one; if it is a
    checkbox, the region is a box of each class that is ticked. Which actor it is tells an
    attribute called `track_id`, `track`, `person_id` or `id`; without one, boxes are linked, see
    `link_boxes`. Of regions that are no rectangles the box around them is taken, and points are
    left out. A file attribute `video` names the video of an image; for the frame see
    `data.annotation_tools.image_frames`.

    Args:
        path: the file.
        videos: where the videos are.
        choices: tell the attribute.

    Raises:
        InputError: something is missing or wrong.
    """
    lines = read_lines(path)
    reader = csv.reader(lines)
    columns = _columns(next(reader, []))
    images: list[ImageName] = []
    regions: list[_Region] = []
    try:
        for row in reader:
            if row:
                fields = dict(zip(columns, row, strict=True))
                name = _image_name(fields["filename"], json.loads(fields["file_attributes"]))
                images.append(name)
                shape = mapping(json.loads(fields["region_shape_attributes"]), "the shape")
                if shape:
                    attributes = json.loads(fields["region_attributes"])
                    regions.append(_Region(name, shape, mapping(attributes, "region_attributes")))
    except (csv.Error, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}:{reader.line_num}: is not as VIA writes it ({error}); export it again"
        ) from None
    return _export(path, images, regions, videos, choices)


def _columns(row: Sequence[str]) -> list[str]:
    return [name.strip().lstrip("#").strip() for name in row]


def _regions(value: Mapping[str, Any]) -> tuple[list[ImageName], list[_Region]]:
    images, regions = [], []
    for entry in value.get("_via_img_metadata", value).values():
        name = _image_name(text(entry["filename"], "filename"), entry.get("file_attributes"))
        images.append(name)
        stored = entry["regions"]  # an object of numbers in VIA 1
        for region in stored.values() if isinstance(stored, dict) else stored:
            shape = mapping(region["shape_attributes"], "shape_attributes")
            attributes = mapping(region.get("region_attributes") or {}, "region_attributes")
            regions.append(_Region(name, shape, attributes))
    return images, regions


def _image_name(file: str, attributes: Mapping[str, Any] | None) -> ImageName:
    return ImageName(file, (attributes or {}).get(VIDEO_ATTRIBUTE) or None)


def _export(
    path: Path,
    images: Sequence[ImageName],
    regions: Sequence[_Region],
    videos: VideoFolder,
    choices: Choices,
) -> Export:
    names = list(dict.fromkeys(name for region in regions for name in region.attributes))
    tracks = [name for name in TRACK_ATTRIBUTES for known in names if known.lower() == name]
    track_names = [name for name in names if name.lower() in tracks[:1]]
    attribute = choose_attribute([name for name in names if name not in track_names], choices, path)
    frames = find_frames(images, videos, path)
    boxes: dict[int, list[DrawnBox]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    for region in regions:
        video, frame = frames[region.image]
        corners = _corners(region, path)
        labels = list(_labels(region.attributes.get(attribute)))
        if corners is None or not labels:
            left_out["without a class" if corners else "of a point"] += 1
            continue
        track = str(region.attributes.get(track_names[0], "")) if track_names else ""
        boxes[id(video)] += [DrawnBox(frame, label, corners, track or None) for label in labels]
    export = Export()
    for reason, number in left_out.items():
        export.notes.append(f"{path}: {counted(number, 'region')} {reason} left out")
    for video in {id(video): video for video, _ in frames.values()}.values():
        step = usual_step(frame for other, frame in frames.values() if other is video)
        try:
            export.videos.append(ExportedVideo(video, link_boxes(boxes[id(video)], step)))
        except ValueError as error:
            raise InputError(f"{path}: video {video.name!r}: {error}") from None
    return export


def _labels(value: Any) -> Iterator[str]:
    """Yields the values of an attribute: one of text, radio and dropdown, several of checkboxes."""
    if isinstance(value, dict):
        yield from (name for name, ticked in value.items() if ticked)
    elif value not in (None, ""):
        yield str(value)


def _corners(region: _Region, path: Path) -> tuple[float, float, float, float] | None:
    """The box around a region; None for a point."""
    shape = region.shape
    try:
        name = shape["name"]
        if name == "rect":
            x, y = float(shape["x"]), float(shape["y"])
            corners = (x, y, x + float(shape["width"]), y + float(shape["height"]))
        elif name in ("circle", "ellipse"):
            rx = float(shape["r"] if name == "circle" else shape["rx"])
            ry = float(shape["r"] if name == "circle" else shape["ry"])
            x, y = float(shape["cx"]), float(shape["cy"])
            corners = (x - rx, y - ry, x + rx, y + ry)
        elif name in ("polygon", "polyline"):
            xs, ys = map(float, shape["all_points_x"]), map(float, shape["all_points_y"])
            columns, rows = list(xs), list(ys)
            corners = (min(columns), min(rows), max(columns), max(rows))
        else:
            return None
        if not all(map(math.isfinite, corners)):
            raise ValueError("it is not finite")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: a region of {region.image.file!r} has a wrong shape ({error}); correct it"
        ) from None
    return corners
