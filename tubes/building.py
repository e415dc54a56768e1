"""Builds the tubes of videos, and again only where something changed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from data import InputError, VideoTubes
from data.interchange.files import video_path
from data.tube_arrays import load_tube_arrays, made_from, save_tube_arrays
from tubes.settings import TubeSettings
from tubes.tube_builder import build_tubes
from tubes.video_streams import VideoStreams, fused


@dataclass(frozen=True)
class Building:
    """How the tubes of a video are built, and where they are kept.

    Attributes:
        fusion: How two streams are joined, a name of `tubes.FUSIONS`.
        settings: Settings of linking and trimming.
        folder: For a file of tubes for each video.
        overwrite: Whether tubes are built anew that are up to date.
    """

    fusion: str
    settings: TubeSettings
    folder: Path
    overwrite: bool

    def __call__(self, streams: VideoStreams) -> VideoTubes:
        """Builds the tubes of a video and writes them, or reads those that are up to date.

        Raises:
            InputError: A file is wrong, or the streams do not fit.
        """
        target = video_path(self.folder, streams.name, ".npz")
        said = self.made_from(streams)
        if not self.overwrite and target.exists() and made_from(target) == said:
            return load_tube_arrays(target)[0]
        loaded = streams.load()
        try:
            video = build_tubes(fused(loaded, self.fusion, self.settings), self.settings)
        except ValueError as error:
            raise InputError(f"{streams}: {error}") from None
        save_tube_arrays(target, [video], said)
        return video

    def made_from(self, streams: VideoStreams) -> str:
        """Everything that decides what the tubes are; tubes that say the same are up to date."""
        fusion = self.fusion if len(streams.places) > 1 else None
        program = version("action-tubes")
        return json.dumps([program, streams.origin(), fusion, asdict(self.settings)])
