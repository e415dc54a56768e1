"""The RGB images of decoded frames."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.reformatter import VideoReformatter

_of_other_processes: list[VideoReformatter] = []


class FrameImages:
    """Makes the images of a video's frames: RGB, turned, all of the size of the first.

    The size may change inside a stream; detections need one size for the whole video.

    Attributes:
        width: of the images, pixels.
        height: likewise.
    """

    def __init__(self, first: VideoFrame) -> None:
        """Takes size and rotation of the first frame."""
        from av.video.reformatter import VideoReformatter

        self._size = first.width, first.height
        # Frames may carry a rotation that players apply: 90 means a quarter turn to the left.
        self._turns = round(first.rotation / 90) % 4
        self.width, self.height = self._size[:: -1 if self._turns % 2 else 1]
        self._reformatter = VideoReformatter()
        self._process = os.getpid()

    def image(self, frame: VideoFrame) -> npt.NDArray[np.uint8]:
        """Returns the image of a frame, uint8 (H, W, 3)."""
        if self._process != os.getpid():
            # Threads are not there in a process that was forked: what has some waits for them.
            _of_other_processes.append(self._reformatter)  # also at its end
            self._reformatter, self._process = type(self._reformatter)(), os.getpid()
        # One reformatter for all frames is several times faster than `frame.to_ndarray("rgb24")`.
        rgb = self._reformatter.reformat(frame, *self._size, "rgb24")
        # FFmpeg pads the rows of most widths.
        return np.ascontiguousarray(np.rot90(rgb.to_ndarray(), self._turns), np.uint8)
