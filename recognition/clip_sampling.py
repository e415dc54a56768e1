"""Which frames of a video a 3D network looks at: the sampling of late temporal modelling and SRTG.

Frames count from 0, while the published programs count from 1; apart from that the numbers are
theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

CLIP_MODES = ("random", "one", "all")
"""A clip at random for training, one for validation, all that there are for tests."""


@dataclass(frozen=True)
class LateTemporalSampling:
    """The clips of late temporal modelling: consecutive frames.

    Attributes:
        mode: one of `CLIP_MODES`; "one" is in the middle.
        frames: of a clip.
        stride: distance of frames, 1 as published.
    """

    mode: str
    frames: int
    stride: int = 1

    def frames_to_read(self, count: int, random: np.random.Generator) -> Indices:
        """The frames of the clips of a video, `(clips, frames)`.

        Args:
            count: frames of the video, at least 1.
            random: decides where a clip for training is.
        """
        span = self.frames * self.stride
        if self.mode == "all":
            return late_temporal_test_clips(count, span)[:, :: self.stride]
        drawn = random if self.mode == "random" else None
        return late_temporal_clip(count, span, drawn)[None, :: self.stride]

    def of(self, frames: int, stride: int) -> LateTemporalSampling:
        """The same for clips of so many frames, so many times farther from each other."""
        return replace(self, frames=frames, stride=stride * self.stride)


class WholeVideo:
    """All frames of a video as one clip: I3D's test on Kinetics."""

    def frames_to_read(self, count: int, random: np.random.Generator) -> Indices:
        """The frames, `(1, count)`.

        Args:
            count: frames of the video, at least 1.
            random: not used; it makes all samplings alike.
        """
        return np.arange(count)[None]


@dataclass(frozen=True)
class SpreadSampling:
    """The clips of SRTG: frames at even distances.

    Attributes:
        mode: one of `CLIP_MODES`; "one" is drawn from those that follow each other, as published.
        frames: of a clip.
        intervals: distances of frames, of which one is drawn.
        still: whether of a video that is too short the network sees one frame, as published;
            otherwise frames at even distances, of the whole video.
    """

    mode: str
    frames: int
    intervals: tuple[int, ...]
    still: bool = False

    def frames_to_read(self, count: int, random: np.random.Generator) -> Indices:
        """The frames of the clips of a video, `(clips, frames)`.

        Where it is one frame, `(1, 1)`, the network sees a still image.

        Args:
            count: frames of the video, at least 1.
            random: decides which clip it is.
        """
        interval = int(random.choice(self.intervals))
        if count <= (self.frames - 1) * interval:
            if self.still:
                return random.integers(count, size=(1, 1))
            return np.linspace(0, count - 1, self.frames).astype(np.int64)[None]
        if self.mode == "random":
            published = np.random.RandomState(random.integers(1 << 32, dtype=np.uint32))
            return spread_clip(count, self.frames, [interval], published)[None]
        clips = sequential_clips(count, self.frames, interval)
        return clips if self.mode == "all" else clips[random.integers(len(clips))][None]

    def of(self, frames: int, stride: int) -> SpreadSampling:
        """The same for clips of so many frames, so many times farther from each other."""
        intervals = tuple(stride * interval for interval in self.intervals)
        return replace(self, frames=frames, intervals=intervals)


def late_temporal_clip(
    frames: int, length: int, random: np.random.Generator | None = None, *, segments: int = 1
) -> Indices:
    """Consecutive frames from one place in each part of a video (late temporal modelling).

    Short videos run on from the beginning. As published, the last frame of longer ones is left out,
    and with several segments, all but the first are in places that depend on their number.

    Args:
        frames: of the video, at least 1.
        length: of a clip.
        random: where it starts in training; None for validation, which takes the middle.
        segments: clips, which follow each other.

    Returns:
        Indices `(segments * length,)`.
    """
    available = frames - 1
    part = available // segments
    starts = []
    for segment in range(segments):
        if part >= length:
            spare = part - length
            middle = (spare + 1) / 2 + part * segment
            start = middle if random is None else segment * part + random.integers(spare + 1)
        elif available >= length:
            spare = (available - length) // segments
            middle = (2 * segment + 1) * spare / 2
            start = middle if random is None else segment * spare + random.integers(spare + 1)
        else:
            middle = available // segments
            start = segment * (middle if random is None else random.integers(available + 1))
        starts.append(int(start))
    # Numbers past the end begin again with the first one.
    numbers = np.array(starts)[:, None] + np.arange(1, length + 1)
    return ((numbers - 1) % frames).ravel()


def late_temporal_test_clips(frames: int, length: int) -> Indices:
    """As many clips one after the other as fit (late temporal modelling's test).

    Args:
        frames: of the video, at least 1.
        length: of a clip.

    Returns:
        Indices `(clips, length)`; of a short video one clip that begins again and again.
    """
    available = frames - 1
    firsts = np.arange(1, max(available - length, 1), length)
    if len(firsts) == 0:
        return np.arange(length)[None] % frames
    shift = (available - (firsts[-1] + length)) // 2
    return firsts[:, None] + shift + np.arange(length)


def spread_clip(
    frames: int, length: int, intervals: Sequence[int], random: np.random.RandomState
) -> Indices:
    """Frames at even distances from a random place on (SRTG's training).

    Of a video that is too short for the smallest distance one frame is taken again and again.

    Args:
        frames: of the video, at least 1.
        length: of a clip.
        intervals: distances, of which one is drawn; where there is room it grows at random.
        random: in the published order of draws.

    Returns:
        Indices `(length,)`.
    """
    interval = int(random.choice(list(intervals)))
    if length == 1:
        return np.array([random.choice(frames)])
    span = (length - 1) * interval
    room = min(1.0, (frames - 1) / span)
    if room < 1:
        return np.full(length, random.choice(frames))
    step = random.uniform(1, room) * interval
    start = random.uniform(0, frames - 1 - (length - 1) * step)
    return np.linspace(start, start + (length - 1) * step, length).astype(np.int64)


def sequential_clips(frames: int, length: int, interval: int) -> Indices:
    """Clips one after the other, of frames at even distances (SRTG's validation shuffles them).

    Args:
        frames: of the video, at least 1.
        length: of a clip.
        interval: distance of frames.

    Returns:
        Indices `(clips, length)`, none where none fits.
    """
    span = (length - 1) * interval + 1
    firsts = np.arange(0, frames - span + 1, span)
    return firsts[:, None] + np.arange(length) * interval
