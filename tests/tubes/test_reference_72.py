"""The evaluation set, each stream and fusion of it, against ROAD's figures: paths to video-mAP."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from data import Detections, Tube
from evaluation import RANGE_THRESHOLDS, ROAD_BOXES, THRESHOLDS, evaluate_tubes
from tests.tubes.cases import CLASSES, arrays, description, eval72, needs_cases
from tests.tubes.test_fusion import fused, linked_streams
from tubes import FusedDetections, LinkedPaths, TubeSettings, trim
from tubes.tube_builder import trimmed_tubes

pytestmark = needs_cases

# ROAD's names of the systems, and ours of the fusions.
FUSIONS = {"rgb": None, "mean": "mean", "cat": "cat", "nwsum-plus": "boost-published"}
RUNS = [("rgb", 3), *((system, 5) for system in FUSIONS)]


def streams(system: str) -> list[Detections | FusedDetections]:
    fusion = FUSIONS[system]
    if fusion is None:
        return list(eval72()[0])
    return [fused(*pair, fusion) for pair in zip(eval72()[0], eval72("flow")[0], strict=True)]


@cache
def paths(system: str) -> list[LinkedPaths]:
    return [linked_streams(video) for video in streams(system)]


@cache
def tubes(system: str, alpha: int) -> list[tuple[Tube, ...]]:
    settings = TubeSettings(alpha=alpha)
    return [trimmed_tubes(own, settings) for own in paths(system)]


def stored(system: str, name: str) -> np.ndarray:
    return arrays("eval72")[f"{system.replace('-', '_')}_{name}"]


@pytest.mark.parametrize("system", FUSIONS)
def test_paths(system):
    columns = [
        np.stack(
            [
                np.full(len(own), index),
                own.labels,
                own.starts + 1,
                own.starts + np.diff(own.row_ptr),
                np.diff(own.found_ptr),
                own.missed,
            ],
            axis=1,
        )
        for index, own in enumerate(paths(system))
    ]
    assert np.array_equal(np.concatenate(columns), stored(system, "paths"))
    scores = np.concatenate([own.path_scores for own in paths(system)])
    np.testing.assert_allclose(scores, stored(system, "path_score"), rtol=2e-6)


@pytest.mark.parametrize(("system", "alpha"), RUNS)
def test_tubes(system, alpha):
    expected = description("eval72")["results"][f"{system}_a{alpha}"]
    assert sum(map(len, paths(system))) == expected["paths"]
    assert sum(len(trim(own, alpha).paths) for own in paths(system)) == expected["runs"]
    made = [(index, tube) for index, own in enumerate(tubes(system, alpha)) for tube in own]
    assert len(made) == expected["tubes"]
    table = [(index, tube.label, tube.start + 1, tube.end) for index, tube in made]
    assert np.array_equal(table, stored(system, f"a{alpha}_tube"))
    scores = [tube.score for _, tube in made]
    np.testing.assert_allclose(scores, stored(system, f"a{alpha}_score"), rtol=0, atol=2e-6)
    sums = [(tube.boxes.astype(np.float64) + 1).sum(axis=0) for _, tube in made]
    np.testing.assert_allclose(sums, stored(system, f"a{alpha}_box_sum"), rtol=1e-9)


@pytest.mark.parametrize(("system", "alpha"), RUNS)
def test_video_map(system, alpha):
    expected = description("eval72")["results"][f"{system}_a{alpha}"]
    truth = eval72()[1]
    found = {video.name: own for video, own in zip(truth, tubes(system, alpha), strict=True)}
    result = evaluate_tubes(found, truth, CLASSES, convention=ROAD_BOXES)
    np.testing.assert_allclose(result.average_precisions, expected["AP"], atol=1e-6)
    means = [result.mean_average_precision(threshold) for threshold in THRESHOLDS]
    np.testing.assert_allclose(means, expected["mAP"], atol=1e-6)
    mean = result.mean_average_precision(*RANGE_THRESHOLDS)
    assert mean == pytest.approx(expected["mAP_0.5:0.95"], abs=1e-6)
    assert result.accuracy == expected["accuracy"]

    original = expected["checked_against_original"]
    names: Sequence[str] = [video.name for video in truth]
    if original["videos"] < len(names):
        names = description("eval72")["fusion_check_videos"]
    own = [video for video in truth if video.name in names]
    assert len(own) == original["videos"]
    result = evaluate_tubes(found, own, CLASSES, convention=ROAD_BOXES)
    assert result.detections.sum() == original["tubes"]
    means = [result.mean_average_precision(threshold) for threshold in THRESHOLDS]
    np.testing.assert_allclose(means, original["mAP_octave"], atol=1e-6)
    means = [result.mean_iou(threshold) for threshold in THRESHOLDS]
    np.testing.assert_allclose(means, original["mean_iou_octave"], atol=1e-6)
    assert result.accuracy == original["accuracy_octave"]
