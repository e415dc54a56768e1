"""Accuracies of scores are those of the definitions, ties and absent classes included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import score_accuracy, score_confusion
from evaluation.accuracy_report import (
    accuracy_figures,
    accuracy_page,
    accuracy_table,
    class_accuracy_figures,
    class_accuracy_rows,
    class_accuracy_table,
)


@st.composite
def scored_videos(draw):
    """Scores with many ties, and labels."""
    videos, classes = draw(st.integers(1, 12)), draw(st.integers(1, 7))
    score = st.integers(-2, 2) | st.just(float("-inf"))
    scores = draw(st.lists(score, min_size=videos * classes, max_size=videos * classes))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=videos, max_size=videos))
    return np.array(scores, np.float32).reshape(videos, classes), np.array(labels)


@given(scored_videos(), st.integers(1, 8))
def test_top_k_is_that_of_sorted_scores(videos, k):
    scores, labels = videos
    accuracy = score_accuracy(scores, labels)
    # Python's sort keeps the order of equal ones.
    first = [sorted(range(len(row)), key=lambda label: -row[label])[:k] for row in scores.tolist()]
    right = [label in best for label, best in zip(labels.tolist(), first, strict=True)]
    assert accuracy.correct(k) == sum(right)
    assert accuracy.top(k) == sum(right) / len(right)
    assert accuracy.correct(scores.shape[1]) == len(labels)
    assert accuracy.predicted.tolist() == [best[0] for best in first]


@given(scored_videos())
def test_classes_and_confusions_add_up(videos):
    scores, labels = videos
    accuracy = score_accuracy(scores, labels)
    classes = [f"class {label}" for label in range(scores.shape[1])]
    confusion = score_confusion(accuracy, classes)
    counts = confusion.counts[:-1, :-1]
    assert confusion.counts.sum() == counts.sum() == len(labels)
    assert np.array_equal(counts.sum(axis=1), accuracy.positives)
    assert np.array_equal(np.diag(counts), accuracy.hits)
    assert np.array_equal(
        counts.sum(axis=0), np.bincount(accuracy.predicted, minlength=len(counts))
    )
    shares = [np.mean(accuracy.predicted[labels == label] == label) for label in set(labels)]
    assert accuracy.mean_class_accuracy == pytest.approx(np.mean(shares))


def test_equal_scores_are_ranked_by_the_number_of_their_class():
    scores = np.array([[1, 2, 2, 0], [1, 2, 2, 0], [1, 1, 1, 1]], np.float32)
    accuracy = score_accuracy(scores, np.array([1, 2, 3]))
    assert accuracy.ranks.tolist() == [0, 1, 3]
    assert accuracy.predicted.tolist() == [1, 1, 0]


def test_classes_without_videos_have_no_accuracy_and_no_part_in_the_mean():
    scores = np.array([[3, 0, 0], [0, 0, 3], [0, 3, 0]], np.float32)
    accuracy = score_accuracy(scores, np.array([0, 0, 1]))
    assert accuracy.class_accuracies[:2].tolist() == [0.5, 1]
    assert np.isnan(accuracy.class_accuracies[2])
    assert accuracy.mean_class_accuracy == 0.75
    assert accuracy.top() == pytest.approx(2 / 3)
    classes = ["walk", "run", "<jump>"]
    assert class_accuracy_table(accuracy, classes).splitlines()[1:] == [
        "walk            2        1      50.00",
        "run             1        1     100.00",
        "1 of 3 classes have no videos",
    ]
    assert list(class_accuracy_figures(accuracy, classes)) == classes
    assert class_accuracy_rows(accuracy, classes) == [
        ["class", "videos", "right", "accuracy"],
        ["walk", 2, 1, 0.5],
        ["run", 1, 1, 1.0],
        ["mean", 3, 2, 0.75],
    ]
    assert accuracy_table({"rgb.npz": accuracy}).splitlines()[1:] == [
        "   66.67  100.00       75.00  rgb.npz",
        "3 videos, 3 classes; all figures in percent",
    ]
    figures = accuracy_figures(accuracy)
    assert (figures["videos"], figures["top1_correct"], figures["top5_correct"]) == (3, 2, 3)
    page = accuracy_page({"Of": "<b>"}, {"<i>": accuracy}, classes)
    assert "walk as &lt;jump&gt;: 1 of 2" in page
    assert "<b>" not in page.split("</style>")[1].split("Accuracy of each class")[0]
    assert "<i>" not in page and "no tube" not in page


@pytest.mark.parametrize(
    ("scores", "labels", "said"),
    [
        (np.zeros((2, 3)), np.array([0]), "do not fit"),
        (np.zeros(3), np.array([0, 1, 2]), "do not fit"),
        (np.zeros((0, 3)), np.zeros(0, int), "do not fit"),
        (np.zeros((1, 3)), np.array([3]), "between 0 and 2"),
        (np.zeros((1, 3)), np.array([-1]), "between 0 and 2"),
        (np.full((1, 3), np.nan), np.array([0]), "must be numbers"),
    ],
)
def test_what_does_not_fit_is_refused(scores, labels, said):
    with pytest.raises(ValueError, match=said):
        score_accuracy(scores, labels)
