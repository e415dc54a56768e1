"""The evaluators against the figures of ROAD's and AMTNet's own programs."""

from __future__ import annotations

import numpy as np
import pytest

from data import Tube, VideoAnnotation
from evaluation import (
    RANGE_THRESHOLDS,
    ROAD_BOXES,
    THRESHOLDS,
    evaluate_frames,
    evaluate_tubes,
    frame_average_precision,
    tube_ious,
)
from tests.tubes.cases import (
    CLASSES,
    arrays,
    corners,
    description,
    eval72,
    needs_cases,
    true_tube,
)
from tubes import TubeSettings, build_tubes


def found_tube(
    first: int, boxes: np.ndarray, label: int = 0, score: float = 1.0, number: int = 0
) -> Tube:
    """A tube as it enters ROAD's evaluation: x1 and y1 from 1, then x2 - x1 and y2 - y1."""
    scores = np.full(len(boxes), score, np.float32)
    return Tube(int(first) - 1, corners(boxes), scores, label, score, number)


def test_tube_ious():
    case = arrays("unit_stiou")
    for index, expected in enumerate(case["stiou"]):
        truth = case["gt_boxes"][case["gt_ptr"][index] : case["gt_ptr"][index + 1]]
        boxes = case["dt_boxes"][case["dt_ptr"][index] : case["dt_ptr"][index + 1]]
        actual = tube_ious(
            [found_tube(case["dt_first"][index], boxes)],
            [true_tube(case["gt_first"][index], truth, 0, 0)],
            ROAD_BOXES,
            single_frame_counts=False,
        )
        # Our corners are float32, hence not quite the original's.
        assert actual[0, 0] == pytest.approx(expected, abs=1e-7)


def test_evaluation_sets():
    boxes = arrays("unit_eval")
    true_rows, rows = iter(boxes["gt_boxes"]), iter(boxes["dt_boxes"])
    described = description("unit_eval")
    assert described["thresholds"] == pytest.approx(THRESHOLDS)
    for case in described["sets"]:
        truth, tubes = [], {}
        for video in case["videos"]:
            true = []
            for number, tube in enumerate(video["gt"]):
                own = np.array([next(true_rows) for _ in range(tube["sf"], tube["ef"] + 1)])
                true.append(true_tube(tube["sf"], own, tube["class"], number))
            truth.append(VideoAnnotation(video["name"], 1000, 320, 240, tuple(true)))
            tubes[video["name"]] = []
            for number, tube in enumerate(video["dt"]):
                own = np.array([next(rows) for _ in range(tube["first"], tube["last"] + 1)])
                tubes[video["name"]].append(
                    found_tube(tube["first"], own, tube["class"], tube["score"], number)
                )
        result = evaluate_tubes(tubes, truth, CLASSES, convention=ROAD_BOXES)
        np.testing.assert_allclose(result.average_precisions, case["AP"], atol=1e-7)
        for row, threshold in enumerate(THRESHOLDS):
            mean = result.mean_average_precision(threshold)
            assert mean == pytest.approx(case["mAP"][row], abs=1e-7)
            assert result.mean_iou(threshold) == pytest.approx(case["mean_iou"][row], abs=1e-7)
        assert result.accuracy == case["accuracy"]
    assert next(true_rows, None) is None
    assert next(rows, None) is None


@pytest.mark.parametrize("threshold", ["0.50", "0.20", "0.75"])
@pytest.mark.parametrize("name", ["frame_map", "frame_map_ties"])
def test_frame_map(name, threshold):
    case, described = arrays(name, "detection"), description(name, "detection")
    expected = described["results"][f"iou_{threshold}"]
    precisions = []
    for label in range(described["classes"]):
        found = case["det"][case["det"][:, 1] == label]
        true = case["gt"][case["gt"][:, 1] == label]
        precisions.append(
            frame_average_precision(
                found[:, 0].astype(np.int64),
                found[:, 2:6].astype(np.float64),
                found[:, 6],
                true[:, 0].astype(np.int64),
                true[:, 2:6].astype(np.float64),
                float(threshold),
            )
        )
    np.testing.assert_allclose(precisions, expected["AP_with_stable_sort"], atol=1e-6)
    assert np.mean(precisions) == pytest.approx(expected["mAP_with_stable_sort"], abs=1e-6)


@needs_cases
@pytest.mark.parametrize("alpha", [3, 5])
def test_video_map_of_72_videos(alpha):
    detections, truth = eval72()
    expected = description("eval72")["results"][f"rgb_a{alpha}"]
    settings = TubeSettings(alpha=alpha)
    tubes = {video.video: build_tubes(video, settings).tubes for video in detections}
    result = evaluate_tubes(tubes, truth, CLASSES, convention=ROAD_BOXES)
    np.testing.assert_allclose(result.average_precisions, expected["AP"], atol=1e-6)
    mean = result.mean_average_precision(*RANGE_THRESHOLDS)
    assert mean == pytest.approx(expected["mAP_0.5:0.95"], abs=1e-6)
    assert result.accuracy == expected["accuracy"]


@needs_cases
def test_frame_map_of_72_videos():
    figures = description("eval72_other_protocols")["figures"]["road_py/frameAP@0.5/rgb"]
    result = evaluate_frames(*eval72(), CLASSES, convention=ROAD_BOXES)
    # The original's sorting is not stable, and the set has ties.
    np.testing.assert_allclose(result.average_precisions, figures["AP"], atol=2e-4)
    assert result.mean_average_precision == pytest.approx(figures["mAP"], abs=1e-5)
