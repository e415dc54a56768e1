"""Tests of classifiers that are interrupted."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import InputError
from recognition.partial_scores import resumable_scores


class Killed(Exception):
    """Stands for whatever ends a test."""


@given(
    count=st.integers(0, 6),
    classes=st.integers(1, 4),
    stop=st.integers(0, 6),
    lost=st.integers(0, 40),
)
def test_an_interrupted_test_goes_on(tmp_path_factory, count, classes, stop, lost):
    """Also where the end of what was written is missing."""
    path = tmp_path_factory.mktemp("scores") / "partial"
    wanted = np.random.default_rng(0).normal(size=(count, classes)).astype(np.float32)

    def compute(first, last=None):
        for number in range(first, count):
            if number == last:
                raise Killed
            computed.append(number)
            yield wanted[number]

    computed: list[int] = []
    kept = count
    try:
        resumable_scores(path, {"a": 1}, count, classes, lambda first: compute(first, stop))
    except Killed:
        content = path.read_bytes()
        path.write_bytes(content[: max(0, len(content) - lost)])
        kept = max(0, 4 * classes * stop - lost) // (4 * classes)
    computed.clear()
    found = resumable_scores(path, {"a": 1}, count, classes, compute)
    assert np.array_equal(found, wanted) and found.shape == (count, classes)
    assert computed == [*range(kept, count)]


def test_scores_of_something_else_are_not_taken(tmp_path):
    path = tmp_path / "partial"
    resumable_scores(path, {"crops": 1}, 2, 1, lambda first: iter(np.ones((2 - first, 1))))
    for described in ({"crops": 3}, {"crops": 1}):
        found = resumable_scores(
            path, described, 2, 1, lambda first: iter(np.zeros((2 - first, 1)))
        )
        assert np.array_equal(found, np.zeros((2, 1)))


def test_a_row_is_written_at_once(tmp_path):
    path = tmp_path / "partial"
    sizes = []

    def compute(first):
        for _ in range(3):
            sizes.append(path.stat().st_size)
            yield np.zeros(2, np.float32)

    resumable_scores(path, {}, 3, 2, compute)
    assert [b - a for a, b in pairwise(sizes)] == [8, 8]
    with pytest.raises(InputError, match="cannot be written"):
        resumable_scores(tmp_path / "partial" / "more", {}, 3, 2, compute)
