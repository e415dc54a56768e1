"""Clips of action tubes: what is seen around a tube while it lasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

import data
from data.clip_frames import ClipFrames
from data.still_images import Image
from data.video_list import ListedVideo

# So many times the larger side of all boxes together is the side of what is seen.
CONTEXT = 1.25


@dataclass(frozen=True)
class TubeClip(ListedVideo):
    """A tube of a video, with its class.

    Attributes:
        region: left, top and side of the square that is seen, in pixels of the frame, which it may
            leave.
    """

    region: tuple[int, int, int] = (0, 0, 1)


class TubeFrames(ClipFrames):
    """Reads what is seen around tubes."""

    def read(self, video: ListedVideo, indices: Sequence[int]) -> list[Image]:
        """Reads some frames of a tube, as `ClipFrames.read` does.

        Returns:
            For each index a square image; outside of the frame its border goes on.
        """
        images = super().read(video, indices)
        assert isinstance(video, TubeClip)
        return [_square(image, *video.region) for image in images]


def tube_clips(dataset: data.Dataset, split: str) -> list[TubeClip]:
    """The ground-truth tubes of a part of a data set.

    Args:
        dataset: the data set.
        split: the part.

    Raises:
        InputError: there is no such part, or a video was not found.
    """
    return [
        TubeClip(
            f"{video.name}/{number}",
            dataset.video_path(video.name),
            tube.label,
            video.frames,
            tube.start,
            tube.end,
            f"tube {number} of {video.name}",
            _region(tube.boxes),
        )
        for video in dataset.annotations.split(split)
        for number, tube in enumerate(video.tubes)
    ]


def _region(boxes: NDArray[np.float32]) -> tuple[int, int, int]:
    """The square around all boxes of a tube, so that their motion is seen."""
    corners = np.array([boxes[:, :2].min(0), boxes[:, 2:].max(0)])
    side = max(1, round(float((corners[1] - corners[0]).max()) * CONTEXT))
    left, top = np.round(corners.mean(0) - side / 2).astype(int).tolist()
    return left, top, side


def _square(image: Image, left: int, top: int, side: int) -> Image:
    height, width = image.shape[:2]
    inside = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    if inside.shape[:2] == (side, side):
        return np.ascontiguousarray(inside)
    margins = max(-top, 0), max(top + side - height, 0), max(-left, 0), max(left + side - width, 0)
    return np.asarray(cv2.copyMakeBorder(inside, *margins, cv2.BORDER_REPLICATE), np.uint8)
