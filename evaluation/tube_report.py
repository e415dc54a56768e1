"""What commands print and record of an evaluation of tubes."""

from collections.abc import Mapping

from evaluation.tube_evaluation import RANGE_THRESHOLDS, TubeEvaluation

# The figures that papers print.
ROWS: Mapping[str, tuple[float, ...]] = {
    "0.2": (0.2,),
    "0.5": (0.5,),
    "0.75": (0.75,),
    "0.5:0.95": RANGE_THRESHOLDS,
}


def tube_table(evaluation: TubeEvaluation) -> str:
    """Returns video-mAP, mean tube IoU and video accuracy as a table."""
    lines = [f"{'tube IoU':<12}{'video-mAP':>12}{'mean IoU':>12}"]
    for name, thresholds in ROWS.items():
        mean_ap = evaluation.mean_average_precision(*thresholds)
        lines.append(f"{name:<12}{mean_ap:>12.4f}{evaluation.mean_iou(*thresholds):>12.4f}")
    lines.append(f"{'video accuracy':<24}{evaluation.accuracy:>12.4f}")
    lines.append(
        f"{evaluation.detections.sum()} tubes found, {evaluation.positives.sum()} true ones, "
        f"{len(evaluation.classes)} classes"
    )
    return "\n".join(lines)


def class_table(evaluation: TubeEvaluation) -> str:
    """Returns the average precisions of each class as a table."""
    width = max(len("class"), *map(len, evaluation.classes)) + 2
    header = "".join(f"{'AP ' + name:>14}" for name in ROWS)
    lines = [f"{'class':<{width}}{'true tubes':>12}{header}"]
    for label, name in enumerate(evaluation.classes):
        figures = ""
        for thresholds in ROWS.values():
            rows = [evaluation.thresholds.index(threshold) for threshold in thresholds]
            figures += f"{evaluation.average_precisions[rows, label].mean():>14.4f}"
        lines.append(f"{name:<{width}}{evaluation.positives[label]:>12}{figures}")
    return "\n".join(lines)


def tube_figures(evaluation: TubeEvaluation) -> dict[str, object]:
    """Returns the figures of an evaluation for the record of a run."""
    return {
        "video_map": {k: evaluation.mean_average_precision(*v) for k, v in ROWS.items()},
        "mean_tube_iou": {k: evaluation.mean_iou(*v) for k, v in ROWS.items()},
        "video_accuracy": evaluation.accuracy,
        "tubes": int(evaluation.detections.sum()),
        "true_tubes": int(evaluation.positives.sum()),
    }
