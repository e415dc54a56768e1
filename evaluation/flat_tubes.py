"""Tubes of many videos as arrays, as the compiled comparisons take them."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

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
        count = len(self.videos) - 1
        return ranking(np.repeat(np.arange(count), np.diff(self.videos)), count, self.scores)


def ranking(
    groups: NDArray[np.int64], count: int, scores: NDArray[np.floating[Any]]
) -> NDArray[np.int64]:
    """Returns the order that sorts by group, then by falling score; equal ones stay as they stand.

    Args:
        groups: Of each item, from 0, shape (N,).
        count: Number of groups.
        scores: Of each item, shape (N,).
    """
    order = np.argsort(-scores, kind="stable")
    # Small numbers are sorted in one pass: this takes half the time of np.lexsort.
    small = groups.astype(np.min_scalar_type(count))
    return order[np.argsort(small[order], kind="stable")]


def flatten_tubes(
    videos: Sequence[Sequence[Tube]], classes: Sequence[Collection[int]] | None = None
) -> FlatTubes:
    """Puts the tubes of each video into arrays, in the order in which they stand.

    Args:
        videos: Tubes of each video.
        classes: For each video the classes of which boxes are needed, to save time: other tubes
            come out without any. None stands for all.
    """
    labels: list[int] = []
    scores: list[float] = []
    starts: list[int] = []
    lengths = [0]
    boxes = [np.zeros((0, 4), np.float32)]
    everything = range(sys.maxsize)
    # One pass, in which every tube is fetched from memory once: that is what takes the time.
    for index, video in enumerate(videos):
        wanted = everything if classes is None else classes[index]
        for tube in video:
            label = tube.label
            labels.append(label)
            scores.append(tube.score)
            starts.append(tube.start)
            if label in wanted:
                boxes.append(tube.boxes)
                lengths.append(len(tube.boxes))
            else:
                lengths.append(0)
    count = len(labels)
    return FlatTubes(
        videos=np.cumsum([0, *map(len, videos)], dtype=np.int64),
        labels=np.fromiter(labels, np.int64, count),
        scores=np.fromiter(scores, np.float64, count),
        starts=np.fromiter(starts, np.int64, count),
        boxes=np.concatenate(boxes),
        pointers=np.cumsum(np.fromiter(lengths, np.int64, count + 1)),
    )
