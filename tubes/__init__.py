"""Tubes: the online linker, temporal trimming, and the choice of the tubes that are reported."""

from tubes.linker import ActionPath, LinkedPaths, OnlineLinker
from tubes.settings import TubeSettings
from tubes.trimming import Runs, trim
from tubes.tube_builder import TubeBuilder, build_tubes, make_tubes

__all__ = [
    "ActionPath",
    "LinkedPaths",
    "OnlineLinker",
    "Runs",
    "TubeBuilder",
    "TubeSettings",
    "build_tubes",
    "make_tubes",
    "trim",
]
