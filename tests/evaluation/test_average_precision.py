"""Average precision by hand, and frame-AP against pycocotools, where their rules agree."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from data import Tube, VideoAnnotation
from evaluation import FrameBoxes, average_precision, evaluate_frame_boxes

E = "envelope"
T = "trapezoid"


@pytest.mark.parametrize(
    ("scores", "hits", "positives", "method", "expected"),
    [
        ([], [], 3, E, 0),
        ([], [], 0, E, 0),
        ([0.5], [False], 0, E, 0),  # a class that is not there
        ([0.9, 0.8], [1, 1], 2, E, 1),
        ([0.9, 0.8], [1, 1], 4, E, 0.5),
        # precision 0, 1/2, 2/3 is lifted to 2/3 for both steps of recall
        ([0.9, 0.8, 0.7], [0, 1, 1], 2, E, 2 / 3),
        ([0.7, 0.9, 0.8], [1, 0, 1], 2, E, 2 / 3),
        ([0.5, 0.5], [1, 0], 1, E, 1),  # of equal scores the earlier one ranks higher
        ([0.5, 0.5], [0, 1], 1, E, 0.5),
        ([0.9, 0.8], [1, 1], 2, T, 1),
        ([0.9, 0.8], [0, 1], 1, T, (0 + 0.5) / 2),
        ([0.9, 0.8, 0.7], [1, 0, 1], 2, T, 0.5 * 1 + 0.5 * (1 / 2 + 2 / 3) / 2),
        ([], [], 3, T, 0),
    ],
)
def test_by_hand(scores, hits, positives, method, expected):
    assert average_precision(scores, hits, positives, method) == pytest.approx(expected)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.75])
def test_frames_are_matched_as_pycocotools_matches_them(threshold):
    rng = np.random.default_rng(7)
    truth, found = [], []
    for frame in range(1, 60):
        for _ in range(rng.integers(0, 4)):
            corner, size = rng.uniform(20, 80, 2), rng.uniform(10, 40, 2)
            truth.append((frame, *corner, *(corner + size)))
            for _ in range(rng.integers(0, 4)):
                found.append((frame, *(truth[-1][1:] + rng.normal(0, 4, 4)), rng.random()))
        found.append((frame, 25, 25, 50, 50, rng.random()))
    # Our boxes are float32.
    true_rows, rows = np.array(truth, np.float32), np.array(found, np.float32)
    result = evaluate_frame_boxes(
        [
            FrameBoxes(
                "video",
                rows[:, 0].astype(np.int64),
                np.zeros(len(rows), np.int64),
                rows[:, 1:5],
                rows[:, 5],
            )
        ],
        [VideoAnnotation("video", 60, 200, 200, tuple(map(true_tube, true_rows)))],
        ["thing"],
        iou_thresh=threshold,
    )
    actual = result.mean_average_precision
    # COCO reads precision at given recalls: with many of them it is the area under the envelope.
    assert actual == pytest.approx(coco_precision(true_rows, rows, threshold), abs=1e-3)
    assert 0.01 < actual < 0.9


def true_tube(row: np.ndarray) -> Tube:
    """A true box of a frame as a tube of its own."""
    return Tube.ground_truth(int(row[0]), row[None, 1:5], 0, 0)


def coco_precision(true_rows: np.ndarray, rows: np.ndarray, threshold: float) -> float:
    def boxes(table: np.ndarray) -> list[dict]:
        return [
            {
                "id": number,
                "image_id": int(frame),
                "category_id": 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (x2 - x1) * (y2 - y1),
                "iscrowd": 0,
            }
            for number, (frame, x1, y1, x2, y2) in enumerate(table[:, :5].tolist(), start=1)
        ]

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        images = [{"id": frame} for frame in range(1, 60)]
        coco.dataset = {
            "info": {},
            "images": images,
            "annotations": boxes(true_rows),
            "categories": [{"id": 1}],
        }
        coco.createIndex()
        scored = boxes(rows)
        for box, score in zip(scored, rows[:, 5].tolist(), strict=True):
            box["score"] = score
        evaluation = COCOeval(coco, coco.loadRes(scored), "bbox")
        evaluation.params.iouThrs = np.array([threshold])
        evaluation.params.recThrs = np.linspace(0, 1, 20001)
        evaluation.params.maxDets = [100]
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return float(evaluation.eval["precision"].mean())
