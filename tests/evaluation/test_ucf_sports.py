"""The published tubes of Peng and Schmid (ECCV 2016) on UCF-Sports give their published figure.

They belong to their authors, so they are not here: the test looks beside REFERENCE_CASES.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data import Tube, VideoAnnotation, load_pickle
from evaluation import UCF_SPORTS, Protocol, evaluate_tubes
from tests.data.reference import needs_samples

SAMPLES = Path(os.environ.get("REFERENCE_CASES", "none")).parent / "samples" / "ucfsports"
TUBES = SAMPLES / "peng_ucfsports_vdets_3scales_rgb1flow5.pkl"

pytestmark = needs_samples


def read_truth() -> tuple[list[VideoAnnotation], list[str]]:
    """The test videos and the classes; frames from 1, boxes x y w h."""
    lines = (SAMPLES / "peng_anno" / "videos.txt").read_text().splitlines()
    videos = [line.split() for line in lines]
    classes = list(dict.fromkeys(label for _, label, *_ in videos))
    truth = []
    for name, label, part, *_ in videos:
        if part != "test":
            continue
        rows = np.loadtxt(SAMPLES / "peng_anno" / f"{name}.txt").astype(np.float32)
        tubes = []
        for column in range(1, rows.shape[1], 4):
            boxes = rows[:, column : column + 4].copy()
            boxes[:, 2:] += boxes[:, :2]
            start = int(rows[0, 0]) - 1
            tubes.append(Tube.ground_truth(start, boxes, classes.index(label), len(tubes)))
        truth.append(VideoAnnotation(name, len(rows), 2000, 2000, tuple(tubes)))
    return truth, classes


def read_tubes() -> dict[str, list[Tube]]:
    """Found tubes by video: class, score, rows of frame, x1, y1, x2, y2, score."""
    return {
        name: [
            Tube(int(rows[0, 0]) - 1, rows[:, 1:5], rows[:, 5], label, float(score), number)
            for number, (label, score, rows) in enumerate(tubes)
        ]
        for name, tubes in load_pickle(TUBES).items()
    }


@pytest.mark.parametrize("threshold", [0.2, 0.5])
@pytest.mark.parametrize(
    ("protocol", "published"),
    [(UCF_SPORTS, 0.9512), (replace(UCF_SPORTS, method="trapezoid"), 0.9482)],
    ids=["envelope", "trapezoid"],
)
def test_published_figures(protocol: Protocol, published: float, threshold: float):
    truth, classes = read_truth()
    result = evaluate_tubes(read_tubes(), truth, classes, protocol=protocol)
    assert round(result.mean_average_precision(threshold), 4) == published
    assert len(truth) == 47
    assert result.detections.sum() == 644
