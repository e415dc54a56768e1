"""Detections as ROAD and AMTNet write them: one Matlab file a frame.

ROAD: Singh, Saha, Sapienza, Torr and Cuzzolin, Online real-time multiple spatiotemporal action
localisation and prediction, ICCV 2017. AMTNet: Saha, Singh and Cuzzolin, AMTnet: Action-micro-tube
regression by end-to-end trainable deep architecture, ICCV 2017.

`<folder>/<Class>/<video>/<frame>.mat`, five digits (ROAD) or six (AMTNet), counted from 1, hold
`scores` (boxes, classes + 1), the background first, and `loc` (boxes, 4 * frames), the corners
x1, y1, x2, y2 divided by the size of the image, not clipped, of each frame of the micro-tube. The
first frame's, which is the one in the file name, are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from data.detections import Detections
from data.errors import InputError
from data.interchange.checks import Floats, box_rows, probability_rows
from data.interchange.context import Context, VideoShape
from data.interchange.files import (
    atomic_folder,
    check_frame,
    first_file,
    number_array,
    numbered_files,
    video_path,
)
from data.interchange.format import Format
from data.interchange.rows import Rows
from data.matlab_file import read_matlab

NAME = "road"


def contents(path: Path) -> frozenset[str]:
    """As `Format.contents`."""
    sample = first_file(path, ".mat", numbered=True)
    try:
        if sample is not None:
            return frozenset(
                {"detections"} if {"loc", "scores"} <= set(read_matlab(sample)) else ()
            )
    except InputError:
        pass
    return frozenset()


def read_detections(path: Path, context: Context) -> Iterator[Detections]:
    """Reads the detections below a folder; frames without a file have none, which is noted.

    Args:
        path: the folder, right above the class folders.
        context: knows classes and sizes.

    Raises:
        InputError: something is missing or wrong.
    """
    classes = context.class_names(path)
    counts: dict[str, int] = {}
    for video, files in numbered_files(path, ".mat"):
        counts[video] = len(files)
        shape = context.video(video, path)
        rows = Rows(classes)
        for number, file in files:
            check_frame(number, shape.frames, file)
            boxes, background_first = _read_frame(file, shape, len(classes))
            rows.add(number - 1, boxes, np.roll(background_first, -1, axis=1))
        yield rows.detections(video, shape, context, NAME)
    context.note_missing(counts, path)


def _read_frame(file: Path, shape: VideoShape, classes: int) -> tuple[Floats, Floats]:
    """Returns boxes (n, 4) and scores (n, classes + 1), the background first."""
    matrices = read_matlab(file)
    corners = number_array(matrices.get("loc"), None, file, "loc")
    scores = number_array(matrices.get("scores"), classes + 1, file, "scores")
    if len(corners) != len(scores) or corners.shape[1] % 4 or not corners.shape[1]:
        raise InputError(
            f"{file}: loc {corners.shape} must have a row for each of scores {scores.shape} and "
            "four columns, or four for each frame of the micro-tube; write the file again"
        )

    def place(row: int) -> str:
        return f"{file}: row {row + 1}"

    # In float64 the product is exact, so it is rounded once, as a product in float32 is.
    size = np.array([shape.width, shape.height] * 2, np.float64)
    return box_rows(corners[:, :4] * size, place), probability_rows(scores, place)


def write_detections(path: Path, videos: Iterable[Detections], context: Context) -> None:
    """Writes a file for each frame, also those without detections, as ROAD does.

    Coordinates are divided by the frame size, which loses the last bit of some.

    Raises:
        InputError: nothing can be written there.
    """
    with atomic_folder(path) as folder:
        for detections in videos:
            below = video_path(folder, detections.video)
            below.mkdir(parents=True)
            size = np.array([detections.width, detections.height] * 2, np.float32)
            for frame in range(detections.frames):
                boxes, scores = detections.frame(frame)
                write_frame(below, frame, boxes / size, np.roll(scores, 1, axis=1))


def write_frame(folder: Path, frame: int, corners: Floats, scores: Floats) -> None:
    """Writes what was detected in one frame.

    Args:
        folder: of the video.
        frame: counted from 0.
        corners: (n, 4), divided by the size of the image.
        scores: (n, classes + 1), the background first.
    """
    from scipy.io import savemat

    savemat(folder / f"{frame + 1:05d}.mat", {"scores": scores, "loc": corners})


FORMAT = Format(
    NAME,
    "Matlab files of ROAD and AMTNet, one a frame",
    contents,
    read_detections=read_detections,
    write_detections=write_detections,
)
