"""Detections and tubes as 3D-RetinaNet writes them: pickles.

3D-RetinaNet: Singh, Akrigg, Di Maio, Fontana, Alitappeh et al., ROAD: the road event awareness
dataset for autonomous driving, TPAMI 2022; the program is gurkirt/3D-RetinaNet.

`<folder>/<Class>/<video>/<frame>.pkl`, frames counted from 1, holds an array (n, 5 + classes) of
x1, y1, x2, y2, agentness (that there is somebody at all) and the scores of the classes, each from
0 to 1, or a dict that holds the array as "main". Corners are pixels of an image of 682x512,
whatever the size of the video.

Tubes are one file for all videos: a dict from each video to a list of dicts of `label_id`, `score`,
`scores` (T,), `frames` (T,) counted from 1, and `boxes` (T, 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data.detections import Detections
from data.errors import InputError
from data.files import atomic_write
from data.interchange.checks import (
    box_rows,
    consecutive_rows,
    frame_rows,
    label_rows,
    probability_rows,
)
from data.interchange.context import Context, VideoShape
from data.interchange.files import (
    atomic_folder,
    check_frame,
    first_file,
    number_array,
    numbered_files,
    pickle_content,
    video_path,
)
from data.interchange.format import Format
from data.interchange.rows import Rows, video_tubes
from data.restricted_pickle import load_pickle
from data.tube import Tube, VideoTubes
from data.validation import float_array, number

NAME = "retinanet3d"
IMAGE = (682, 512)
TUBE_FIELDS = ("label_id", "score", "scores", "frames", "boxes")


def contents(path: Path) -> frozenset[str]:
    """As `Format.contents`."""
    sample = path if path.suffix == ".pkl" else first_file(path, ".pkl", numbered=True)
    kinds = set()
    if sample is not None and sample.is_file():
        try:
            content = load_pickle(sample)
            if path.is_dir():
                _rows(content, None, sample)
                kinds.add("detections")
            else:
                _tubes_by_video(content, sample)
                kinds.add("tubes")
        except InputError:
            pass
    return frozenset(kinds)


def read_detections(path: Path, context: Context) -> Iterator[Detections]:
    """Reads the detections below a folder; frames without a file have none, which is noted.

    The background's score is what agentness leaves to 1.

    Args:
        path: the folder, right above the class folders.
        context: knows classes and sizes.

    Raises:
        InputError: something is missing or wrong.
    """
    classes = context.class_names(path)
    counts: dict[str, int] = {}
    for video, files in numbered_files(path, ".pkl"):
        counts[video] = len(files)
        shape = context.video(video, path)
        rows = Rows(classes)
        for frame, file in files:
            check_frame(frame, shape.frames, file)
            values = _rows(load_pickle(file), len(classes), file)

            def place(row: int, file: Path = file) -> str:
                return f"{file}: row {row + 1}"

            scores = probability_rows(values[:, 4:], place)
            rows.add(
                frame - 1,
                box_rows(values[:, :4] * _scale(shape), place),
                np.column_stack([scores[:, 1:], 1 - scores[:, 0]]),
            )
        yield rows.detections(video, shape, context, NAME)
    context.note_missing(counts, path)


def _rows(content: Any, classes: int | None, path: Path) -> npt.NDArray[Any]:
    if isinstance(content, dict) and "main" in content:
        content = content["main"]
    columns = None if classes is None else 5 + classes
    return number_array(content, columns, path, "the detections")


def _scale(shape: VideoShape) -> npt.NDArray[np.float64]:
    """Returns what makes corners of an image of 682x512 those of the video."""
    return np.array([shape.width / IMAGE[0], shape.height / IMAGE[1]] * 2)


def write_detections(path: Path, videos: Iterable[Detections], context: Context) -> None:
    """Writes a file for each frame; scaling and agentness lose the last bits.

    Raises:
        InputError: nothing can be written there.
    """
    with atomic_folder(path) as folder:
        for detections in videos:
            below = video_path(folder, detections.video)
            below.mkdir(parents=True)
            for frame in range(detections.frames):
                boxes, scores = detections.frame(frame)
                rows = np.column_stack(
                    [boxes / _scale(detections), 1 - scores[:, -1], scores[:, :-1]]
                )
                content = pickle_content(rows.astype(np.float32))
                (below / f"{frame + 1:05d}.pkl").write_bytes(content)


def read_tubes(path: Path, context: Context) -> Iterator[VideoTubes]:
    """Reads tubes; they are numbered in the order of the file.

    Args:
        path: the file.
        context: knows classes and sizes.

    Raises:
        InputError: something is missing or wrong.
    """
    classes = context.class_names(path)
    for video, found in _tubes_by_video(load_pickle(path), path).items():
        shape = context.video(video, path)
        tubes = [
            _tube(tube, index, classes, shape, f"{path}: tube {index + 1} of {video!r}")
            for index, tube in enumerate(found)
        ]
        yield video_tubes(video, shape, context, classes, NAME, tubes)


def _tube(
    tube: dict[str, Any], index: int, classes: Sequence[str], shape: VideoShape, where: str
) -> Tube:
    def place(row: int) -> str:
        return f"{where}, row {row + 1}"

    try:
        labels = np.array([number(tube["label_id"], "label_id")])
        frames = float_array(tube["frames"], "frames", (None,))
        boxes = float_array(tube["boxes"], "boxes", (len(frames), 4))
        scores = float_array(tube["scores"], "scores", (len(frames),))
        score = number(tube["score"], "score")
    except ValueError as error:
        raise InputError(f"{where}: {error}; leave the tube out") from None
    return Tube(
        consecutive_rows(frame_rows(frames, shape.frames, place), place),
        box_rows(boxes * _scale(shape), place),
        scores,
        int(label_rows(labels, classes, lambda _: where, first=0)[0]),
        score,
        index,
    )


def _tubes_by_video(content: Any, path: Path) -> dict[str, list[dict[str, Any]]]:
    if (
        content
        and isinstance(content, dict)
        and all(
            isinstance(video, str)
            and isinstance(tubes, list)
            and all(isinstance(tube, dict) and set(TUBE_FIELDS) <= set(tube) for tube in tubes)
            for video, tubes in content.items()
        )
    ):
        return content
    raise InputError(
        f"{path}: must be a dict from videos to lists of tubes, each a dict of "
        f"{', '.join(TUBE_FIELDS)}; name the format of the file"
    )


def write_tubes(path: Path, videos: Iterable[VideoTubes], context: Context) -> None:
    """Writes the tubes of all videos to one file; ids are lost, and scaling loses the last bits.

    Raises:
        InputError: nothing can be written there.
    """
    content = {
        video.video: [
            {
                "label_id": tube.label,
                "score": tube.score,
                "scores": tube.scores,
                "frames": np.arange(tube.start, tube.end) + 1,
                "boxes": (tube.boxes / _scale(video)).astype(np.float32),
            }
            for tube in video.tubes
        ]
        for video in videos
    }
    with atomic_write(path) as file:
        file.write(pickle_content(content))


FORMAT = Format(
    NAME,
    "pickles of 3D-RetinaNet",
    contents,
    read_detections=read_detections,
    write_detections=write_detections,
    read_tubes=read_tubes,
    write_tubes=write_tubes,
    suffixes={"tubes": (".pkl",)},
)
