"""MOC's tubes of the 72 videos, and their video-mAP, against what its own program made."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation import RANGE_THRESHOLDS, THRESHOLDS
from tests.systems.comparison import evaluated, figures, tube_scores, tube_table
from tests.systems.inputs import other_protocols
from tests.systems.moc import eval72_tubes, program_boxes
from tests.tubes.cases import needs_cases

pytestmark = needs_cases
lengths = pytest.mark.parametrize("length", [1, 7])


@lengths
def test_tubes(length):
    tubes, stored = eval72_tubes(length), other_protocols()
    assert np.array_equal(tube_table(tubes), stored[f"act_k{length}_tube"])
    np.testing.assert_allclose(tube_scores(tubes), stored[f"act_k{length}_score"], rtol=1e-6)
    sums = [program_boxes(tube.boxes).sum(0, np.float64) for own in tubes for tube in own]
    np.testing.assert_allclose(sums, stored[f"act_k{length}_box_sum"], rtol=1e-9)
    assert [len(own) for own in tubes] == figures()[f"act_k{length}/tubes_per_video"]


@lengths
def test_video_map(length):
    expected = figures()[f"act_k{length}/videoAP"]
    result = evaluated(eval72_tubes(length), "moc", "act", THRESHOLDS)
    for threshold in THRESHOLDS:
        mean = 100 * result.mean_average_precision(threshold)
        assert mean == pytest.approx(expected[str(threshold)], abs=1e-4)
    mean = 100 * result.mean_average_precision(*RANGE_THRESHOLDS)
    assert mean == pytest.approx(expected["0.5:0.95"], abs=1e-4)
