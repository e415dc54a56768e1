"""What images a network wants, and the tensors of them: channel order, range and normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from recognition.crops import Crop

_DIFFERENCES = 5

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class InputFormat:
    """How a network wants its images.

    By default as networks that learned on ImageNet with torchvision.

    Attributes:
        crop_size: side of the square that it sees, in pixels.
        mean: subtracted from the channels; the entries are repeated over all channels of a clip.
        std: by which they are divided then, repeated likewise.
        divide: whether values are divided by 255 before that.
        bgr: whether the channels of a picture are in the order blue, green, red.
    """

    crop_size: int = 224
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    divide: bool = True
    bgr: bool = False

    @property
    def scale_size(self) -> int:
        """Shorter side of the images from which crops are taken: 256 for crops of 224 pixels."""
        return self.crop_size * 256 // 224

    def of_modality(self, modality: str) -> InputFormat:
        """The format of other images for the same network, as TSN derives it.

        Args:
            modality: "RGB", "Flow" (x and y images) or "RGBDiff", whose mean and deviation are
                those of the first of six frames and, where values are divided, others for the
                following ones, although these are frames too.

        Raises:
            ValueError: there is no such modality.
        """
        if modality == "RGB":
            return self
        average = sum(self.std) / len(self.std)
        if modality == "Flow":
            if self.divide:
                return replace(self, mean=(0.5,), std=(average,))
            return replace(self, mean=(128.0,))
        if modality == "RGBDiff":
            if self.divide:
                others = 3 * _DIFFERENCES
                return replace(
                    self, mean=self.mean + (0.0,) * others, std=self.std + (2 * average,) * others
                )
            return self
        raise ValueError(f"modality must be RGB, Flow or RGBDiff, not {modality}")

    def without_normalisation(self) -> InputFormat:
        """The same without mean and deviation."""
        return replace(self, mean=(), std=())


def stack_crops(
    images: Sequence[Image],
    crops: Sequence[Crop],
    input_format: InputFormat,
    *,
    flow: bool = False,
) -> torch.Tensor:
    """Cut crops out of the images of a clip, stack them along the channels and normalise them.

    The order is that of TSN: crop, image, channel of the image.

    Where the number of channels is no multiple of the entries of mean or deviation, the last
    channels are left as they are, as published: 1 of the 10 channels of flow with TSM's
    BNInception, whose deviation has three entries, and 2 of LSNet's 8 grey images.

    Args:
        images: `(H, W)` or `(H, W, 3)` RGB, all of one shape.
        crops: inside the images, all of one size.
        input_format: order, range and normalisation of the channels.
        flow: whether images are flow, x and y in turn, so that mirrored x images are inverted.

    Returns:
        float32 `(crops * images * channels, crop height, crop width)`.
    """
    channels = 1 if images[0].ndim == 2 else images[0].shape[2]
    total = len(crops) * len(images) * channels
    planes = np.empty((total, crops[0].height, crops[0].width), np.float32)
    values = _values(input_format, total)
    start = 0
    for crop in crops:
        for position, image in enumerate(images):
            part = crop.of(image).reshape(crop.height, crop.width, channels)
            if input_format.bgr:
                part = part[:, :, ::-1]
            own = slice(start, start + channels)
            inverted = flow and crop.mirrored and position % 2 == 0
            _look_up(part, values[1 if inverted else 0, own], planes[own])
            start += channels
    return torch.from_numpy(planes)


@lru_cache(maxsize=8)
def _values(input_format: InputFormat, channels: int) -> NDArray[np.float32]:
    """What 0 to 255 become in each channel, `(2, channels, 256)`: as they are, and inverted.

    A table of the published arithmetic, float32 in the same order, gives the same bits and takes
    one look at each pixel.
    """
    values = np.tile(np.arange(256, dtype=np.float32), (channels, 1))
    if input_format.divide:
        values /= np.float32(255)
    mean = _repeated(input_format.mean, channels)
    std = _repeated(input_format.std, channels)
    normalised = values[: min(len(mean), len(std))]
    normalised -= mean[: len(normalised), None]
    normalised /= std[: len(normalised), None]
    return np.stack([values, values[:, ::-1]])


def _repeated(entries: tuple[float, ...], channels: int) -> NDArray[np.float32]:
    times = channels // len(entries) if entries else 0
    return np.tile(np.array(entries, np.float32), times)


@njit(cache=True)
def _look_up(
    image: NDArray[np.uint8], values: NDArray[np.float32], planes: NDArray[np.float32]
) -> None:
    """Fill the planes `(channels, H, W)` with the values of an image `(H, W, channels)`."""
    for channel in range(image.shape[2]):
        own = values[channel]
        for row in range(image.shape[0]):
            for column in range(image.shape[1]):
                planes[channel, row, column] = own[image[row, column, channel]]
