"""Reads the results that a command was given: anybody's detections or tubes."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from data import Detections, InputError, VideoTubes, progress
from data.interchange import FORMATS, Context, find_format, read_detections, read_tubes
from data.interchange.context import chosen_context, context_options
from data.validation import reversed_sides
from evaluation.ground_truth import GroundTruth

_VideoT = TypeVar("_VideoT", bound=Detections | VideoTubes)


def format_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say how files are read: --format, --frame_rate and --start_time."""
    group = parser.add_argument_group("files of other programs", "see docs/interchange.md")
    group.add_argument(
        "--format", choices=list(FORMATS), help="of the files (default: found by their content)"
    )
    context_options(group)


def reading_context(args: argparse.Namespace, truth: GroundTruth | None) -> Context:
    """Returns what files leave unsaid, from the options of `format_options` and the ground truth.

    Raises:
        InputError: An option is wrong.
    """
    classes, videos = (truth.classes, truth.annotated) if truth else ((), {})
    return chosen_context(args, classes, videos)


def read_tube_files(
    paths: Sequence[Path], form: str | None, context: Context
) -> Iterator[VideoTubes]:
    """Reads tubes one video after the other, with a progress bar.

    Args:
        paths: Files or folders, as the format has it.
        form: A name of `FORMATS`; None stands for that which the content shows.
        context: Says what the files leave unsaid.

    Raises:
        InputError: A file cannot be read, a box is wrong, or two are about the same video.
    """
    videos = _each_once((path, read_tubes(path, context, form)) for path in paths)
    for _, video in progress(videos, description="videos", unit="video"):
        yield video


def read_box_files(
    paths: Sequence[Path], form: str | None, context: Context
) -> Iterator[Detections | VideoTubes]:
    """Reads detections, or tubes where the files hold only these; see `read_tube_files`.

    Raises:
        InputError: See `read_tube_files`.
    """

    def read(path: Path) -> Iterator[Detections | VideoTubes]:
        chosen = FORMATS[form] if form else find_format(path)
        if chosen.read_detections is None or chosen.contents(path) == {"tubes"}:
            yield from read_tubes(path, context, chosen.name)
        else:
            yield from read_detections(path, context, chosen.name)

    videos = _each_once((path, read(path)) for path in paths)
    for _, video in progress(videos, description="videos", unit="video"):
        yield video


def read_detection_files(
    paths: Sequence[Path], form: str | None, context: Context
) -> Iterator[tuple[Path, Detections]]:
    """Reads detections one video after the other, each with the file or folder it came from.

    Args:
        paths: See `read_tube_files`.
        form: See `read_tube_files`.
        context: See `read_tube_files`.

    Raises:
        InputError: See `read_tube_files`.
    """
    return _each_once((path, read_detections(path, context, form)) for path in paths)


def _each_once(
    sources: Iterable[tuple[Path, Iterator[_VideoT]]],
) -> Iterator[tuple[Path, _VideoT]]:
    """Yields the videos of all sources and checks their boxes."""
    seen: dict[str, Path] = {}
    for path, video in ((path, video) for path, own in sources for video in own):
        if video.video in seen:
            raise InputError(
                f"{path}: holds video {video.video!r} as {seen[video.video]} does; "
                "leave one of them out"
            )
        seen[video.video] = path
        check_corners(video, path)
        yield path, video


def check_corners(video: Detections | VideoTubes, path: Path) -> None:
    """Checks that no box of the video, which came from a file, has reversed corners.

    Raises:
        InputError: One has.
    """
    if isinstance(video, Detections):
        row = _first_row(reversed_sides(video.boxes))
        if row >= 0:
            frame = video.frames_of(row)
            _refuse(f"{path}: video {video.video!r}, frame {frame}", video.boxes[row])
        return
    for tube in video.tubes:
        # ROAD's clipping leaves boxes outside of the frame like this, and so tubes have such.
        low, high = tube.boxes[:, :2] == 0, tube.boxes[:, 2:] == [video.width - 1, video.height - 1]
        row = _first_row(reversed_sides(tube.boxes) & ~low & ~high)
        if row >= 0:
            where = f"{path}: video {video.video!r}, tube {tube.id}, frame {tube.start + row}"
            _refuse(where, tube.boxes[row])


def _first_row(wrong: NDArray[np.bool_]) -> int:
    """The first row with something wrong, -1 for none; of shape (N, 2)."""
    rows = np.flatnonzero(wrong[:, 0] | wrong[:, 1])
    return int(rows[0]) if len(rows) else -1


def _refuse(where: str, box: NDArray[np.float32]) -> None:
    raise InputError(
        f"{where}: the corners of the box {box.tolist()} are reversed; write x1, y1, x2, y2 with "
        "x1 <= x2 and y1 <= y2"
    )
