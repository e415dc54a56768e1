"""Turns the exports of annotation tools (CVAT, VIA, COCO, AVA) into one annotation file.

Example: python data/import_annotations.py export.xml --videos my_videos -o annotations.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from data.annotation import Annotations, VideoAnnotation
from data.annotation_format import save_annotations
from data.annotation_tools import (
    TOOLS,
    Choices,
    DrawnTube,
    Export,
    FoundVideo,
    VideoFolder,
    inside_frame,
    read_export,
)
from data.annotation_tools.ava_csv import parse_class_list
from data.command import CommandParser, counted, progress, run_command
from data.errors import InputError
from data.interchange.context import context_options
from data.interchange.files import read_lines
from data.tube import Tube

TRAIN, TEST = "train", "test"


def main(argv: Sequence[str] | None = None) -> None:
    """Reads the exports, writes the annotation, and prints what it holds.

    Raises:
        InputError: an option or a file is wrong.
    """
    args = _parse(argv)
    if args.output.exists() and not args.overwrite:
        raise InputError(f"{args.output}: is already there; name another file, or add --overwrite")
    choices = Choices(
        label_attribute=args.label_attribute,
        classes=parse_class_list(args.classes) if args.classes else (),
        frame_rate=args.frame_rate,
        start_time=args.start_time,
    )
    folder = VideoFolder(args.videos)
    exports = [
        read_export(path, folder, choices, args.format)
        for path in progress(args.exports, description="read", unit="file")
    ]
    notes = [note for export in exports for note in export.notes]
    videos = _merged(exports, notes)
    if not videos:
        raise InputError(f"{args.exports[0]}: names no video; export one with annotations")
    classes = _class_names(exports, choices, notes)
    annotated = {
        video.name: _annotation(video, tubes, classes, notes)
        for video, tubes in progress(videos, description="videos", unit="video")
    }
    splits = _splits(exports, list(annotated), args.test_list, args.test_every, notes)
    for note in notes:
        print("note:", note, file=sys.stderr)
    if not any(video.tubes for video in annotated.values()):
        raise InputError(
            f"{args.exports[0]}: no box of a class is left; draw some, or change what the notes say"
        )
    annotations = Annotations(classes, annotated, splits)
    save_annotations(args.output, annotations, {video.name: video.path for video, _ in videos})
    print(_table(annotations))
    print(f"written: {args.output}; now run: python data/check.py {args.output}")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        prog="python data/import_annotations.py",
        description="Turns the exports of annotation tools into one annotation file.",
        epilog="example: python data/import_annotations.py export.xml --videos my_videos "
        "-o annotations.json",
    )
    parser.add_argument("exports", nargs="+", type=Path, metavar="FILE", help="what a tool wrote")
    parser.add_argument(
        "--videos",
        type=Path,
        required=True,
        help="the folder of the videos, files or folders of images; or the one video",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("annotations.json"),
        metavar="FILE",
        help="the annotation to write (default: %(default)s)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output file")
    parser.add_argument(
        "--format", choices=tuple(TOOLS), help="of the files (default: told by their content)"
    )
    parser.add_argument(
        "--label_attribute",
        metavar="NAME",
        help="attribute whose value is the class (default: the label of the tool; in VIA the only "
        "attribute)",
    )
    parser.add_argument(
        "--classes",
        type=Path,
        metavar="FILE",
        help="names of the classes in order, one a line; others are left out (default: all with "
        "a box; AVA needs it, and its own list of actions will do)",
    )
    context_options(parser)
    split = parser.add_argument_group(
        "split", "without these options, as the tool says (subsets of CVAT), else --test_every 4"
    ).add_mutually_exclusive_group()
    split.add_argument(
        "--test_every", type=int, metavar="N", help="every Nth video, by name, is for testing"
    )
    split.add_argument(
        "--test_list", type=Path, metavar="FILE", help="names of the videos for testing, one a line"
    )
    args = parser.parse_args(argv)
    if args.test_every is not None and args.test_every < 2:
        parser.error(f"--test_every {args.test_every}: must be at least 2")
    return args


def _merged(
    exports: Sequence[Export], notes: list[str]
) -> list[tuple[FoundVideo, list[DrawnTube]]]:
    """The videos by name, with what any of the exports has about them, the same thing once."""
    found: dict[Path, tuple[FoundVideo, list[DrawnTube]]] = {}
    seen: dict[tuple[Path, str, int, bytes], int] = {}
    twice = 0
    for number, export in enumerate(exports):
        for exported in export.videos:
            place = exported.video.path.resolve()
            tubes = found.setdefault(place, (exported.video, []))[1]
            for tube in exported.tubes:
                boxes = tube.boxes.round(2).tobytes()  # as CVAT writes them
                if seen.setdefault((place, tube.label, tube.start, boxes), number) == number:
                    tubes.append(tube)
                else:
                    twice += 1
    if twice:
        notes.append(f"{counted(twice, 'tube')} of several exports taken once")
    names: dict[str, Path] = {}
    for video, _ in found.values():
        if names.setdefault(video.name, video.path) != video.path:
            raise InputError(
                f"{video.path}: has the name of {names[video.name]}, by which videos are told "
                "apart; rename one"
            )
    return sorted(found.values(), key=lambda item: item[0].name)


def _class_names(exports: Sequence[Export], choices: Choices, notes: list[str]) -> tuple[str, ...]:
    """The chosen classes, or those that have tubes in the order of the tools."""
    drawn = {tube.label for export in exports for video in export.videos for tube in video.tubes}
    drawn.discard("")
    if choices.classes:
        classes = [name for name in choices.classes if name]
        if others := sorted(drawn.difference(classes)):
            notes.append(f"classes that --classes does not name are left out: {', '.join(others)}")
        if unused := [name for name in classes if name not in drawn]:
            notes.append(f"classes that --classes names have no box: {', '.join(unused)}")
        return tuple(classes)
    listed = dict.fromkeys(name for export in exports for name in export.classes if name)
    if unused := [name for name in listed if name not in drawn]:
        notes.append(f"classes without a box are left out: {', '.join(unused)}")
    others = sorted(drawn.difference(listed))
    if listed and others:
        notes.append(f"classes that are in no list of the tool come last: {', '.join(others)}")
    return (*(name for name in listed if name in drawn), *others)


def _annotation(
    video: FoundVideo, tubes: Sequence[DrawnTube], classes: Sequence[str], notes: list[str]
) -> VideoAnnotation:
    """Clips tubes to the frame and checks that the video is as long as they are."""
    found: list[Tube] = []
    outside = cut = 0
    for tube in tubes:
        if tube.label not in classes:
            continue
        last = tube.start + len(tube.boxes) - 1
        if tube.start < 0 or last >= video.frames:
            raise InputError(
                f"{video.path}: has {video.frames} frames, and a box is in frame {last} (counted "
                "from 0); put the video that was annotated there"
            )
        outside += len(tube.boxes)
        whole = np.prod(tube.boxes[:, 2:] - tube.boxes[:, :2], axis=1)
        for part in inside_frame(tube, video.width, video.height):
            outside -= len(part.boxes)
            inside = np.prod(part.boxes[:, 2:] - part.boxes[:, :2], axis=1)
            first = part.start - tube.start
            cut += int((inside < whole[first : first + len(inside)] / 2).sum())
            label = classes.index(part.label)
            found.append(Tube.ground_truth(part.start, part.boxes, label, len(found)))
    frame = f"the frame of {video.width}x{video.height}"
    if outside:
        notes.append(f"{video.path}: {counted(outside, 'box')} outside of {frame} left out")
    if cut:
        notes.append(f"{video.path}: {counted(cut, 'box')} more than half outside of {frame}, cut")
    return VideoAnnotation(video.name, video.frames, video.width, video.height, tuple(found))


def _splits(
    exports: Sequence[Export],
    names: Sequence[str],
    test_list: Path | None,
    test_every: int | None,
    notes: list[str],
) -> dict[str, tuple[str, ...]]:
    known = {video.video.name: video.split for export in exports for video in export.videos}
    if test_list is None and test_every is None and any(known.values()):
        splits: dict[str, list[str]] = {}
        for name in names:
            splits.setdefault(known[name] or TRAIN, []).append(name)
        return {split: tuple(videos) for split, videos in splits.items()}
    if test_list is not None:
        test = {line.strip() for line in read_lines(test_list) if line.strip()}
        if unknown := sorted(test.difference(names)):
            raise InputError(
                f"{test_list}: {unknown[0]!r} is none of the videos; write names as in the "
                f"annotation, such as {names[0]!r}"
            )
    else:
        every = test_every or 4
        test = set(names[every - 1 :: every]) or set(names[-1:])
    if len(names) == 1:
        notes.append("the only video is for training and for testing, so figures will flatter")
        return {TRAIN: tuple(names), TEST: tuple(names)}
    return {
        TRAIN: tuple(name for name in names if name not in test),
        TEST: tuple(name for name in names if name in test),
    }


def _table(annotations: Annotations) -> str:
    """Tubes and boxes of each class, in all and by split, and what there is in all."""
    splits: Mapping[str, Sequence[str]] = annotations.splits
    rows = [["class", "tubes", "boxes", *(f"tubes in {split}" for split in splits)]]
    for label, name in enumerate(annotations.classes):
        tubes = {
            video.name: [tube for tube in video.tubes if tube.label == label]
            for video in annotations.videos.values()
        }
        counts = [sum(map(len, tubes.values())), sum(len(t) for v in tubes.values() for t in v)]
        counts += [sum(len(tubes[video]) for video in videos) for videos in splits.values()]
        rows.append([name, *map(str, counts)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    told = ", ".join(f"{len(videos)} in {split}" for split, videos in splits.items())
    return "\n".join([*lines, f"{counted(len(annotations.videos), 'video')} ({told})"])


if __name__ == "__main__":
    run_command(main)
