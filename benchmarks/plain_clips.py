"""Clips as the loaders of TSN and TSM make them for training, one image file at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import torch
from torch import Tensor

SIZE = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def read_clip(folder: Path, frames: Sequence[int]) -> list[PIL.Image.Image]:
    """The images of a clip, `img_00001.jpg` being frame 0."""
    return [PIL.Image.open(folder / f"img_{frame + 1:05d}.jpg").convert("RGB") for frame in frames]


def training_clip(
    images: Sequence[PIL.Image.Image], box: tuple[int, int, int, int], *, mirrored: bool
) -> Tensor:
    """One crop of all images of a clip, resized, mirrored or not, stacked and normalised."""
    size, kind = (SIZE, SIZE), PIL.Image.Resampling.BILINEAR
    cut = [image.crop(box).resize(size, kind) for image in images]
    if mirrored:
        cut = [image.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT) for image in cut]
    stacked = np.concatenate([np.array(image) for image in cut], axis=2)
    clip = torch.from_numpy(stacked).permute(2, 0, 1).contiguous().float().div(255)
    for plane, mean, std in zip(clip, MEAN * len(cut), STD * len(cut), strict=True):
        plane.sub_(mean).div_(std)
    return clip
