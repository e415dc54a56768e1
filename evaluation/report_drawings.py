"""The drawings of a report: parts of an HTML page, whose look is in report_page.css."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from evaluation.average_precision import Method, PrecisionRecall
from evaluation.confusion import ConfusionMatrix
from evaluation.error_shares import KINDS, ErrorShares

Floats = NDArray[np.float64]

# A page of a hundred classes would be slow with more, and no clearer.
MOST_POINTS = 200
# Larger matrices have no room for numbers in their cells.
NUMBERED_CLASSES = 30
MOST_CONFUSIONS = 10
PLOT_WIDTH, PLOT_HEIGHT = 400, 260


def outline(curve: PrecisionRecall, method: Method) -> tuple[Floats, Floats]:
    """Returns the line under which the average precision is the area: recalls and precisions.

    Args:
        curve: Of one class.
        method: How its area was taken.

    Returns:
        float64 (N,) each, recalls rising from 0. N is more than twice the number of hits.
    """
    steps = np.diff(curve.recalls, prepend=0) > 0
    if method == "envelope":
        highest = np.maximum.accumulate(curve.precisions[::-1])[::-1][steps]
        ends = curve.recalls[steps]
        recalls = np.concatenate([[0.0], np.repeat(ends, 2)])
        precisions = np.concatenate([np.repeat(highest, 2), [0.0]])
        return recalls, precisions
    # Only what stands right before a hit, and the hit itself, are corners.
    before = np.append(steps[1:], True)[: len(steps)]
    corners = steps | before
    return (
        np.concatenate([[0.0], curve.recalls[corners]]),
        np.concatenate([[1.0], curve.precisions[corners]]),
    )


def curve_card(name: str, curve: PrecisionRecall, method: Method, positives: int) -> str:
    """Returns the precision-recall curve of a class with its name and average precision."""
    recalls, precisions = outline(curve, method)
    if len(recalls) > MOST_POINTS:
        chosen = np.linspace(0, len(recalls) - 1, MOST_POINTS).round().astype(int)
        recalls, precisions = recalls[chosen], precisions[chosen]
    line = _path(100 * recalls, 100 - 100 * precisions)
    figure = f"{curve.average_precision:.4f}" if positives else "-"
    return (
        f'<figure class="curve"><figcaption><span title="{escape(name)}">{escape(name)}</span>'
        f"<b>{figure}</b></figcaption>"
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img">'
        f"<title>{escape(name)}: {positives} true, {len(curve.scores)} found, "
        f"average precision {figure}</title>"
        '<path class="grid" d="M0,50 100,50M50,0 50,100"/>'
        f'<path class="area" d="{line} {100 * recalls[-1]:.4g},100 0,100Z"/>'
        f'<path class="line" d="{line}"/></svg></figure>'
    )


def class_table(rows: Sequence[Sequence[object]], first_share: int) -> str:
    """Returns a table whose shares are drawn as bars too.

    Args:
        rows: The first one names the columns, the last one is a summary.
        first_share: Number of the first column of shares, numbers from 0 to 1.
    """
    head = "".join(f"<th>{escape(str(name))}</th>" for name in rows[0])
    lines = [f'<div class="scroll"><table class="classes"><thead><tr>{head}</tr></thead><tbody>']
    for row in rows[1:]:
        cells = [f"<td>{escape(str(value))}</td>" for value in row[:first_share]]
        cells += [f'<td class="bar" {_size(value)}>{value:.4f}</td>' for value in row[first_share:]]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</tbody></table></div>"])


def error_bars(errors: ErrorShares) -> str:
    """Returns a bar of the six shares for the mean and for each class that is there."""
    kinds = ("average_precision", *KINDS, "missed")
    means = errors.shares()
    legend = "".join(
        f'<span><i class="swatch {kind}"></i>{kind.replace("_", " ")} {means[kind]:.4f}</span>'
        for kind in kinds
    )
    columns = np.vstack([errors.average_precisions, *errors.false_positives, errors.missed])
    rows = [("mean", list(means.values()))]
    rows += [
        (errors.classes[label], columns[:, label].tolist())
        for label in np.flatnonzero(errors.positives)
    ]
    lines = []
    for name, shares in rows:
        told = ", ".join(
            f"{kind.replace('_', ' ')} {share:.4f}"
            for kind, share in zip(kinds, shares, strict=True)
        )
        parts = "".join(
            f'<i class="{kind}" {_size(share)}></i>'
            for kind, share in zip(kinds, shares, strict=True)
        )
        lines.append(
            f'<div class="shares" title="{escape(name)}: {told}"><span>{escape(name)}</span>'
            f"<div>{parts}</div></div>"
        )
    return "\n".join([f'<p class="legend">{legend}</p>', *lines])


def confusion_map(
    matrix: ConfusionMatrix, nothing_found: str | None = None, nothing_true: str = ""
) -> str:
    """Returns a matrix whose cells are the darker the more of their row they hold.

    Args:
        matrix: What to draw.
        nothing_found: Name of the last column; None leaves it out, where something always is.
        nothing_true: Name of the last row, which is left out if it is empty.
    """
    counts = matrix.counts if matrix.counts[-1].any() else matrix.counts[:-1]
    columns = [*matrix.classes] if nothing_found is None else [*matrix.classes, nothing_found]
    rows = [*matrix.classes, nothing_true][: len(counts)]
    numbered = len(matrix.classes) <= NUMBERED_CLASSES
    cell, size = (24, 11) if numbered else (9, 8)
    left = top = 12 + 0.58 * size * min(24, max(map(len, {*columns, *rows})))
    width, height = left + cell * len(columns), top + cell * len(rows)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    drawn = [f'<rect class="ground" x="{left:g}" y="{top:g}" width="100%" height="100%"/>']
    for index, name in enumerate(columns):
        x = left + cell * (index + 0.5) + 0.35 * size
        drawn.append(
            f'<text transform="translate({x:g} {top - 6:g}) rotate(-90)">{_short(name)}</text>'
        )
    for index, name in enumerate(rows):
        y = top + cell * (index + 0.5) + 0.35 * size
        drawn.append(f'<text class="end" x="{left - 6:g}" y="{y:g}">{_short(name)}</text>')
    for row, column in np.argwhere(counts).tolist():
        count, share = int(counts[row, column]), float(shares[row, column])
        x, y = left + cell * column, top + cell * row
        kind = "right" if row == column else "wrong"
        told = f"{rows[row]} as {columns[column]}: {count}"
        drawn.append(
            f'<g><rect class="{kind}" x="{x:g}" y="{y:g}" width="{cell - 1}" height="{cell - 1}" '
            f'opacity="{0.12 + 0.88 * share:.3f}"/><title>{escape(told)}</title>'
        )
        if numbered:
            x, y = x + cell / 2, y + cell / 2 + 0.35 * size
            drawn.append(f'<text class="middle" x="{x:g}" y="{y:g}">{count}</text>')
        drawn.append("</g>")
    return (
        f'<div class="scroll"><svg class="confusion" role="img" font-size="{size}" '
        f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">'
        f"{''.join(drawn)}</svg></div>\n{_confusions(matrix)}"
    )


def line_plot(
    lines: Mapping[str, Sequence[float]], places: Sequence[float], x_name: str, y_name: str
) -> str:
    """Returns lines over a common axis, both axes from 0 to 1, with a legend.

    Args:
        lines: Values from 0 to 1 by name, each (N,); what is not a number is left out.
        places: Where they stand, from 0 to 1, shape (N,).
        x_name: Of the axis of the places.
        y_name: Of the axis of the values.
    """
    left, bottom = 44, PLOT_HEIGHT - 40
    across, up = PLOT_WIDTH - left - 12, bottom - 12
    drawn = []
    for tick in np.linspace(0, 1, 6):
        x, y = left + across * tick, bottom - up * tick
        drawn.append(
            f'<path class="grid" d="M{x:g},12 {x:g},{bottom}M{left},{y:g} {left + across},{y:g}"/>'
        )
        drawn.append(f'<text class="middle" x="{x:g}" y="{bottom + 15}">{tick:g}</text>')
        drawn.append(f'<text class="end" x="{left - 6}" y="{y + 4:g}">{tick:g}</text>')
    middle = left + across / 2
    drawn.append(
        f'<text class="middle" x="{middle:g}" y="{PLOT_HEIGHT - 6}">{escape(x_name)}</text>'
    )
    drawn.append(
        f'<text class="middle" transform="translate(12 {12 + up / 2:g}) rotate(-90)">'
        f"{escape(y_name)}</text>"
    )
    names = []
    for index, (name, values) in enumerate(lines.items()):
        known = np.isfinite(values)
        path = _path(
            left + across * np.asarray(places)[known], bottom - up * np.asarray(values)[known]
        )
        told = ", ".join(f"{value:.4f}" for value in values)
        drawn.append(
            f'<path class="line colour{index % 8}" d="{path}"><title>{escape(name)}: {told}'
            "</title></path>"
        )
        names.append(f'<span><i class="swatch colour{index % 8}"></i>{escape(name)}</span>')
    return (
        f'<p class="legend">{"".join(names)}</p><svg class="plot" role="img" '
        f'viewBox="0 0 {PLOT_WIDTH} {PLOT_HEIGHT}">{"".join(drawn)}</svg>'
    )


def _confusions(matrix: ConfusionMatrix) -> str:
    """The most frequent confusions of two classes in words."""
    between = matrix.counts[:-1, :-1].copy()
    np.fill_diagonal(between, 0)
    order = np.argsort(-between, axis=None, kind="stable")[:MOST_CONFUSIONS]
    pairs = [divmod(place, between.shape[1]) for place in order.tolist()]
    told = [
        f"{matrix.classes[row]} as {matrix.classes[column]}: {between[row, column]} of "
        f"{matrix.counts[row].sum()}"
        for row, column in pairs
        if between[row, column]
    ]
    text = f"Most frequent: {'; '.join(told)}." if told else "No class is taken for another."
    return f'<p class="quiet">{escape(text)}</p>'


def _path(x: Floats, y: Floats) -> str:
    return "M" + " ".join(f"{a:.5g},{b:.5g}" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def _size(share: object) -> str:
    """A share as an attribute that the style sheet turns into a length."""
    return f'style="--share:{share:.4f}"'


def _short(name: str, length: int = 24) -> str:
    return escape(name if len(name) <= length else name[: length - 1] + "…")
