"""SSD's training augmentation for sequences: one random draw for all images of a micro-tube.

Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, sections 2.2 and 3.6, as AMTNet applies
it: the images of a sample share every random number, and a crop must suit the micro-tubes in all
their frames.

Flow images go through all of it like pictures, as AMTNet has it, or are treated as the motion they
show: their colours stay, and mirrored motion goes the other way.

The random numbers are drawn first and the images made last, from the part of them that is left:
expanding an image to four times its size only to crop it again would be most of the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import data

FILL_BGR = (104.0, 117.0, 123.0)
MOTION_FILL = (float(data.NO_MOTION),) * 3
PUBLISHED_EXPANSION = 4.0
SMALLEST_CROP = 0.3
# Least overlap of a crop with every micro-tube; None keeps the whole image.
CROP_MODES = (None, 0.1, 0.3, 0.5, 0.7, 0.9, -np.inf)
CROP_TRIES = 50
_CHANNEL_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))

Image = NDArray[Any]


@dataclass(frozen=True)
class ColourDistortion:
    """A change of brightness, contrast, saturation, hue and channel order; None leaves one alone.

    Attributes:
        brightness: added to all values.
        contrast: factor of all values.
        contrast_first: whether contrast comes before saturation and hue.
        saturation: factor of the saturation.
        hue: degrees added to the hue.
        order: channels in their new order.
    """

    brightness: float | None = None
    contrast: float | None = None
    contrast_first: bool = True
    saturation: float | None = None
    hue: float | None = None
    order: tuple[int, ...] | None = None

    @classmethod
    def draw(cls, rng: np.random.Generator) -> ColourDistortion:
        """Draw each change with probability one half."""
        return cls(
            brightness=rng.uniform(-32, 32) if rng.random() < 0.5 else None,
            contrast=rng.uniform(0.5, 1.5) if rng.random() < 0.5 else None,
            contrast_first=rng.random() < 0.5,
            saturation=rng.uniform(0.5, 1.5) if rng.random() < 0.5 else None,
            hue=rng.uniform(-18, 18) if rng.random() < 0.5 else None,
            order=_CHANNEL_ORDERS[rng.integers(6)] if rng.random() < 0.5 else None,
        )

    def apply(self, image: Image) -> Image:
        """Distort a BGR image `(H, W, 3)`, values 0..255, to float32; values are not clipped."""
        image = image.astype(np.float32)
        if self.brightness is not None:
            image += np.float32(self.brightness)
        if self.contrast is not None and self.contrast_first:
            image *= np.float32(self.contrast)
        if self.saturation is not None or self.hue is not None:
            hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
            if self.saturation is not None:
                hsv[:, :, 1] *= np.float32(self.saturation)
            if self.hue is not None:
                turned = hsv[:, :, 0] + np.float32(self.hue)
                hsv[:, :, 0] = np.where(
                    turned > 360, turned - 360, np.where(turned < 0, turned + 360, turned)
                )
            image = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
        if self.contrast is not None and not self.contrast_first:
            image = image * np.float32(self.contrast)
        return image if self.order is None else image[:, :, self.order]


@dataclass(frozen=True)
class Window:
    """A rectangle that becomes the new image; outside the old one it is filled with a colour.

    Attributes:
        left: column of the old image where the window begins, negative outside.
        top: row where it begins.
        width: in pixels of the old image.
        height: in pixels of the old image.
    """

    left: int
    top: int
    width: int
    height: int

    def cut(
        self,
        image: Image,
        colours: ColourDistortion,
        fill: tuple[float, float, float] = FILL_BGR,
    ) -> Image:
        """The window of an image, the image's colours distorted, `(height, width, 3)` float32."""
        rows = slice(max(self.top, 0), max(self.top + self.height, 0))
        columns = slice(max(self.left, 0), max(self.left + self.width, 0))
        part = colours.apply(image[rows, columns]) if image[rows, columns].size else None
        if part is not None and part.shape[:2] == (self.height, self.width):
            return part
        canvas = np.empty((self.height, self.width, 3), np.float32)
        canvas[:] = fill
        if part is not None:
            top, left = rows.start - self.top, columns.start - self.left
            canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
        return canvas


@dataclass(frozen=True)
class Sample:
    """The images and ground-truth micro-tubes of one training sample.

    Attributes:
        images: all its images `(H, W, 3)`, of one size, BGR.
        tubes: `(tubes, S, 4)` float32 boxes, corner form, pixels of the images.
        labels: `(tubes,)` int64 action classes.
        motion: which of the images are flow images whose colours stand for motion; empty if none
            is to be taken so.
    """

    images: Sequence[Image]
    tubes: NDArray[np.float32]
    labels: NDArray[np.int64]
    motion: Sequence[bool] = ()


def augment(
    sample: Sample, rng: np.random.Generator, max_expansion: float = PUBLISHED_EXPANSION
) -> Sample:
    """Distort colours, expand, crop and mirror a sample, each at random.

    Args:
        sample: with at least one micro-tube.
        rng: the source of all random numbers.
        max_expansion: how many times as wide and high an expanded image is at most.

    Returns:
        A new sample with float32 images, of another size in general, with at least one micro-tube.
    """
    height, width = sample.images[0].shape[:2]
    colours = ColourDistortion.draw(rng)
    window, tubes, labels = Window(0, 0, width, height), sample.tubes, sample.labels
    if rng.random() < 0.5:
        window = draw_expansion(width, height, rng, max_expansion)
        tubes = _shifted(tubes, window.left, window.top)
    part, kept = draw_crop(window.width, window.height, tubes, rng)
    if part is not None:
        corner = np.array([part.left, part.top], np.float32)
        size = np.array([part.width, part.height], np.float32)
        clipped = np.clip(tubes[kept], np.tile(corner, 2), np.tile(corner + size, 2))
        tubes, labels = _shifted(clipped, part.left, part.top), labels[kept]
        window = Window(window.left + part.left, window.top + part.top, part.width, part.height)
    motion = sample.motion or [False] * len(sample.images)
    images = [
        window.cut(
            image, ColourDistortion() if moves else colours, MOTION_FILL if moves else FILL_BGR
        )
        for image, moves in zip(sample.images, motion, strict=True)
    ]
    if rng.random() < 0.5:
        images = [
            _turned_round(image[:, ::-1]) if moves else image[:, ::-1]
            for image, moves in zip(images, motion, strict=True)
        ]
        tubes = np.stack(
            [
                window.width - tubes[..., 2],
                tubes[..., 1],
                window.width - tubes[..., 0],
                tubes[..., 3],
            ],
            -1,
        )
    return Sample(images, tubes.astype(np.float32), labels, motion)


def draw_expansion(
    width: int, height: int, rng: np.random.Generator, max_expansion: float
) -> Window:
    """A window up to so many times as wide and high as an image, the image somewhere in it."""
    ratio = rng.uniform(1, max_expansion)
    left = int(rng.uniform(0, width * ratio - width))
    top = int(rng.uniform(0, height * ratio - height))
    return Window(-left, -top, int(width * ratio), int(height * ratio))


def draw_crop(
    width: int, height: int, tubes: NDArray[np.float32], rng: np.random.Generator
) -> tuple[Window | None, NDArray[np.bool_]]:
    """A part of the image that overlaps every micro-tube enough, or the whole image.

    Args:
        width: of the image.
        height: of the image.
        tubes: `(tubes, S, 4)` boxes in pixels of the image.
        rng: the source of random numbers.

    Returns:
        The part, None for the whole image, and which micro-tubes stay `(tubes,)`: those whose boxes
        have their centres inside the part in all frames, at least one.
    """
    centres = (tubes[..., :2] + tubes[..., 2:]) / 2
    while True:
        least_overlap = CROP_MODES[rng.integers(len(CROP_MODES))]
        if least_overlap is None:
            return None, np.ones(len(tubes), np.bool_)
        parts = _draw_parts(width, height, rng)
        low, high = parts[:, None, None, :2], parts[:, None, None, 2:]
        inside: NDArray[np.bool_] = np.all((centres > low) & (centres < high), axis=(2, 3))
        suits = inside.any(1) & (_mean_overlaps(parts, tubes).min(1) >= least_overlap)
        if suits.any():
            chosen = int(suits.argmax())
            left, top, right, bottom = parts[chosen].astype(int).tolist()
            return Window(left, top, right - left, bottom - top), inside[chosen]


def _draw_parts(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Up to `CROP_TRIES` random parts of an image, `(N, 4)` x1, y1, x2, y2 in whole pixels.

    As published, of `CROP_TRIES` draws those whose one side is more than twice the other fail.
    """
    image = np.array([width, height])
    sizes = rng.uniform(SMALLEST_CROP * image, image, (CROP_TRIES, 2))
    # The published code draws between 1 and the room left, so the first column and row stay out.
    corners = rng.uniform(np.minimum(1, image - sizes), np.maximum(1, image - sizes))
    ratios = sizes[:, 1] / sizes[:, 0]
    parts = np.concatenate([corners, corners + sizes], 1).astype(int).astype(np.float32)
    kept: NDArray[np.float32] = parts[(ratios >= 0.5) & (ratios <= 2)]
    return kept


def _mean_overlaps(parts: NDArray[np.float32], tubes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of parts with the boxes of micro-tubes, mean over the frames.

    Args:
        parts: `(N, 4)`.
        tubes: `(tubes, S, 4)`.

    Returns:
        `(N, tubes)`.
    """
    rects = parts[:, None, None]
    low = np.maximum(tubes[..., :2], rects[..., :2])
    high = np.minimum(tubes[..., 2:], rects[..., 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    areas = (tubes[..., 2:] - tubes[..., :2]).prod(-1)
    part_areas = (rects[..., 2:] - rects[..., :2]).prod(-1)
    mean: NDArray[np.float32] = (shared / (areas + part_areas - shared)).mean(2)
    return mean


def _turned_round(flow: Image) -> Image:
    """A BGR flow image with all motion along x the other way."""
    turned = flow.copy()
    turned[:, :, 2] = 2 * data.NO_MOTION - turned[:, :, 2]
    return turned


def _shifted(tubes: NDArray[np.float32], left: int, top: int) -> NDArray[np.float32]:
    shifted: NDArray[np.float32] = tubes - np.array([left, top, left, top], np.float32)
    return shifted
