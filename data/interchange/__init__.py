"""Other people's detections and tubes: readers and writers, one module for each format.

`read_detections` and `read_tubes` take anybody's files. What the formats hold, and what is lost in
them, is in docs/interchange.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from data.array_file import read_arrays
from data.detections import Detections
from data.errors import InputError
from data.interchange import (
    act_pickle,
    ava_csv,
    coco_json,
    mot_text,
    own_files,
    retinanet_pickle,
    road_mat,
    yowo_text,
)
from data.interchange.context import Context, VideoShape
from data.interchange.files import walk
from data.interchange.format import KINDS, Format
from data.interchange.supervision_frames import (
    from_supervision,
    to_supervision,
    tubes_from_supervision,
    tubes_to_supervision,
)
from data.json_reader import JsonDocument
from data.matlab_file import read_matlab
from data.restricted_pickle import load_pickle
from data.tube import VideoTubes

__all__ = [
    "FORMATS",
    "KINDS",
    "Context",
    "Format",
    "VideoShape",
    "find_format",
    "from_supervision",
    "read_detections",
    "read_tubes",
    "to_supervision",
    "tubes_from_supervision",
    "tubes_to_supervision",
]

FORMATS: Mapping[str, Format] = {
    module.FORMAT.name: module.FORMAT
    for module in (
        own_files,
        road_mat,
        act_pickle,
        yowo_text,
        retinanet_pickle,
        mot_text,
        coco_json,
        ava_csv,
    )
}

_VideoT = TypeVar("_VideoT", Detections, VideoTubes)


def find_format(path: str | os.PathLike[str]) -> Format:
    """Returns the format of a file or folder, by its content.

    Raises:
        InputError: there is nothing at `path`, a file is damaged, or it may be of no or of several
            formats.
    """
    if not Path(path).exists():
        raise InputError(f"{path}: no such file or folder; check the path")
    found = [form for form in FORMATS.values() if form.contents(Path(path))]
    if len(found) == 1:
        return found[0]
    if not found:
        _check_first_files(Path(path))
    seems = f"may be in the format {' or '.join(form.name for form in found)}"
    raise InputError(
        f"{path}: {seems if found else 'is in no known format, as far as its content shows'}; "
        "name the format with --format (of convert.py: --from), one of: "
        f"{', '.join(FORMATS)}, which then says what is wrong with the file"
    )


def _check_first_files(path: Path) -> None:
    """Reads the first file of each kind at or below a path, of which no format was found.

    Raises:
        InputError: one is damaged, so that its format cannot be found.
    """
    readers: Mapping[str, Callable[[Path], object]] = {
        ".npz": lambda file: read_arrays(file, (), "this project"),
        ".json": JsonDocument,
        ".pkl": load_pickle,
        ".mat": read_matlab,
    }
    for suffix, read in readers.items():
        files = (path / folder / name for folder, names in walk(path, suffix) for name in names)
        file = path if path.suffix == suffix and path.is_file() else next(files, None)
        if file is not None:
            read(file)


def read_detections(
    path: str | os.PathLike[str], context: Context | None = None, format: str | None = None
) -> Iterator[Detections]:
    """Reads anybody's detections, one video after the other.

    Args:
        path: a file or a folder, as the format has it.
        context: what the files do not say; what is missing is named by the error.
        format: a name of `FORMATS`; found by the content where left out.

    Raises:
        InputError: something is wrong with the files, in one sentence that names file and frame or
            line, or they hold no detections; some of it only when the video is reached.
    """
    form = _choose(path, format)
    if form.read_detections is None:
        raise InputError(f"{path}: {form.name} files hold no detections; name other files")
    videos = form.read_detections(Path(path), context or Context())
    return _each_once(f"{path}: holds no detections in the format {form.name}", path, videos)


def read_tubes(
    path: str | os.PathLike[str], context: Context | None = None, format: str | None = None
) -> Iterator[VideoTubes]:
    """Reads anybody's tubes, one video after the other; see `read_detections`.

    Raises:
        InputError: see `read_detections`.
    """
    form = _choose(path, format)
    if form.read_tubes is None:
        raise InputError(
            f"{path}: {form.name} files hold no tubes; build them from the detections with "
            "python tubes/build.py"
        )
    videos = form.read_tubes(Path(path), context or Context())
    return _each_once(f"{path}: holds no tubes in the format {form.name}", path, videos)


def _choose(path: str | os.PathLike[str], format: str | None) -> Format:
    if format is None:
        return find_format(path)
    if format not in FORMATS:
        raise InputError(f"format {format!r} is unknown; choose one of: {', '.join(FORMATS)}")
    if not Path(path).exists():
        raise InputError(f"{path}: no such file or folder; check the path")
    return FORMATS[format]


def _each_once(
    nothing: str, path: str | os.PathLike[str], videos: Iterator[_VideoT]
) -> Iterator[_VideoT]:
    """Yields the videos and makes sure that there are some, and none twice."""
    seen: set[str] = set()
    for video in videos:
        if video.video in seen:
            raise InputError(f"{path}: holds video {video.video!r} twice; leave one of them out")
        seen.add(video.video)
        yield video
    if not seen:
        raise InputError(f"{nothing}; name another place or format")
