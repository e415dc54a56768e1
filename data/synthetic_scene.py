"""Scenes of the embedded data set: who stands where and acts when, and what is behind them.

All lengths and speeds are given for frames 120 pixels high and grow with the height of the frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.synthetic_figures import (
    Floats,
    Image,
    Look,
    Patch,
    random_color,
    random_look,
    random_poses,
)

# Axis (0 across, 1 down, 2 size) and direction of each action. The two actions of an axis are each
# other's reversal in time: their single frames have the same distribution.
ACTIONS: dict[str, tuple[int, int]] = {
    "Approach": (2, 1),
    "MoveLeft": (0, -1),
    "MoveRight": (0, 1),
    "Recede": (2, -1),
    "Rise": (1, -1),
    "Sink": (1, 1),
}
CLASSES = tuple(ACTIONS)
BYSTANDER = -1

REFERENCE_HEIGHT = 120.0
FIGURE_HEIGHT = (24.0, 60.0)
FIGURE_WIDTH = 0.6  # of its height: what is kept clear to the sides
OVERHANG = 3.0  # pixels a figure may stand out of the frame
SPEED = (3.0, 6.0)  # pixels a frame
GROWTH = (0.06, 0.08)  # of the height, a frame
ACT_FRAMES = (12, 30)
PAUSE = 8  # least frames between two acts of one figure
FADE = 4  # frames in which a figure comes and goes
EMPTY = (8, 15)  # frames of a stretch where nobody is there
MAX_ACTORS, MAX_BYSTANDERS = 3, 2
TRIES = 40
MEAN_OVERLAP, MAX_OVERLAP = 0.08, 0.6  # IoU of two figures over time: crossings, no couples


@dataclass(frozen=True)
class Figure:
    """A figure through a video of T frames.

    Attributes:
        label: Index into CLASSES, or BYSTANDER.
        track: (T, 3) middle x, y in continuous pixels, and height in pixels.
        opacity: (T,) 0 where it is absent, between 0 and 1 while it comes or goes.
        acts: Half-open intervals of frames in which it acts.
        poses: (T, JOINTS) joint angles in radians.
        look: Its colours.
    """

    label: int
    track: Floats
    opacity: Floats
    acts: tuple[tuple[int, int], ...]
    poses: Floats
    look: Look


def _acts(
    rng: np.random.Generator, axis: int, window: tuple[int, int], room: float, unit: float
) -> list[tuple[int, int, float]]:
    """Draw start, end and step a frame of one or two acts that fit `window` (frames) and `room`."""
    least, most = ACT_FRAMES
    slow, fast = GROWTH if axis == 2 else (SPEED[0] * unit, SPEED[1] * unit)
    twice = (
        room >= 2 * (least - 1) * slow
        and window[1] - window[0] >= 2 * least + PAUSE
        and rng.random() < 0.4
    )
    count = 2 if twice else 1
    room /= count
    length = (window[1] - window[0] - PAUSE * (count - 1)) // count
    acts = []
    for slot in range(count):
        step = rng.uniform(slow, min(fast, room / (least - 1)))
        # A step for each pair of frames inside the act: one less than frames.
        longest = max(least, min(most, length, 1 + int(room / step)))
        frames = int(rng.integers(least, longest + 1))
        begin = window[0] + slot * (length + PAUSE) + int(rng.integers(0, length - frames + 1))
        acts.append((begin, begin + frames, step))
    return acts


def _figure(
    rng: np.random.Generator,
    label: int,
    present: tuple[int, int],
    shape: tuple[int, int, int],
) -> Figure:
    """Draw one figure, without regard to others; `shape` is frames, height, width."""
    frames, height, width = shape
    unit = height / REFERENCE_HEIGHT
    low, high = np.log(FIGURE_HEIGHT[0] * unit), np.log(FIGURE_HEIGHT[1] * unit)
    axis, direction = list(ACTIONS.values())[label] if label != BYSTANDER else (-1, 0)

    opacity = np.ones(frames)
    index = np.arange(frames)
    if present[0] > 0:
        opacity = np.minimum(opacity, np.clip((index - present[0] + 1) / FADE, 0, 1))
    if present[1] < frames:
        opacity = np.minimum(opacity, np.clip((present[1] - index) / FADE, 0, 1))
    solid = np.flatnonzero(opacity == 1)

    log_height = float(rng.uniform(low, high))
    tallest = np.exp(high if axis == 2 else log_height)
    across = width - FIGURE_WIDTH * tallest + 2 * OVERHANG * unit
    down = height - tallest + 2 * OVERHANG * unit
    rooms = (across, down, high - low)
    origins = (
        FIGURE_WIDTH * tallest / 2 - OVERHANG * unit, tallest / 2 - OVERHANG * unit, low
    )  # fmt: skip
    state = np.array([o + rng.uniform(0, r) for o, r in zip(origins, rooms, strict=True)])
    if axis != 2:
        state[2] = log_height
    path = np.tile(state, (frames, 1))
    acts: list[tuple[int, int, float]] = []
    if label != BYSTANDER:
        acts = _acts(rng, axis, (int(solid[0]), int(solid[-1]) + 1), rooms[axis], unit)
        travel = np.zeros(frames)
        for begin, end, step in acts:
            travel[begin + 1 : end] = step
        travel = np.cumsum(travel)
        start = origins[axis] + rng.uniform(0, max(0.0, rooms[axis] - travel[-1]))
        path[:, axis] = start + (travel if direction > 0 else travel[-1] - travel)
    path[:, 2] = np.exp(path[:, 2])
    return Figure(
        label,
        path,
        opacity,
        tuple((begin, end) for begin, end, _ in acts),
        random_poses(rng, frames),
        random_look(rng),
    )


def _overlap(one: Figure, other: Figure) -> Floats:
    """Return the IoU (T,) of two figures' rough boxes, 0 where one of them is absent."""
    size = np.stack([one.track[:, 2], other.track[:, 2]])[..., None] * (FIGURE_WIDTH, 1.0)
    center = np.stack([one.track[:, :2], other.track[:, :2]])
    low = (center - size / 2).max(axis=0)
    high = (center + size / 2).min(axis=0)
    inside = np.clip(high - low, 0, None).prod(axis=1)
    union = size.prod(axis=2).sum(axis=0) - inside
    iou: Floats = inside / union * (one.opacity > 0) * (other.opacity > 0)
    return iou


def plan_scene(
    rng: np.random.Generator, labels: Sequence[int], frames: int, height: int, width: int
) -> list[Figure]:
    """Draw the figures of a video.

    Args:
        rng: Source of everything random.
        labels: Actions of the figures that act, in the order in which they are placed.
        frames, height, width: Shape of the video.

    Returns:
        The actors (at least the first label's) and up to MAX_BYSTANDERS bystanders, placed so that
        they may cross but are apart most of the time; who finds no place is left out.
    """
    start, end = 0, frames
    stretch = int(rng.integers(*EMPTY))
    kind = rng.random()
    if kind < 0.25:
        start = stretch
    elif kind < 0.5:
        end = frames - stretch
    figures: list[Figure] = []
    bystanders = [BYSTANDER] * int(rng.integers(0, MAX_BYSTANDERS + 1))
    for label in [*labels, *bystanders]:
        for _ in range(TRIES):
            present = (start, end)
            if end - start >= 50 and rng.random() < 0.3:
                late = int(rng.integers(4, 15))
                present = (start + late, end) if rng.random() < 0.5 else (start, end - late)
            figure = _figure(rng, label, present, (frames, height, width))
            overlaps = [_overlap(figure, other) for other in figures]
            if all(o.mean() < MEAN_OVERLAP and o.max() < MAX_OVERLAP for o in overlaps):
                figures.append(figure)
                break
    return figures


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
