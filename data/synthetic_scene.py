"""Scenes of the embedded data set: who stands where and acts when.

All lengths and speeds are given for frames 120 pixels high and grow with the height of the frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.synthetic_backdrop import REFERENCE_HEIGHT
from data.synthetic_figures import Floats, Look, random_look, random_poses

ACROSS, DOWN, SIZE, SQUASH = range(4)
# Axis and direction of each action. The two actions of an axis are each other's reversal in time:
# their single frames have the same distribution. Across both directions (0) are one action: the
# detector is trained on mirrored images too, and a mirror must not turn an action into another.
ACTIONS: dict[str, tuple[int, int]] = {
    "Approach": (SIZE, 1),
    "Crouch": (SQUASH, -1),
    "Cross": (ACROSS, 0),
    "Recede": (SIZE, -1),
    "Rise": (DOWN, -1),
    "Sink": (DOWN, 1),
    "StandUp": (SQUASH, 1),
}
CLASSES = tuple(ACTIONS)
BYSTANDER = -1

FIGURE_HEIGHT = (40.0, 96.0)  # when upright
FIGURE_WIDTH = 0.6  # of its height: what is kept clear to the sides
OVERHANG = 3.0  # pixels a figure may stand out of the frame
SPEED_ACROSS = (3.0, 6.0)  # pixels a frame
SPEED_DOWN = (2.2, 4.5)  # pixels a frame
GROWTH = (0.045, 0.065)  # of the height, a frame
SQUASHED = (0.5, 1.0)  # height of a figure as a fraction of its upright height
SQUASHING = (0.03, 0.038)  # of the upright height, a frame
LEAST_SQUASHING = 1.5  # pixels a frame
ACT_FRAMES = (13, 40)
PAUSE = 8  # least frames between two acts of one figure
FADE = 4  # frames in which a figure comes and goes
EMPTY = (8, 15)  # frames of a stretch where nobody is there
STAY = 60  # frames a figure is there at most
MAX_ACTORS, MAX_BYSTANDERS = 3, 1
TRIES = 40
MEAN_OVERLAP, MAX_OVERLAP = 0.08, 0.6  # IoU of two figures over time: crossings, no couples


@dataclass(frozen=True)
class Figure:
    """A figure through a video of T frames.

    Attributes:
        label: Index into CLASSES, or BYSTANDER.
        track: (T, 4) middle x, y in continuous pixels and height in pixels, all of the upright
            figure, and the fraction of that height to which it is squashed, feet in place.
        opacity: (T,) 0 where it is absent, between 0 and 1 while it comes or goes.
        acts: Half-open intervals of the frames in which it acts: those from which it moves on.
        poses: (T, JOINTS) joint angles in radians.
        look: Its colours.
    """

    label: int
    track: Floats
    opacity: Floats
    acts: tuple[tuple[int, int], ...]
    poses: Floats
    look: Look


def _steps(axis: int, height: float, unit: float) -> tuple[float, float]:
    """Return the range of steps a frame along an axis, for a figure of `height` pixels."""
    if axis == SIZE:
        return GROWTH
    if axis == SQUASH:
        return max(SQUASHING[0], LEAST_SQUASHING * unit / height), SQUASHING[1]
    slow, fast = SPEED_ACROSS if axis == ACROSS else SPEED_DOWN
    return slow * unit, fast * unit


def _acts(
    rng: np.random.Generator, steps: tuple[float, float], window: tuple[int, int], room: float
) -> list[tuple[int, int, float]]:
    """Draw start, end and step a frame of one or two acts that fit `window` (frames) and `room`."""
    least, most = ACT_FRAMES
    slow, fast = steps
    twice = (
        room >= 2 * least * slow
        and window[1] - window[0] >= 2 * (least + 1) + PAUSE
        and rng.random() < 0.3
    )
    count = 2 if twice else 1
    room /= count
    length = (window[1] - window[0] - PAUSE * (count - 1)) // count
    acts = []
    for slot in range(count):
        step = rng.uniform(slow, min(fast, room / least))
        # The last step ends in the frame after the act.
        longest = max(least, min(most, length - 1, int(room / step)))
        frames = int(rng.integers(max(least, longest * 3 // 4), longest + 1))
        begin = window[0] + slot * (length + PAUSE) + int(rng.integers(0, length - frames))
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
    tallest = float(np.exp(high if axis == SIZE else log_height))
    across = width - FIGURE_WIDTH * tallest + 2 * OVERHANG * unit
    down = height - tallest + 2 * OVERHANG * unit
    rooms = (across, down, high - low, SQUASHED[1] - SQUASHED[0])
    origins = (
        FIGURE_WIDTH * tallest / 2 - OVERHANG * unit,
        tallest / 2 - OVERHANG * unit,
        low,
        SQUASHED[0],
    )
    state = np.array([o + rng.uniform(0, r) for o, r in zip(origins, rooms, strict=True)])
    if axis != SIZE:
        state[SIZE] = log_height
    path = np.tile(state, (frames, 1))
    acts: list[tuple[int, int, float]] = []
    if label != BYSTANDER:
        steps = _steps(axis, tallest, unit)
        acts = _acts(rng, steps, (int(solid[0]), int(solid[-1]) + 1), rooms[axis])
        forward = direction > 0 or (direction == 0 and rng.random() < 0.5)
        travel = np.zeros(frames)
        for begin, end, step in acts:
            travel[begin + 1 : end + 1] = step
        travel = np.cumsum(travel)
        start = origins[axis] + rng.uniform(0, max(0.0, rooms[axis] - travel[-1]))
        path[:, axis] = start + (travel if forward else travel[-1] - travel)
    path[:, SIZE] = np.exp(path[:, SIZE])
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
    x, y, height, squash = np.moveaxis(np.stack([one.track, other.track]), -1, 0)
    size = np.stack([FIGURE_WIDTH * height, squash * height], axis=-1)
    foot = np.stack([x + FIGURE_WIDTH / 2 * height, y + height / 2], axis=-1)
    inside = np.clip(foot.min(axis=0) - (foot - size).max(axis=0), 0, None).prod(axis=1)
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
            stay = min(STAY, end - start)
            begin = start + int(rng.integers(0, end - start - stay + 1))
            present = (begin, begin + stay)
            if stay >= 50 and rng.random() < 0.6:
                late = int(rng.integers(4, 15))
                early = rng.random() < 0.5
                present = (begin, begin + stay - late) if early else (begin + late, begin + stay)
            figure = _figure(rng, label, present, (frames, height, width))
            overlaps = [_overlap(figure, other) for other in figures]
            if all(o.mean() < MEAN_OVERLAP and o.max() < MAX_OVERLAP for o in overlaps):
                figures.append(figure)
                break
    return figures
