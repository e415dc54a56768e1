"""Tubes as 3D-RetinaNet builds them (gurkirt/3D-RetinaNet), bugs included.

`modules/gen_agent_paths.py` links boxes of any class by their agentness, 1 minus the background;
`modules/tube_helper.py` cuts the paths into tubes. The settings are those published for UCF24.

Boxes: the program works in an image of 682 x 512 pixels, from 0. `Tube` holds pixels of our frames
of 320 x 240, and `program_boxes` gives the program's numbers for them. The IoUs of linking are
those of plain rectangles; those of tubes take a side as x2 - x1 + 1 in the program's pixels: in our
corners x1, y1, x2 + 320 / 682, y2 + 240 / 512. The truth was given to it as x - 1, y - 1, w - 1 and
h - 1 of the annotation: its boxes are our x1, y1, x2 - 1 + 320 / 682, y2 - 1 + 240 / 512.

Where the program sorts, numpy's default leaves the order of equal values to the processor. Here the
later one goes first, so the paths are the same and only their order may differ; and where two
classes of a path are equally good for the tenth place, the other one may be taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.signal import medfilt

from data import Detections, Tube
from tests.systems.inputs import kept_rows, videos

SCALE = np.array([682 / 320, 512 / 240] * 2)
LINK_OVERLAP = 0.25
LEAST_EDGE = 0.1
JUMP_GAP = 4
MINIMUM_LENGTH = 6
TOP_CLASSES = 10
# The smoothness penalty of each class of UCF24 for "indiv", and the one for the other methods.
ALPHAS = (1, 1, 16, 3, 1, 8, 16, 16, 10, 10, 3, 16, 16, 10, 1, 8, 16, 16, 16, 2, 1, 8, 2, 16)
ALPHA = 3

Trimming = Literal["none", "indiv", "dpscores", "dpscorestopn"]


@dataclass(eq=False)
class Path:
    """The boxes of one agent, by their rows in the detections, where it was found."""

    frames: list[int]
    rows: list[int]
    boxes: list[np.ndarray]
    scores: list[float]


def program_boxes(boxes: np.ndarray) -> np.ndarray:
    """Boxes as the program holds them, float32."""
    return (boxes * SCALE).astype(np.float32)


@cache
def eval72_paths() -> tuple[tuple[Path, ...], ...]:
    """Paths of each of the 72 videos."""
    return tuple(tuple(link(*pair)) for pair in zip(videos(), kept_rows("retina"), strict=True))


@cache
def eval72_tubes(trimming: Trimming) -> tuple[tuple[Tube, ...], ...]:
    """Tubes of each of the 72 videos, in the order of their paths."""
    return tuple(map(tuple, build_tubes(videos(), eval72_paths(), trimming)))


def link(video: Detections, kept: list[np.ndarray]) -> list[Path]:
    """Links the rows of each frame that the NMS kept; dead paths first, in the order of dying."""
    boxes = program_boxes(video.boxes)
    agentness = (1 - video.scores[:, -1]).tolist()
    live: list[Path] = []
    dead: list[Path] = []
    for frame, rows in enumerate(kept):
        if len(rows) == 0:
            continue
        free = rows.tolist()
        overlaps = _overlaps(_predictions(live), boxes[rows]) if live else []
        for path, own in zip(live, overlaps, strict=True):
            if frame - path.frames[-1] > JUMP_GAP:
                continue
            edges = {
                row: agentness[row]
                for row, overlap in zip(rows.tolist(), own, strict=True)
                if overlap >= LINK_OVERLAP and row in free
            }
            if sum(edges.values()) > LEAST_EDGE:
                row = max(edges, key=edges.__getitem__)
                free.remove(row)
                _append(path, frame, row, boxes, agentness)
        # Of equal paths the later one comes first. The dying have no order among themselves.
        live = sorted(live[::-1], key=lambda path: -_strength(path, frame))
        dead += [path for path in live if frame - path.frames[-1] > JUMP_GAP]
        live = [path for path in live if frame - path.frames[-1] <= JUMP_GAP]
        for row in free:
            live.append(Path([], [], [], []))
            _append(live[-1], frame, row, boxes, agentness)
    return dead + live


def _append(path: Path, frame: int, row: int, boxes: np.ndarray, agentness: list[float]) -> None:
    path.frames.append(frame)
    path.rows.append(row)
    path.boxes.append(boxes[row])
    path.scores.append(agentness[row])


def _strength(path: Path, frame: int) -> float:
    if frame - path.frames[-1] > JUMP_GAP:
        return 0.0
    best = sorted(path.scores)[-(JUMP_GAP + 1) :]
    return sum(best) / len(best)


def _predictions(paths: list[Path]) -> np.ndarray:
    """Where the next box of each path is expected: its last steps go on, however long they took."""
    last = np.array([path.boxes[-1] for path in paths])
    steps = np.array([min(JUMP_GAP + 1, len(path.boxes)) - 1 for path in paths])
    past = np.array([path.boxes[-1 - step] for path, step in zip(paths, steps, strict=True)])
    return last + (last - past) / np.maximum(steps, 1)[:, None]


def _overlaps(boxes: np.ndarray, others: np.ndarray) -> list[list[float]]:
    """IoU of plain rectangles, except that two negative sides make a positive intersection."""
    sides = np.minimum(boxes[:, None, 2:], others[:, 2:])
    sides = sides - np.maximum(boxes[:, None, :2], others[:, :2])
    inter = sides.prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    other_areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    return (np.maximum(inter, 0) / (areas[:, None] + other_areas - inter)).tolist()


def build_tubes(
    detections: Sequence[Detections], paths: Sequence[Sequence[Path]], trimming: Trimming
) -> list[list[Tube]]:
    """Cuts the paths of each video into tubes.

    The boxes of a path are taken as those of consecutive frames although the path may have gaps.
    """
    long = [
        (number, path)
        for number, own in enumerate(paths)
        for path in own
        if len(path.rows) >= MINIMUM_LENGTH
    ]
    scores = [detections[number].scores[path.rows, :-1] for number, path in long]
    if trimming == "none":
        cut = _whole(scores)
    elif trimming == "indiv":
        cut = _individual(scores, [np.array(path.scores, np.float32) for _, path in long])
    else:
        cut = _all_classes(scores, most=2 if trimming == "dpscorestopn" else None)
    tubes: list[list[Tube]] = [[] for _ in detections]
    for (number, path), own, pieces in zip(long, scores, cut, strict=True):
        for piece in pieces:
            rows = path.rows[piece.first : piece.end]
            tubes[number].append(
                Tube(
                    path.frames[0] + piece.first,
                    detections[number].boxes[rows],
                    own[piece.first : piece.end, piece.label],
                    piece.label,
                    float(piece.score),
                    len(tubes[number]),
                )
            )
    return tubes


@dataclass
class Piece:
    """A part of a path: positions from 0, `end` not included."""

    first: int
    end: int
    label: int
    score: float


def _whole(scores: list[np.ndarray]) -> list[list[Piece]]:
    """Each path as it is, for each of its best classes."""
    return [
        [Piece(0, len(own), label, score) for label, score in _best_classes(own)] for own in scores
    ]


def _best_classes(scores: np.ndarray) -> list[tuple[int, float]]:
    """The best classes of a path by the mean of their best frames, a quarter as many as classes."""
    classes = scores.shape[1]
    means = -np.sort(-scores, axis=0)[: classes // 4].mean(axis=0)
    order = np.argsort(means, kind="stable")[::-1][:TOP_CLASSES]
    return [(int(label), means[label]) for label in order]


def _individual(scores: list[np.ndarray], agentness: list[np.ndarray]) -> list[list[Piece]]:
    """Runs of "on" when on and off are weighed by agentness, not by the scores of the class."""
    labels = [[label for label, _ in _best_classes(own)] for own in scores]
    normalised = [own / medfilt(own, 5).max() for own in agentness]
    states = _label_frames(
        [np.stack([own, 1 - own], axis=1) for own in normalised for _ in range(TOP_CLASSES)],
        [ALPHAS[label] for own in labels for label in own],
    )
    found = []
    for place, own in enumerate(scores):
        found.append([])
        for number, label in enumerate(labels[place]):
            for first, end, state in _runs(states[place * TOP_CLASSES + number]):
                if state == 0 and end - first >= MINIMUM_LENGTH:
                    best = -np.sort(-own[first:end, label])[: (end - first) // 2]
                    found[-1].append(Piece(first, end, label, best.mean()))
    return found


def _all_classes(scores: list[np.ndarray], most: int | None) -> list[list[Piece]]:
    """Runs of a labelling with all classes, again and again without what was found before.

    Args:
        scores: Scores of each path, (T, classes).
        most: How many runs, from the start of the path, a round may find. Then, but not otherwise,
            runs that are too short for a tube are taken out as well.
    """
    left = [own.astype(np.float64) for own in scores]
    found: list[list[Piece]] = [[] for _ in scores]
    for _ in range(TOP_CLASSES):
        labels = _label_frames(left, [ALPHA] * len(left))
        for own, own_labels, pieces in zip(left, labels, found, strict=True):
            for first, end, label in _runs(own_labels)[:most]:
                if end - first >= MINIMUM_LENGTH:
                    pieces.append(Piece(first, end, label, own[first:end, label].mean()))
                if end - first >= MINIMUM_LENGTH or most is not None:
                    own[first:end, label] = 0
    return found


def _label_frames(scores: list[np.ndarray], alphas: list[float]) -> list[np.ndarray]:
    """Gives every frame of each path a label: the best sum of scores less alpha for each change.

    The scores come a frame too late: the first frame has 1 for every label, and the last frame's
    scores are not used. Paths of the same length are labelled together.

    Args:
        scores: Of each path, (T, labels).
        alphas: Of each path.
    """
    together = defaultdict(list)
    for place, own in enumerate(scores):
        together[len(own)].append(place)
    labels = [np.zeros(0, np.int64)] * len(scores)
    for places in together.values():
        own = _label_equally_long(
            np.stack([scores[place] for place in places]), np.array([alphas[p] for p in places])
        )
        for place, row in zip(places, own, strict=True):
            labels[place] = row
    return labels


def _label_equally_long(scores: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    paths, length, count = scores.shape
    sums = np.ones((paths, count))
    same = np.arange(count)
    before = np.zeros((paths, length, count), np.int64)
    for frame in range(1, length):
        best = sums.argmax(axis=1)[:, None]
        change = np.take_along_axis(sums, best, axis=1) - alphas[:, None]
        # The first label on ties.
        changes = (change > sums) | ((change == sums) & (best < same))
        before[:, frame] = np.where(changes, best, same)
        sums = scores[:, frame - 1] + np.where(changes, change, sums)
    labels = np.empty((paths, length), np.int64)
    labels[:, -1] = sums.argmax(axis=1)
    for frame in range(length - 1, 0, -1):
        labels[:, frame - 1] = before[np.arange(paths), frame, labels[:, frame]]
    return labels


def _runs(labels: np.ndarray) -> list[tuple[int, int, int]]:
    """First position, end and label of every run of equal labels."""
    cuts = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return [(first, end, int(labels[first])) for first, end in pairwise(cuts)]
