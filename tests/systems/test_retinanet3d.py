"""3D-RetinaNet's paths and tubes of the 72 videos against what its own program made."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from evaluation import RANGE_THRESHOLDS, THRESHOLDS
from tests.systems.comparison import (
    agnostic_nms,
    evaluated,
    figures,
    same_rows,
    tube_scores,
    tube_table,
)
from tests.systems.inputs import kept_rows, other_protocols
from tests.systems.retinanet3d import eval72_paths, eval72_tubes
from tests.tubes.cases import needs_cases

pytestmark = needs_cases


def test_our_nms_keeps_the_same_rows():
    assert same_rows(agnostic_nms(threshold=0.025, iou=0.8, keep=20), kept_rows("retina"))


def test_paths():
    paths, stored = eval72_paths(), other_protocols()
    table = np.array(
        [
            (video, path.frames[0] + 1, path.frames[-1] + 1, len(path.rows))
            for video, own in enumerate(paths)
            for path in own
        ]
    )
    sums = np.array(
        [
            (sum(path.scores), *np.sum(path.boxes, axis=0, dtype=np.float64))
            for own in paths
            for path in own
        ]
    )
    assert [len(own) for own in paths] == figures()["retina/paths_per_video"]
    order = _order(table, sums)
    stored_order = _order(stored["retina_path"], stored["retina_path_sums"])
    assert np.array_equal(table[order], stored["retina_path"][stored_order])
    np.testing.assert_allclose(
        sums[order], stored["retina_path_sums"][stored_order], rtol=1e-9, atol=1e-9
    )


def _order(table: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """An order that does not depend on that of the paths."""
    return np.lexsort((*np.round(sums, 3).T, *table.T))


@pytest.mark.parametrize("trimming", ["none", "indiv"])
def test_tubes(trimming):
    tubes, stored = eval72_tubes(trimming), other_protocols()
    scores = tube_scores(tubes)
    found = _count(tube_table(tubes), scores)
    expected = _count(stored[f"retina_{trimming}_tube"], stored[f"retina_{trimming}_score"])
    # One path has two classes that are equally good for the tenth place.
    assert (found - expected).total() <= 1
    assert (expected - found).total() <= 1


def _count(table: np.ndarray, scores: np.ndarray) -> Counter[tuple[float, ...]]:
    return Counter((*row, score) for row, score in zip(table.tolist(), scores, strict=True))


# Our reading of "dpscorestopn" takes out one run of five frames without making a tube of it. The
# program counts one tube more, probably that, but its figures are those without it.
@pytest.mark.parametrize(
    ("trimming", "missing"),
    [("none", 0), ("indiv", 0), ("dpscores", 0), ("dpscorestopn", 1)],
)
def test_video_map(trimming, missing):
    expected = figures()[f"retina/{trimming}"]
    tubes = eval72_tubes(trimming)
    assert sum(map(len, tubes)) == expected["tubes"] - missing
    result = evaluated(tubes, "retinanet3d", "retinanet3d", THRESHOLDS)
    precisions = 100 * result.average_precisions
    for row, threshold in enumerate(THRESHOLDS):
        figure = expected[str(threshold)]
        np.testing.assert_allclose(precisions[row], figure["AP"], atol=1e-4)
        assert precisions[row].mean() == pytest.approx(figure["mAP"], abs=1e-4)
    mean = 100 * result.mean_average_precision(*RANGE_THRESHOLDS[:-1])
    assert mean == pytest.approx(expected["avg 0.5:0.9"], abs=1e-4)
