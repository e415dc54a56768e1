"""Video-mAP and accuracy as ROAD takes them, read plainly into NumPy: the reference for speed.

It does what `get_PR_curve` does and in its order (gurkirt/realtime-action-detection,
`online-tubes/eval`): one IoU threshold after the other, video by video, tube by tube. As somebody
would who knows NumPy, the boxes of a pair of tubes are compared at once, only pairs of the same
class are, and curves are taken with cumulative sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data import Tube, VideoAnnotation


@dataclass(frozen=True, eq=False)
class ThresholdFigures:
    """What one pass gives: average precisions and mean IoUs (classes,), and the accuracy."""

    average_precisions: NDArray[np.float64]
    class_ious: NDArray[np.float64]
    accuracy: float


def evaluate_at(
    tubes: Mapping[str, Sequence[Tube]],
    truth: Sequence[VideoAnnotation],
    classes: int,
    threshold: float,
) -> ThresholdFigures:
    """Evaluates all tubes at one threshold; arguments as of `evaluation.evaluate_tubes`."""
    scores: list[list[float]] = [[] for _ in range(classes)]
    hits: list[list[bool]] = [[] for _ in range(classes)]
    positives, iou_sums = np.zeros(classes), np.zeros(classes)
    right = 0
    for video in truth:
        found = tubes.get(video.name, ())
        order = np.argsort([-tube.score for tube in found], kind="stable")
        if found and found[order[0]].label == video.tubes[-1].label:
            right += 1
        covered = [False] * len(video.tubes)
        for tube in (found[index] for index in order):
            best, best_iou = -1, -1.0
            for number, true in enumerate(video.tubes):
                if true.label == tube.label and not covered[number]:
                    iou = tube_iou(tube, true)
                    if iou > best_iou:
                        best, best_iou = number, iou
            hit = best >= 0 and best_iou > threshold
            if hit:
                covered[best] = True
                iou_sums[tube.label] += best_iou
            scores[tube.label].append(tube.score)
            hits[tube.label].append(hit)
        for true in video.tubes:
            positives[true.label] += 1

    precisions, ious = np.zeros(classes), np.zeros(classes)
    for label in range(classes):
        if hits[label]:
            ranking = np.argsort(-np.array(scores[label], np.float32), kind="stable")
            own = np.array(hits[label])[ranking]
            precisions[label] = average_precision(own, positives[label])
            ious[label] = (iou_sums[label] + 1e-6) / (own.sum() + 1e-5)
    return ThresholdFigures(precisions, ious, right / len(truth))


def tube_iou(tube: Tube, true: Tube) -> float:
    """Spatio-temporal IoU of two tubes; those with a single frame in common don't overlap."""
    first, end = max(tube.start, true.start), min(tube.end, true.end)
    if end - first < 2:
        return 0.0
    boxes = tube.boxes[first - tube.start : end - tube.start].astype(np.float64)
    others = true.boxes[first - true.start : end - true.start].astype(np.float64)
    sides = np.minimum(boxes[:, 2:], others[:, 2:]) - np.maximum(boxes[:, :2], others[:, :2])
    inter = np.maximum(sides, 0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    other_areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    ious = inter / (areas + other_areas - inter)
    return float(ious.sum() / (max(tube.end, true.end) - min(tube.start, true.start)))


def average_precision(hits: NDArray[np.bool_], positives: float) -> float:
    """Area under the envelope of precision over recall."""
    if positives == 0:
        return 0.0
    found = np.cumsum(hits)
    precision = found / np.arange(1, len(found) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(found / positives, prepend=0.0) * precision))
