"""The clips that networks learn from and are tested on, as tensors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset as TorchDataset

from data.clip_frames import ClipFrames
from data.errors import InputError
from data.video_list import ListedVideo

# What helps where a `DamagedVideoError` is not skipped.
SKIP_BAD = "leave such videos out with --skip_bad_videos"

Transform = Callable[[Sequence[Any], np.random.Generator], torch.Tensor]


class DamagedVideoError(InputError):
    """A video turned out to be damaged when its frames were read."""


class Sampling(Protocol):
    """Chooses frames of a video."""

    def frames_to_read(self, count: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Those of all clips, one clip after the other.

        Args:
            count: frames of the video.
            random: decides what is random.
        """
        ...


@runtime_checkable
class GridSampling(Sampling, Protocol):
    """Chooses frames of a video, for clips of any length."""

    def of(self, frames: int, stride: int) -> Sampling:
        """The same for clips of so many frames, so many times farther from each other."""
        ...


@runtime_checkable
class GridTransform(Protocol):
    """Makes a tensor of images, of any size."""

    def __call__(self, images: Sequence[Any], random: np.random.Generator) -> torch.Tensor:
        """The tensor of a clip."""
        ...

    def of(self, frames: int, size: int) -> Transform:
        """The same for clips of so many frames of another size."""
        ...


class Clips(TorchDataset[tuple[torch.Tensor, int]]):
    """Clips of listed videos with their classes.

    An item is asked for by (draw, index): the number of the draw decides all that is random, so a
    training resumes exactly, with any number of workers. Clips of 3D networks may be of any length
    and size: (draw, index, frames, size, stride), see `training.multigrid.GridStep`.

    Args:
        videos: what is listed.
        frames: reads their frames.
        sampling: chooses frames; for clips of any length a `GridSampling`.
        transform: makes a tensor of the images of all clips of a video; for clips of any size a
            `GridTransform`.
        seed: of what is random.
        skip_bad: whether a video that turns out to be damaged gives its place to the next one, as
            a note says; otherwise it ends the training.
    """

    def __init__(
        self,
        videos: Sequence[ListedVideo],
        frames: ClipFrames,
        sampling: Sampling,
        transform: Transform,
        seed: int = 0,
        *,
        skip_bad: bool = False,
    ) -> None:
        self.videos, self.frames = videos, frames
        self.sampling, self.transform, self.seed = sampling, transform, seed
        self.skip_bad = skip_bad
        self._told: set[int] = set()

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, key: tuple[int, ...]) -> tuple[torch.Tensor, int]:
        """The clips of a video, `(crops * clips * segments * channels, height, width)`; its class.

        Raises:
            DamagedVideoError: the video cannot be read, nor, where bad ones are skipped, any other.
        """
        draw, index, *shape = key
        sampling, transform = self._of(*shape)
        cv2.setNumThreads(0)
        for step in range(len(self)):
            place = (index + step) % len(self)
            try:
                return self._clips(draw, self.videos[place], sampling, transform)
            except InputError as error:
                if not self.skip_bad or step + 1 == len(self):
                    raise DamagedVideoError(str(error)) from error
                if place not in self._told:
                    self._told.add(place)
                    print(f"note: {error}; another video takes its place", file=sys.stderr)
        raise IndexError(key)

    def _of(self, *shape: int) -> tuple[Sampling, Transform]:
        if not shape:
            return self.sampling, self.transform
        frames, size, stride = shape
        if not isinstance(self.sampling, GridSampling):
            raise TypeError(f"{type(self.sampling).__name__} has clips of one length only")
        if not isinstance(self.transform, GridTransform):
            raise TypeError(f"{type(self.transform).__name__} has images of one size only")
        return self.sampling.of(frames, stride), self.transform.of(frames, size)

    def _clips(
        self, draw: int, video: ListedVideo, sampling: Sampling, transform: Transform
    ) -> tuple[torch.Tensor, int]:
        random = np.random.default_rng([self.seed, draw])
        chosen = sampling.frames_to_read(self.frames.count(video), random)
        images = self.frames.read(video, chosen.ravel().tolist())
        return transform(images, random), video.label
