"""Tubes as MOC builds them (MCG-NJU/MOC-Detector, `src/ACT_utils/ACT_build.py`), bugs included.

A tubelet is a box in each of K consecutive frames with one score a class. The reading is plain;
only the overlaps, which all classes share, are taken for a whole video at once. Sorting puts the
later of two equal tubelets first; the program leaves that to the processor.

Boxes: the program's corners name pixels, the last one included, and these count from 1 here. `Tube`
holds such a box as our types do, as x1 - 1, y1 - 1, x2, y2; float32 subtracts without rounding, so
`program_boxes` gives the program's numbers back. Its IoUs, of sides x2 - x1 + 1, are the plain ones
of our boxes. The truth was given to it as x, y, x + w, y + h: its boxes are our x1, y1, x2 + 1,
y2 + 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from data import Detections, Tube
from tests.systems.inputs import videos
from tests.tubes.cases import arrays

SCORE_THRESHOLD = np.float32(0.01)
NMS_OVERLAP = 0.6
KEEP = 10
LINK_OVERLAP = 0.5
MINIMUM_SCORE = 0.005
MINIMUM_LENGTH = 15


def program_boxes(boxes: np.ndarray) -> np.ndarray:
    """Boxes as the program holds them, float32."""
    return boxes + np.array([1, 1, 0, 0], np.float32)


@dataclass(frozen=True)
class Tubelets:
    """Tubelets of one video by start frame, N places a frame of which some stay unused.

    Attributes:
        boxes: float32 (start frames, N, K, 4), x1, y1, x2, y2 counted from 1.
        scores: float32 (start frames, N, classes); 0 where a place is not used.
    """

    boxes: np.ndarray
    scores: np.ndarray


@cache
def eval72_tubes(length: int) -> tuple[tuple[Tube, ...], ...]:
    """Tubes of each of the 72 videos from tubelets of 1 or 7 frames, before the tube NMS."""
    return tuple(tuple(build_tubes(tubelets)) for tubelets in eval72_tubelets(length))


def eval72_tubelets(length: int) -> list[Tubelets]:
    """Tubelets of the 72 videos: of one simulated object each, or single boxes for length 1."""
    entities = arrays("eval72_rgb")["entity"]
    found, first = [], 0
    for video in videos():
        rows = np.arange(len(video.boxes))
        frames = np.repeat(np.arange(video.frames), np.diff(video.offsets))
        if length == 1:
            places = rows - video.offsets[frames]
        else:
            places = entities[first : first + len(rows)].astype(np.int64)
        found.append(_tubelets(video, frames, places, length))
        first += len(rows)
    return found


def _tubelets(video: Detections, frames: np.ndarray, places: np.ndarray, length: int) -> Tubelets:
    """Joins the boxes that have the same place (-1: none) in `length` consecutive frames."""
    rows = np.full((video.frames, places.max() + 1), -1)
    rows[frames[places >= 0], places[places >= 0]] = np.flatnonzero(places >= 0)
    # (start frames, places, length)
    windows = np.lib.stride_tricks.sliding_window_view(rows, length, axis=0)
    complete = (windows >= 0).all(axis=2)
    order = np.argsort(~complete, axis=1, kind="stable")[:, : complete.sum(axis=1).max()]
    windows = np.take_along_axis(windows, order[:, :, None], axis=1)
    complete = np.take_along_axis(complete, order, axis=1)
    scores = video.scores[windows, :-1].mean(axis=2)
    return Tubelets(video.boxes[windows] + np.float32(1), scores * complete[:, :, None])


@dataclass(eq=False)
class Path:
    """A tube that is being linked: where its tubelets start, which they are, and their scores."""

    frames: list[int]
    tubelets: list[int]
    scores: list[float]

    @property
    def score(self) -> float:
        return sum(self.scores) / len(self.scores)


def build_tubes(tubelets: Tubelets) -> list[Tube]:
    """Builds the tubes of one video, class after class, in the order in which they ended."""
    length = tubelets.boxes.shape[2]
    same = _overlaps(tubelets.boxes, tubelets.boxes).sum(axis=-1).tolist()
    later = _later_overlaps(tubelets.boxes)
    tubes: list[Tube] = []
    for label in range(tubelets.scores.shape[2]):
        scores = tubelets.scores[:, :, label]
        paths = _link(
            [_soft_nms(*frame, length) for frame in zip(scores, same, strict=True)], later
        )
        for path in paths:
            tube = _tube(path, tubelets.boxes, label, len(tubes))
            if tube is not None:
                tubes.append(tube)
    return tubes


def _overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """IoU of each tubelet with each other one of the same frame: (F, N, K, 4) to (F, N, N, K)."""
    first, second = boxes[:, :, None], others[:, None]
    sides = np.minimum(first[..., 2:] + 1, second[..., 2:] + 1)
    sides = np.maximum(sides - np.maximum(first[..., :2], second[..., :2]), 0)
    inter = sides[..., 0] * sides[..., 1]
    areas = _areas(first) + _areas(second)
    return inter / (areas - inter)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[..., 2] - boxes[..., 0] + 1) * (boxes[..., 3] - boxes[..., 1] + 1)


def _later_overlaps(boxes: np.ndarray) -> list[list[list[list[float]]]]:
    """How far tubelets overlap those that start earlier: [offset - 1][earlier frame][new][old].

    With an offset below K frames it is the mean over the frames that both cover; with one of K,
    that of the first new with the last old box.
    """
    length = boxes.shape[2]
    tables = []
    for offset in range(1, length + 1):
        shared = max(length - offset, 1)
        ious = _overlaps(boxes[offset:, :, :shared], boxes[:-offset, :, -shared:])
        tables.append((ious.sum(axis=-1) / np.float32(shared)).tolist())
    return tables


def _soft_nms(
    scores: np.ndarray, overlaps: list[list[float]], length: int
) -> list[tuple[int, float]]:
    """The tubelets of one frame and class with their new scores, best first.

    A tubelet that overlaps a better one stays, with its score times 1 minus the *sum* of the K
    overlaps: negative for K = 7.
    """
    values = scores.tolist()
    queue = [tubelet for tubelet, score in enumerate(values) if score > SCORE_THRESHOLD]
    queue.sort(key=values.__getitem__)
    found = []
    while queue:
        best = queue.pop()
        found.append((best, values[best]))
        left = []
        for tubelet in queue:
            overlap = overlaps[best][tubelet]
            if overlap > NMS_OVERLAP * length:
                values[tubelet] *= 1 - overlap
                found.append((tubelet, values[tubelet]))
            else:
                left.append(tubelet)
        queue = left
    # Back to the order of the frame, which decides between equal scores.
    found.sort()
    return sorted(found, key=lambda pair: pair[1])[::-1][:KEEP]


def _link(
    frames: list[list[tuple[int, float]]], later: list[list[list[list[float]]]]
) -> list[Path]:
    """Links one class over the tubelets of each frame."""
    live: list[Path] = []
    finished: list[Path] = []
    for frame, free in enumerate(frames):
        live.sort(key=lambda path: -path.score)
        ended = []
        for path in live:
            offset = frame - path.frames[-1]
            overlaps, last = later[offset - 1][path.frames[-1]], path.tubelets[-1]
            for match in free:
                if overlaps[match[0]][last] >= LINK_OVERLAP:
                    path.frames.append(frame)
                    path.tubelets.append(match[0])
                    path.scores.append(match[1])
                    free.remove(match)
                    break
            else:
                if offset >= len(later):
                    ended.append(path)
        finished += ended[::-1]
        live = [path for path in live if path not in ended]
        live += [Path([frame], [tubelet], [score]) for tubelet, score in free]
    return finished + live


def _tube(path: Path, tubelets: np.ndarray, label: int, number: int) -> Tube | None:
    """Averages the boxes of the tubelets in each frame; None if the path is too poor or short."""
    length = tubelets.shape[2]
    start = path.frames[0]
    duration = path.frames[-1] + length - start
    if duration < MINIMUM_LENGTH:
        return None
    score = np.array(path.scores, np.float32).mean()
    if score < MINIMUM_SCORE:
        return None
    total = np.zeros((duration, 5), np.float32)
    count = np.zeros((duration, 1), np.int32)
    for frame, tubelet, value in zip(path.frames, path.tubelets, path.scores, strict=True):
        own = slice(frame - start, frame - start + length)
        total[own, :4] += tubelets[frame, tubelet]
        total[own, 4] += np.float32(value)
        count[own] += 1
    mean = (total / count).astype(np.float32)
    boxes = mean[:, :4] - np.array([1, 1, 0, 0], np.float32)
    return Tube(start, boxes, mean[:, 4], label, float(score), number)
