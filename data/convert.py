"""Converts detections or tubes from one file format into another.

Example: python data/convert.py yowo_detections runs/yowo --to own --dataset ucf24 --data_root DATA
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from data.annotation import Annotations
from data.command import CommandParser, progress, run_command
from data.dataset import DATASETS, open_dataset
from data.errors import InputError
from data.interchange import (
    FORMATS,
    KINDS,
    Format,
    find_format,
    read_detections,
    read_tubes,
)
from data.interchange.context import chosen_context, context_options


def main(argv: Sequence[str] | None = None) -> None:
    """Reads what the arguments name and writes it in another format.

    Raises:
        InputError: an option or a file is wrong, or a format cannot hold what is to be written.
    """
    parser = CommandParser(
        prog="python data/convert.py",
        description="Convert detections or tubes from one file format into another. Nothing is "
        "written unless everything can be. docs/interchange.md says what the formats hold.",
        epilog="example: python data/convert.py yowo_detections runs/yowo --to own "
        "--dataset ucf24 --data_root DATA",
    )
    parser.add_argument("source", type=Path, metavar="SOURCE", help="file or folder to read")
    parser.add_argument("target", type=Path, metavar="TARGET", help="file or folder to write")
    parser.add_argument("--to", required=True, choices=FORMATS, help="format of TARGET")
    parser.add_argument(
        "--from", dest="source_format", choices=FORMATS, help="format of SOURCE (default: found)"
    )
    parser.add_argument(
        "--kind",
        choices=KINDS,
        help="what to convert, where SOURCE may be read as detections and as tubes",
    )
    parser.add_argument(
        "--dataset",
        metavar="NAME|FILE",
        help="names classes and videos, with lengths and frame sizes, for formats that do not: "
        f"{', '.join(DATASETS)}, or an annotation file as in docs/formats.md",
    )
    parser.add_argument("--data_root", type=Path, metavar="FOLDER", help="folder of the data set")
    context_options(parser)
    args = parser.parse_args(argv)
    if args.target.is_file():
        raise InputError(f"{args.target}: is already there; remove it or name another file")
    source = FORMATS[args.source_format] if args.source_format else find_format(args.source)
    target = FORMATS[args.to]
    kind = _kind(args.source, source, target, args.kind)
    suffixes = target.suffixes.get(kind, ())
    if suffixes and args.target.suffix not in suffixes:
        raise InputError(
            f"{args.target}: would not be recognised as a file of {target.name}, whose names end "
            f"in {' or '.join(suffixes)}; name it {args.target}{suffixes[0]}"
        )
    annotations = Annotations((), {}, {})
    if args.dataset:
        annotations = open_dataset(args.dataset, args.data_root).annotations
    context = chosen_context(args, annotations.classes, annotations.videos)
    read = read_detections if kind == "detections" else read_tubes
    content = _Counted(progress(read(args.source, context, source.name), unit="video"))
    getattr(target, f"write_{kind}")(args.target, content, context)
    print(f"{kind} of {content.count} video{'' if content.count == 1 else 's'}: {args.target}")


def _kind(path: Path, source: Format, target: Format, wanted: str | None) -> str:
    """Returns whether detections or tubes are to be converted.

    Raises:
        InputError: one of the formats cannot hold them, or it has to be said.
    """
    possible = [
        kind
        for kind in KINDS
        if getattr(source, f"read_{kind}") and getattr(target, f"write_{kind}")
    ]
    # A format that was named may be of files that do not look like it.
    there = [wanted] if wanted else source.contents(path) or KINDS
    possible = [kind for kind in possible if kind in there]
    if not possible:
        raise InputError(
            f"{path}: {' and '.join(sorted(there))} of {source.name} files cannot be written as "
            f"{target.name}; choose another format with --to, or build tubes from detections with "
            "python tubes/build.py"
        )
    if len(possible) > 1:
        raise InputError(f"{path}: may be read as detections and as tubes; choose with --kind")
    return possible[0]


class _Counted:
    """Counts the videos that are taken from an iterable."""

    def __init__(self, videos: Iterable[Any]) -> None:
        self._videos = videos
        self.count = 0

    def __iter__(self) -> Any:
        for video in self._videos:
            self.count += 1
            yield video


if __name__ == "__main__":
    run_command(main)
