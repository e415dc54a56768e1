"""Checks annotations, tubes, detections and frame databases: every problem, and a count.

Example: python data/check.py my_data/annotations.json
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data.annotation_format import FORMAT as ANNOTATIONS
from data.annotation_format import annotation_problems
from data.check_videos import note_video_problems, unused_classes
from data.command import CommandParser, counted, run_command
from data.detections import Detections
from data.errors import InputError
from data.frame_database import DATABASE
from data.interchange.own_files import contents
from data.json_reader import JsonDocument
from data.tube_arrays import load_tube_arrays
from data.tube_format import FORMAT as TUBES
from data.tube_format import tube_problems
from data.validation import reversed_sides
from data.video import open_video


def _problems_with_videos(document: JsonDocument) -> list[str]:
    note_video_problems(document)
    return annotation_problems(document)


PROBLEM_FINDERS: dict[str, Callable[[JsonDocument], list[str]]] = {
    ANNOTATIONS: _problems_with_videos,
    TUBES: tube_problems,
}


@dataclass
class Report:
    """What was found in one file, or in all of them.

    Attributes:
        problems: a sentence for each, naming the file and the field, and the line of text files.
        notes: sentences about what is not wrong and may yet not be meant.
        classes: names of the classes.
        videos: number of videos, tubes and boxes: also those that have problems.
        tubes: see `videos`.
        boxes: see `videos`.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    classes: set[str] = field(default_factory=set)
    videos: int = 0
    tubes: int = 0
    boxes: int = 0

    def add(self, other: Report) -> None:
        """Adds what was found in another file."""
        self.problems += other.problems
        self.classes |= other.classes
        self.videos += other.videos
        self.tubes += other.tubes
        self.boxes += other.boxes

    def __str__(self) -> str:
        counts = {
            "video": self.videos,
            "tube": self.tubes,
            "box": self.boxes,
            "class": len(self.classes),
        }
        return ", ".join(counted(number, noun) for noun, number in counts.items())


def check_file(path: Path) -> Report | None:
    """Checks one file.

    Returns:
        What is wrong and what is there; None for JSON that has a format of others.
    """
    try:
        if path.suffix == ".npz":
            return _check_arrays(path)
        if path.suffix == ".db":
            return _check_database(path)
        document = JsonDocument(path)
        kind = document.value.get("format") if isinstance(document.value, dict) else None
        if not isinstance(kind, str) or kind not in PROBLEM_FINDERS:
            return None
        report = _count(document.value)
        report.problems = PROBLEM_FINDERS[kind](document)
        if kind == ANNOTATIONS:
            report.notes = unused_classes(document.value)
    except InputError as error:
        return Report([str(error)])
    return report


def _check_database(path: Path) -> Report:
    """Decodes every frame of a frame database."""
    with open_video(path) as video:
        for _ in video:
            pass
    return Report(videos=1)


def _check_arrays(path: Path) -> Report:
    """Checks detections, or tubes as arrays."""
    if contents(path) == {"tubes"}:
        videos = load_tube_arrays(path)
        tubes = [tube for video in videos for tube in video.tubes]
        classes = {name for video in videos for name in video.classes}
        return Report([], [], classes, len(videos), len(tubes), sum(map(len, tubes)))
    detections = Detections.load(path)
    wrong = np.flatnonzero(reversed_sides(detections.boxes).any(axis=1))
    problems = [
        f"{path}: frame {frame}: the corners of the box {detections.boxes[row].tolist()} are "
        "reversed; write x1, y1, x2, y2 with x1 <= x2 and y1 <= y2"
        for row, frame in zip(wrong, detections.frames_of(wrong), strict=True)
    ]
    return Report(problems, [], set(detections.classes), 1, 0, len(detections.boxes))


def main(argv: Sequence[str] | None = None) -> None:
    """Checks what the arguments name, and prints problems and counts.

    Raises:
        InputError: something is wrong, or there is nothing to check.
    """
    parser = CommandParser(
        prog="python data/check.py",
        description="Names every problem in annotations, tubes, detections and frame "
        "databases, and counts them.",
        epilog="example: python data/check.py my_data/annotations.json",
    )
    parser.add_argument(
        "path",
        type=Path,
        help="annotations or tubes (.json), detections (.npz), frame databases (.db), or a folder "
        "of such files",
    )
    path: Path = parser.parse_args(argv).path
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; check the path")
    files = _files(path)
    total = Report()
    checked = wrong = 0
    for file in files:
        report = check_file(file)
        if report is None:
            print(f"{file}: not checked, its format is none of {', '.join(PROBLEM_FINDERS)}")
            continue
        checked += 1
        wrong += bool(report.problems)
        total.add(report)
        print(*report.problems, sep="\n", end="\n" if report.problems else "")
        for note in report.notes:
            print(f"note: {file}: {note}")
        if report.videos or not report.problems:  # else it could not even be read
            print(f"{file}: {report}")
    if not checked:
        raise InputError(
            f"{path}: holds no annotations, tubes, detections or frame databases; docs/formats.md "
            "and docs/reading.md say how to write them"
        )
    if len(files) > 1:
        print(f"{counted(checked, 'file')}: {total}")
    if total.problems:
        raise InputError(
            f"{path}: {counted(len(total.problems), 'problem')} in {wrong} of "
            f"{counted(checked, 'file')}; correct what is named above"
        )


def _files(path: Path) -> list[Path]:
    """The files to check: `path`, or those below it that may be of our formats."""
    if not path.is_dir():
        return [path]
    return sorted(
        file
        for file in path.rglob("*")
        if (file.suffix in (".json", ".npz") or file.name == DATABASE)
        and not file.name.startswith(".")
        and file.is_file()
    )


def _count(root: dict[str, Any]) -> Report:
    """Counts what a document of ours holds, however wrong it may be."""
    videos = root.get("videos")
    videos = list(videos.values()) if isinstance(videos, dict) else _list(videos)
    tubes = [tube for video in videos for tube in _list(_get(video, "tubes"))]
    return Report(
        classes={name for name in _list(root.get("classes")) if isinstance(name, str)},
        videos=len(videos),
        tubes=len(tubes),
        boxes=sum(len(_list(_get(tube, "boxes"))) for tube in tubes),
    )


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


if __name__ == "__main__":
    run_command(main)
