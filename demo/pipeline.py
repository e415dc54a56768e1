"""The chain for a running video: a frame in, detections, and at the end the tubes."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from data import Frame, VideoTubes
from detection import Detector
from tubes import TubeBuilder


class TubePipeline:
    """Finds the tubes of one video whose frames come one by one.

    Frames are not kept: between two calls the detector holds what the frames of one micro-tube
    add to it, and the builder the boxes and scores that were linked.

    Attributes:
        frames: how many frames were fed.
    """

    def __init__(
        self, detector: Detector, video: str, width: int, height: int, frame_rate: float
    ) -> None:
        """Starts on a video.

        Args:
            detector: a trained network.
            video: name of the video.
            width: of its frames in pixels.
            height: likewise.
            frame_rate: in frames per second.
        """
        self.frames = 0
        self._detector = detector
        self._stream = detector.stream()
        self._builder = TubeBuilder(len(detector.classes), width, height)
        self._video = video
        self._size = (width, height)
        self._frame_rate = frame_rate

    def update(self, frame: Frame) -> None:
        """Takes the next frame."""
        self.frames += 1
        for boxes, scores in self._stream.update(frame):
            self._add(boxes, scores)

    def finish(self) -> VideoTubes:
        """Ends the video and returns all its tubes, whatever their score."""
        for boxes, scores in self._stream.finish():
            self._add(boxes, scores)
        width, height = self._size
        return VideoTubes(
            video=self._video,
            frames=self.frames,
            width=width,
            height=height,
            frame_rate=self._frame_rate,
            classes=self._detector.classes,
            tubes=self._builder.finish(),
            model=self._detector.name,
        )

    def _add(self, boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> None:
        """Links the detections of one frame; those that cannot be linked are left out."""
        try:
            self._builder.update(boxes, scores)
        except ValueError as error:
            # One bad frame must not end a stream that has run for hours.
            warnings.warn(f"{self._video}: {error}; this frame is skipped", stacklevel=3)
            self._builder.update(boxes[:0], scores[:0])
