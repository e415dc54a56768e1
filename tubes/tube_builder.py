"""From detections to tubes: linking, trimming, and the choice of the runs that become tubes."""

import numpy as np
from numpy.typing import ArrayLike

from data import Detections, Tube, VideoTubes
from tubes.linker import OnlineLinker
from tubes.paths import LinkedPaths
from tubes.settings import TubeSettings
from tubes.trimming import Runs, trim, whole_paths


class TubeBuilder:
    """Builds the tubes of a video whose detections come frame by frame.

    Args:
        num_classes: Number of classes without background.
        width: Width of the frame in pixels.
        height: Height of the frame in pixels.
        settings: Settings of all steps.

    Raises:
        ValueError: A number is out of its range.
    """

    def __init__(
        self, num_classes: int, width: int, height: int, settings: TubeSettings | None = None
    ) -> None:
        self._settings = settings or TubeSettings()
        self._classes = num_classes
        self._linker = OnlineLinker(num_classes, width, height, self._settings)

    @property
    def frames(self) -> int:
        """How many frames were fed."""
        return self._linker.frames

    def update(self, boxes: ArrayLike, scores: ArrayLike) -> None:
        """Takes the detections of the next frame; arguments as in `OnlineLinker.update`."""
        self._linker.update(boxes, scores)

    def finish(self) -> tuple[Tube, ...]:
        """Returns the tubes of the frames fed so far; feeding may go on afterwards."""
        paths = self._linker.finish()
        settings = self._settings
        if settings.trimming == "none":
            runs = whole_paths(paths)
        else:
            runs = trim(paths, settings.class_alphas(self._classes), settings.trimming)
        return make_tubes(paths, runs, settings)


def build_tubes(detections: Detections, settings: TubeSettings | None = None) -> VideoTubes:
    """Builds the tubes of one video.

    Args:
        detections: What was detected in the video.
        settings: Settings of all steps; None stands for ROAD's.
    """
    builder = TubeBuilder(len(detections.classes), detections.width, detections.height, settings)
    for frame in range(detections.frames):
        builder.update(*detections.frame(frame))
    return VideoTubes(
        video=detections.video,
        frames=detections.frames,
        width=detections.width,
        height=detections.height,
        frame_rate=detections.frame_rate,
        classes=detections.classes,
        tubes=builder.finish(),
        model=detections.model,
    )


def make_tubes(paths: LinkedPaths, runs: Runs, settings: TubeSettings) -> tuple[Tube, ...]:
    """Turns the runs that are long and sure enough into tubes (ROAD's `convert2eval`).

    Tubes stand in the order class, path, run, which decides between equal scores in the evaluation.
    They are numbered from 1 by their first frame, equal ones in that order.

    Args:
        paths: Paths of a video.
        runs: Their runs.
        settings: `score_topk`, `min_frames` and `min_score` count here.
    """
    chosen = []
    for index in np.flatnonzero(runs.ends - runs.starts >= settings.min_frames):
        path = int(runs.paths[index])
        label = int(paths.labels[path])
        first = int(paths.row_ptr[path])
        rows = paths.rows[first + runs.starts[index] : first + runs.ends[index]]
        scores = paths.scores[rows, label]
        score = float(np.sort(scores)[::-1][: settings.score_topk].mean(dtype=np.float32))
        if score > settings.min_score:
            start = int(paths.starts[path] + runs.starts[index])
            chosen.append((start, paths.boxes[rows], scores, label, score))
    order = np.argsort([start for start, *_ in chosen], kind="stable")
    numbers = np.empty(len(chosen), np.int64)
    numbers[order] = np.arange(1, len(chosen) + 1)
    return tuple(
        Tube(*fields, id=int(number)) for fields, number in zip(chosen, numbers, strict=True)
    )
