"""The fusions inside ROAD's `frameAp.m`, plainly read: they differ from those of its tubes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evaluation import FrameBoxes

NMS_OVERLAP = 0.45
BOOST_OVERLAP = 0.3


@dataclass
class Picks:
    """Boxes of one class in one frame."""

    boxes: np.ndarray
    scores: np.ndarray


def fuse_frames(base: FrameBoxes, top: FrameBoxes, *, boost: bool) -> FrameBoxes:
    """Joins the boxes that the class filter left of two streams; no limit after the NMS."""
    streams = [_by_frame_and_class(base), _by_frame_and_class(top)]
    nothing = Picks(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    parts, keys = [], sorted({*streams[0], *streams[1]})
    for key in keys:
        first, second = (stream.get(key, nothing) for stream in streams)
        if boost:
            first, second = _boosted(first, second)
        boxes = np.concatenate([first.boxes, second.boxes])
        scores = np.concatenate([first.scores, second.scores])
        kept = _nms(boxes, scores)
        parts.append(Picks(boxes[kept], scores[kept]))
    counts = [len(part.scores) for part in parts]
    frames, labels = np.repeat(np.array(keys), counts, axis=0).T
    return replace(
        base,
        frames=frames,
        labels=labels,
        boxes=np.concatenate([part.boxes for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
    )


def _by_frame_and_class(found: FrameBoxes) -> dict[tuple[int, int], Picks]:
    keys = np.stack([found.frames, found.labels], axis=1)
    first = np.flatnonzero(np.diff(keys, axis=0, prepend=-1).any(axis=1))
    boxes, scores = np.split(found.boxes, first[1:]), np.split(found.scores, first[1:])
    groups = map(tuple, keys[first].tolist())
    return {key: Picks(*own) for key, *own in zip(groups, boxes, scores, strict=True)}


def _boosted(base: Picks, top: Picks) -> tuple[Picks, Picks]:
    """Only the first box with a partner is boosted; without one, all boxes of the top are lost."""
    scores = base.scores.copy()
    for row, box in enumerate(base.boxes):
        if len(top.boxes) == 0:
            break
        overlaps = _overlaps(box, top.boxes, side=1, added=0.001)
        best = int(overlaps.argmax())
        if overlaps[best] >= BOOST_OVERLAP:
            scores[row] += overlaps[best] * top.scores[best]
            rest = Picks(np.delete(top.boxes, best, axis=0), np.delete(top.scores, best))
            return Picks(base.boxes, scores), rest
    return Picks(base.boxes, scores), Picks(top.boxes[:0], top.scores[:0])


def _nms(boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """Rows kept, best first; of equal scores the later row is visited first."""
    queue = np.argsort(scores, kind="stable").tolist()
    kept: list[int] = []
    while queue:
        row = queue.pop()
        if not kept or _overlaps(boxes[row], boxes[kept]).max() <= NMS_OVERLAP:
            kept.append(row)
    return kept


def _overlaps(box: np.ndarray, others: np.ndarray, side: float = 0, added: float = 0) -> np.ndarray:
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]) + side
    inter = np.where((sides > 0).all(axis=1), sides.prod(axis=1), 0)
    areas = (box[2:] - box[:2] + side).prod() + (others[:, 2:] - others[:, :2] + side).prod(axis=1)
    return np.divide(inter, areas - inter + added, out=np.zeros(len(others)), where=inter > 0)
