"""Reads the results that a command was given: anybody's detections or tubes."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from data import Detections, InputError, VideoTubes, progress
from data.interchange import FORMATS, Context, find_format, read_detections, read_tubes
from evaluation.ground_truth import GroundTruth

_VideoT = TypeVar("_VideoT", bound=Detections | VideoTubes)


def format_option(parser: argparse.ArgumentParser) -> None:
    """Adds --format, a name of `FORMATS`."""
    parser.add_argument(
        "--format",
        choices=list(FORMATS),
        help="of the files, see docs/interchange.md (default: found by their content)",
    )


def read_tube_files(
    paths: Sequence[Path], form: str | None, truth: GroundTruth
) -> Iterator[VideoTubes]:
    """Reads tubes one video after the other, with a progress bar.

    Args:
        paths: Files or folders, as the format has it.
        form: A name of `FORMATS`; None stands for that which the content shows.
        truth: Says what the files leave unsaid.

    Raises:
        InputError: A file cannot be read, a box is wrong, or two are about the same video.
    """
    yield from _each_once((path, read_tubes(path, _context(truth), form)) for path in paths)


def read_box_files(
    paths: Sequence[Path], form: str | None, truth: GroundTruth
) -> Iterator[Detections | VideoTubes]:
    """Reads detections, or tubes where the files hold only these; see `read_tube_files`.

    Raises:
        InputError: See `read_tube_files`.
    """
    context = _context(truth)

    def read(path: Path) -> Iterator[Detections | VideoTubes]:
        chosen = FORMATS[form] if form else find_format(path)
        if chosen.read_detections is None or chosen.contents(path) == {"tubes"}:
            yield from read_tubes(path, context, chosen.name)
        else:
            yield from read_detections(path, context, chosen.name)

    yield from _each_once((path, read(path)) for path in paths)


def _context(truth: GroundTruth) -> Context:
    return Context(classes=truth.classes, videos=truth.annotated)


def _each_once(
    sources: Iterable[tuple[Path, Iterator[_VideoT]]],
) -> Iterator[_VideoT]:
    """Yields the videos of all sources and checks their boxes."""
    seen: dict[str, Path] = {}
    videos = ((path, video) for path, own in sources for video in own)
    for path, video in progress(videos, description="videos", unit="video"):
        if video.video in seen:
            raise InputError(
                f"{path}: holds video {video.video!r} as {seen[video.video]} does; "
                "leave one of them out"
            )
        seen[video.video] = path
        _check_corners(video, path)
        yield video


def _check_corners(video: Detections | VideoTubes, path: Path) -> None:
    if isinstance(video, Detections):
        row = _first_reversed(video.boxes)
        if row >= 0:
            frame = int(np.searchsorted(video.offsets, row, side="right")) - 1
            _refuse(f"{path}: video {video.video!r}, frame {frame}", video.boxes[row])
        return
    for tube in video.tubes:
        row = _first_reversed(tube.boxes)
        if row >= 0:
            where = f"{path}: video {video.video!r}, tube {tube.id}, frame {tube.start + row}"
            _refuse(where, tube.boxes[row])


def _first_reversed(boxes: NDArray[np.float32]) -> int:
    """The first row whose second corner is left of or above the first one; -1 for none."""
    wrong = (boxes[:, 2] < boxes[:, 0]) | (boxes[:, 3] < boxes[:, 1])
    return int(wrong.argmax()) if wrong.any() else -1


def _refuse(where: str, box: NDArray[np.float32]) -> None:
    raise InputError(
        f"{where}: the corners of the box {box.tolist()} are reversed; write x1, y1, x2, y2 with "
        "x1 <= x2 and y1 <= y2"
    )
