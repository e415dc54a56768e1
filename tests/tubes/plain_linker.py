"""ROAD's class filter and linking written down as plainly as can be, to compare with."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean

Box = tuple[float, float, float, float]
# The float32 next to 0.001: scores are float32, and one that is just the threshold is too low.
THRESHOLD = 0.0010000000474974513


@dataclass
class PlainPath:
    label: int
    rows: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    missed: int = 0


def iou(box: Box, other: Box, plus: int) -> float:
    sides = [
        min(box[axis + 2], other[axis + 2]) - max(box[axis], other[axis]) + plus for axis in (0, 1)
    ]
    if min(sides) <= 0:
        return 0.0
    areas = [(b[2] - b[0] + plus) * (b[3] - b[1] + plus) for b in (box, other)]
    return sides[0] * sides[1] / (sum(areas) - sides[0] * sides[1])


def picked(
    boxes: list[Box],
    scores: list[float],
    *,
    threshold: float = THRESHOLD,
    top_k: int = 50,
    nms_iou: float = 0.45,
    keep: int = 10,
) -> list[int]:
    rows = [row for row, score in enumerate(scores) if score > threshold]
    best = sorted(rows, key=lambda row: -scores[row])[:top_k]
    queue = sorted(best, key=lambda row: scores[row])
    picks: list[int] = []
    while queue:
        picks.append(queue.pop())
        queue = [row for row in queue if not iou(boxes[row], boxes[picks[-1]], 0) > nms_iou]
    return picks[:keep]


def link(
    frames: list[tuple[list[Box], list[float]]],
    label: int,
    width: int,
    height: int,
    iou_threshold: float = 0.1,
    jump_gap: int = 3,
) -> list[PlainPath]:
    """Links one class: for each frame its boxes and the class scores."""
    live: list[PlainPath] = []
    dead: list[PlainPath] = []
    all_boxes: list[Box] = []
    all_scores: list[float] = []
    for number, (raw, scores) in enumerate(frames):
        boxes = [
            (max(x1, 0), max(y1, 0), min(x2, width - 1), min(y2, height - 1))
            for x1, y1, x2, y2 in raw
        ]
        first = len(all_boxes)
        all_boxes += boxes
        all_scores += scores
        free = picked(boxes, scores)
        for path in live:
            last = all_boxes[path.rows[-1]]
            options = [row for row in free if iou(last, boxes[row], 1) >= iou_threshold]
            if options:
                choice = max(options, key=lambda row: scores[row])
                free.remove(choice)
                path.missed = 0
                _append(path, number, first + choice, scores[choice])
            else:
                path.missed += 1
        live.sort(key=lambda path: -fmean(sorted(path.scores)[-(jump_gap + 1) :]))
        dead += [path for path in live if path.missed >= jump_gap]
        live = [path for path in live if path.missed < jump_gap]
        for row in free:
            live.append(PlainPath(label))
            _append(live[-1], number, first + row, scores[row])

    def strength(path: PlainPath) -> float:
        filled = [all_scores[row] for row in filled_rows(path)]
        return fmean(sorted(filled)[-20:])

    kept = [path for path in live + dead if len(path.frames) > jump_gap]
    return sorted(kept, key=lambda path: -strength(path))


def _append(path: PlainPath, frame: int, row: int, score: float) -> None:
    path.frames.append(frame)
    path.rows.append(row)
    path.scores.append(score)


def filled_rows(path: PlainPath) -> list[int]:
    """The row of every frame; a missed frame has that of the next found one."""
    rows = path.rows[:1]
    for before, frame, row in zip(path.frames, path.frames[1:], path.rows[1:], strict=False):
        rows += [row] * (frame - before)
    return rows
