"""What commands print and record of the accuracy of scores."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from data.command import counted
from data.html_page import html_page
from evaluation.accuracy import ScoreAccuracy
from evaluation.confusion import score_confusion
from evaluation.report_drawings import class_table, confusion_map
from evaluation.report_page import STYLE, page_head

TOPS = (1, 5)


def accuracy_table(accuracies: Mapping[str, ScoreAccuracy]) -> str:
    """Returns a line of figures in percent for each of several scores of the same videos.

    Args:
        accuracies: At least one, by the name of the line.
    """
    lines = ["   top-1   top-5  mean class"]
    for name, accuracy in accuracies.items():
        top1, top5, mean = (100 * value for value in _figures(accuracy).values())
        lines.append(f"{top1:>8.2f}{top5:>8.2f}{mean:>12.2f}  {name}")
    videos, classes = len(accuracy.labels), len(accuracy.positives)
    lines.append(f"{counted(videos, 'video')}, {counted(classes, 'class')}; all figures in percent")
    return "\n".join(lines)


def class_accuracy_table(accuracy: ScoreAccuracy, classes: Sequence[str]) -> str:
    """Returns the accuracy of each class that has videos, in percent, as a table."""
    width = max(len("class"), *map(len, classes)) + 2
    lines = [f"{'class':<{width}}{'videos':>9}{'right':>9}{'accuracy':>11}"]
    for name, videos, hits in zip(classes, accuracy.positives, accuracy.hits, strict=True):
        if videos:
            lines.append(f"{name:<{width}}{videos:>9}{hits:>9}{100 * hits / videos:>11.2f}")
    absent = sum(videos == 0 for videos in accuracy.positives)
    if absent:
        lines.append(f"{absent} of {len(classes)} classes have no videos")
    return "\n".join(lines)


def accuracy_figures(accuracy: ScoreAccuracy) -> dict[str, Any]:
    """Returns the figures for the record of a run, as fractions of 1 beside the counts."""
    counts = {f"top{k}_correct": accuracy.correct(k) for k in TOPS}
    return {"videos": len(accuracy.labels), **counts, **_figures(accuracy)}


def class_accuracy_figures(accuracy: ScoreAccuracy, classes: Sequence[str]) -> dict[str, float]:
    """Returns the accuracy of each class by its name; no number where it has no videos."""
    return dict(zip(classes, accuracy.class_accuracies.tolist(), strict=True))


def class_accuracy_rows(accuracy: ScoreAccuracy, classes: Sequence[str]) -> list[list[object]]:
    """Returns a row for each class that has videos and one for their mean, under their names."""
    rows: list[list[object]] = [["class", "videos", "right", "accuracy"]]
    for label in np.flatnonzero(accuracy.positives).tolist():
        counts = [int(accuracy.positives[label]), int(accuracy.hits[label])]
        rows.append([classes[label], *counts, float(accuracy.class_accuracies[label])])
    totals = [int(accuracy.positives.sum()), int(accuracy.hits.sum())]
    return [*rows, ["mean", *totals, accuracy.mean_class_accuracy]]


def accuracy_page(
    origin: Mapping[str, str], accuracies: Mapping[str, ScoreAccuracy], classes: Sequence[str]
) -> str:
    """Returns the page about scores; its classes and confusions are those of the last ones.

    Args:
        origin: What was evaluated, by name, for people to read.
        accuracies: As in `accuracy_table`.
        classes: Class names.
    """
    *_, (last, accuracy) = accuracies.items()
    figures = [["", *_figures(accuracy)]]
    for name, own in accuracies.items():
        figures.append([name, *(f"{value:.4f}" for value in _figures(own).values())])
    facts = {**origin, "Videos": str(len(accuracy.labels)), "Classes": str(len(classes))}
    body = [
        *page_head("Accuracy", facts, figures),
        f"<h2>Accuracy of each class: {escape(last)}</h2>",
        class_table(class_accuracy_rows(accuracy, classes), first_share=3),
        f"<h2>Confusion of videos: {escape(last)}</h2>",
        '<p class="quiet">True classes from top to bottom, those of the highest scores from left '
        "to right.</p>",
        confusion_map(score_confusion(accuracy, classes)),
    ]
    return html_page("Accuracy", body, STYLE)


def _figures(accuracy: ScoreAccuracy) -> dict[str, float]:
    """The figures of all videos by name."""
    tops = {f"top{k}": accuracy.top(k) for k in TOPS}
    return {**tops, "mean_class_accuracy": accuracy.mean_class_accuracy}
