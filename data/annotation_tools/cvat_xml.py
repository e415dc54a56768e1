"""Exports of CVAT in its format "CVAT for video 1.1" (docs.cvat.ai, "CVAT for video").

A file holds the tracks of a task, of a job, or of all tasks of a project, each a list of boxes in
frames of the original video, counted from 0. Attributes are those of the box. A box with
outside="1" says that the actor is not in the picture from there on.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data.annotation_tools.drawn_boxes import DrawnBox, link_boxes
from data.annotation_tools.export import Choices, Export, ExportedVideo
from data.annotation_tools.video_folder import FoundVideo, VideoFolder
from data.command import counted
from data.errors import InputError
from data.files import open_file
from data.interpolation import interpolate_boxes

ZIPPED = "annotations.xml"
# What CVAT writes where no value of an attribute was chosen.
NO_VALUE = ("", "__undefined__")


@dataclass
class _Task:
    """A task or job as `<meta>` describes it."""

    id: str
    names: tuple[str, str]  # of the video file, "" for tasks made of images, and of the task
    size: tuple[int, int] | None
    first: int
    last: int
    step: int
    subset: str | None


@dataclass
class _Box:
    """A `<box>`."""

    frame: int
    outside: bool
    keyframe: bool
    corners: tuple[float, float, float, float]
    label: str | None


@dataclass
class _Track:
    """A `<track>`, its boxes in the order of the frames."""

    id: str
    task: str | None
    boxes: list[_Box]


def recognise(path: Path) -> bool:
    """Whether the file is XML with annotations, or an archive that holds one as CVAT does."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return ZIPPED in archive.namelist()
    with open_file(path) as file:
        return b"<annotations" in file.read(4096)


def read(path: Path, videos: VideoFolder, choices: Choices) -> Export:
    """Reads one export.

    The class of a track is its label, or the value that an attribute has in the frame. Between key
    frames boxes are interpolated as CVAT does: linearly, and the attributes are those of the key
    frame before. In its exports all frames are written out; if a file has key frames only, a
    track goes on with the box of its last key frame until it is outside or the task ends. If the
    task takes only some frames of the video (`frame_filter`), those in between are interpolated.

    The video is the one that `<source>` names; tasks that were made of images have none, and their
    folder is looked for by the name of the task, or is the only one that there is. A subset other
    than CVAT's default is the split.

    Args:
        path: the XML file, or the archive as downloaded.
        videos: where the videos are.
        choices: tell the attribute.

    Raises:
        InputError: the file is none of these exports or damaged, or its video is missing or is
            another.
    """
    tasks: list[_Task] = []
    tracks: list[_Track] = []
    export = Export()
    attributes: dict[str, list[str]] = {}
    others = 0
    try:
        with _xml(path) as file:
            for _, element in ElementTree.iterparse(file):
                if element.tag == "meta":
                    tasks = [_task(found, path) for found in element.iter() if _is_task(found)]
                    export.classes, attributes = _labels(element)
                elif element.tag == "image":
                    raise InputError(
                        f"{path}: is an export for images; export it from CVAT in the format "
                        "'CVAT for video 1.1'"
                    )
                elif element.tag == "track":
                    tracks.append(_track(element, choices.label_attribute, path))
                    others += not tracks[-1].boxes
                    element.clear()
    except ElementTree.ParseError as error:
        raise InputError(f"{path}: is no whole XML file ({error}); export it again") from None
    if not tasks:
        raise InputError(
            f"{path}: has no <meta> with a task; export it from CVAT in the format "
            "'CVAT for video 1.1'"
        )
    if choices.label_attribute is not None:
        export.classes = attributes.get(choices.label_attribute, [])
        if choices.label_attribute not in attributes:
            known = f"name one of: {', '.join(attributes)}" if attributes else "leave it out"
            raise InputError(
                f"{path}: no label has the --label_attribute {choices.label_attribute!r}; {known}"
            )
    if others:
        export.notes.append(
            f"{path}: {counted(others, 'track')} without rectangles left out (polygons, ...)"
        )
    # Exports of CVAT have all frames; where there are none but key frames, others wrote the file.
    whole = any(not box.keyframe for track in tracks for box in track.boxes)
    for task in tasks:
        own = [track for track in tracks if _task_of(track, tasks, path) is task]
        video = _find_video(task, path, videos)
        export.videos.append(_exported(task, own, video, whole, path))
        if task.last >= video.frames:
            export.notes.append(
                f"{path}: the task goes on to frame {task.last}, and {video.path} has but "
                f"{counted(video.frames, 'frame')}; if it is another video than was annotated, put "
                "that one there"
            )
        elif task.first > 0 or task.last < video.frames - 1:
            export.notes.append(
                f"{path}: the task holds the frames {task.first} to {task.last} of the "
                f"{video.frames} of {video.name!r}; in the others there will be no tubes"
            )
    return export


@contextmanager
def _xml(path: Path) -> Iterator[BinaryIO]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive, archive.open(ZIPPED) as member:
            yield member  # type: ignore[misc]
    else:
        with open_file(path) as file:
            yield file


def _is_task(element: ElementTree.Element) -> bool:
    return element.tag in ("task", "job") and element.find("size") is not None


def _task(element: ElementTree.Element, path: Path) -> _Task:
    def text(name: str) -> str:
        return (element.findtext(name) or "").strip()

    def number(name: str, default: int) -> int:
        if not text(name):
            return default
        if not text(name).isdecimal():
            raise InputError(f"{path}: <{name}> of a task is {text(name)!r}; export it again")
        return int(text(name))

    filter_name, _, filter_step = text("frame_filter").partition("=")
    step = int(filter_step) if filter_name == "step" and filter_step.isdecimal() else 1
    first = number("start_frame", 0)
    size = None
    if element.find("original_size") is not None:
        size = number("original_size/width", 0), number("original_size/height", 0)
    subset = text("subset").lower()
    return _Task(
        id=text("id"),
        names=(text("source"), text("name")),
        size=size,
        first=first,
        last=number("stop_frame", first + (number("size", 1) - 1) * step),
        step=step,
        subset=None if subset in ("", "default") else subset,
    )


def _labels(meta: ElementTree.Element) -> tuple[list[str], dict[str, list[str]]]:
    """Returns the names of the labels, and those of their attributes with the values."""
    labels: list[str] = []
    attributes: dict[str, list[str]] = {}
    for label in meta.iter("label"):
        labels.append(label.findtext("name", ""))
        for attribute in label.iter("attribute"):
            values = (attribute.findtext("values") or "").splitlines()
            attributes.setdefault(attribute.findtext("name", ""), []).extend(values)
    return list(dict.fromkeys(labels)), attributes


def _track(element: ElementTree.Element, attribute: str | None, path: Path) -> _Track:
    place = f"{path}: track {element.get('id')}"
    boxes = []
    if not element.get("label"):
        raise InputError(f"{place}: has no label; export it again")
    for box in element.iterfind("box"):
        try:
            boxes.append(_box(box, element, attribute))
        except ValueError as error:
            raise InputError(
                f"{place}: the box of frame {box.get('frame')} is wrong ({error}); export it again"
            ) from None
    boxes.sort(key=lambda box: box.frame)
    for first, second in pairwise(boxes):
        if first.frame == second.frame:
            raise InputError(f"{place}: has two boxes in frame {first.frame}; export it again")
    return _Track(element.get("id", "?"), element.get("task_id"), boxes)


def _box(box: ElementTree.Element, track: ElementTree.Element, attribute: str | None) -> _Box:
    label: str | None = track.attrib["label"]
    if attribute is not None:
        label = next(
            (
                (found.text or "").strip()
                for found in (*box.iterfind("attribute"), *track.iterfind("attribute"))
                if found.get("name") == attribute
            ),
            "",
        )
        label = None if label in NO_VALUE else label
    x1, y1, x2, y2 = (_number(box, name) for name in ("xtl", "ytl", "xbr", "ybr"))
    turn = math.radians(_number(box, "rotation")) if "rotation" in box.attrib else 0.0
    if turn:  # around its centre; the upright box around it
        width = abs((x2 - x1) * math.cos(turn)) + abs((y2 - y1) * math.sin(turn))
        height = abs((x2 - x1) * math.sin(turn)) + abs((y2 - y1) * math.cos(turn))
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        x1, y1, x2, y2 = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    frame = box.get("frame", "")
    if not frame.isdecimal():
        raise ValueError(f"its frame must be a whole number, not {frame!r}")
    return _Box(
        frame=int(frame),
        outside=box.get("outside") == "1",
        keyframe=box.get("keyframe", "1") == "1",
        corners=(x1, y1, x2, y2),
        label=label,
    )


def _number(element: ElementTree.Element, name: str) -> float:
    """An attribute that is a finite number."""
    text = element.get(name, "")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"its {name} must be a finite number, not {text!r}")
    return number


def _task_of(track: _Track, tasks: list[_Task], path: Path) -> _Task:
    if track.task is None and len(tasks) == 1:
        return tasks[0]
    for task in tasks:
        if task.id == track.task:
            return task
    raise InputError(
        f"{path}: track {track.id} belongs to none of the tasks in the file; export each task alone"
    )


def _find_video(task: _Task, path: Path, videos: VideoFolder) -> FoundVideo:
    source, name = task.names
    if source:
        video = videos.must_find(path, source)
    else:
        video = videos.must_find(path, name or path.stem, or_only=True)
    if task.size is not None:
        video.check_size(task.size, str(path))
    return video


def _exported(
    task: _Task, tracks: list[_Track], video: FoundVideo, whole: bool, path: Path
) -> ExportedVideo:
    boxes: list[DrawnBox] = []
    for track in tracks:
        for box in track.boxes:
            if not box.outside and not task.first <= box.frame <= task.last:
                raise InputError(
                    f"{path}: track {track.id} has a box in frame {box.frame}, and the task the "
                    f"frames {task.first} to {task.last}; export it again"
                )
            if not box.outside and box.frame >= video.frames:
                raise InputError(
                    f"{path}: track {track.id} has a box in frame {box.frame} (counted from 0), "
                    f"and {video.path} only {video.frames} frames; put the video that was "
                    "annotated there"
                )
        last = min(task.last, video.frames - 1)
        boxes += _all_frames(track, last, task.step, whole)
    return ExportedVideo(video, link_boxes(boxes), task.subset)


def _all_frames(track: _Track, last: int, step: int, whole: bool) -> Iterator[DrawnBox]:
    """Yields a box for every frame to `last` in which a track is in the picture and has a class."""
    for place, box in enumerate(track.boxes):
        if box.outside or box.label is None:
            continue
        following = track.boxes[place + 1] if place + 1 < len(track.boxes) else None
        if following is None:
            end = box.frame + 1 if whole else last + 1
        elif not whole or following.frame - box.frame <= step:
            end = min(following.frame, last + 1)
        else:  # a gap in a file that leaves no frame out
            end = box.frame + 1
        yield DrawnBox(box.frame, box.label, box.corners, track.id)
        frames = range(box.frame + 1, end)
        if not frames:  # as nearly always in exports of CVAT
            continue
        corners = np.array([box.corners, following.corners if following else box.corners])
        keys = [box.frame, following.frame if following else box.frame + 1]
        for frame, row in zip(frames, interpolate_boxes(keys, corners, frames), strict=True):
            x1, y1, x2, y2 = row.tolist()
            yield DrawnBox(frame, box.label, (x1, y1, x2, y2), track.id)
