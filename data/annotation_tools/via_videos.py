"""Projects of VIA 3, the VGG Image Annotator for video: stretches of time, and boxes at times.

Dutta and Zisserman, The VIA annotation software for images, audio and video, ACM Multimedia 2019.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.annotation_tools.drawn_boxes import (
    DrawnBox,
    DrawnTube,
    link_boxes,
    link_by_overlap,
    usual_step,
)
from data.annotation_tools.export import Choices, Export, ExportedVideo, choose_attribute
from data.annotation_tools.via_images import TRACK_ATTRIBUTES
from data.annotation_tools.video_folder import FoundVideo, VideoFolder
from data.command import counted
from data.errors import InputError
from data.interpolation import interpolate_boxes
from data.json_reader import JsonDocument

# Numbers of VIA 3 for shapes.
RECTANGLE, CIRCLE, ELLIPSE, POLYLINE, POLYGON, EXTREME_RECTANGLE = 2, 3, 4, 6, 7, 8
# Times are written in milliseconds, which may be just before the frame that was shown.
FRAME_TOLERANCE = 0.05


class _Segment(NamedTuple):
    """A stretch of time: first and last frame."""

    label: str
    first: int
    last: int


class _Box(NamedTuple):
    """A box; its label is "" if it has none."""

    frame: int
    label: str
    track: str
    corners: tuple[float, float, float, float]


def recognise(document: JsonDocument) -> bool:
    """Whether a JSON file is a project of VIA 3."""
    value = document.value
    return isinstance(value, dict) and {"metadata", "view", "file", "attribute"} <= value.keys()


def read(document: JsonDocument, videos: VideoFolder, choices: Choices) -> Export:
    """Reads a project.

    The class is the value of an attribute, the only one or the chosen one (of several ticked ones
    each is a class). A stretch of time with a class and the boxes in it make tubes from its first
    to its last frame: of the boxes of this class or of none, those of one actor are interpolated
    and held towards the ends. Which actor it is tells an attribute called `track_id`, `track`,
    `person_id` or `id`; without one, all boxes are of one actor if no two of them are in a frame,
    and else linked by overlap. Boxes with a class that are in no stretch of it are linked as they
    are, see `link_boxes`.

    Args:
        document: the file.
        videos: where the videos are.
        choices: tell the attribute, and of folders of images the frame rate.

    Raises:
        InputError: something is missing or wrong.
    """
    path = Path(document.path)
    export = Export()
    try:
        project = document.value
        attributes = {
            key: (str(entry["aname"]), dict(entry.get("options") or {}))
            for key, entry in project["attribute"].items()
        }
        entries: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for entry in project["metadata"].values():
            if entry["z"]:  # else it is about the whole file
                entries[str(entry["vid"])].append(entry)
        used = {key for found in entries.values() for entry in found for key in entry["av"]}
        names = list(dict.fromkeys(attributes[key][0] for key in used))
        names = [name for name in names if name.lower() not in TRACK_ATTRIBUTES]
        chosen = choose_attribute(sorted(names), choices, path)
        for name, options in attributes.values():
            export.classes += list(map(str, options.values())) if name == chosen else []
        for key, view in project["view"].items():
            source = str(project["file"][str(view["fid_list"][0])]["fname"])
            video = videos.must_find(path, source, source.rpartition("/")[2])
            rate = video.frame_rate or choices.frame_rate
            if rate is None:
                raise InputError(
                    f"{path}: counts in seconds, and the images of {video.name!r} have no frame "
                    "rate; give it with --frame_rate"
                )
            segments: list[_Segment] = []
            boxes: list[_Box] = []
            for entry in entries[key]:
                labels, track = _values(entry["av"], attributes, chosen)
                times = [_frame(float(time), rate, video) for time in entry["z"]]
                corners = _corners(entry["xy"])
                if len(times) == 2:
                    segments += [_Segment(label, times[0], times[1]) for label in labels]
                elif corners is not None:
                    boxes += [_Box(times[0], label, track, corners) for label in labels or [""]]
            tubes, notes = _tubes(segments, boxes)
            export.videos.append(ExportedVideo(video, tubes))
            export.notes += [f"{path}: video {video.name!r}: {note}" for note in notes]
    except InputError:
        raise
    except KeyError as error:
        raise InputError(f"{path}: {error} is missing; save the project again in VIA 3") from None
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(
            f"{path}: is not as VIA 3 writes it ({error}); correct it, or save it again"
        ) from None
    return export


def _values(
    values: Mapping[str, Any], attributes: Mapping[str, tuple[str, Mapping[str, Any]]], chosen: str
) -> tuple[list[str], str]:
    """Returns the classes and the track of an entry."""
    labels: list[str] = []
    tracks: dict[str, str] = {}
    for key, value in values.items():
        name, options = attributes[key]
        if name == chosen and str(value).strip():
            # Where there are options, it holds their numbers, of checkboxes several.
            numbers = str(value).split(",") if options else []
            labels += [str(options[number]) for number in numbers] if options else [str(value)]
        elif name.lower() in TRACK_ATTRIBUTES:
            tracks[name.lower()] = str(value)
    return labels, next((tracks[name] for name in TRACK_ATTRIBUTES if tracks.get(name)), "")


def _frame(time: float, rate: float, video: FoundVideo) -> int:
    """The frame that is shown at a time in seconds; the last one from its end on."""
    if not 0 <= time < math.inf:
        raise ValueError(f"there is no time {time}")
    return min(math.floor(time * rate + FRAME_TOLERANCE), video.frames - 1)


def _corners(xy: Sequence[float]) -> tuple[float, float, float, float] | None:
    """The box around a shape; None for points and lines."""
    kind, *numbers = map(float, xy) if xy else (0.0,)
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"the shape {list(xy)} is not finite")
    if kind == RECTANGLE:
        x, y, width, height = numbers
        return x, y, x + width, y + height
    if kind in (CIRCLE, ELLIPSE):
        x, y, *radii = numbers
        return x - radii[0], y - radii[-1], x + radii[0], y + radii[-1]
    if kind in (POLYLINE, POLYGON, EXTREME_RECTANGLE):
        return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])
    return None


def _tubes(
    segments: Sequence[_Segment], boxes: Sequence[_Box]
) -> tuple[list[DrawnTube], list[str]]:
    """Returns tubes, and what was left out."""
    tubes: list[DrawnTube] = []
    used: set[int] = set()
    left_out: Counter[tuple[str, str]] = Counter()
    for segment in segments:
        places = [
            place
            for place, box in enumerate(boxes)
            if segment.first <= box.frame <= segment.last and box.label in ("", segment.label)
        ]
        used.update(places)
        left_out["temporal segment", "without a box"] += not places
        span = range(segment.first, segment.last + 1)
        for chain in _actors([boxes[place] for place in places], len(span)):
            keys = [box.frame for box in chain]
            corners = np.array([box.corners for box in chain], np.float64)
            between = interpolate_boxes(keys, corners, span)
            tubes.append(DrawnTube(segment.label, segment.first, between))
    rest = [box for place, box in enumerate(boxes) if place not in used]
    left_out["box", "without a class"] += sum(not box.label for box in rest)
    drawn = [
        DrawnBox(box.frame, box.label, box.corners, box.track or None) for box in rest if box.label
    ]
    tubes += link_boxes(drawn, usual_step(box.frame for box in drawn))
    notes = [
        f"{counted(number, what)} {lacking} left out"
        for (what, lacking), number in left_out.items()
        if number
    ]
    return tubes, notes


def _actors(boxes: Sequence[_Box], span: int) -> Iterable[list[DrawnBox]]:
    """Parts the boxes of a stretch of time by actor, each in the order of the frames."""
    drawn = [DrawnBox(box.frame, "", box.corners, box.track or None) for box in boxes]
    if any(box.track for box in boxes) or len({box.frame for box in boxes}) == len(boxes):
        tracks: dict[str | None, dict[int, DrawnBox]] = defaultdict(dict)
        for box in drawn:
            if box.frame in tracks[box.track]:
                raise ValueError(f"track {box.track} has two boxes in frame {box.frame}")
            tracks[box.track][box.frame] = box
        return [[track[frame] for frame in sorted(track)] for track in tracks.values()]
    return link_by_overlap(drawn, span)
