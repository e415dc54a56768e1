"""The evaluators against the figures of ROAD's and AMTNet's own programs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data import Detections, Tube, VideoAnnotation
from evaluation import (
    FRAME_PROTOCOLS,
    FRAME_ROAD,
    ROAD_BOXES,
    THRESHOLDS,
    FrameBoxes,
    FrameEvaluation,
    FrameSettings,
    boxes_of_detections,
    evaluate_frame_boxes,
    evaluate_frames,
    evaluate_tubes,
    tube_ious,
)
from evaluation.box_convention import ROAD_MATLAB_BOXES
from tests.evaluation.fused_frames import fuse_frames
from tests.evaluation.ties import assert_within_ties
from tests.tubes.cases import (
    CLASSES,
    arrays,
    corners,
    description,
    detections_of,
    eval72,
    needs_cases,
    true_tube,
)
from tubes.fusion import mean_fusion


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
    found, true = case["det"], case["gt"].astype(np.float32)
    true = true[true[:, 1] < described["classes"]]  # 9999 stands for frames without a true box
    boxes = FrameBoxes(
        "video",
        found[:, 0].astype(np.int64),
        found[:, 1].astype(np.int64),
        found[:, 2:6].astype(np.float32),
        found[:, 6].astype(np.float32),
    )
    tubes = [Tube.ground_truth(int(row[0]), row[None, 2:6], int(row[1]), 0) for row in true]
    side, frames = int(true[:, 2:6].max()) + 1, int(found[:, 0].max()) + 1
    truth = [VideoAnnotation("video", max(frames, 1000), side, side, tuple(tubes))]
    classes = [str(label) for label in range(described["classes"])]
    result = evaluate_frame_boxes([boxes], truth, classes, iou_thresh=float(threshold))
    np.testing.assert_allclose(
        result.average_precisions, expected["AP_with_stable_sort"], atol=1e-6
    )
    mean = result.mean_average_precision
    assert mean == pytest.approx(expected["mAP_with_stable_sort"], abs=1e-6)


@needs_cases
@pytest.mark.parametrize(("stream", "threshold"), [("rgb", 0.01), ("flow", 0.05)])
def test_frame_map_of_the_test_script(stream, threshold):
    detections, truth = eval72(stream)
    figures = description("eval72_other_protocols")["figures"][f"road_py/frameAP@0.5/{stream}"]
    settings = FrameSettings(conf_thresh=threshold)
    found = [first_empty_only(video, settings) for video in detections]
    result = evaluate_frame_boxes(found, truth, CLASSES, convention=ROAD_BOXES)
    assert_within_ties(result, figures["AP"], atol=1e-6)
    assert result.mean_average_precision == pytest.approx(figures["mAP"], abs=1e-5)
    # Without the original's way with empty boxes, which no network gives.
    result = evaluate_frames(detections, truth, CLASSES, settings=settings, convention=ROAD_BOXES)
    assert result.mean_average_precision == pytest.approx(figures["mAP"], abs=3e-5)


def first_empty_only(video: Detections, settings: FrameSettings) -> FrameBoxes:
    """What the script's NMS leaves of the case's boxes without area.

    Two of them have an IoU of 0 / 0, which does not pass for small: only the best of a frame and
    class is left.
    """
    # Moved to where nothing is clipped.
    moved = replace(video, boxes=video.boxes + np.float32(1000), width=2000, height=2000)
    picked = boxes_of_detections(moved, range(len(CLASSES)), FRAME_ROAD, settings)
    empty = (picked.boxes[:, 2:] == picked.boxes[:, :2]).any(axis=1)
    _, first = np.unique(
        picked.frames[empty] * len(CLASSES) + picked.labels[empty], return_index=True
    )
    kept = np.sort(np.append(np.flatnonzero(~empty), np.flatnonzero(empty)[first]))
    limits = np.array([video.width, video.height] * 2, np.float32)
    return replace(
        picked,
        frames=picked.frames[kept],
        labels=picked.labels[kept],
        boxes=np.clip(picked.boxes[kept] - np.float32(1000), 0, limits),
        scores=picked.scores[kept],
    )


def matlab_figures(boxes: list[FrameBoxes], truth: list[VideoAnnotation]) -> FrameEvaluation:
    return evaluate_frame_boxes(
        boxes,
        truth,
        CLASSES,
        protocol=FRAME_PROTOCOLS["road-matlab"],
        convention=ROAD_MATLAB_BOXES,
    )


def matlab_boxes(video: Detections) -> FrameBoxes:
    protocol = FRAME_PROTOCOLS["road-matlab"]
    return boxes_of_detections(
        video, range(len(CLASSES)), protocol, protocol.settings, ROAD_MATLAB_BOXES.edge
    )


@needs_cases
@pytest.mark.parametrize(
    "fusion",
    [
        "rgb",
        "brox",
        "mean",
        pytest.param("cat", marks=pytest.mark.slow),
        pytest.param("boost", marks=pytest.mark.slow),
    ],
)
def test_frame_map_of_frame_ap(fusion):
    expected = description("eval72")["frame_mAP_0.5"][fusion]
    flow, _ = eval72("flow")
    rgb, truth = eval72()
    result = matlab_figures(matlab_fusion(rgb, flow, fusion), truth)
    assert result.detections.tolist() == expected["detections"]
    # The stable order of equal scores is the original's: video, frame, NMS.
    np.testing.assert_allclose(result.average_precisions, expected["AP"], atol=1e-6)
    assert result.mean_average_precision == pytest.approx(expected["mAP"], abs=1e-6)


@needs_cases
@pytest.mark.parametrize("fusion", ["rgb", "brox", "mean", "cat", "boost"])
def test_frame_map_of_frame_ap_itself(fusion):
    """Three videos that Octave was given."""
    original = description("eval72")["frame_mAP_checked_against_original"]
    cases = [arrays(name) for name in original["cases"]]
    rgb = [detections_of(*each) for each in zip(cases, original["videos"], strict=True)]
    flow = [detections_of(*each, "_flow") for each in zip(cases, original["videos"], strict=True)]
    truth = [
        VideoAnnotation(video.video, video.frames, 320, 240, true_tubes(case))
        for video, case in zip(rgb, cases, strict=True)
    ]
    result = matlab_figures(matlab_fusion(rgb, flow, fusion), truth)
    assert result.detections.tolist() == original["detections_of_original"][fusion]
    precisions = original["AP_of_original"][fusion]
    np.testing.assert_allclose(result.average_precisions, precisions, atol=1e-6)


def true_tubes(case: dict[str, np.ndarray]) -> tuple[Tube, ...]:
    boxes = np.split(case["gt_boxes"], case["gt_ptr"][1:-1])
    rows = zip(case["gt_sf"], boxes, case["gt_class"], strict=True)
    return tuple(true_tube(*row, number) for number, row in enumerate(rows))


def matlab_fusion(rgb: list[Detections], flow: list[Detections], fusion: str) -> list[FrameBoxes]:
    pairs = zip(rgb, flow, strict=True)
    if fusion in ("cat", "boost"):
        boosted = fusion == "boost"
        return [fuse_frames(*map(matlab_boxes, streams), boost=boosted) for streams in pairs]
    if fusion == "mean":
        return [matlab_boxes(mean_fusion(*streams)) for streams in pairs]
    return [matlab_boxes(video) for video in (rgb if fusion == "rgb" else flow)]
