"""What commands print and record of an evaluation of single frames."""

from typing import Any

from evaluation.frame_errors import FrameErrors
from evaluation.frame_evaluation import FrameEvaluation


def frame_table(evaluation: FrameEvaluation) -> str:
    """Returns the average precision of each class and their mean as a table naming its protocol."""
    width = max(len("class"), *map(len, evaluation.classes)) + 2
    ap = f"AP {evaluation.iou_thresh:g}"
    lines = [f"{'class':<{width}}{'true boxes':>12}{'detections':>12}{ap:>10}"]
    for name, positives, detections, precision in zip(
        evaluation.classes,
        evaluation.positives,
        evaluation.detections,
        evaluation.average_precisions,
        strict=True,
    ):
        lines.append(f"{name:<{width}}{positives:>12}{detections:>12}{precision:>10.4f}")
    lines.append(
        f"frame-mAP at IoU {evaluation.iou_thresh:g}: {evaluation.mean_average_precision:.4f}"
    )
    lines.append(
        f"protocol {evaluation.protocol.name}, {_frames(evaluation.annotated_only)}, "
        f"{evaluation.box_convention} boxes; all figures are fractions of 1"
    )
    return "\n".join(lines)


def error_line(errors: FrameErrors) -> str:
    """Returns the shares of all kinds of errors as a line."""
    shares = list(errors.shares().items())[1:]
    return "errors by ACT's analysis: " + ", ".join(f"{kind} {value:.4f}" for kind, value in shares)


def frame_figures(evaluation: FrameEvaluation) -> dict[str, Any]:
    """Returns the figures of an evaluation, those of each class included, for a report."""
    return {
        "protocol": evaluation.protocol.name,
        "box_convention": evaluation.box_convention,
        "frames": _frames(evaluation.annotated_only),
        "iou_thresh": evaluation.iou_thresh,
        "frame_map": evaluation.mean_average_precision,
        "classes": {
            name: {
                "true_boxes": evaluation.positives[label],
                "detections": evaluation.detections[label],
                "average_precision": evaluation.average_precisions[label],
            }
            for label, name in enumerate(evaluation.classes)
        },
    }


def error_figures(errors: FrameErrors) -> dict[str, Any]:
    """Returns the shares of all kinds of errors, as mean and for each class, for a report."""
    kinds = list(errors.shares())
    columns = [errors.average_precisions, *errors.false_positives, errors.missed]
    return {
        "mean": errors.shares(),
        "classes": {
            name: {kind: column[label] for kind, column in zip(kinds, columns, strict=True)}
            for label, name in enumerate(errors.classes)
        },
    }


def frame_rows(evaluation: FrameEvaluation) -> list[list[object]]:
    """Returns a row for each class and one for their mean, under a row that names the columns."""
    place = (
        f"{evaluation.protocol.name}, {_frames(evaluation.annotated_only)}, "
        f"{evaluation.box_convention} boxes"
    )
    table: list[list[object]] = [
        ["class", "protocol", "true boxes", "detections", f"AP {evaluation.iou_thresh:g}"]
    ]
    for label, name in enumerate(evaluation.classes):
        counts = [int(evaluation.positives[label]), int(evaluation.detections[label])]
        table.append([name, place, *counts, float(evaluation.average_precisions[label])])
    counts = [int(evaluation.positives.sum()), int(evaluation.detections.sum())]
    return [*table, ["mean", place, *counts, evaluation.mean_average_precision]]


def _frames(annotated_only: bool) -> str:
    return "annotated frames only" if annotated_only else "every frame"
