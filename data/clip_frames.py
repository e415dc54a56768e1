"""Reads single frames of listed videos, as a loader of clips needs them: RGB, or pairs of flow."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np

from data.closed_video import ClosedVideo
from data.errors import InputError
from data.frame_database import has_database
from data.frame_names import FrameNames
from data.image_folder import read_grey_image, read_image
from data.still_images import Image
from data.video import open_video, read_frames
from data.video_list import ListedVideo
from data.video_reader import VideoReader

FLOW: Final = "Flow"
_MOST_KEPT = 1000  # readers, of some ten thousand bytes each


class ClipFrames:
    """Reads frames of listed videos by their numbers.

    Where the names of the frames are known and the list says how many there are, no folder is
    listed: each frame is one file that is opened, as in the loaders of TSN and TSM. Where these
    files are not there and a frame database is, it stands for them. Other videos are what
    `data.open_video` reads: folders of any images, video files, frame databases. What is found out
    of them when they are opened is kept for the next time, for the first 1000 of them.

    JPEG images have the same pixels as Pillow gives, but are turned as their EXIF orientation
    says, which the published loaders do not heed; frames taken from videos have none.

    A copy for another process keeps nothing that was opened. Not for several threads at a time.

    Args:
        modality: "Flow" for pairs of x and y images; any other, such as "RGB", for RGB images.
        names: of the image files of frames; None: all videos are opened by `data.open_video`.

    Raises:
        InputError: the names are those of x and y images, and the modality is not Flow.
    """

    def __init__(self, modality: str = "RGB", names: FrameNames | None = None) -> None:
        if names and names.has_axes and modality != FLOW:
            raise InputError(
                f"template {names.template!r}: names x and y images, which are for the modality "
                f"{FLOW}; give the template of RGB frames"
            )
        self.modality = modality
        self.names = names
        self._readers: dict[Path, VideoReader] = {}
        self._counts: dict[Path, int] = {}

    def count(self, video: ListedVideo) -> int:
        """Returns how many frames a video has, or its part from start to end.

        What the list says is taken as it is. Without it the video is opened, and where its
        packets do not tell, once decoded.

        Raises:
            InputError: the video cannot be read.
        """
        end = video.end
        if end is None:
            end = self._count(video.path) if video.frames is None else video.frames
        return end - video.start

    def read(self, video: ListedVideo, indices: Sequence[int]) -> list[Image]:
        """Reads some frames.

        Args:
            video: the video.
            indices: 0-based, from its start, in any order; frames that are there twice are read
                once and returned as one array.

        Returns:
            For each index a uint8 (H, W, 3) RGB image; of flow two (H, W), x and y, one after the
            other.

        Raises:
            InputError: a frame is missing or damaged, or not all are of one size.
            ValueError: an index is negative.
        """
        places = [video.start + int(index) for index in indices]
        if min(places, default=0) < video.start:
            raise ValueError(f"indices: frames are counted from 0, got {min(indices)}")
        if self.by_name(video):
            try:
                images = {place: self.load(video, place) for place in dict.fromkeys(places)}
            except InputError:
                if not has_database(video.path):
                    raise
            else:
                _check_sizes(video, [image for pair in images.values() for image in pair])
                return [image for place in places for image in images[place]]
        reader = self._open(video.path)
        with closing(reader):
            frames = read_frames(reader, places)
        return [image for frame in frames for image in self._planes(frame)]

    def by_name(self, video: ListedVideo) -> bool:
        """Whether the frames of a video are files of known names."""
        return self.names is not None and video.frames is not None

    def files(self, video: ListedVideo, place: int) -> list[Path]:
        """Returns the files of a frame of a video whose frames have known names.

        Args:
            video: the video.
            place: 0-based frame of the whole video.
        """
        assert self.names is not None
        return self.names.files(video.path, place)

    def load(self, video: ListedVideo, place: int) -> list[Image]:
        """Reads the image, or x and y, of a frame whose files have known names.

        Raises:
            InputError: it is missing or damaged.
        """
        files = self.files(video, place)
        if len(files) > 1:
            return [read_grey_image(file) for file in files]
        return self._planes(read_image(files[0]))

    def _planes(self, image: Image) -> list[Image]:
        """The image; of flow its x and y, which are in red and green."""
        if self.modality != FLOW:
            return [image]
        return [np.ascontiguousarray(image[..., axis]) for axis in range(2)]

    def _open(self, path: Path) -> VideoReader:
        """A reader, which may be closed after it was read from."""
        reader = self._readers.get(path)
        if reader is None:
            reader = open_video(path)
            if len(self._readers) < _MOST_KEPT:
                reader = self._readers[path] = reader.kept_closed()
        return reader

    def _count(self, path: Path) -> int:
        if path not in self._counts:
            with closing(self._open(path)) as reader:
                self._counts[path] = count_frames(reader)
        return self._counts[path]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_readers": {}}


def count_frames(reader: VideoReader) -> int:
    """Returns the true number of frames; what containers announce may be an estimate.

    Raises:
        InputError: the video cannot be read.
    """
    closed = reader.kept_closed()
    if isinstance(closed, ClosedVideo):
        if closed.index is not None:
            return len(closed.index.stamps)
        return sum(1 for _ in closed)
    assert closed.frames is not None  # of images
    return closed.frames


def _check_sizes(video: ListedVideo, images: Sequence[Image]) -> None:
    sizes = {image.shape[1::-1] for image in images}
    if len(sizes) > 1:
        (width, height), (other_width, other_height), *_ = sizes
        raise InputError(
            f"{video.path}: has frames of {width}x{height} and of {other_width}x{other_height}; "
            "make them one size"
        )
