"""YOWO's tubes of the 72 videos, and their video-mAP, against what its own program made."""

from __future__ import annotations

import numpy as np
import pytest

from tests.systems.comparison import (
    agnostic_nms,
    evaluated,
    figures,
    same_rows,
    tube_scores,
    tube_table,
)
from tests.systems.inputs import kept_rows, other_protocols
from tests.systems.yowo import eval72_tubes
from tests.tubes.cases import needs_cases

pytestmark = needs_cases
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75)


def test_our_nms_keeps_the_same_rows():
    assert same_rows(agnostic_nms(threshold=0.05, iou=0.4, keep=10), kept_rows("yowo"))


def test_tubes():
    tubes, stored = eval72_tubes(), other_protocols()
    assert np.array_equal(tube_table(tubes), stored["yowo_tube"])
    np.testing.assert_allclose(tube_scores(tubes), stored["yowo_score"], rtol=1e-6)
    sums = [tube.boxes.sum(0, np.float64) for own in tubes for tube in own]
    np.testing.assert_allclose(sums, stored["yowo_box_sum"], rtol=1e-9)


def test_video_map():
    result = evaluated(eval72_tubes(), "yowo", "yowo", THRESHOLDS)
    for row, threshold in enumerate(THRESHOLDS):
        expected = figures()["yowo/videoAP"][str(threshold)]
        np.testing.assert_allclose(result.average_precisions[row], expected["AP"], atol=1e-6)
        mean = result.mean_average_precision(threshold)
        assert mean == pytest.approx(expected["mAP"], abs=1e-6)
