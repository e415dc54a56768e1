"""What commands print and record of an early prediction."""

from collections.abc import Mapping
from typing import Any

from data.html_page import html_page
from evaluation.early_prediction import EarlyPrediction
from evaluation.report_drawings import line_plot
from evaluation.report_page import STYLE, page_head
from evaluation.tube_report import protocol_line, threshold_rows


def early_lines(early: EarlyPrediction) -> dict[str, tuple[float, ...]]:
    """Returns the figures after each part by name: accuracy, and video-mAP at each threshold."""
    rows = threshold_rows(early.evaluations[0])
    means = {
        f"video-mAP {name}": early.mean_average_precisions(*thresholds)
        for name, thresholds in rows.items()
    }
    return {"video accuracy": early.accuracies, **means}


def early_rows(early: EarlyPrediction) -> list[list[object]]:
    """Returns a row for each part under a row that names the columns."""
    lines = early_lines(early)
    evaluation = early.evaluations[0]
    place = f"{evaluation.protocol.name}, {evaluation.box_convention} boxes"
    parts = zip(early.fractions, *lines.values(), strict=True)
    return [["seen", "protocol", *lines], *([seen, place, *own] for seen, *own in parts)]


def early_table(early: EarlyPrediction) -> str:
    """Returns the figures after each part as a table that names its protocol."""
    names = list(early_lines(early))
    lines = ["seen" + "".join(f"{name:>20}" for name in names)]
    for seen, _, *values in early_rows(early)[1:]:
        lines.append(f"{seen:<4.0%}" + "".join(f"{value:>20.4f}" for value in values))
    return "\n".join([*lines, protocol_line(early.evaluations[0])])


def early_figures(early: EarlyPrediction) -> dict[str, Any]:
    """Returns the figures for a report."""
    evaluation = early.evaluations[0]
    return {
        "protocol": evaluation.protocol.name,
        "box_convention": evaluation.box_convention,
        "seen": early.fractions,
        **early_lines(early),
        "tubes": [int(each.detections.sum()) for each in early.evaluations],
        "true_tubes": [int(each.positives.sum()) for each in early.evaluations],
    }


def early_page(origin: Mapping[str, str], early: EarlyPrediction) -> str:
    """Returns the page with a curve for each figure.

    Args:
        origin: What was evaluated, by name, for people to read.
        early: The figures.
    """
    evaluation = early.evaluations[0]
    facts = {
        **origin,
        "Protocol": evaluation.protocol.name,
        "Boxes": evaluation.box_convention,
        "Classes": str(len(evaluation.classes)),
    }
    lines = early_lines(early)
    figures = [["seen", *lines]]
    for seen, _, *values in early_rows(early)[1:]:
        figures.append([f"{seen:.0%}", *(f"{value:.4f}" for value in values)])
    body = [
        *page_head("Early prediction", facts, figures),
        "<h2>Figures by the part of each video that was seen</h2>",
        line_plot(lines, early.fractions, "seen", "accuracy, mAP"),
    ]
    return html_page("Early prediction", body, STYLE)
