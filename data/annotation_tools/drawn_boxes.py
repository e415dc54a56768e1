"""Boxes as people drew them, and how they become tubes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.interpolation import interpolate_boxes

Floats = npt.NDArray[np.float64]

# How much a box must overlap (IoU) one of its class in the frame before to go on with its tube.
LEAST_OVERLAP = 0.3


class DrawnBox(NamedTuple):
    """One box of one class in one frame.

    Attributes:
        frame: from 0.
        label: name of the class.
        corners: x1, y1, x2, y2 in pixels.
        track: what tells the actor from others of the class; None if the tool does not know.
    """

    frame: int
    label: str
    corners: tuple[float, float, float, float]
    track: str | None = None


class DrawnTube(NamedTuple):
    """Boxes of one class in consecutive frames.

    Attributes:
        label: name of the class.
        start: first frame, from 0.
        boxes: float64 (T, 4), x1, y1, x2, y2 in pixels.
    """

    label: str
    start: int
    boxes: Floats


def usual_step(frames: Iterable[int]) -> int:
    """Returns how many frames lie between one frame that was looked at and the next.

    That is the most frequent difference of the frames, the smaller one if two are as frequent: who
    annotates every fifth frame means the four in between as well.
    """
    steps = Counter(second - first for first, second in pairwise(sorted(set(frames))))
    return min(steps, key=lambda step: (-steps[step], step)) if steps else 1


def link_boxes(boxes: Sequence[DrawnBox], step: int = 1) -> list[DrawnTube]:
    """Links drawn boxes into tubes.

    Boxes of one track and class are one tube. Boxes without a track are linked by overlap: frame
    by frame, a box goes on with the tube of its class whose last box, not more than `step` frames
    back, it overlaps most, if their IoU is at least 0.3; the pair that overlaps most goes first,
    and a tube takes one box a frame. What is left over begins a tube.

    A tube ends where no box follows within `step` frames. In between boxes are interpolated
    linearly.

    Args:
        boxes: of one video, in any order.
        step: frames from one annotated frame to the next, see `usual_step`.

    Raises:
        ValueError: a track has two boxes of a class in a frame.
    """
    tracks: dict[tuple[str, str], list[DrawnBox]] = defaultdict(list)
    loose: dict[str, list[DrawnBox]] = defaultdict(list)
    for box in boxes:
        if box.track is None:
            loose[box.label].append(box)
        else:
            tracks[box.track, box.label].append(box)
    chains = []
    for (track, label), drawn in tracks.items():
        drawn.sort(key=lambda box: box.frame)
        for first, second in pairwise(drawn):
            if first.frame == second.frame:
                raise ValueError(
                    f"track {track} has two boxes of class {label!r} in frame {first.frame} "
                    "(counted from 0); remove one of them"
                )
        chains.append(drawn)
    for drawn in loose.values():
        chains += link_by_overlap(drawn, step)
    tubes = [tube for chain in chains for tube in _tubes(chain, step)]
    return sorted(tubes, key=lambda tube: tube.start)


def inside_frame(tube: DrawnTube, width: int, height: int) -> list[DrawnTube]:
    """Clips a tube to the frame; where nothing of a box is inside, the tube is parted."""
    boxes = np.clip(tube.boxes, 0, (width, height, width, height)).astype(np.float32)
    visible = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    edges = np.flatnonzero(np.diff(visible.astype(np.int8), prepend=0, append=0))
    return [
        DrawnTube(tube.label, tube.start + int(first), boxes[first:last].astype(np.float64))
        for first, last in edges.reshape(-1, 2)
    ]


def link_by_overlap(boxes: Iterable[DrawnBox], step: int) -> list[list[DrawnBox]]:
    """Links boxes of one class by overlap; rule and arguments as in `link_boxes`.

    Returns:
        The boxes that follow one another, in the order of the frames.
    """
    frames: dict[int, list[DrawnBox]] = defaultdict(list)
    for box in boxes:
        frames[box.frame].append(box)
    chains: list[list[DrawnBox]] = []
    alive: list[list[DrawnBox]] = []
    for frame in sorted(frames):
        alive = [chain for chain in alive if frame - chain[-1].frame <= step]
        new = frames[frame]
        overlaps = sorted(
            (
                (_overlap(chain[-1].corners, box.corners), old, place)
                for old, chain in enumerate(alive)
                for place, box in enumerate(new)
            ),
            key=lambda candidate: -candidate[0],
        )
        left = dict(enumerate(new))
        continued: set[int] = set()
        for overlap, old, place in overlaps:
            if overlap >= LEAST_OVERLAP and old not in continued and place in left:
                alive[old].append(left.pop(place))
                continued.add(old)
        for box in left.values():
            chains.append([box])
            alive.append(chains[-1])
    return chains


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """IoU of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def _tubes(chain: list[DrawnBox], step: int) -> list[DrawnTube]:
    """Parts boxes that follow one another where there are gaps, and fills in what is between."""
    parts = [[chain[0]]]
    for previous, box in pairwise(chain):
        if box.frame - previous.frame > step:
            parts.append([])
        parts[-1].append(box)
    tubes = []
    for part in parts:
        keys = [box.frame for box in part]
        corners = np.array([box.corners for box in part], np.float64)
        boxes = interpolate_boxes(keys, corners, range(keys[0], keys[-1] + 1))
        tubes.append(DrawnTube(part[0].label, keys[0], boxes))
    return tubes
