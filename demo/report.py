"""Writes what was found in a video as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np

from data import Tube, VideoTubes
from data.command import counted
from data.html_page import fact_list, html_page
from demo.overlay import Colour
from demo.selection import Selection
from demo.thumbnails import MOMENTS

MAX_TUBES = 40  # more would make the page slow and no clearer
MAX_CURVE_POINTS = 300
TICK_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


def reported_tubes(selection: Selection) -> list[Tube]:
    """Returns the tubes that the report shows: the best ones, in the order they start."""
    best = sorted(selection.shown.tubes, key=lambda tube: -tube.score)[:MAX_TUBES]
    return sorted(best, key=lambda tube: (tube.start, tube.id))


def render_report(
    selection: Selection,
    colours: Mapping[int, Colour],
    jpegs: Mapping[tuple[int, str], bytes],
    facts: Mapping[str, str],
) -> str:
    """Renders the page.

    Args:
        selection: the tubes to show.
        colours: RGB by tube id, those of the overlay.
        jpegs: thumbnails by tube id and moment; a missing one is left out.
        facts: shown below the title by name, such as the model and the settings of the run.

    Returns:
        A whole HTML document with style, drawings and pictures inside it.
    """
    video = selection.shown
    tubes = reported_tubes(selection)
    body = [_header(video, facts)]
    if len(tubes) < len(video.tubes):
        body.append(
            f"<p>The best {len(tubes)} of {len(video.tubes)} tubes are shown here; "
            "tubes.json and the overlay hold all of them.</p>"
        )
    if tubes:
        cards = (
            _card(tube, video, selection.alternatives[tube.id], colours[tube.id], jpegs)
            for tube in tubes
        )
        body += [_timeline(tubes, video, colours), "<h2>Tubes</h2>", '<div class="cards">']
        body += [*cards, "</div>", _table(tubes, selection, colours)]
    title = f"Action tubes in {video.video}"
    return html_page(title, body, Path(__file__).with_suffix(".css"))


def _header(video: VideoTubes, facts: Mapping[str, str]) -> str:
    labels = {tube.label for tube in video.tubes}
    if video.tubes:
        found = f"{counted(len(video.tubes), 'tube')} of {counted(len(labels), 'action')}"
    else:
        found = (
            "No tubes to show. Either nobody does one of the actions that the model knows, "
            "or all tubes are below the lowest score shown: try a smaller --min_score."
        )
    everything = {
        "Frame": f"{video.width} x {video.height}",
        "Length": f"{_seconds(video.frames, video)}, {counted(video.frames, 'frame')}",
        "Frame rate": f"{video.frame_rate:.4g} per second",
        "Model": video.model,
        **facts,
    }
    return (
        f"<header><h1>{escape(video.video)}</h1>\n<p>{found}</p>\n{fact_list(everything)}</header>"
    )


def _timeline(tubes: Sequence[Tube], video: VideoTubes, colours: Mapping[int, Colour]) -> str:
    lanes = []
    for tube in tubes:
        label = escape(f"#{tube.id} {video.classes[tube.label]}")
        lanes.append(
            f'<div class="lane" style="{_colour(colours[tube.id])}">'
            f'<a class="name" href="#tube-{tube.id}" title="{label}">'
            f'<span class="swatch"></span><span>{label}</span></a>'
            f'<svg viewBox="0 0 {video.frames} 1" preserveAspectRatio="none">'
            f'<rect x="{tube.start}" y="0" width="{len(tube)}" height="1">'
            f"<title>{label}, score {tube.score:.2f}, {_span(tube, video)}</title></rect></svg>"
            f'<span class="score">{tube.score:.2f}</span></div>'
        )
    return "\n".join(["<h2>Timeline</h2>", *lanes, _axis(video)])


def _axis(video: VideoTubes) -> str:
    duration = video.frames / video.frame_rate
    step = next((step for step in TICK_STEPS if duration / step <= 8), TICK_STEPS[-1])
    ticks = np.arange(0, duration, step)
    places = [(f"{100 * tick / duration:.3f}", f"{tick:g} s") for tick in ticks]
    marks = "".join(f'<i style="left:{place}%"></i>' for place, _ in places)
    names = "".join(f'<span style="left:{place}%">{name}</span>' for place, name in places)
    return f'<div class="axis"><div class="ticks">{names}{marks}</div></div>'


def _card(
    tube: Tube,
    video: VideoTubes,
    alternatives: Sequence[Tube],
    colour: Colour,
    jpegs: Mapping[tuple[int, str], bytes],
) -> str:
    frames = (tube.start, (tube.start + tube.end - 1) // 2, tube.end - 1)
    figures = "".join(
        f'<figure><img alt="{moment} of tube {tube.id}" src="data:image/jpeg;base64,'
        f'{base64.b64encode(jpegs[tube.id, moment]).decode()}">'
        f"<figcaption>{moment}, {_seconds(frame, video)}</figcaption></figure>"
        for moment, frame in zip(MOMENTS, frames, strict=True)
        if (tube.id, moment) in jpegs
    )
    return (
        f'<article class="card" id="tube-{tube.id}" style="{_colour(colour)}">'
        f'<h3><span class="swatch"></span>#{tube.id} {escape(video.classes[tube.label])}'
        f'<span class="score">{tube.score:.2f}</span></h3>'
        f'<p class="quiet">{_span(tube, video)}</p>'
        f'<div class="pictures">{figures}</div>'
        f"{_curve(tube, video)}"
        f"{_maybe(alternatives, video, '<p>Or: {}</p>')}</article>"
    )


def _curve(tube: Tube, video: VideoTubes) -> str:
    """The tube's score in each frame; long tubes are drawn by means over equal stretches."""
    points = min(len(tube), MAX_CURVE_POINTS)
    bins = [part.mean() for part in np.array_split(tube.scores.astype(float), points)]
    across = np.linspace(0, 1000, points) if points > 1 else np.array([0.0, 1000.0])
    heights = 100 - 100 * np.clip(np.resize(bins, len(across)), 0, 1)
    path = "M" + " ".join(f"{x:.4g},{y:.3g}" for x, y in zip(across, heights, strict=True))
    low, high = float(tube.scores.min()), float(tube.scores.max())
    return (
        '<div class="curve"><div class="scale"><span>1</span><span>0</span></div>'
        '<svg viewBox="0 0 1000 100" preserveAspectRatio="none">'
        f"<title>score by frame, from {low:.2f} to {high:.2f}</title>"
        '<path class="half" d="M0,50 1000,50"/>'
        f'<path class="rim" d="{path}"/><path class="score" d="{path}"/></svg>'
        f'<div class="ends"><span>{_seconds(tube.start, video)}</span><span>score by frame</span>'
        f"<span>{_seconds(tube.end, video)}</span></div></div>"
    )


def _table(tubes: Sequence[Tube], selection: Selection, colours: Mapping[int, Colour]) -> str:
    video = selection.shown
    rows = "\n".join(
        f'<tr style="{_colour(colours[tube.id])}"><td>{tube.id}</td>'
        f'<td><span class="swatch"></span>{escape(video.classes[tube.label])}</td>'
        f"<td>{tube.score:.3f}</td><td>{_seconds(tube.start, video)}</td>"
        f"<td>{_seconds(tube.end, video)}</td><td>{tube.start}</td><td>{tube.end - 1}</td>"
        f"<td>{len(tube)}</td><td>{_maybe(selection.alternatives[tube.id], video, '{}')}</td></tr>"
        for tube in tubes
    )
    names = (
        "id",
        "action",
        "score",
        "from",
        "to",
        "first frame",
        "last frame",
        "frames",
        "alternatives",
    )
    head = "".join(f"<th>{name}</th>" for name in names)
    return (
        '<h2>Table</h2>\n<div class="scroll"><table>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>\n"
        '<p class="quiet">Frames are counted from 0.</p>'
    )


def _maybe(alternatives: Iterable[Tube], video: VideoTubes, frame: str) -> str:
    names = [f"{escape(video.classes[tube.label])} {tube.score:.2f}" for tube in alternatives]
    return frame.format(", ".join(names)) if names else ""


def _span(tube: Tube, video: VideoTubes) -> str:
    return (
        f"{_seconds(tube.start, video)} to {_seconds(tube.end, video)}, "
        f"frames {tube.start} to {tube.end - 1}"
    )


def _seconds(frame: int, video: VideoTubes) -> str:
    return f"{frame / video.frame_rate:.2f} s"


def _colour(colour: Colour) -> str:
    return f"--tube: rgb({colour[0]} {colour[1]} {colour[2]})"
