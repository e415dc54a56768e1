"""The streams of a detector: what kind of images it looks at, and how they are stacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import data

FUSION_TYPES = ("none", "sum", "cat", "mean")


class Normalisation(NamedTuple):
    """What a network does to the RGB values (0..255) of an image.

    Attributes:
        mean: is subtracted.
        std: divides the difference.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True)
class Stream:
    """One input of a detector.

    Attributes:
        input_type: kind of the images, see `data.INPUT_TYPES`.
        images: how many successive images are stacked for each frame of a micro-tube, n.
    """

    input_type: str = "rgb"
    images: int = 1

    def __post_init__(self) -> None:
        if self.input_type not in data.INPUT_TYPES:
            raise ValueError(
                f"input type {self.input_type!r} is unknown: choose one of "
                f"{', '.join(data.INPUT_TYPES)}"
            )
        if self.images < 1:
            raise ValueError(f"images of a stack must be at least 1, not {self.images}")

    @property
    def shows_motion(self) -> bool:
        """Whether the images are flow images."""
        return self.input_type != "rgb"

    def frames_needed(self, frame: int) -> int:
        """How many frames of a video must be known before the stack of one is certain."""
        half = self.images // 2
        # Of an even number, one more frame tells whether the stack is moved to the end.
        certain = frame + half + (self.images > 1 and self.images % 2 == 0)
        return max(certain, max(frame - half, 0) + self.images - 1) + 1

    def stack(self, frame: int, frames: int) -> range:
        """The images stacked for a frame, as AMTNet chooses them.

        The frame is in their middle (just behind it, of an even number) but near the ends of the
        video. Of a video with fewer images, the range ends behind the last one, which stands for
        those that are missing.

        Args:
            frame: its index.
            frames: how many the video has; from `frames_needed` on, more change nothing.
        """
        half = self.images // 2
        # In the published code frames are counted from 1, hence the 1.
        start = frames - self.images if frame + 1 + half >= frames else frame - half
        return range(max(start, 0), max(start, 0) + self.images)


RGB = (Stream(),)


def check_streams(streams: Sequence[Stream], fusion_type: str) -> None:
    """Sees to it that streams can be fused in a way.

    Raises:
        ValueError: they can't.
    """
    if fusion_type not in FUSION_TYPES:
        raise ValueError(
            f"fusion type {fusion_type!r} is unknown: choose one of {', '.join(FUSION_TYPES)}"
        )
    wanted = 1 if fusion_type == "none" else 2
    if len(streams) != wanted:
        raise ValueError(
            f"fusion type {fusion_type!r} needs {wanted} stream(s), not {len(streams)}"
        )
