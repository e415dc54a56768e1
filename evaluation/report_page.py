"""Writes an evaluation as one HTML page that needs nothing but itself."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from data.html_page import fact_list, html_page
from evaluation.average_precision import Method, PrecisionRecall
from evaluation.confusion import BOX_SCORE, ConfusionMatrix
from evaluation.error_shares import ErrorShares
from evaluation.frame_evaluation import FrameEvaluation
from evaluation.frame_report import frame_rows, frames_looked_at
from evaluation.recall_curves import RecallCurves
from evaluation.report_drawings import (
    class_table,
    confusion_map,
    curve_card,
    error_bars,
    line_plot,
)
from evaluation.tube_evaluation import TubeEvaluation
from evaluation.tube_report import class_rows, threshold_rows

STYLE = Path(__file__).with_suffix(".css")
# So few curves are drawn larger.
FEW_CLASSES = 3


def tube_page(
    origin: Mapping[str, str],
    evaluation: TubeEvaluation,
    errors: ErrorShares,
    recall: RecallCurves,
    confused: ConfusionMatrix,
    confused_videos: ConfusionMatrix,
) -> str:
    """Returns the page about an evaluation of tubes; its curves are at the IoU of the errors.

    Args:
        origin: What was evaluated, by name, for people to read.
        evaluation: At thresholds of which that of the errors is one.
        errors: What is wrong with the tubes.
        recall: Of tubes.
        confused: True and found tubes, at the IoU of the errors.
        confused_videos: True and predicted classes of the videos.
    """
    at = f"{errors.iou_thresh:g}"
    facts = {
        **origin,
        "Protocol": evaluation.protocol.name,
        "Boxes": evaluation.box_convention,
        "Tubes": f"{evaluation.detections.sum()} found, {evaluation.positives.sum()} true",
        "Classes": str(len(evaluation.classes)),
    }
    figures = [["tube IoU", "video-mAP", "mean IoU"]]
    for name, thresholds in threshold_rows(evaluation).items():
        mean_ap = evaluation.mean_average_precision(*thresholds)
        figures.append([name, f"{mean_ap:.4f}", f"{evaluation.mean_iou(*thresholds):.4f}"])
    figures.append(["video accuracy", f"{evaluation.accuracy:.4f}", ""])
    curves = [evaluation.curve(label, errors.iou_thresh) for label in range(len(errors.classes))]
    body = [
        *page_head("Video-mAP", facts, figures),
        *_classes(class_rows(evaluation)),
        *_curves(evaluation, curves, evaluation.protocol.method, at),
        f"<h2>Confusion of tubes at IoU {at}</h2>",
        _note(
            "True classes from top to bottom, those that were found in their place from left to "
            "right. In each video the tubes of all classes together choose by falling score: each "
            "takes the true one that it overlaps most and that is still free."
        ),
        confusion_map(confused, "missed", "nothing there"),
        "<h2>Confusion of videos</h2>",
        _note("True classes from top to bottom, those of the surest tubes from left to right."),
        confusion_map(confused_videos, "no tube", "nothing"),
        *_errors(errors, "tubes"),
        *_recall(recall, "tubes of a video"),
    ]
    return html_page("Video-mAP", body, STYLE)


def frame_page(
    origin: Mapping[str, str],
    evaluation: FrameEvaluation,
    errors: ErrorShares,
    recall: RecallCurves,
    confused: ConfusionMatrix,
) -> str:
    """Returns the page about an evaluation of single frames; see `tube_page`."""
    at = f"{evaluation.iou_thresh:g}"
    facts = {
        **origin,
        "Protocol": evaluation.protocol.name,
        "Frames": frames_looked_at(evaluation.annotated_only),
        "Boxes": evaluation.box_convention,
        "Counted": f"{evaluation.detections.sum()} found, {evaluation.positives.sum()} true",
        "Classes": str(len(evaluation.classes)),
    }
    figures = [["IoU", "frame-mAP"], [at, f"{evaluation.mean_average_precision:.4f}"]]
    body = [
        *page_head("Frame-mAP", facts, figures),
        *_classes(frame_rows(evaluation)),
        *_curves(
            evaluation,
            [evaluation.curve(label) for label in range(len(evaluation.classes))],
            evaluation.protocol.method,
            at,
        ),
        f"<h2>Confusion of boxes at IoU {at}</h2>",
        _note(
            "True classes from top to bottom, those that were found in their place from left to "
            f"right. In each frame the boxes with a score above {BOX_SCORE:g} choose by falling "
            "score, those of all classes together: each takes the true box that it overlaps most "
            "and that is still free."
        ),
        confusion_map(confused, "missed", "nothing there"),
        *_errors(errors, "boxes"),
        *_recall(recall, "boxes of a frame"),
    ]
    return html_page("Frame-mAP", body, STYLE)


def page_head(title: str, facts: Mapping[str, str], figures: Sequence[Sequence[str]]) -> list[str]:
    """Returns title, facts by name, and a table whose first row names the columns."""
    return [
        f"<header><h1>{title}</h1>\n{fact_list(facts)}</header>",
        "<h2>Figures</h2>",
        _figure_table(figures),
        _note("All figures are fractions of 1."),
    ]


def _figure_table(rows: Sequence[Sequence[str]]) -> str:
    """Returns a table of texts; the first row names the columns, the first column the rows."""
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    lines = [f'<div class="scroll"><table class="figures"><thead><tr>{head}</tr></thead><tbody>']
    for row in rows[1:]:
        lines.append(f"<tr>{''.join(f'<td>{escape(value)}</td>' for value in row)}</tr>")
    return "\n".join([*lines, "</tbody></table></div>"])


def _classes(rows: Sequence[Sequence[object]]) -> list[str]:
    # The protocol, the second column, stands above.
    shown = [[row[0], *row[2:]] for row in rows]
    return ["<h2>Average precision of each class</h2>", class_table(shown, first_share=3)]


def _curves(
    evaluation: TubeEvaluation | FrameEvaluation,
    curves: Sequence[PrecisionRecall],
    method: Method,
    at: str,
) -> list[str]:
    falls = method == "envelope"
    few = ' style="--least:17rem;--most:60rem"' if len(curves) <= FEW_CLASSES else ""
    upwards = "the highest precision at that recall or more" if falls else "precision"
    cards = (
        curve_card(name, curve, method, int(positives))
        for name, curve, positives in zip(
            evaluation.classes, curves, evaluation.positives, strict=True
        )
    )
    return [
        f"<h2>Precision and recall at IoU {at}</h2>",
        _note(
            f"To the right recall, upwards {upwards}, both from 0 to 1: the area is the average "
            "precision."
        ),
        f'<div class="curves"{few}>',
        *cards,
        "</div>",
    ]


def _errors(errors: ErrorShares, what: str) -> list[str]:
    return [
        f"<h2>Errors at IoU {errors.iou_thresh:g}</h2>",
        _note(
            f"Right {what} (average precision by the trapezoid rule), wrong ones by what is wrong "
            "with them, averaged over recall, and what was missed: ACT's analysis."
        ),
        error_bars(errors),
    ]


def _recall(recall: RecallCurves, what: str) -> list[str]:
    lines = {
        f"best {kept}": row.tolist() for kept, row in zip(recall.kept, recall.recalls, strict=True)
    }
    return [
        "<h2>Recall</h2>",
        _note(f"What the best {what} find, taken over all classes together."),
        line_plot(lines, recall.thresholds, "IoU", "recall"),
    ]


def _note(text: str) -> str:
    return f'<p class="quiet">{escape(text)}</p>'
