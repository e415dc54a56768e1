"""How many of the true tubes or boxes are found at all, whatever the precision."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data import Tube, VideoAnnotation
from evaluation.box_convention import CONTINUOUS, BoxConvention
from evaluation.frame_boxes import FrameBoxes
from evaluation.frame_evaluation import boxes_by_class
from evaluation.frame_protocols import FRAME_ROAD, FrameProtocol
from evaluation.protocols import ROAD, Protocol
from evaluation.tube_evaluation import find_true_tubes

RECALL_THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
KEPT = (1, 2, 3, 5, 10, 20, 50)


@dataclass(frozen=True, eq=False)
class RecallCurves:
    """Share of what is there that is found with its class, against two limits.

    Attributes:
        protocol: Name of the rules of the comparison.
        box_convention: Name of what was added to the boxes.
        thresholds: Of the IoU, shape (K,).
        kept: How many of the best tubes of a video, or boxes of a frame, of all classes together
            are looked at; the last one is as many as any has. Shape (N,).
        recalls: From 0 to 1, float64 (N, K).
    """

    protocol: str
    box_convention: str
    thresholds: tuple[float, ...]
    kept: tuple[int, ...]
    recalls: NDArray[np.float64]


def tube_recall(
    tubes: Mapping[str, Sequence[Tube]],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    *,
    thresholds: Sequence[float] = RECALL_THRESHOLDS,
    kept: Sequence[int] = KEPT,
    protocol: Protocol = ROAD,
    convention: BoxConvention = CONTINUOUS,
) -> RecallCurves:
    """Returns the recall of tubes; arguments as of `evaluate_tubes` and `RecallCurves`.

    Raises:
        InputError: A label has no class.
    """
    matches = find_true_tubes(tubes, truth, classes, thresholds, protocol, convention)
    return RecallCurves(
        protocol.name,
        convention.name,
        tuple(thresholds),
        *_recalls(matches.overlaps >= 0, matches.ranks, kept, len(matches.true_labels)),
    )


def frame_recall(
    found: Iterable[FrameBoxes],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    *,
    thresholds: Sequence[float] = RECALL_THRESHOLDS,
    kept: Sequence[int] = KEPT,
    protocol: FrameProtocol = FRAME_ROAD,
    convention: BoxConvention = CONTINUOUS,
) -> RecallCurves:
    """Returns the recall of boxes; arguments as of `evaluate_frame_boxes` and `RecallCurves`.

    Raises:
        InputError: A label has no class.
    """
    boxes = boxes_by_class(found, truth, classes, annotated_only=True)
    hits = [
        np.concatenate([own.hits(threshold, convention, protocol.only_free) for own in boxes])
        for threshold in thresholds
    ]
    frames = np.concatenate([own.frames for own in boxes])
    scores = np.concatenate([own.scores for own in boxes])
    order = np.lexsort((-scores, frames))
    _, firsts, counts = np.unique(frames[order], return_index=True, return_counts=True)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order)) - np.repeat(firsts, counts)
    return RecallCurves(
        protocol.name,
        convention.name,
        tuple(thresholds),
        *_recalls(np.array(hits), ranks, kept, sum(len(own.true_frames) for own in boxes)),
    )


def _recalls(
    hits: NDArray[np.bool_], ranks: NDArray[np.int64], kept: Sequence[int], positives: int
) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Limits and recalls of ranked detections.

    Detections choose by falling score, so leaving out the worse ones changes nothing for others.

    Args:
        hits: True positives, shape (K, N).
        ranks: Place of each detection in its video or frame, from 0, shape (N,).
        kept: Limits; the number of detections of the fullest video or frame ends them.
        positives: Number of objects.
    """
    most = int(ranks.max(initial=-1)) + 1
    limits = (*sorted(limit for limit in set(kept) if limit < most), most)
    found = np.array([hits[:, ranks < limit].sum(axis=1) for limit in limits], np.float64)
    return limits, found / positives if positives else np.zeros_like(found)
