"""Ground truth in AVA's csv files, which `data.interchange.ava_csv` reads.

What that reader wants to be told is in the videos here; boxes that say no person are linked.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np

from data.annotation_tools.drawn_boxes import DrawnBox, DrawnTube, link_boxes
from data.annotation_tools.export import Choices, Export, ExportedVideo
from data.annotation_tools.video_folder import FoundVideo, VideoFolder
from data.command import counted
from data.errors import InputError
from data.interchange import ava_csv
from data.interchange.context import Context
from data.interchange.files import head, read_lines
from data.interchange.rows import rows_of


def recognise(path: Path) -> bool:
    """Whether a file is one of AVA's, with a header or without."""
    return bool(ava_csv.contents(path)) or "".join(head(path)[:1]).startswith("video_id,")


def read(path: Path, videos: VideoFolder, choices: Choices) -> Export:
    """Reads one file.

    Each action of a person is a tube of its own, from key frame to key frame as long as there is
    one each second; in between, boxes are interpolated. Rows without the number of a person are
    linked by overlap, see `link_boxes`.

    Args:
        path: the file.
        videos: where the videos are; those of one file have one frame rate.
        choices: tell the names of the actions, which the file only numbers, and of folders of
            images the frame rate.

    Raises:
        InputError: something is missing or wrong.
    """
    if not choices.classes:
        raise InputError(
            f"{path}: numbers its actions and does not name them; give the names with --classes, "
            "one a line, or AVA's list of actions (.pbtxt)"
        )
    reader = csv.reader(read_lines(path))
    rows: list[list[str]] = []
    for row in filter(None, reader):
        place = f"{path}:{reader.line_num}"
        if not rows and not (len(row) > 1 and re.fullmatch(r"[\d.]+", row[1])):
            raise InputError(
                f"{place}: must be video,second,x1,y1,x2,y2,action,person; remove the line if it "
                "is a header, or name the format of the file"
            )
        if any(re.fullmatch(r"\d+\.?\d*", corner) and float(corner) > 2 for corner in row[2:6]):
            raise InputError(
                f"{place}: must hold corners as parts of the frame's width and height, from 0 to "
                f"1, not {','.join(row[2:6])}; divide pixels by the frame size"
            )
        rows.append(row)
    found = {name: videos.must_find(path, name) for name in dict.fromkeys(row[0] for row in rows)}
    # The file may have more actions than were named, as AVA's list leaves out rare ones.
    numbers = [int(row[6]) for row in rows if len(row) > 6 and re.fullmatch(r"\d{1,4}", row[6])]
    classes = [name or f"#{number}" for number, name in enumerate(choices.classes, 1)]
    classes += [f"#{number}" for number in range(len(classes) + 1, max(numbers, default=0) + 1)]
    context = Context(tuple(classes), found, _frame_rate(path, found, choices), choices.start_time)
    export = Export(classes=[name for name in choices.classes if name])
    unnamed = 0
    persons = "tubes" in ava_csv.contents(path)
    for name, tubes in _tubes(path, context, persons=persons).items():
        named = [tube for tube in tubes if tube.label in export.classes]
        unnamed += len(tubes) - len(named)
        export.videos.append(ExportedVideo(found[name], named))
    if unnamed:
        export.notes.append(
            f"{path}: {counted(unnamed, 'tube')} of actions without a name left out"
        )
    return export


def parse_class_list(path: Path) -> tuple[str, ...]:
    """Returns class names from a text file, one a line, or from a label map of AVA (.pbtxt).

    Returns:
        The names in the order of their numbers from 1, "" for numbers that have none.

    Raises:
        InputError: the file cannot be read, is empty, or names a class twice.
    """
    lines = [line.strip() for line in read_lines(path)]
    content = "\n".join(lines)
    numbers = re.findall(r"\b(?:label_id|id):\s*(\d+)", content)
    quoted = re.findall(r"\bname:\s*[\"'](.*)[\"']", content)
    if numbers and len(numbers) == len(quoted):
        by_number = dict(zip(map(int, numbers), quoted, strict=True))
        names = [by_number.get(number, "") for number in range(1, max(by_number) + 1)]
    else:
        names = [line for line in lines if line]
    named = [name for name in names if name]
    if not named:
        raise InputError(f"{path}: holds no names; write one class a line")
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: holds {twice!r} twice; remove one")
    return tuple(names)


def _frame_rate(path: Path, videos: dict[str, FoundVideo], choices: Choices) -> float:
    rates: dict[float, str] = {}
    for name, video in videos.items():
        rate = video.frame_rate or choices.frame_rate
        if rate is None:
            raise InputError(
                f"{path}: counts in seconds, and the images of {name!r} have no frame rate; give "
                "it with --frame_rate"
            )
        rates.setdefault(round(rate, 3), name)
    if len(rates) > 1:
        told = ", ".join(f"{name!r} has {rate:g}" for rate, name in rates.items())
        raise InputError(
            f"{path}: its videos have different frame rates ({told}); part the file by frame rate "
            "and name all parts"
        )
    return next(iter(rates), 25.0)


def _tubes(path: Path, context: Context, *, persons: bool) -> dict[str, list[DrawnTube]]:
    found: dict[str, list[DrawnTube]] = {}
    if persons:
        for video in ava_csv.read_tubes(path, context):
            found[video.video] = [
                DrawnTube(context.classes[tube.label], tube.start, tube.boxes.astype(np.float64))
                for tube in video.tubes
            ]
        return found
    for detections in ava_csv.read_detections(path, context):
        boxes = []
        for frame, row, label in zip(*rows_of(detections), strict=True):
            x1, y1, x2, y2 = detections.boxes[row].tolist()
            boxes.append(DrawnBox(int(frame), context.classes[label], (x1, y1, x2, y2)))
        # Key frames are a second apart, which is not always the same number of frames.
        found[detections.video] = link_boxes(boxes, round(detections.frame_rate) + 1)
    return found
