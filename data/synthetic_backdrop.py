"""Backgrounds of the embedded data set, under a moving camera, and posts in front of everybody.

All lengths and speeds are given for frames 120 pixels high and grow with the height of the frame.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from data.synthetic_figures import Image, Patch, random_color

REFERENCE_HEIGHT = 120.0


class Backdrop:
    """A textured background under a slowly moving camera, and posts in front of everybody.

    The camera pans and zooms like a pendulum, slower than about 1 pixel a frame, far below the
    speed of the actions.
    """

    PAN = 10.0  # pixels to either side
    ZOOM = 0.03
    PERIOD = (110.0, 180.0)  # frames
    MARGIN = 18.0

    def __init__(self, rng: np.random.Generator, height: int, width: int) -> None:
        """Draw a texture a little larger than frames of `height` x `width` pixels."""
        self.unit = height / REFERENCE_HEIGHT
        self.shape = (height, width)
        margin = int(np.ceil(self.MARGIN * self.unit))
        self.margin = margin
        self.texture = _texture(rng, height + 2 * margin, width + 2 * margin, self.unit)
        self.period = rng.uniform(*self.PERIOD, 3)
        self.phase = rng.uniform(0, 2 * np.pi, 3)
        self.amplitude = rng.uniform(0.2, 1.0, 3) * (
            self.PAN * self.unit, self.PAN * self.unit, self.ZOOM
        )  # fmt: skip
        self.posts = _posts(rng, width, self.unit)

    def camera(self, index: int) -> tuple[float, float, float]:
        """Return how far the camera has panned across and down (pixels), and its zoom."""
        x, y, zoom = self.amplitude * np.sin(2 * np.pi * index / self.period + self.phase)
        return float(x), float(y), 1.0 + float(zoom)

    def frame(self, index: int) -> Image:
        """Return the background (H, W, 3), RGB, of one frame."""
        x, y, zoom = self.camera(index)
        height, width = self.shape
        shift_x = self.margin + x + width / 2 * (1 - 1 / zoom)
        shift_y = self.margin + y + height / 2 * (1 - 1 / zoom)
        matrix = np.array([[1 / zoom, 0, shift_x], [0, 1 / zoom, shift_y]])
        image = cv2.warpAffine(
            self.texture,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        return np.asarray(image, np.uint8)

    def post_patches(self, index: int) -> list[Patch]:
        """Return the posts of one frame; they move with the background."""
        x, _, _ = self.camera(index)
        height = self.shape[0]
        patches = []
        for middle, breadth, color in self.posts:
            left = middle - x - breadth / 2
            first = int(np.floor(left))
            columns = np.arange(height) + first
            cover = np.clip(np.minimum(columns + 1 - left, left + breadth - columns), 0, 1)
            light = 1.1 - 0.6 * np.abs(columns + 0.5 - left - breadth * 0.35) / breadth
            alpha = np.tile(cover.astype(np.float32), (height, 1))
            tone = np.clip(light[:, None] * color, 0, 255) * cover[:, None]
            patches.append(Patch(np.tile(tone.astype(np.float32), (height, 1, 1)), alpha, first, 0))
        return patches


def _posts(
    rng: np.random.Generator, width: int, unit: float
) -> list[tuple[float, float, tuple[float, float, float]]]:
    """Draw middle x, breadth (pixels) and colour of none, one or two posts."""
    count = int(rng.choice(3, p=(0.6, 0.25, 0.15)))
    return [
        (
            float(rng.uniform(0.15, 0.85) * width),
            float(rng.uniform(4, 8) * unit),
            random_color(rng, (0.05, 0.4), (0.25, 0.7)),
        )
        for _ in range(count)
    ]


def _noise(rng: np.random.Generator, height: int, width: int, cell: float) -> NDArray[np.float32]:
    """Return smooth noise (height, width) in 0..1 whose blobs are about `cell` pixels wide."""
    grid = rng.random((int(height / cell) + 3, int(width / cell) + 3), np.float32)
    return np.clip(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def _texture(rng: np.random.Generator, height: int, width: int, unit: float) -> Image:
    """Draw a multi-scale texture (height, width, 3) of three colours, with a few soft shapes."""
    colors = [np.array(random_color(rng, (0.1, 0.55), (0.3, 0.85))) for _ in range(3)]
    coarse = _noise(rng, height, width, rng.uniform(40, 80) * unit)[..., None]
    middle = _noise(rng, height, width, rng.uniform(14, 28) * unit)[..., None]
    image = colors[0] + (colors[1] - colors[0]) * coarse
    image = (image + (colors[2] - image) * middle**2).astype(np.float32)
    for _ in range(int(rng.integers(3, 8))):
        shape = np.zeros((height, width), np.uint8)
        center = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.uniform(6, 26) * unit), int(rng.uniform(6, 26) * unit))
        if rng.random() < 0.5:
            cv2.ellipse(shape, center, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
        else:
            box = (center, (2 * axes[0], 2 * axes[1]), float(rng.uniform(0, 90)))
            cv2.fillConvexPoly(shape, cv2.boxPoints(box).astype(np.int32), 255)
        cover = cv2.GaussianBlur(shape, (0, 0), 0.8 * unit).astype(np.float32)[..., None] / 255
        tint = np.array(random_color(rng, (0.1, 0.6), (0.25, 0.9)), np.float32)
        image += (tint - image) * cover * np.float32(rng.uniform(0.4, 0.9))
    light = 0.7 + 0.35 * _noise(rng, height, width, 7 * unit)
    light += 0.25 * _noise(rng, height, width, 3 * unit)
    texture: Image = np.rint(np.clip(image * light[..., None], 0, 255)).astype(np.uint8)
    return texture
