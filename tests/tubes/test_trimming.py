"""Trimming: against the Viterbi algorithm as the original writes it, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tubes.strategies import detections
from tests.tubes.test_linker import linked
from tubes import OnlineLinker, trim
from tubes.trimming import label_frames, whole_paths


def plain_labels(scores: np.ndarray, alpha: float) -> list[int]:
    """Every label looks at every label of the frame before; ties go to the first."""
    classes = scores.shape[1] - 1
    values = (scores[:, :classes] + np.float32(20)).astype(np.float64)
    pointers = np.zeros(values.shape, int)
    for frame in range(1, len(values)):
        change = alpha * (1 - np.eye(classes))
        options = values[frame - 1][None, :] - change
        pointers[frame] = options.argmax(axis=1)
        values[frame] += options.max(axis=1)
    labels = [int(values[-1].argmax())]
    for frame in range(len(values) - 1, 0, -1):
        labels.append(int(pointers[frame][labels[-1]]))
    return labels[::-1]


def labels_of(scores: np.ndarray, alpha: float) -> tuple[list[int], np.ndarray]:
    """The labels of all rows of some scores, and the values of all labels at the end."""
    frames, classes = len(scores), scores.shape[1] - 1
    values, labels = np.empty((frames + 1, classes)), np.empty(frames, np.int64)
    label_frames(scores, np.arange(frames), np.float64(alpha), 0, False, values, labels)
    return labels.tolist(), values[-1]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0]),
    st.integers(0, 2**32 - 1),
)
def test_labels_as_the_plain_recursion_finds_them(frames, classes, alpha, seed):
    scores = np.random.default_rng(seed).integers(0, 5, (frames, classes + 1)) / 4
    scores = scores.astype(np.float32)
    assert labels_of(scores, alpha)[0] == plain_labels(scores, alpha)


@settings(max_examples=50, deadline=None)
@given(detections(), st.sampled_from([0.0, 0.5, 2.0]))
def test_runs_are_the_frames_labelled_with_the_own_class(video, alpha):
    paths = linked(video)
    runs = trim(paths, alpha)
    marked = [np.zeros(len(path), bool) for path in paths]
    for path, start, end in zip(runs.paths, runs.starts, runs.ends, strict=True):
        assert not marked[path][max(start - 1, 0) : end].any()  # runs do not touch
        marked[path][start:end] = True
    for path, frames in zip(paths, marked, strict=True):
        assert np.array_equal(frames, np.array(plain_labels(path.scores, alpha)) == path.label)


@settings(max_examples=50, deadline=None)
@given(detections())
def test_whole_paths_are_one_run_each(video):
    paths = linked(video)
    runs = whole_paths(paths)
    assert len(runs) == len(paths)
    for index, path in enumerate(paths):
        assert (runs.paths[index], runs.starts[index], runs.ends[index]) == (index, 0, len(path))
        mean = path.scores[:, path.label].mean()
        assert runs.path_mean_scores[index] == pytest.approx(mean, rel=1e-5)


def test_a_class_that_wins_for_a_while_cuts_the_path_in_two():
    linker = OnlineLinker(2, 100, 100)
    for score in [0.9] * 6 + [0.05] * 6 + [0.9] * 6:
        linker.update([[10, 10, 30, 30]], [[score, 0.95 - score, 0.05]])
    paths = linker.finish()
    cheap, dear = trim(paths, 1), trim(paths, 5)
    assert cheap.paths.tolist() == [0, 0, 1]
    assert cheap.starts.tolist() == [0, 12, 6]
    assert cheap.ends.tolist() == [6, 18, 12]
    # To leave and to return costs 10, more than the 5.1 it gains; the background is no label.
    assert dear.paths.tolist() == [0]
    assert (dear.starts.tolist(), dear.ends.tolist()) == ([0], [18])


def test_alpha_must_not_be_negative():
    with pytest.raises(ValueError, match="alpha must be 0 or more, not -1"):
        trim(OnlineLinker(1, 10, 10).finish(), -1)
