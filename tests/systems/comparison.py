"""What the tests of all systems compare: tables of tubes, class-agnostic NMS, and video-mAP."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from data import Tube
from data.class_filter import class_filter
from evaluation import BOX_CONVENTIONS, PROTOCOLS, TubeEvaluation, evaluate_tubes
from tests.systems.inputs import videos
from tests.tubes.cases import CLASSES, description, eval72


@cache
def figures() -> dict[str, Any]:
    """The stored figures of the other systems."""
    return description("eval72_other_protocols")["figures"]


def tube_table(tubes: Sequence[Sequence[Tube]]) -> np.ndarray:
    """Video, class, first and last frame from 1 of every tube."""
    return np.array(
        [
            (video, tube.label, tube.start + 1, tube.end)
            for video, own in enumerate(tubes)
            for tube in own
        ]
    )


def tube_scores(tubes: Sequence[Sequence[Tube]]) -> np.ndarray:
    return np.array([tube.score for own in tubes for tube in own])


def agnostic_nms(threshold: float, iou: float, keep: int) -> list[list[np.ndarray]]:
    """Rows of each frame of each video that our NMS keeps by 1 minus the background.

    Of equal scores our NMS takes the later first and those programs the earlier; hence it is given
    the rows in reverse.
    """
    kept = []
    for video in videos():
        certainty = 1 - video.scores[:, -1]
        kept.append([])
        for first, end in zip(video.offsets[:-1], video.offsets[1:], strict=True):
            picks = class_filter(
                np.ascontiguousarray(video.boxes[first:end][::-1]),
                np.ascontiguousarray(certainty[first:end][::-1]),
                np.float32(threshold),
                100,
                np.float32(iou),
                keep,
            )
            kept[-1].append(end - 1 - picks)
    return kept


def same_rows(kept: list[list[np.ndarray]], expected: list[list[np.ndarray]]) -> bool:
    return all(
        np.array_equal(rows, others)
        for own, other in zip(kept, expected, strict=True)
        for rows, others in zip(own, other, strict=True)
    )


def evaluated(
    tubes: Sequence[Sequence[Tube]], protocol: str, convention: str, thresholds: Sequence[float]
) -> TubeEvaluation:
    """Our evaluation of the tubes of the 72 videos."""
    _, truth = eval72()
    return evaluate_tubes(
        {video.name: own for video, own in zip(truth, tubes, strict=True)},
        truth,
        CLASSES,
        thresholds=thresholds,
        protocol=PROTOCOLS[protocol],
        convention=BOX_CONVENTIONS[convention],
    )
