"""Tubes: the online linker, temporal trimming, and the choice of the tubes that are reported."""

from tubes.linker import OnlineLinker
from tubes.paths import ActionPath, LinkedPaths, LivePaths
from tubes.settings import LinkSettings, TubeSettings
from tubes.trimming import Runs, trim
from tubes.tube_builder import TubeBuilder, build_tubes, make_tubes
from tubes.tube_stream import FinishedTube, LiveTubes, TubeStream

__all__ = [
    "ActionPath",
    "FinishedTube",
    "LinkSettings",
    "LinkedPaths",
    "LivePaths",
    "LiveTubes",
    "OnlineLinker",
    "Runs",
    "TubeBuilder",
    "TubeSettings",
    "TubeStream",
    "build_tubes",
    "make_tubes",
    "trim",
]
