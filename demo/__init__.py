"""Shows what the chain finds: a video in, an overlay and a report out."""

from demo.overlay import PALETTE, Overlay, tube_colours
from demo.pipeline import TubePipeline
from demo.report import render_report
from demo.selection import Selection, select_tubes

__all__ = [
    "PALETTE",
    "Overlay",
    "Selection",
    "TubePipeline",
    "render_report",
    "select_tubes",
    "tube_colours",
]
