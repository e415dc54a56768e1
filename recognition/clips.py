"""The clips that networks learn from and are tested on, as tensors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset as TorchDataset

from data.clip_frames import ClipFrames
from data.errors import InputError
from data.video_list import ListedVideo
from recognition.sampling import SegmentSampling

Transform = Callable[[Sequence[Any], np.random.Generator], torch.Tensor]


class Clips(TorchDataset[tuple[torch.Tensor, int]]):
    """Clips of listed videos with their classes.

    An item is asked for by (draw, index): the number of the draw decides all that is random, so a
    training resumes exactly, with any number of workers.

    Args:
        videos: what is listed.
        frames: reads their frames.
        sampling: chooses frames.
        transform: makes a tensor of the images of all clips of a video.
        seed: of what is random.
        skip_bad: whether a video that turns out to be damaged gives its place to the next one, as
            a note says; otherwise it ends the training.
    """

    def __init__(
        self,
        videos: Sequence[ListedVideo],
        frames: ClipFrames,
        sampling: SegmentSampling,
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

    def __getitem__(self, key: tuple[int, int]) -> tuple[torch.Tensor, int]:
        """The clips of a video, `(crops * clips * segments * channels, height, width)`; its class.

        Raises:
            InputError: the video cannot be read, nor, where bad ones are skipped, any other.
        """
        draw, index = key
        cv2.setNumThreads(0)
        for step in range(len(self)):
            place = (index + step) % len(self)
            try:
                return self._clips(draw, self.videos[place])
            except InputError as error:
                if not self.skip_bad or step + 1 == len(self):
                    raise
                if place not in self._told:
                    self._told.add(place)
                    print(f"note: {error}; another video takes its place", file=sys.stderr)
        raise IndexError(key)

    def _clips(self, draw: int, video: ListedVideo) -> tuple[torch.Tensor, int]:
        random = np.random.default_rng([self.seed, draw])
        chosen = self.sampling.frames_to_read(self.frames.count(video), random)
        images = self.frames.read(video, chosen.ravel().tolist())
        return self.transform(images, random), video.label
