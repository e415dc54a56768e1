"""Tubes: the online linker, temporal trimming, and the choice of the tubes that are reported."""

from tubes.fusion import FUSIONS, FusedDetections, fuse, mean_fusion
from tubes.linker import OnlineLinker
from tubes.paths import ActionPath, LinkedPaths, LivePaths
from tubes.settings import LinkSettings, TubeSettings
from tubes.trimming import Runs, trim
from tubes.tube_builder import TubeBuilder, build_tubes, make_tubes
from tubes.tube_stream import FinishedTube, LiveTubes, TubeStream

__all__ = [
    "FUSIONS",
    "ActionPath",
    "FinishedTube",
    "FusedDetections",
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
    "fuse",
    "make_tubes",
    "mean_fusion",
    "trim",
]
