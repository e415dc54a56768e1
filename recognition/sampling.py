"""Which frames of a video a network looks at: the sampling of TSN, TSM, LSNet and SeqVLAD.

A video is cut into as many parts as the network has segments, and from each part a few frames are
read (Wang et al., "Temporal Segment Networks", ECCV 2016, section 3.1). Frames count from 0, while
the published programs count from 1; apart from that the numbers are theirs, rounding included. What
differs is named where it does.

The functions give the first frames of the segments, which lie before the video where the published
rule puts them there. `window` and `grey_stacks` turn them into frames that there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# TSM's dense clips span so many frames, and a test takes so many of them (ops/dataset.py).
DENSE_SPAN, DENSE_CLIPS = 64, 10
# Sequences of SeqVLAD's test, each one frame later than the one before.
SEQUENCES = 25
# SeqVLAD turns the order of so many clips.
TURNED = 0.499

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class SegmentSampling:
    """A way to choose frames, by its name.

    Attributes:
        mode: one of `MODES`:
            "random": one place at random in each part (training of TSN, TSM and LSNet, and
                SeqVLAD's methods `tsn` and `reverse`, of which the latter never reverses).
            "centre": the middle of each part (validation; SeqVLAD's too).
            "test": the same in tests, where short videos repeat frames in another way.
            "dense": one clip of 64 frames that starts at random (TSM's `dense_sample`).
            "dense-test": ten such clips, evenly spread.
            "twice": two clips, the middles of the parts and their beginnings (TSM's
                `twice_sample`).
            "sorted": places at random anywhere, in order (SeqVLAD's method `random`).
            "sorted-reverse": the same, about half of them in reverse order (`--reverse`).
            "sequences": 25 clips, each one frame later (SeqVLAD's `test_segments 25`).
        segments: of a clip.
        length: frames that a segment reads: 1 of RGB, 5 of flow, 6 of RGBDiff, and with `interval`
            the size of a stack.
        interval: None for consecutive frames; for LSNet's stacks, how many frames are left out
            between two of a stack.
        video_file: whether LSNet's rule for video files is meant, not that for folders of images.
    """

    mode: str
    segments: int
    length: int = 1
    interval: int | None = None
    video_file: bool = False

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {self.mode}")
        if min(self.segments, self.length) < 1 or (self.interval or 0) < 0:
            raise ValueError("segments and length must be positive, and interval not negative")

    @property
    def clips(self) -> int:
        """Clips of a video."""
        return _CLIPS.get(self.mode, 1)

    def first_frames(self, frames: int, random: np.random.Generator) -> Indices:
        """The first frames of the segments, or of LSNet's stacks their centres.

        Args:
            frames: of the video, at least 1.
            random: decides what is random; the other modes leave it alone.

        Returns:
            Indices `(clips, segments)`, negative where the rule points before the video.
        """
        length = self.length if self.interval is None else 1
        found = _CHOOSE[self.mode](frames, self.segments, length, random)
        return found.reshape(self.clips, self.segments)

    def frames_to_read(self, frames: int, random: np.random.Generator) -> Indices:
        """The frames that the segments read, all of them inside the video.

        Args:
            frames: of the video, at least 1.
            random: see `first_frames`.

        Returns:
            Indices `(clips, segments, length)`.
        """
        first = self.first_frames(frames, random)
        if self.interval is None:
            return window(first, self.length, frames)
        return grey_stacks(
            first,
            self.length,
            self.interval,
            frames,
            dense=self.mode.startswith("dense"),
            video_file=self.video_file,
        )


def random_segments(
    frames: int, segments: int, length: int, random: np.random.Generator
) -> Indices:
    """A place at random in each part, `(segments,)`, in order (TSN's training).

    With fewer places than segments they are drawn from the whole video, in order. A video of too
    few frames for that, or for one segment, gives its first frame; with fewer frames than a segment
    has and more than there are segments, the published program ends with an error instead.
    """
    places = frames - length + 1
    part = places // segments
    if part > 0:
        return np.arange(segments) * part + random.integers(part, size=segments)
    if frames > segments and places > 0:
        return np.sort(random.integers(places, size=segments))
    return np.zeros(segments, np.int64)


def centre_segments(frames: int, segments: int, length: int) -> Indices:
    """The middle of each part, `(segments,)`; of short videos the first frame (validation)."""
    if frames > segments + length - 1:
        return tick_segments(frames, segments, length)
    return np.zeros(segments, np.int64)


def tick_segments(frames: int, segments: int, length: int) -> Indices:
    """The middle of each part, `(segments,)`, in short videos too (the tests of TSN and TSM).

    If a video has fewer frames than a segment less one, the middles lie before it.
    """
    tick = (frames - length + 1) / segments
    return (tick / 2 + tick * np.arange(segments)).astype(np.int64)


def twice_segments(frames: int, segments: int, length: int) -> Indices:
    """The middles of the parts, then their beginnings, `(2, segments)` (TSM's `twice_sample`)."""
    tick = (frames - length + 1) / segments
    beginnings = (tick * np.arange(segments)).astype(np.int64)
    return np.stack([tick_segments(frames, segments, length), beginnings])


def dense_segments(frames: int, segments: int, random: np.random.Generator) -> Indices:
    """Evenly spread over 64 frames from a random one on, `(segments,)` (TSM's `dense_sample`).

    Frames after the last one go on from the first.
    """
    # The last start is left out, as published.
    starts = max(frames - DENSE_SPAN, 1)
    return _dense_clips(frames, segments, random.integers(starts, size=1))[0]


def dense_test_segments(frames: int, segments: int) -> Indices:
    """Ten clips of `dense_segments`, whose starts are evenly spread, `(10, segments)`."""
    last = max(frames - DENSE_SPAN, 0)
    return _dense_clips(frames, segments, np.linspace(0, last, DENSE_CLIPS).astype(np.int64))


def _dense_clips(frames: int, segments: int, starts: Indices) -> Indices:
    stride = DENSE_SPAN // segments
    return (starts[:, None] + np.arange(segments) * stride) % frames


def sorted_draws(
    frames: int, segments: int, random: np.random.Generator, *, reverse: bool = False
) -> Indices:
    """Places at random anywhere in the video, in order, `(segments,)` (SeqVLAD's `random`).

    Args:
        frames: of the video.
        segments: of a clip.
        random: decides all.
        reverse: whether 49.9 % of the clips run backwards.
    """
    drawn = np.sort(random.integers(frames, size=segments))
    return drawn[::-1] if reverse and random.random() < TURNED else drawn


def shifted_sequences(frames: int, segments: int, length: int) -> Indices:
    """Clips of which each is one frame later, `(25, segments)` (SeqVLAD's `test_segments 25`).

    In short videos they run past the end, or backwards.
    """
    step = (frames - length - SEQUENCES + 1) / segments
    # 1 is added before the digits after the point are cut off: there may be negative numbers.
    numbers = np.arange(SEQUENCES)[:, None] + np.arange(segments) * step + 1
    return numbers.astype(np.int64) - 1


def window(first_frames: Indices, length: int, frames: int) -> Indices:
    """Consecutive frames from the first ones on, the last frame repeated (TSN).

    What lies before the video reads its first frame, as in TSM, where the first frame stands in
    for one that cannot be read.

    Args:
        first_frames: any shape.
        length: frames to read from each on.
        frames: of the video.

    Returns:
        Indices `(..., length)`, all inside the video.
    """
    return np.clip(first_frames[..., None] + np.arange(length), 0, frames - 1)


def grey_stacks(
    first_frames: Indices,
    size: int,
    interval: int,
    frames: int,
    *,
    dense: bool = False,
    video_file: bool = False,
) -> Indices:
    """Frames around the given ones, moved inwards at the ends of the video (LSNet).

    LSNet counts frames from 1, but places of dense sampling and frames of video files from 0, and
    takes each number for the other: what its networks learned with is kept. In very short videos a
    stack does not fit; the first frame stands in for what lies outside, as in its folders of
    images.

    Args:
        first_frames: any shape.
        size: frames of a stack (LSNet's `num_frame`).
        interval: frames left out between two of them.
        frames: of the video.
        dense: whether the first frames are of dense sampling.
        video_file: whether the rule for video files is meant, not that for folders of images.

    Returns:
        Indices `(..., size)`, all inside the video.
    """
    half = (size + (size - 1) * interval) // 2
    later = int(video_file)
    centres = first_frames - int(dense) + later
    inwards = np.where(
        centres < half, half, np.where(centres > frames - half - 1, -(half + later), 0)
    )
    found = (centres + inwards - half)[..., None] + np.arange(size) * (interval + 1)
    return np.where((found >= 0) & (found < frames), found, 0)


_Choose = Callable[[int, int, int, np.random.Generator], Indices]
# Of frames, segments, length and random numbers.
_CHOOSE: dict[str, _Choose] = {
    "random": random_segments,
    "centre": lambda n, segments, length, _: centre_segments(n, segments, length),
    "test": lambda n, segments, length, _: tick_segments(n, segments, length),
    "dense": lambda n, segments, _, random: dense_segments(n, segments, random),
    "dense-test": lambda n, segments, _, __: dense_test_segments(n, segments),
    "twice": lambda n, segments, length, _: twice_segments(n, segments, length),
    "sorted": lambda n, segments, _, random: sorted_draws(n, segments, random),
    "sorted-reverse": lambda n, segments, _, random: sorted_draws(
        n, segments, random, reverse=True
    ),
    "sequences": lambda n, segments, length, _: shifted_sequences(n, segments, length),
}
_CLIPS = {"dense-test": DENSE_CLIPS, "twice": 2, "sequences": SEQUENCES}
MODES = tuple(_CHOOSE)
"""Names of the ways to choose frames, see `SegmentSampling`."""
