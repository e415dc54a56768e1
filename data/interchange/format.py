"""What a file format is to the rest of the program: how to recognise, read and write it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from data.detections import Detections
from data.interchange.context import Context
from data.tube import VideoTubes

KINDS = ("detections", "tubes")


@dataclass(frozen=True)
class Format:
    """A file format, with None where it cannot hold one of the two kinds of content.

    Readers yield one video after the other and raise `InputError` where a file is wrong, in one
    sentence with file and frame or line. Writers write everything or nothing.

    Attributes:
        name: as commands and `FORMATS` have it.
        description: in a few words.
        contents: which of `KINDS` a path seems to hold in this format; empty if it seems to be of
            another one. Looks at a small part of the files and raises nothing.
        read_detections: takes a path and what the files leave unsaid.
        write_detections: takes the path to write, the videos, and as the reader.
        read_tubes: as `read_detections`.
        write_tubes: as `write_detections`.
        suffixes: for those of `KINDS` that are written to one file, and not to a folder, what its
            name may end with for the file to be recognised.
    """

    name: str
    description: str
    contents: Callable[[Path], frozenset[str]]
    read_detections: Callable[[Path, Context], Iterator[Detections]] | None = None
    write_detections: Callable[[Path, Iterable[Detections], Context], None] | None = None
    read_tubes: Callable[[Path, Context], Iterator[VideoTubes]] | None = None
    write_tubes: Callable[[Path, Iterable[VideoTubes], Context], None] | None = None
    suffixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
