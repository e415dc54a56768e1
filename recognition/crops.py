"""Which parts of an image a network looks at: the crops of TSN and TSM, in training and in tests.

Sizes are in pixels, and places are those of a crop's upper left corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Places in quarters of what an image is larger than a crop, across and down.
_CORNERS_AND_CENTRE = ((0, 0), (4, 0), (0, 4), (4, 4), (2, 2))
_EDGES_AND_BETWEEN = ((0, 2), (4, 2), (2, 4), (2, 0), (1, 1), (3, 1), (1, 3), (3, 3))
_LEFT_RIGHT_CENTRE = ((0, 2), (4, 2), (2, 2))
TEST_CROPS = (1, 3, 5, 10)
"""How many crops of an image a test may take."""


class Crop(NamedTuple):
    """A part of an image.

    Attributes:
        left: its first column.
        top: its first row.
        width: in pixels.
        height: in pixels.
        mirrored: whether left and right are exchanged.
    """

    left: int
    top: int
    width: int
    height: int
    mirrored: bool = False

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of an image `(H, W)` or `(H, W, channels)`, a view of it."""
        part = image[self.top : self.top + self.height, self.left : self.left + self.width]
        return part[:, ::-1] if self.mirrored else part


def scaled_size(width: int, height: int, shorter: int) -> tuple[int, int]:
    """Width and height of an image whose shorter side is scaled to so many pixels.

    The digits after the point of the longer side are cut off, as published.
    """
    if width <= height:
        return shorter, int(shorter * height / width)
    return int(shorter * width / height), shorter


def evaluation_crops(width: int, height: int, size: int, count: int) -> list[Crop]:
    """The square crops that a test takes of an image, in the published order.

    1: the centre; 3: left, right and centre (TSM's full resolution, if the size is that of the
    shorter side); 5: the corners and the centre; 10: each of these and its mirror image (TSN).

    Args:
        width: of the image.
        height: of the image.
        size: side of a crop, at most that of the image.
        count: one of `TEST_CROPS`.

    Raises:
        ValueError: there is no such number of crops.
    """
    if count == 1:
        # To the even of two middles, as Python rounds; the centre of several rounds down.
        return [Crop(round((width - size) / 2), round((height - size) / 2), size, size)]
    if count == 3:
        return _at(_LEFT_RIGHT_CENTRE, width, height, size, size)
    if count not in TEST_CROPS:
        raise ValueError(f"count must be one of {TEST_CROPS}, not {count}")
    crops = _at(_CORNERS_AND_CENTRE, width, height, size, size)
    if count == 5:
        return crops
    return [crop._replace(mirrored=mirrored) for crop in crops for mirrored in (False, True)]


def multi_scale_sizes(
    width: int, height: int, size: int, scales: Sequence[float]
) -> list[tuple[int, int]]:
    """The widths and heights of crops for training (TSN's multi-scale cropping).

    They are fractions of the image's shorter side, of which a width and a height lie next to each
    other at most. One that is within 2 pixels of the network's size is this size; the published
    program does so even if the image is 1 or 2 pixels smaller, and crops beyond its border.

    Args:
        width: of the image.
        height: of the image.
        size: side of the network's input.
        scales: fractions, falling.
    """
    shorter = min(width, height)
    sides = [max(int(shorter * scale), 1) for scale in scales]
    sides = [size if abs(side - size) < 3 and size <= shorter else side for side in sides]
    return [
        (across, down)
        for column, across in enumerate(sides)
        for row, down in enumerate(sides)
        if abs(column - row) <= 1
    ]


def fixed_places(image: tuple[int, int], crop: tuple[int, int]) -> list[Crop]:
    """The 13 places that a crop for training may have: corners, edges, centre and between.

    Args:
        image: width and height.
        crop: width and height.
    """
    return _at(_CORNERS_AND_CENTRE + _EDGES_AND_BETWEEN, *image, *crop)


def draw_crop(
    width: int,
    height: int,
    size: int,
    scales: Sequence[float],
    random: np.random.Generator,
    *,
    mirror: bool = True,
) -> Crop:
    """A crop for training at random: one of the sizes, one of the 13 places.

    Wang et al., "Temporal Segment Networks", ECCV 2016, section 3.2 (corner cropping and scale
    jittering).

    Args:
        width: of the image.
        height: of the image.
        size: side of the network's input.
        scales: see `multi_scale_sizes`.
        random: decides all.
        mirror: whether every second crop is mirrored.
    """
    sizes = multi_scale_sizes(width, height, size, scales)
    places = fixed_places((width, height), sizes[random.integers(len(sizes))])
    crop = places[random.integers(len(places))]
    return crop._replace(mirrored=mirror and bool(random.random() < 0.5))


def _at(
    quarters: Sequence[tuple[int, int]], width: int, height: int, across: int, down: int
) -> list[Crop]:
    """Crops of a size, at places in quarters (rounded down) of what the image is larger."""
    right, below = (width - across) // 4, (height - down) // 4
    return [Crop(x * right, y * below, across, down) for x, y in quarters]
