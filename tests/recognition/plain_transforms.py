"""The published transforms read plainly: Pillow for each image and crop, NumPy and torch after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch

from recognition.crops import Crop
from recognition.input_format import InputFormat

BILINEAR = PIL.Image.Resampling.BILINEAR
FLIP = PIL.Image.Transpose.FLIP_LEFT_RIGHT


def train(
    images: Sequence[np.ndarray], crop: Crop, wanted: InputFormat, *, grey: bool, flow: bool
) -> torch.Tensor:
    cut = []
    for position, image in enumerate(images):
        picture = _cut(PIL.Image.fromarray(image), crop)
        picture = resized(picture, (wanted.crop_size, wanted.crop_size))
        cut.append(_mirrored(picture, position, flow) if crop.mirrored else picture)
    if grey:
        cut = [picture.convert("L") for picture in cut]
    return normalised(cut, wanted)


def test(
    images: Sequence[np.ndarray],
    size: tuple[int, int],
    crops: Sequence[Crop],
    wanted: InputFormat,
    *,
    grey: str,
    flow: bool,
) -> torch.Tensor:
    pictures = [PIL.Image.fromarray(image) for image in images]
    if grey == "first":
        pictures = [picture.convert("L") for picture in pictures]
    pictures = [resized(picture, size) for picture in pictures]
    cut = []
    for crop in crops:
        for position, picture in enumerate(pictures):
            part = _cut(picture, crop)
            cut.append(_mirrored(part, position, flow) if crop.mirrored else part)
    if grey == "last":
        cut = [picture.convert("L") for picture in cut]
    return normalised(cut, wanted)


def resized(picture: PIL.Image.Image, size: tuple[int, int]) -> PIL.Image.Image:
    """First the width, which Pillow 13 would not always do by itself."""
    return picture.resize((size[0], picture.height), BILINEAR).resize(size, BILINEAR)


def normalised(pictures: Sequence[PIL.Image.Image], wanted: InputFormat) -> torch.Tensor:
    arrays = [np.array(picture) for picture in pictures]
    if arrays[0].ndim == 2:
        stacked = np.stack(arrays, axis=2)
    else:
        stacked = np.concatenate([a[:, :, ::-1] if wanted.bgr else a for a in arrays], axis=2)
    tensor = torch.from_numpy(stacked).permute(2, 0, 1).contiguous().float()
    if wanted.divide:
        tensor = tensor.div(255)
    if wanted.mean:
        mean = wanted.mean * (len(tensor) // len(wanted.mean))
        std = wanted.std * (len(tensor) // len(wanted.std))
        # Of unequal lengths: the published loop ends with the shorter one.
        for plane, m, s in zip(tensor, mean, std, strict=False):
            plane.sub_(m).div_(s)
    return tensor


def _cut(picture: PIL.Image.Image, crop: Crop) -> PIL.Image.Image:
    return picture.crop((crop.left, crop.top, crop.left + crop.width, crop.top + crop.height))


def _mirrored(picture: PIL.Image.Image, position: int, flow: bool) -> PIL.Image.Image:
    mirrored = picture.transpose(FLIP)
    return PIL.ImageOps.invert(mirrored) if flow and position % 2 == 0 else mirrored
