"""Tubes of many videos as arrays, as the compiled comparisons take them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from data import Tube


@dataclass(frozen=True, eq=False)
class FlatTubes:
    """Tubes one after the other, video by video.

    Attributes:
        videos: Where each video begins among the tubes, shape (V + 1,).
        labels: Class of each tube, shape (N,).
        scores: Score of each tube, float64 (N,).
        starts: First frame of each tube, shape (N,).
        boxes: Corners of the boxes of all tubes, float32 (B, 4).
        pointers: Where each tube begins among the boxes, shape (N + 1,).
    """

    videos: NDArray[np.int64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    starts: NDArray[np.int64]
    boxes: NDArray[np.float32]
    pointers: NDArray[np.int64]

    def best_first(self) -> NDArray[np.int64]:
        """Numbers of the tubes, video by video, best first; equal ones as they stand."""
        video = np.repeat(np.arange(len(self.videos) - 1), np.diff(self.videos))
        return np.lexsort((-self.scores, video))


def flatten_tubes(videos: Sequence[Sequence[Tube]]) -> FlatTubes:
    """Puts the tubes of each video into arrays, in the order in which they stand."""
    tubes = [tube for video in videos for tube in video]
    column = partial(np.fromiter, count=len(tubes))
    lengths = column((len(tube.boxes) for tube in tubes), np.int64)
    return FlatTubes(
        videos=np.cumsum([0, *map(len, videos)], dtype=np.int64),
        labels=column((tube.label for tube in tubes), np.int64),
        scores=column((tube.score for tube in tubes), np.float64),
        starts=column((tube.start for tube in tubes), np.int64),
        boxes=np.concatenate([np.zeros((0, 4), np.float32), *(tube.boxes for tube in tubes)]),
        pointers=np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]),
    )
