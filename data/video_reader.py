"""The interface of every source of frames: video files and folders of images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from data.frame import Frame

ReaderType = TypeVar("ReaderType", bound="VideoReader")


class VideoReader(ABC):
    """The frames of one video, in order, each time from the start.

    Attributes:
        path: the file or folder.
        width: of the frames as they are yielded (rotation applied), pixels.
        height: likewise.
        frame_rate: frames per second; the average where the rate varies.
        frames: the number of frames the container announces (an estimate), or None.
    """

    path: Path
    width: int
    height: int
    frame_rate: float
    frames: int | None

    @abstractmethod
    def select(self, indices: Collection[int]) -> Iterator[Frame]:
        """Yields the frames with these 0-based indices in rising order, each once.

        Reading stops after the last one, and earlier if the video ends first.
        """

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Yields every frame from the start."""

    @abstractmethod
    def kept_closed(self) -> VideoReader:
        """Returns a reader of the same frames that has no file open, of which many can be kept.

        This one is closed. The other's first `select` may take long; the rest are the fastest way
        to read from many videos in turns.
        """

    @abstractmethod
    def close(self) -> None:
        """Lets go of the file."""

    def __enter__(self: ReaderType) -> ReaderType:
        """Returns the reader, closed at the end of the `with` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the reader."""
        self.close()
