"""Finds the videos that exports speak of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from data.errors import InputError
from data.image_folder import list_images
from data.media_index import VIDEO_SUFFIXES, find_media
from data.video import open_video, video_files
from data.video_file import VideoFile
from data.video_reader import VideoReader


@dataclass
class FoundVideo:
    """A video file, a folder of images or a frame database.

    Attributes:
        name: as the annotation will name it.
        path: of the file or folder.
        width: of the frame, in pixels.
        height: of the frame, in pixels.
        frame_rate: in frames per second; None for images, which don't tell.
        announced: number of frames, for a file an estimate, if there is any.
    """

    name: str
    path: Path
    width: int
    height: int
    frame_rate: float | None
    announced: int | None

    @cached_property
    def frames(self) -> int:
        """Number of frames: of a file, as many as can be decoded."""
        if self.path.is_dir() and self.announced is not None:
            return self.announced
        with open_video(self.path) as video:
            if self.announced and self._ends_behind(video, self.announced - 1):
                return self.announced
            return sum(1 for _ in video)

    @staticmethod
    def _ends_behind(video: VideoReader, last: int) -> bool:
        """Whether a frame is the last one, for which not all frames have to be decoded."""
        return [frame.index for frame in video.select([last, last + 1])] == [last]

    def check_size(self, size: tuple[float, float], place: str) -> None:
        """Checks the width and height of the frames on which boxes were drawn.

        Args:
            size: in pixels, as an export says it.
            place: the export, or the entry in it.

        Raises:
            InputError: the frames of the video are of another size.
        """
        if size != (self.width, self.height):
            raise InputError(
                f"{place}: was drawn on frames of {size[0]}x{size[1]}, and those of {self.path} "
                f"are {self.width}x{self.height}; put the video that was annotated there"
            )

    @cached_property
    def images(self) -> dict[str, int]:
        """Frames of the images of a folder by file name; empty for a file."""
        if not self.path.is_dir():
            return {}
        return {file.name: frame for frame, file in enumerate(list_images(self.path))}


class VideoFolder:
    """The videos below a folder, or a single one.

    Args:
        path: a folder with videos, laid out as data sets are, or a video (a file, or a folder that
            holds images itself).

    Raises:
        InputError: there is nothing at the path.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; name the folder of the videos")
        self.path = path
        self._opened: dict[Path, FoundVideo] = {}
        self._found: dict[str, FoundVideo | None] = {}
        self._only = self._only_video()

    def find(self, *names: str, or_only: bool = False) -> FoundVideo | None:
        """Finds a video by its name.

        Args:
            names: tried in this order: file names, with folders or without, with the suffix of
                a video or without.
            or_only: whether, if nothing is called so, it is the video of a folder with but one.

        Raises:
            InputError: what is there is no video.
        """
        for name in filter(None, names):
            if name not in self._found:
                self._found[name] = self._look_for(name)
            video = self._found[name]
            if video is not None:
                return video
        if or_only and self._only is not None:
            return self._open(_without_suffix(self._only.name), self._only)
        return None

    def must_find(self, export: Path, *names: str, or_only: bool = False) -> FoundVideo:
        """As `find`, of a video that an export speaks of.

        Raises:
            InputError: it is not there.
        """
        video = self.find(*names, or_only=or_only)
        if video is None:
            raise InputError(
                f"{export}: the video {names[0]!r} is not below {self.path}; put it there, or name "
                "its folder with --videos"
            )
        return video

    def _look_for(self, name: str) -> FoundVideo | None:
        stem = _without_suffix(name)
        if self._only is not None and stem in (self._only.stem, self._only.name):
            return self._open(stem, self._only)
        whole = self.path / name
        if self.path.is_dir() and whole.exists() and whole != self.path:
            return self._open(stem, whole)
        found = find_media(self.path, [stem])
        return self._open(stem, found[stem]) if stem in found else None

    def _only_video(self) -> Path | None:
        """The one video that is there, if there is but one."""
        if self.path.is_file():
            return self.path
        if video_files(self.path):
            return self.path
        inside = sorted(entry for entry in self.path.iterdir() if not entry.name.startswith("."))
        videos = [
            entry
            for entry in inside
            if entry.suffix.lower() in VIDEO_SUFFIXES or (entry.is_dir() and video_files(entry))
        ]
        return videos[0] if len(videos) == 1 else None

    def _open(self, name: str, path: Path) -> FoundVideo:
        if path not in self._opened:
            with open_video(path) as video:
                rate = video.frame_rate if isinstance(video, VideoFile) else None
                self._opened[path] = FoundVideo(
                    name, path, video.width, video.height, rate, video.frames
                )
        return self._opened[path]


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in VIDEO_SUFFIXES else name
