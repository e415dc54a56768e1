"""The evaluators against the figures of ACT's, MOC's, YOWO's and 3D-RetinaNet's programs.

Their precision and recall are float32, so the figures agree to 1e-6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from data import Detections, Tube, VideoAnnotation
from evaluation import (
    BOX_CONVENTIONS,
    FRAME_PROTOCOLS,
    PROTOCOLS,
    FrameEvaluation,
    FrameSettings,
    TubeEvaluation,
    analyse_frame_errors,
    evaluate_frame_boxes,
    evaluate_tubes,
)
from evaluation.frame_evaluation import choose_boxes
from tests.evaluation.ties import assert_within_ties, tie_bounds
from tests.systems import moc, retinanet3d, yowo
from tests.systems.inputs import kept_rows, videos
from tests.tubes.cases import CLASSES, description, eval72, needs_cases
from tubes import TubeSettings, build_tubes

pytestmark = needs_cases

# Boxes whose corners name pixels become ours, as in the reader of ACT's and MOC's files.
LAST_PIXEL = np.array([0, 0, 1, 1], np.float32)


@cache
def figures() -> dict[str, Any]:
    return description("eval72_other_protocols")["figures"]


def truth() -> list[VideoAnnotation]:
    return eval72()[1]


def evaluated(tubes: Sequence[Sequence[Tube]], protocol: str, convention: str) -> TubeEvaluation:
    names = (video.name for video in truth())
    return evaluate_tubes(
        dict(zip(names, tubes, strict=True)),
        truth(),
        CLASSES,
        protocol=PROTOCOLS[protocol],
        convention=BOX_CONVENTIONS[convention],
    )


def road_tubes() -> list[list[Tube]]:
    """ROAD's tubes as ACT's files would hold them."""
    return [
        [
            replace(tube, boxes=tube.boxes + LAST_PIXEL)
            for tube in build_tubes(video, TubeSettings(alpha=5)).tubes
        ]
        for video in eval72()[0]
    ]


@pytest.mark.parametrize(
    ("name", "tubes", "protocol"),
    [
        ("act_on_road_tubes", road_tubes, "act"),
        ("act_k1", lambda: moc.eval72_tubes(1), "moc"),
        ("act_k7", lambda: moc.eval72_tubes(7), "moc"),
    ],
)
def test_video_map_of_act_and_moc(name, tubes, protocol):
    expected = figures()[f"{name}/videoAP"]
    result = evaluated(tubes(), protocol, "act")
    for threshold in result.thresholds:
        mean = result.mean_average_precision(threshold)
        assert mean == pytest.approx(expected[str(threshold)] / 100, abs=1e-6)
    mean = result.mean_average_precision(*result.protocol.averaged)
    assert mean == pytest.approx(expected["0.5:0.95"] / 100, abs=1e-6)


def test_video_map_of_yowo():
    result = evaluated(yowo.eval72_tubes(), "yowo", "yowo")
    for threshold, expected in figures()["yowo/videoAP"].items():
        row = result.thresholds.index(float(threshold))
        np.testing.assert_allclose(result.average_precisions[row], expected["AP"], atol=1e-6)
        mean = result.mean_average_precision(float(threshold))
        assert mean == pytest.approx(expected["mAP"], abs=1e-6)


@pytest.mark.parametrize("trimming", ["none", "indiv", "dpscores", "dpscorestopn"])
def test_video_map_of_retinanet3d(trimming):
    expected = figures()[f"retina/{trimming}"]
    result = evaluated(retinanet3d.eval72_tubes(trimming), "retinanet3d", "retinanet3d")
    for row, threshold in enumerate(result.thresholds):
        own = expected[str(threshold)]
        precisions = np.array(own["AP"]) / 100
        np.testing.assert_allclose(result.average_precisions[row], precisions, atol=1e-6)
        mean = result.mean_average_precision(threshold)
        assert mean == pytest.approx(own["mAP"] / 100, abs=1e-6)
    mean = result.mean_average_precision(*result.protocol.averaged)
    assert mean == pytest.approx(expected["avg 0.5:0.9"] / 100, abs=1e-6)


def frame_evaluation(
    found: Sequence[Detections],
    protocol: str,
    convention: str,
    settings: FrameSettings | None = None,
) -> FrameEvaluation:
    rules = FRAME_PROTOCOLS[protocol]
    boxes = choose_boxes(
        found,
        truth(),
        CLASSES,
        rules,
        settings or rules.settings,
        BOX_CONVENTIONS[convention],
    )
    return evaluate_frame_boxes(
        boxes, truth(), CLASSES, protocol=rules, convention=BOX_CONVENTIONS[convention]
    )


def single_boxes() -> list[Detections]:
    return [replace(video, boxes=video.boxes + LAST_PIXEL) for video in videos()]


def boxes_of_tubelets() -> list[Detections]:
    """Each tubelet gives its box and its scores to each of its 7 frames."""
    found = []
    for video, tubelets in zip(videos(), moc.eval72_tubelets(7), strict=True):
        starts, places = np.nonzero(tubelets.scores.any(axis=2))
        boxes = tubelets.boxes[starts, places] - np.array([1, 1, 0, 0], np.float32)
        frames = (starts[:, None] + np.arange(7)).ravel()
        order = np.argsort(frames, kind="stable")
        scores = np.repeat(tubelets.scores[starts, places], 7, axis=0)
        found.append(
            replace(
                video,
                boxes=boxes.reshape(-1, 4)[order],
                scores=np.pad(scores, [(0, 0), (0, 1)])[order],
                offsets=np.searchsorted(frames[order], np.arange(video.frames + 1)),
            )
        )
    return found


@pytest.mark.parametrize(("length", "found"), [(1, single_boxes), (7, boxes_of_tubelets)])
def test_frame_map_and_errors_of_moc(length, found):
    expected = figures()[f"act_k{length}/frameAP_error"]
    shares = np.array([expected[name] for name in expected if name != "mean"]).T / 100
    result = frame_evaluation(found(), "moc", "act")
    # The shares are written with four digits after the point.
    assert_within_ties(result, shares[0], atol=6e-5)
    lowest, highest = (bound.mean() for bound in tie_bounds(result))
    assert lowest < figures()[f"act_k{length}/frameAP@0.5"] / 100 < highest

    protocol, convention = FRAME_PROTOCOLS["moc"], BOX_CONVENTIONS["act"]
    boxes = choose_boxes(found(), truth(), CLASSES, protocol, protocol.settings, convention)
    errors = analyse_frame_errors(boxes, truth(), CLASSES, protocol=protocol, convention=convention)
    np.testing.assert_allclose(errors.average_precisions, result.average_precisions, atol=1e-12)
    # With K = 7, all boxes of a tubelet have one score; the order among these leaves more open.
    actual = np.vstack([errors.false_positives, errors.missed])
    np.testing.assert_allclose(actual, shares[1:], atol=6e-5 if length == 1 else 1e-3)
    means = list(errors.shares().values())
    np.testing.assert_allclose(means, np.array(expected["mean"]) / 100, atol=1.1e-4)
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=5e-4)


def test_frame_map_of_yowo():
    expected = figures()["yowo/frameAP@0.5"]
    written = []
    for video, kept in zip(videos(), kept_rows("yowo"), strict=True):
        rows = np.concatenate(kept)
        written.append(
            replace(
                video,
                # As YOWO writes them: counted from 1 and rounded.
                boxes=np.rint(video.boxes[rows] + 1),
                scores=video.scores[rows],
                offsets=np.cumsum([0, *map(len, kept)]),
            )
        )
    result = frame_evaluation(written, "yowo", "yowo")
    # Its program sorts stably and in float64, so there is nothing to allow for.
    np.testing.assert_allclose(result.average_precisions, expected["AP"], atol=1e-12)
    assert result.mean_average_precision == pytest.approx(expected["mAP"], abs=1e-12)


def test_frame_map_of_retinanet3d():
    expected = figures()["retina/frameAP@0.5"]
    result = frame_evaluation(videos(), "retinanet3d", "retinanet3d")
    assert_within_ties(result, np.array(expected["AP"]) / 100, atol=1e-6)
    assert result.mean_average_precision == pytest.approx(expected["mAP"] / 100, abs=1e-5)
