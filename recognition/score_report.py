"""What testing and merging print and write of the accuracy of scores."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from data import InputError, write_run_record
from data.class_names import read_class_names
from evaluation import ScoreAccuracy, score_confusion
from evaluation.accuracy_report import (
    accuracy_figures,
    accuracy_page,
    accuracy_table,
    class_accuracy_figures,
    class_accuracy_rows,
    class_accuracy_table,
)
from evaluation.report_files import write_reports


def report_scores(
    args: argparse.Namespace,
    folder: Path,
    origin: Mapping[str, str],
    accuracies: Mapping[str, ScoreAccuracy],
    classes: Sequence[str],
) -> None:
    """Prints tables of scores, and writes the record of the run and the reports asked for.

    Args:
        args: the options of the command, with those of `evaluation.report_files`.
        folder: of the run.
        origin: what was evaluated, by name, for people to read.
        accuracies: of the same videos by name; the last one is what it is about.
        classes: names of the classes.

    Raises:
        InputError: a file cannot be written.
    """
    *parts, last = accuracies
    accuracy = accuracies[last]
    figures = {**accuracy_figures(accuracy)}
    if parts:
        figures["parts"] = {name: accuracy_figures(accuracies[name]) for name in parts}
    figures["classes"] = class_accuracy_figures(accuracy, classes)
    write_reports(
        args,
        {**figures, "confusion": score_confusion(accuracy, classes).counts[:-1, :-1]},
        class_accuracy_rows(accuracy, classes),
        lambda: accuracy_page(origin, accuracies, classes),
    )
    write_run_record(folder, vars(args), figures)
    print(class_accuracy_table(accuracy, classes))
    print()
    print(accuracy_table(accuracies))


def names_of_classes(path: Path | None, count: int) -> tuple[str, ...]:
    """The names of classes, or their numbers where there is no file of names.

    Args:
        path: of the file, a name a line; None for none.
        count: number of classes.

    Raises:
        InputError: the file is wrong, or names another number of classes.
    """
    if path is None:
        return tuple(map(str, range(count)))
    names = read_class_names(path)
    if len(names) != count:
        raise InputError(
            f"{path}: names {len(names)} classes, and the scores are of {count}; name the file of "
            "their data set"
        )
    return names
