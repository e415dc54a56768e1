"""From the images of a clip to the tensor that a 3D network sees.

The pipelines of late temporal modelling (video_transforms.py and datasets/hmdb51.py of its code)
and of SRTG (data/iterator_factory.py and data/video_transforms.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from recognition.appearance import Appearance
from recognition.crops import Crop, fixed_places, multi_scale_sizes, scaled_size
from recognition.input_format import InputFormat, stack_crops

Image = NDArray[np.uint8]

_SCALES = (1, 0.875, 0.75, 0.66)
# Of a network that sees 224 pixels: the images from which its crops are taken.
_NETWORK, _WIDTH, _HEIGHT = 224, 340, 256


@dataclass(frozen=True)
class LateTemporalTraining:
    """A crop of random size and place, every second one mirrored; flow as it is, x not inverted.

    Places are those of crops of the network's size, so a larger crop on the right or below reaches
    over the border and is cut there, as published.

    Attributes:
        input_format: of the network.
        mirror: whether every second clip is mirrored.
    """

    input_format: InputFormat
    mirror: bool = True

    def __call__(self, images: Sequence[Image], random: np.random.Generator) -> torch.Tensor:
        """The tensor of a clip.

        Args:
            images: `(H, W, 3)` RGB or `(H, W)` grey, all of one size.
            random: decides size and place of the crop, and whether it is mirrored.

        Returns:
            float32 `(images * channels, crop_size, crop_size)`.
        """
        size = self.input_format.crop_size
        scaled = late_temporal_size(size)
        sizes = multi_scale_sizes(*scaled, size, _SCALES)
        places = fixed_places(scaled, (size, size))
        width, height = sizes[random.integers(len(sizes))]
        place = places[random.integers(len(places))]
        mirrored = self.mirror and bool(random.random() < 0.5)
        return self.cut(images, Crop(place.left, place.top, width, height, mirrored))

    def cut(self, images: Sequence[Image], crop: Crop) -> torch.Tensor:
        """The tensor of a crop, which is as large as the network's input then.

        Args:
            images: see above.
            crop: a part of the images that `late_temporal_size` tells.
        """
        size = self.input_format.crop_size
        upright = crop._replace(mirrored=False)
        resized = [_bilinear(upright.of(image), (size, size)) for image in _scaled(images, size)]
        return stack_crops(resized, [Crop(0, 0, size, size, crop.mirrored)], self.input_format)

    def of(self, frames: int, size: int) -> LateTemporalTraining:
        """The same for clips of so many frames of another size."""
        return replace(self, input_format=replace(self.input_format, crop_size=size))


@dataclass(frozen=True)
class LateTemporalViews:
    """The centre, or ten crops: centre and corners, and their mirror images.

    Attributes:
        input_format: of the network.
        crops: 1 or 10.
    """

    input_format: InputFormat
    crops: int = 1

    def __call__(self, images: Sequence[Image], random: np.random.Generator) -> torch.Tensor:
        """The tensor of a clip, or of several one after the other.

        Args:
            images: `(H, W, 3)` RGB or `(H, W)` grey, all of one size.
            random: not used; it makes all transforms alike.

        Returns:
            float32 `(crops * images * channels, crop_size, crop_size)`.
        """
        size = self.input_format.crop_size
        width, height = late_temporal_size(size)
        right, bottom = width - size, height - size
        places = [(round(right / 2), round(bottom / 2))]
        if self.crops > 1:
            places += [(0, 0), (right, 0), (0, bottom), (right, bottom)]
        crops = [
            Crop(left, top, size, size, mirrored)
            for mirrored in (False, True)
            for left, top in places
        ]
        return stack_crops(_scaled(images, size), crops[: self.crops], self.input_format)


@dataclass(frozen=True)
class KineticsViews:
    """The centre of images whose shorter side is scaled, as I3D was tested on Kinetics.

    Images that are as large as the network's input, as those of published clips, stay as they are.

    Attributes:
        input_format: of the network.
    """

    input_format: InputFormat

    def __call__(self, images: Sequence[Image], random: np.random.Generator) -> torch.Tensor:
        """The tensor of a clip, see `LateTemporalViews`."""
        size = self.input_format.crop_size
        height, width = images[0].shape[:2]
        if (height, width) != (size, size):
            scaled = scaled_size(width, height, self.input_format.scale_size)
            images = [centre_cropped(_bilinear(image, scaled), size) for image in images]
        return stack_crops(images, [Crop(0, 0, size, size)], self.input_format)


@dataclass(frozen=True)
class SrtgSizes:
    """The sizes, in pixels, in SRTG's pipeline of a data set.

    Attributes:
        shorter: side of images in training.
        centre: side of the square in their centre that is kept; None for all.
        crop: side of the square that is taken of it at random.
        tested: shorter side of images in validation.
        kept: sides of squares in their centre that are kept, one after the other.
        seen: side of the clips that the network sees in validation.
    """

    shorter: int
    centre: int | None
    crop: int
    tested: int
    kept: tuple[int, ...]
    seen: int


_LARGE, _SMALL = ("kinetics", "hacs", "moments"), ("ucf101", "hmdb51", "diving48")
_SHORTER, _OWN = 384, 284
_TESTED, _KEPT, _CROP = 294, 256, 224


def is_of_srtg(dataset: str) -> bool:
    """Whether SRTG has a pipeline for a data set of that name."""
    return dataset.lower().startswith((*_LARGE, *_SMALL))


def srtg_sizes(dataset: str, size: int | None) -> SrtgSizes:
    """The sizes in SRTG's pipeline, for other data sets than its own in proportion to Kinetics.

    Args:
        dataset: its name.
        size: side of the clips that the network sees in training; None for a network of SRTG of
            which nothing is told.
    """
    name, size = dataset.lower(), size or _KEPT
    if name.startswith(_LARGE):
        kept = (_TESTED,) if name.startswith("moments") else (_TESTED, _KEPT)
        return SrtgSizes(_SHORTER, _SHORTER, size, _TESTED, kept, _KEPT if size == _OWN else size)
    if name.startswith(_SMALL):
        return SrtgSizes(_TESTED, None, _CROP, _TESTED, (size,), size)
    shorter = size * _SHORTER // _OWN
    return SrtgSizes(shorter, shorter, size, size * _TESTED // _KEPT, (size,), size)


def srtg_appearance(dataset: str) -> Appearance:
    """How SRTG changes clips of a data set; those of others as those of Kinetics."""
    name = dataset.lower()
    if name.startswith("ucf101"):
        return Appearance(0.65, 0.3, short=True)
    return Appearance(0.8, 0.4, short=True) if name.startswith(_SMALL) else Appearance(0.9, 0.4)


@dataclass(frozen=True)
class SrtgTraining:
    """A crop of random place, changed in its appearance, every second one mirrored.

    Attributes:
        input_format: of the network.
        frames: of a clip; fewer images are stretched in time.
        sizes: see `SrtgSizes`.
        appearance: see `Appearance`.
        mirror: whether every second clip is mirrored.
    """

    input_format: InputFormat
    frames: int
    sizes: SrtgSizes
    appearance: Appearance
    mirror: bool = True

    def __call__(self, images: Sequence[Image], random: np.random.Generator) -> torch.Tensor:
        """The tensor of a clip, see `LateTemporalTraining`."""
        changed = [shorter_resized(image, self.sizes.shorter) for image in images]
        if self.sizes.centre:
            changed = [centre_cropped(image, self.sizes.centre) for image in changed]
        height, width = changed[0].shape[:2]
        side = self.sizes.crop
        left = int(random.integers(max(width - side, 0) + 1))
        top = int(random.integers(max(height - side, 0) + 1))
        changed = [Crop(left, top, side, side).of(image) for image in changed]
        for operation in self.appearance.draw(random):
            changed = [operation(np.ascontiguousarray(image)) for image in changed]
        mirrored = self.mirror and bool(random.random() < 0.5)
        return _srtg_tensor(changed, self.input_format, self.frames, mirrored=mirrored)

    def of(self, frames: int, size: int) -> SrtgTraining:
        """The same for clips of so many frames of another size."""
        wanted = replace(self.input_format, crop_size=size)
        return replace(self, input_format=wanted, frames=frames)


@dataclass(frozen=True)
class SrtgViews:
    """The centre; attributes see `SrtgTraining`."""

    input_format: InputFormat
    frames: int
    sizes: SrtgSizes

    def __call__(self, images: Sequence[Image], random: np.random.Generator) -> torch.Tensor:
        """The tensor of a clip, or of several one after the other, see `LateTemporalViews`."""
        kept = [shorter_resized(image, self.sizes.tested) for image in images]
        for side in self.sizes.kept:
            kept = [centre_cropped(image, side) for image in kept]
        wanted = replace(self.input_format, crop_size=self.sizes.seen)
        return _srtg_tensor(kept, wanted, self.frames)


def late_temporal_size(size: int) -> tuple[int, int]:
    """Width and height of the images from which a network of so many pixels gets its crops.

    All images get them, whatever their shape.
    """
    return size * _WIDTH // _NETWORK, size * _HEIGHT // _NETWORK


def shorter_resized(image: Image, shorter: int) -> Image:
    """An image whose shorter side has so many pixels, the other one in proportion, by cubics."""
    height, width = image.shape[:2]
    scale = shorter / min(height, width)
    sides = [
        shorter if side == min(height, width) else round(side * scale) for side in (width, height)
    ]
    return _cubic(image, (sides[0], sides[1]))


def centre_cropped(image: Image, side: int) -> Image:
    """The square in the centre of an image, or all that there is of it."""
    height, width = image.shape[:2]
    left, top = max(width - side, 0) // 2, max(height - side, 0) // 2
    return Crop(left, top, side, side).of(image)


def _scaled(images: Sequence[Image], size: int) -> list[Image]:
    return [_bilinear(image, late_temporal_size(size)) for image in images]


def _bilinear(image: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _cubic(image: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _srtg_tensor(
    images: Sequence[Image], input_format: InputFormat, frames: int, *, mirrored: bool = False
) -> torch.Tensor:
    """The tensor of images, each as large as the network's input, and as many as it wants."""
    size = input_format.crop_size
    resized = [_cubic(image, (size, size)) for image in images]
    planes = stack_crops(resized, [Crop(0, 0, size, size, mirrored)], input_format)
    if len(images) >= frames:
        return planes
    clip = planes.unflatten(0, (len(images), -1)).transpose(0, 1)[None]
    stretched = functional.interpolate(clip, (frames, size, size), mode="trilinear")
    return stretched[0].transpose(0, 1).flatten(0, 1)
