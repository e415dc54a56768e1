"""What commands print and record of an evaluation of single frames."""

from typing import Any

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
        f"protocol {evaluation.protocol.name}, {frames_looked_at(evaluation.annotated_only)}, "
        f"{evaluation.box_convention} boxes; all figures are fractions of 1"
    )
    return "\n".join(lines)


def frame_figures(evaluation: FrameEvaluation) -> dict[str, Any]:
    """Returns the figures of an evaluation, those of each class included, for a report."""
    return {
        "protocol": evaluation.protocol.name,
        "box_convention": evaluation.box_convention,
        "frames": frames_looked_at(evaluation.annotated_only),
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


def frame_rows(evaluation: FrameEvaluation) -> list[list[object]]:
    """Returns a row for each class and one for their mean, under a row that names the columns."""
    place = (
        f"{evaluation.protocol.name}, {frames_looked_at(evaluation.annotated_only)}, "
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


def frames_looked_at(annotated_only: bool) -> str:
    """Returns in words which frames were looked at."""
    return "annotated frames only" if annotated_only else "every frame"
