"""From detections to tubes: linking, trimming, and the choice of the runs that become tubes."""

import numpy as np
from numpy.typing import ArrayLike

from data import Detections, Tube, VideoTubes
from tubes.fusion import FusedDetections
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
        return trimmed_tubes(self._linker.finish(), self._settings)


def build_tubes(
    detections: Detections | FusedDetections, settings: TubeSettings | None = None
) -> VideoTubes:
    """Builds the tubes of one video.

    Args:
        detections: What was detected in the video, by one stream or by two.
        settings: Settings of all steps; None stands for ROAD's.

    Raises:
        ValueError: The boxes of a frame are wrong.
    """
    settings = settings or TubeSettings()
    video = detections.detections if isinstance(detections, FusedDetections) else detections
    linker = OnlineLinker(len(video.classes), video.width, video.height, settings)
    if isinstance(detections, FusedDetections):
        for frame in range(video.frames):
            linker.update_picked(*detections.frame(frame))
    else:
        linker.update_all(video)
    return VideoTubes(
        video=video.video,
        frames=video.frames,
        width=video.width,
        height=video.height,
        frame_rate=video.frame_rate,
        classes=video.classes,
        tubes=trimmed_tubes(linker.finish(), settings),
        model=video.model,
    )


def trimmed_tubes(paths: LinkedPaths, settings: TubeSettings) -> tuple[Tube, ...]:
    """Returns the tubes of the paths of a video."""
    if settings.linking == "agnostic":
        paths = classes_of_paths(paths, settings)
    if settings.trimming == "none":
        runs = whole_paths(paths)
    else:
        alphas = settings.class_alphas(paths.scores.shape[1] - 1)
        runs = trim(paths, alphas, settings.trimming)
    return make_tubes(paths, runs, settings)


def classes_of_paths(paths: LinkedPaths, settings: TubeSettings) -> LinkedPaths:
    """Returns agnostic paths once for each of their best classes (3D-RetinaNet, `tube_helper`).

    Args:
        paths: Paths for all classes.
        settings: A path has at most `classes_per_path` classes, those with the best means of the
            `score_topk` best frames.
    """
    index, labels = [], []
    for path in range(len(paths)):
        rows = paths.rows[paths.row_ptr[path] : paths.row_ptr[path + 1]]
        best = np.sort(paths.scores[rows, :-1], axis=0)[::-1][: settings.score_topk]
        ranking = np.argsort(-best.mean(axis=0), kind="stable")[: settings.classes_per_path]
        index += [path] * len(ranking)
        labels += ranking.tolist()
    order = np.argsort(labels, kind="stable")
    return paths.chosen(np.array(index, np.int64)[order], np.array(labels, np.int64)[order])


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
