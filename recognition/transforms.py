"""From the images of a clip to the tensor that a network sees: training, validation, tests.

The published pipelines of TSN, TSM, LSNet and SeqVLAD, with the same values. Images are scaled
before anything else and become numbers of 32 bits last, in one step with what normalises them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from data.image_folder import luminance
from recognition.crops import TEST_CROPS, Crop, draw_crop, evaluation_crops, scaled_size
from recognition.input_format import InputFormat, stack_crops
from recognition.resize import resize

# Crops of training as fractions of the shorter side: of pictures, and of flow and differences.
RGB_SCALES = (1, 0.875, 0.75, 0.66)
MOTION_SCALES = (1, 0.875, 0.75)

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class TrainingTransform:
    """Cuts one part at random out of all images of a clip; see `training_transform`."""

    input_format: InputFormat
    scales: tuple[float, ...]
    mirror: bool
    grey: bool
    flow: bool

    def __call__(self, images: Sequence[Image], random: np.random.Generator) -> torch.Tensor:
        """The tensor of a clip.

        Args:
            images: `(H, W, 3)` RGB or `(H, W)` grey, all of one size.
            random: decides size and place of the crop, and whether it is mirrored.

        Returns:
            float32 `(images * channels, crop_size, crop_size)`.

        Raises:
            ValueError: the images are no such images.
        """
        height, width = _common_size(images)
        size = self.input_format.crop_size
        crop = draw_crop(width, height, size, self.scales, random, mirror=self.mirror)
        upright = crop._replace(mirrored=False)
        resized = [resize(upright.of(image), size, size) for image in images]
        if self.grey:
            resized = [luminance(image) for image in resized]
        whole = Crop(0, 0, size, size, crop.mirrored)
        return stack_crops(resized, [whole], self.input_format, flow=self.flow)


@dataclass(frozen=True)
class CropTransform:
    """Cuts the same parts out of every clip; see `evaluation_transform`."""

    input_format: InputFormat
    crops: int
    crop_size: int
    grey: bool
    grey_first: bool
    flow: bool

    def __call__(self, images: Sequence[Image], random: np.random.Generator) -> torch.Tensor:
        """The tensor of a clip, or of several one after the other.

        Args:
            images: `(H, W, 3)` RGB or `(H, W)` grey, all of one size.
            random: not used; it makes all transforms alike.

        Returns:
            float32 `(crops * images * channels, size, size)`.

        Raises:
            ValueError: the images are no such images.
        """
        height, width = _common_size(images)
        size = scaled_size(width, height, self.input_format.scale_size)
        if self.grey and self.grey_first:
            images = [luminance(image) for image in images]
        images = [resize(image, *size) for image in images]
        if self.grey and not self.grey_first:
            images = [luminance(image) for image in images]
        crops = evaluation_crops(*size, self.crop_size, self.crops)
        return stack_crops(images, crops, self.input_format, flow=self.flow)


def training_transform(
    input_format: InputFormat, modality: str = "RGB", *, mirror: bool = True, grey: bool = False
) -> TrainingTransform:
    """TSN's training: a crop of random size and place, every second one mirrored.

    Args:
        input_format: of the network, for RGB.
        modality: "RGB", "Flow" (x and y images in turn; mirrored x images are inverted) or
            "RGBDiff", which is not normalised.
        mirror: whether every second clip is mirrored.
        grey: whether RGB images become grey, after all else (LSNet).
    """
    return TrainingTransform(
        _learned_format(input_format, modality),
        RGB_SCALES if modality == "RGB" else MOTION_SCALES,
        mirror,
        grey,
        flow=modality == "Flow",
    )


def validation_transform(
    input_format: InputFormat, modality: str = "RGB", *, grey: bool = False
) -> CropTransform:
    """TSN's validation: the centre.

    Args:
        input_format: of the network, for RGB.
        modality: "RGB", "Flow" or "RGBDiff", which is not normalised.
        grey: whether RGB images become grey, before they are scaled (LSNet).
    """
    return CropTransform(
        _learned_format(input_format, modality),
        1,
        input_format.crop_size,
        grey,
        grey_first=True,
        flow=modality == "Flow",
    )


def evaluation_transform(
    input_format: InputFormat,
    modality: str = "RGB",
    *,
    crops: int = 1,
    full_resolution: bool = False,
    grey: bool = False,
) -> CropTransform:
    """The tests of TSN (1 or 10 crops) and TSM (also 3 or 5).

    Args:
        input_format: of the network, for RGB.
        modality: "RGB", "Flow" (mirrored x images are inverted) or "RGBDiff", which TSN normalises
            in tests, although it does not in training.
        crops: 1, 3, 5 or 10, see `recognition.crops.evaluation_crops`.
        full_resolution: whether crops have the side of the scaled images, 256 instead of 224.
        grey: whether RGB images become grey, after they are scaled (LSNet).

    Raises:
        ValueError: there is no such number of crops.
    """
    if crops not in TEST_CROPS:
        raise ValueError(f"crops must be one of {TEST_CROPS}, not {crops}")
    return CropTransform(
        input_format.of_modality(modality),
        crops,
        input_format.scale_size if full_resolution else input_format.crop_size,
        grey,
        grey_first=False,
        flow=modality == "Flow",
    )


def _learned_format(input_format: InputFormat, modality: str) -> InputFormat:
    """The format in training and validation, where differences are not normalised (TSN)."""
    learned = input_format.of_modality(modality)
    return learned.without_normalisation() if modality == "RGBDiff" else learned


def _common_size(images: Sequence[Image]) -> tuple[int, int]:
    """Height and width of all images.

    Raises:
        ValueError: there are none, they differ, or are no images.
    """
    kinds = {(image.shape, image.dtype.str) for image in images}
    if len(kinds) != 1:
        raise ValueError(f"a clip has images of one size and kind, not {sorted(map(str, kinds))}")
    shape, dtype = kinds.pop()
    if dtype != "|u1" or len(shape) < 2 or shape[2:] not in ((), (3,)) or min(shape) < 1:
        raise ValueError(f"images must be uint8 (H, W) or (H, W, 3), not {dtype} {shape}")
    height, width = shape[:2]
    return height, width
