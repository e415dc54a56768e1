"""How clips are changed in SRTG's training, all frames of a clip alike.

The chains of imgaug that the published code uses (data/iterator_factory.py), by OpenCV. Images are
uint8 `(H, W, 3)` RGB and stay so; values are cut off to whole numbers, as published.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Operation = Callable[[Image], Image]

_VALUES = np.arange(256, dtype=np.float64)
_KERNEL = 5


def blurred(image: Image, sigma: float) -> Image:
    """Blurred by a Gaussian of five by five pixels; sigma in pixels."""
    return np.asarray(cv2.GaussianBlur(image, (_KERNEL, _KERNEL), sigma), np.uint8)


def averaged(image: Image, size: int) -> Image:
    """Each pixel the mean of so many by so many."""
    return image if size == 1 else np.asarray(cv2.blur(image, (size, size)), np.uint8)


def brightened(image: Image, values: Sequence[int]) -> Image:
    """Whole numbers added to the channels."""
    return _looked_up(image, np.stack([_VALUES + value for value in values], 1))


def multiplied(image: Image, factor: float) -> Image:
    """All channels multiplied."""
    return _looked_up(image, _VALUES * factor)


def with_gamma(image: Image, gammas: Sequence[float]) -> Image:
    """The channels, as parts of 255, to powers."""
    return _looked_up(image, np.stack([255 * (_VALUES / 255) ** gamma for gamma in gammas], 1))


def with_contrast(image: Image, factor: float) -> Image:
    """Distances from 127 multiplied."""
    return _looked_up(image, 127 + factor * (_VALUES - 127))


def with_hue(image: Image, hue: int, saturation: int) -> Image:
    """Hue turned by so many of 255 parts of the circle, and saturation changed by so much."""
    changed = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(np.int16)
    # OpenCV has 180 parts of the circle.
    changed[..., 0] = (changed[..., 0] + int(hue * 180 / 255)) % 180
    changed[..., 1] = np.clip(changed[..., 1] + saturation, 0, 255)
    return np.asarray(cv2.cvtColor(changed.astype(np.uint8), cv2.COLOR_HSV2RGB), np.uint8)


def rotated(image: Image, degrees: float) -> Image:
    """Turned about the centre, clockwise, with black beside it."""
    height, width = image.shape[:2]
    centre = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, -degrees, 1.0)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height)), np.uint8)


def in_perspective(image: Image, inwards: NDArray[np.float64]) -> Image:
    """Four corners inside of the image become its own.

    Args:
        image: to change.
        inwards: `(4, 2)`, parts of width and height by which the corners, from the upper left one
            clockwise, lie inside.
    """
    height, width = image.shape[:2]
    own = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    signs = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    inside = (own + signs * inwards * (width, height)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(inside, own)
    return np.asarray(cv2.warpPerspective(image, matrix, (width, height)), np.uint8)


@dataclass(frozen=True)
class Appearance:
    """A chain of changes.

    Attributes:
        share: of the clips that are changed at all.
        each: of these clips, the share that gets a change.
        short: whether there are no average, factor and gamma (UCF101, HMDB51 and Diving48).
    """

    share: float
    each: float
    short: bool = False

    def draw(self, random: np.random.Generator) -> list[Operation]:
        """The changes of one clip, in their order."""
        if random.random() >= self.share:
            return []
        drawn = [self._drawn(name, random) for name in self._names() if random.random() < self.each]
        return drawn

    def _names(self) -> tuple[str, ...]:
        middle = () if self.short else ("average", "factor", "gamma")
        return ("blur", "add", *middle, "hue", "contrast", "place")

    def _drawn(self, name: str, random: np.random.Generator) -> Operation:
        uniform: Any = random.uniform
        if name == "blur":
            sigma = float(random.choice((0.1, 0.2, 0.3)))
            return lambda image: blurred(image, sigma)
        if name == "add":
            values = random.integers(-5, 16, 3).tolist()
            return lambda image: brightened(image, values)
        if name == "average":
            size = int(random.integers(1, 3))
            return lambda image: averaged(image, size)
        if name == "factor":
            factor = uniform(0.8, 1.2)
            return lambda image: multiplied(image, factor)
        if name == "gamma":
            gammas = uniform(0.85, 1.15, 3).tolist()
            return lambda image: with_gamma(image, gammas)
        if name == "hue":
            hue, saturation = random.integers(-16, 17, 2).tolist()
            return lambda image: with_hue(image, hue, saturation)
        if name == "contrast":
            alpha = uniform(0.85, 1.115)
            return lambda image: with_contrast(image, alpha)
        if random.random() < 0.5:
            inwards = np.abs(random.normal(0, uniform(0.02, 0.05), (4, 2)))
            return lambda image: in_perspective(image, inwards)
        degrees = uniform(-10, 10)
        return lambda image: rotated(image, degrees)


def _looked_up(image: Image, values: NDArray[np.float64]) -> Image:
    table = np.clip(values, 0, 255).astype(np.uint8)
    table = table[:, None] if table.ndim == 1 else table
    wide = np.broadcast_to(table, (256, 3)).reshape(256, 1, 3)
    return np.asarray(cv2.LUT(image, np.ascontiguousarray(wide)), np.uint8)
