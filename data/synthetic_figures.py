"""People-like figures of the embedded data set: their looks, their poses and how they are drawn.

A figure is seen from the front and its limbs swing at random, whether it acts or stands still, so
that neither its looks nor its pose says what it is doing. It may be squashed, from upright to a
deep crouch: its feet stay, its knees bend outwards, its trunk shortens and its head comes down.
"""

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Color = tuple[float, float, float]
Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

OVERSAMPLING = 4
SKIN_TONES: tuple[Color, ...] = (
    (246, 214, 188), (228, 184, 148), (198, 148, 110), (150, 102, 72), (98, 66, 48),
)  # fmt: skip
HAIR_TONES: tuple[Color, ...] = (
    (36, 28, 26), (84, 54, 34), (148, 98, 48), (214, 176, 104), (150, 150, 150),
)  # fmt: skip

# Proportions, as fractions of the upright figure's height; the origin is the middle of that figure.
HEAD_RADIUS = 0.105
HEAD_Y = -0.395
SHOULDER = (0.12, -0.24)
HIP = (0.065, 0.06)
UPPER_ARM, LOWER_ARM, ARM_WIDTH = 0.17, 0.17, 0.08
UPPER_LEG, LOWER_LEG, LEG_WIDTH = 0.20, 0.195, 0.10
OUTLINE = 0.02
LEG_SHARE = 0.62  # part of the lost height that bent knees lose; the trunk loses the rest
REACH = 0.56  # no part of a figure is farther from its middle, sideways or up and down

# Angles of the limbs in radians: upper arms, elbows, legs, knees; left and right.
JOINTS = 8
JOINT_MEAN = np.deg2rad([[18, 60], [18, 60], [0, 40], [0, 40], [4, 14], [4, 14], [-8, 4], [-8, 4]])
JOINT_SWING = np.deg2rad([12, 12, 12, 12, 4, 4, 3, 3])
SWING_PERIOD = (24.0, 48.0)  # frames


@dataclass(frozen=True)
class Look:
    """Colours of a figure, RGB 0..255."""

    skin: Color
    hair: Color
    shirt: Color
    trousers: Color
    long_sleeves: bool


@dataclass(frozen=True)
class Patch:
    """A drawn figure: `color` (h, w, 3) and `alpha` (h, w) in 0..1, float32.

    `left`, `top` is the pixel of the frame (perhaps outside it) where the patch begins.
    """

    color: NDArray[np.float32]
    alpha: NDArray[np.float32]
    left: int
    top: int


def random_color(
    rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]
) -> Color:
    """Draw an RGB colour (0..255) of any hue, with saturation and value (0..1) in the ranges."""
    hsv = (rng.uniform(0, 360), rng.uniform(*saturation), rng.uniform(*value))
    red, green, blue = cv2.cvtColor(np.array([[hsv]], np.float32), cv2.COLOR_HSV2RGB)[0, 0] * 255
    return float(red), float(green), float(blue)


def random_look(rng: np.random.Generator) -> Look:
    """Draw the colours of a figure."""
    return Look(
        skin=SKIN_TONES[rng.integers(len(SKIN_TONES))],
        hair=HAIR_TONES[rng.integers(len(HAIR_TONES))],
        shirt=random_color(rng, (0.35, 1.0), (0.45, 1.0)),
        trousers=random_color(rng, (0.1, 0.9), (0.15, 0.7)),
        long_sleeves=bool(rng.random() < 0.5),
    )


def random_poses(rng: np.random.Generator, frames: int) -> Floats:
    """Draw the joint angles (frames, JOINTS), in radians, of a figure that fidgets.

    Every joint swings like a pendulum with its own period and phase: a process that looks the same
    forwards and backwards in time, so that it cannot give a direction away.
    """
    mean = rng.uniform(JOINT_MEAN[:, 0], JOINT_MEAN[:, 1])
    swing = JOINT_SWING * rng.uniform(0.4, 1.0, JOINTS)
    period = rng.uniform(*SWING_PERIOD, JOINTS)
    phase = rng.uniform(0, 2 * np.pi, JOINTS)
    time = np.arange(frames)[:, None]
    poses: Floats = mean + swing * np.sin(2 * np.pi * time / period + phase)
    return poses


class _Canvas:
    """Draws in fractions of the upright figure's height on an oversampled image."""

    def __init__(self, center: tuple[float, float], height: float) -> None:
        reach = REACH * height
        self.left = int(np.floor(center[0] - reach)) - 1
        self.top = int(np.floor(center[1] - reach)) - 1
        self.size = int(np.ceil(2 * reach)) + 3
        side = self.size * OVERSAMPLING
        self.color = np.zeros((side, side, 3), np.uint8)
        self.mask = np.zeros((side, side), np.uint8)
        self.origin = (
            (center[0] - self.left) * OVERSAMPLING,
            (center[1] - self.top) * OVERSAMPLING,
        )
        self.scale = height * OVERSAMPLING

    def point(self, x: float, y: float) -> tuple[int, int]:
        middle_x, middle_y = self.origin
        return round(middle_x + x * self.scale), round(middle_y + y * self.scale)

    def length(self, fraction: float) -> int:
        return max(1, round(fraction * self.scale))

    def limb(self, points: list[tuple[float, float]], width: float, color: Color) -> None:
        path = [self.point(*point) for point in points]
        for start, end in itertools.pairwise(path):
            cv2.line(self.color, start, end, color, self.length(width))
            cv2.line(self.mask, start, end, 255, self.length(width))

    def polygon(self, points: list[tuple[float, float]], color: Color) -> None:
        corners = np.array([self.point(*point) for point in points], np.int32)
        cv2.fillConvexPoly(self.color, corners, color)
        cv2.fillConvexPoly(self.mask, corners, 255)

    def disc(self, x: float, y: float, radius: float, color: Color) -> None:
        cv2.circle(self.color, self.point(x, y), self.length(radius), color, -1)
        cv2.circle(self.mask, self.point(x, y), self.length(radius), 255, -1)

    def patch(self) -> Patch:
        size = (self.size, self.size)
        outline = self.length(OUTLINE)
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * outline + 1, 2 * outline + 1))
        alpha = cv2.resize(cv2.dilate(self.mask, kernel), size, interpolation=cv2.INTER_AREA)
        # Outside the mask the canvas is black: the outline. Averaging colours that are black
        # wherever alpha is 0 gives colours multiplied by alpha already.
        color = cv2.resize(self.color, size, interpolation=cv2.INTER_AREA)
        return Patch(
            color.astype(np.float32),
            alpha.astype(np.float32) / np.float32(255),
            self.left,
            self.top,
        )


def _shade(color: Color, factor: float) -> Color:
    red, green, blue = (min(255.0, value * factor) for value in color)
    return red, green, blue


def _bent(
    start: tuple[float, float], side: int, upper: tuple[float, float], lower: tuple[float, float]
) -> list[tuple[float, float]]:
    """Return the three points of a limb of two (length, angle from straight down) parts."""
    points = [start]
    for length, angle in (upper, lower):
        x, y = points[-1]
        points.append((x + side * length * np.sin(angle), y + length * np.cos(angle)))
    return points


def _leg(side: int, angle: float, knee: float, drop: float) -> list[tuple[float, float]]:
    """Return hip, knee and foot of a leg whose hip has come down by `drop`, the knee outwards.

    The foot stays where the leg, straight down but for `angle` and `knee`, puts it.
    """
    hip = (side * HIP[0], HIP[1])
    foot = _bent(hip, side, (UPPER_LEG, angle), (LOWER_LEG, angle + knee))[-1]
    hip = (hip[0], hip[1] + drop)
    across, down = foot[0] - hip[0], foot[1] - hip[1]
    reach = float(np.hypot(across, down))
    across, down = across / reach, down / reach
    along = (UPPER_LEG**2 - LOWER_LEG**2 + reach**2) / (2 * reach)
    aside = side * float(np.sqrt(max(0.0, UPPER_LEG**2 - along**2)))
    bend = (hip[0] + along * across + aside * down, hip[1] + along * down - aside * across)
    return [hip, bend, foot]


def draw_figure(
    look: Look, pose: Floats, center: tuple[float, float], height: float, squash: float
) -> Patch:
    """Draw a figure seen from the front, anti-aliased.

    Args:
        look: Its colours.
        pose: Joint angles (JOINTS,) in radians, one row of `random_poses`.
        center: Middle x, y of the upright figure in continuous pixels of the frame.
        height: Height of the upright figure in pixels.
        squash: Fraction of that height that it has, from the feet up.

    Returns:
        The patch, whose colours are already multiplied by alpha.
    """
    canvas = _Canvas(center, height)
    drop = 1 - squash
    hip, shoulder, head = HIP[1] + LEG_SHARE * drop, SHOULDER[1] + drop, HEAD_Y + drop
    sleeves = look.shirt if look.long_sleeves else look.skin
    for index, side in enumerate((-1, 1)):
        arm, elbow, leg, knee = (float(angle) for angle in pose[index::2])
        points = _leg(side, leg, knee, LEG_SHARE * drop)
        canvas.limb(points, LEG_WIDTH, _shade(look.trousers, 0.88 if side < 0 else 1.0))
        canvas.disc(*points[-1], LEG_WIDTH * 0.52, (30, 28, 32))
        points = _bent((side * SHOULDER[0], 0), side, (UPPER_ARM, arm), (LOWER_ARM, arm + elbow))
        # Lowered arms would reach into the ground: they are held as much shorter as the figure is.
        points = [(x, shoulder + squash * y) for x, y in points]
        canvas.limb(points[1:], ARM_WIDTH * 0.9, sleeves)
        canvas.limb(points[:2], ARM_WIDTH, _shade(look.shirt, 0.8))
        canvas.disc(*points[-1], ARM_WIDTH * 0.55, look.skin)
    x, neck = SHOULDER[0], shoulder - 0.03
    bottom = HIP[0] + LEG_WIDTH * 0.5
    trunk = [(-x, neck), (x, neck), (bottom, hip + 0.02), (-bottom, hip + 0.02)]
    canvas.polygon(trunk, look.shirt)
    canvas.limb([(-bottom, hip + 0.01), (bottom, hip + 0.01)], 0.04, _shade(look.trousers, 0.6))
    canvas.limb([(0, head), (0, neck)], 0.08, _shade(look.skin, 0.85))
    canvas.disc(0, head, HEAD_RADIUS, look.hair)
    canvas.disc(0, head + 0.028, HEAD_RADIUS * 0.8, look.skin)
    for side in (-1, 1):
        canvas.disc(side * 0.034, head + 0.02, 0.014, (28, 24, 28))
    return canvas.patch()


def visible_box(patch: Patch) -> tuple[int, int, int, int]:
    """Return x1, y1, x2, y2 (whole pixels of the frame, x2 and y2 exclusive) around a figure."""
    rows = np.flatnonzero((patch.alpha >= 0.4).any(axis=1))
    columns = np.flatnonzero((patch.alpha >= 0.4).any(axis=0))
    return (
        patch.left + int(columns[0]),
        patch.top + int(rows[0]),
        patch.left + int(columns[-1]) + 1,
        patch.top + int(rows[-1]) + 1,
    )


def paint(image: Image, patch: Patch, opacity: float) -> None:
    """Blend a patch into an image (H, W, 3) in place; parts outside the image are left out."""
    height, width = image.shape[:2]
    size = patch.alpha.shape[0]
    x1, y1 = max(patch.left, 0), max(patch.top, 0)
    x2, y2 = min(patch.left + size, width), min(patch.top + size, height)
    if x1 >= x2 or y1 >= y2:
        return
    rows = slice(y1 - patch.top, y2 - patch.top)
    columns = slice(x1 - patch.left, x2 - patch.left)
    under = image[y1:y2, x1:x2]
    clear = 1 - opacity * patch.alpha[rows, columns, None]
    blended = under * clear + opacity * patch.color[rows, columns]
    image[y1:y2, x1:x2] = np.rint(np.minimum(blended, 255)).astype(np.uint8)
