"""Frames that are image files: what folders of images and frame databases have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.frame import Frame
from data.video_reader import VideoReader

Image = npt.NDArray[np.uint8]
StillsT = TypeVar("StillsT", bound="StillImages")


class StillImages(VideoReader):
    """A video of images, all of one size, of which nothing is open between two reads.

    So a reader can be kept, copied into other processes and used in several threads.

    Attributes:
        frames: number of images.
    """

    frames: int

    @abstractmethod
    def read(self, indices: Sequence[int]) -> Iterator[tuple[str, Image]]:
        """Yields where the image of each of these frames is, for errors, and the image, RGB.

        Raises:
            InputError: one cannot be read.
        """

    def __iter__(self) -> Iterator[Frame]:
        """Yields every frame from the start."""
        return self.select(range(self.frames))

    def select(self, indices: Collection[int]) -> Iterator[Frame]:
        """Yields the frames with these 0-based indices in rising order, each once."""
        wanted = [index for index in sorted(set(indices)) if index < self.frames]
        for index, (place, image) in zip(wanted, self.read(wanted), strict=True):
            if image.shape != (self.height, self.width, 3):
                raise InputError(
                    f"{place}: the image is {image.shape[1]}x{image.shape[0]} and the first one "
                    f"{self.width}x{self.height}; make them one size"
                )
            yield Frame(image=image, index=index, time=index / self.frame_rate)

    def kept_closed(self: StillsT) -> StillsT:
        """Returns itself."""
        return self

    def close(self) -> None:
        """Does nothing: nothing stays open."""
