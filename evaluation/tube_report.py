"""What commands print and record of an evaluation of tubes."""

from collections.abc import Mapping
from typing import Any

from data.command import counted
from evaluation.recall_curves import RecallCurves
from evaluation.tube_evaluation import TubeEvaluation


def threshold_rows(evaluation: TubeEvaluation) -> dict[str, tuple[float, ...]]:
    """Returns the thresholds of each figure that is shown, by its name.

    Those that the protocol's program prints, and the mean that it prints; where thresholds were
    chosen, these, and the mean if they contain what it is taken of.
    """
    protocol, evaluated = evaluation.protocol, evaluation.thresholds
    shown = protocol.thresholds if evaluated == protocol.evaluated else evaluated
    rows: dict[str, tuple[float, ...]] = {f"{threshold:g}": (threshold,) for threshold in shown}
    if set(protocol.averaged) <= set(evaluated):
        rows[f"{protocol.averaged[0]:g}:{protocol.averaged[-1]:g}"] = protocol.averaged
    return rows


def tube_table(evaluation: TubeEvaluation) -> str:
    """Returns video-mAP, mean tube IoU and video accuracy as a table that names its protocol."""
    lines = [f"{'tube IoU':<12}{'video-mAP':>12}{'mean IoU':>12}"]
    for name, thresholds in threshold_rows(evaluation).items():
        mean_ap = evaluation.mean_average_precision(*thresholds)
        lines.append(f"{name:<12}{mean_ap:>12.4f}{evaluation.mean_iou(*thresholds):>12.4f}")
    lines.append(f"{'video accuracy':<24}{evaluation.accuracy:>12.4f}")
    lines.append(
        f"{counted(evaluation.detections.sum(), 'tube')} found, "
        f"{counted(evaluation.positives.sum(), 'true one')}, "
        f"{counted(len(evaluation.classes), 'class')}"
    )
    lines.append(protocol_line(evaluation))
    return "\n".join(lines)


def protocol_line(evaluation: TubeEvaluation) -> str:
    """Returns by what rules the figures came about."""
    return (
        f"protocol {evaluation.protocol.name}, {evaluation.box_convention} boxes; "
        "all figures are fractions of 1"
    )


def class_table(evaluation: TubeEvaluation) -> str:
    """Returns the average precisions of each class as a table."""
    width = max(len("class"), *map(len, evaluation.classes)) + 2
    rows = threshold_rows(evaluation)
    header = "".join(f"{'AP ' + name:>14}" for name in rows)
    lines = [f"{'class':<{width}}{'true tubes':>12}{header}"]
    for label, name in enumerate(evaluation.classes):
        figures = "".join(f"{value:>14.4f}" for value in _class_figures(evaluation, label).values())
        lines.append(f"{name:<{width}}{evaluation.positives[label]:>12}{figures}")
    return "\n".join(lines)


def recall_line(curves: RecallCurves, threshold: float, unit: str) -> str:
    """Returns the recall at one threshold, for each number of best tubes or boxes, as a line."""
    column = curves.thresholds.index(threshold)
    shares = ", ".join(
        f"{kept}: {recall:.4f}"
        for kept, recall in zip(curves.kept, curves.recalls[:, column], strict=True)
    )
    return f"recall at IoU {threshold:g} of the best {unit}: {shares}"


def tube_figures(evaluation: TubeEvaluation) -> dict[str, Any]:
    """Returns the figures of an evaluation for the record of a run."""
    rows = threshold_rows(evaluation)
    return {
        "protocol": evaluation.protocol.name,
        "box_convention": evaluation.box_convention,
        "video_map": {name: evaluation.mean_average_precision(*rows[name]) for name in rows},
        "mean_tube_iou": {name: evaluation.mean_iou(*rows[name]) for name in rows},
        "video_accuracy": evaluation.accuracy,
        "tubes": int(evaluation.detections.sum()),
        "true_tubes": int(evaluation.positives.sum()),
    }


def class_figures(evaluation: TubeEvaluation) -> dict[str, Any]:
    """Returns the figures of each class by its name."""
    return {
        name: {
            "true_tubes": evaluation.positives[label],
            "tubes": evaluation.detections[label],
            "average_precision": _class_figures(evaluation, label),
        }
        for label, name in enumerate(evaluation.classes)
    }


def class_rows(evaluation: TubeEvaluation) -> list[list[object]]:
    """Returns a row for each class and one for their mean, under a row that names the columns."""
    rows = threshold_rows(evaluation)
    place = f"{evaluation.protocol.name}, {evaluation.box_convention} boxes"
    table: list[list[object]] = [
        ["class", "protocol", "true tubes", "tubes", *(f"AP {name}" for name in rows)]
    ]
    for label, name in enumerate(evaluation.classes):
        counts = [int(evaluation.positives[label]), int(evaluation.detections[label])]
        table.append([name, place, *counts, *_class_figures(evaluation, label).values()])
    counts = [int(evaluation.positives.sum()), int(evaluation.detections.sum())]
    means = [evaluation.mean_average_precision(*thresholds) for thresholds in rows.values()]
    return [*table, ["mean", place, *counts, *means]]


def recall_figures(curves: RecallCurves) -> Mapping[str, Any]:
    """Returns recall curves for a report."""
    return {"iou": curves.thresholds, "kept": curves.kept, "recall": curves.recalls}


def _class_figures(evaluation: TubeEvaluation, label: int) -> dict[str, float]:
    """Average precision of a class by name of the figure."""
    return {
        name: float(
            evaluation.average_precisions[
                [evaluation.thresholds.index(threshold) for threshold in thresholds], label
            ].mean()
        )
        for name, thresholds in threshold_rows(evaluation).items()
    }
