"""The clips that networks learn from and are tested on, as tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset as TorchDataset

from data.clip_frames import ClipFrames
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
    """

    def __init__(
        self,
        videos: Sequence[ListedVideo],
        frames: ClipFrames,
        sampling: SegmentSampling,
        transform: Transform,
        seed: int = 0,
    ) -> None:
        self.videos, self.frames = videos, frames
        self.sampling, self.transform, self.seed = sampling, transform, seed

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, key: tuple[int, int]) -> tuple[torch.Tensor, int]:
        """The clips of a video, `(crops * clips * segments * channels, height, width)`; its class.

        Raises:
            InputError: the video cannot be read.
        """
        draw, index = key
        cv2.setNumThreads(0)
        video = self.videos[index]
        random = np.random.default_rng([self.seed, draw])
        chosen = self.sampling.frames_to_read(self.frames.count(video), random)
        images = self.frames.read(video, chosen.ravel().tolist())
        return self.transform(images, random), video.label
