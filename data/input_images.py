"""The images that networks look at: RGB frames, or flow images, stored or computed on the fly."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from data.errors import InputError
from data.frame import Frame
from data.optical_flow import (
    COMPUTED_TYPES,
    NO_MOTION,
    FlowEstimator,
    FlowStream,
    encode_flow,
    flow_estimator,
)
from data.video import open_video
from data.video_reader import VideoReader

# By the names of their folders, less "-images", in published data sets.
INPUT_TYPES: Final = ("rgb", "brox", *COMPUTED_TYPES)

NO_BROX = (
    "Brox flow cannot be computed here, since OpenCV has it only for CUDA and not in its pip "
    "packages"
)


def open_input(
    path: str | Path, input_type: str, *, stored: Path | None = None, device: str = "auto"
) -> VideoReader:
    """Opens the images of one input type of a video.

    Flow images are read from their folder where there is one, and else computed (`fastOF`, `raft`)
    while they are read. The image of a frame shows the motion to the next frame; the last one
    repeats the one before.

    Args:
        path: of the video: a file, or a folder of RGB images.
        input_type: one of `INPUT_TYPES`.
        stored: the folder of flow images; by default that of `stored_folder`.
        device: where RAFT runs: auto, cpu or cuda.

    Raises:
        InputError: the video or the stored images cannot be read, there are no Brox images, or the
            weights of RAFT are missing.
        ValueError: there is no such input type.
    """
    if input_type not in INPUT_TYPES:
        raise ValueError(f"input_type must be one of {', '.join(INPUT_TYPES)}, not {input_type}")
    if input_type == "rgb":
        return open_video(path)
    stored = stored or stored_folder(path, input_type)
    if stored.is_dir():
        return open_video(stored)
    if input_type not in COMPUTED_TYPES:
        raise InputError(
            f"{stored}: there are no such images of the video, and {NO_BROX}; put the published "
            "images there, or use the input type fastOF or raft"
        )
    return FlowVideo(open_video(path), _estimator(input_type, device, threading.get_ident()))


@lru_cache(maxsize=8)
def _estimator(input_type: str, device: str, thread: int) -> FlowEstimator:
    """Returns the estimator of all videos in a thread: it holds the memory that an image takes."""
    return flow_estimator(input_type, device)


def stored_folder(path: str | Path, input_type: str) -> Path:
    """Returns where the stored images of a video would be.

    Those of `ROOT/rgb-images/Class/video` are `ROOT/fastOF-images/Class/video`, as published; those
    of any other file or folder, `ROOT/video.mp4`, are `ROOT/fastOF-images/video`.

    Args:
        path: of the video.
        input_type: one of `INPUT_TYPES`.
    """
    whole = Path(os.path.abspath(path))
    name = whole.name if whole.is_dir() else whole.stem
    for folder in whole.parents:
        if folder.name == "rgb-images":
            below = whole.parent.relative_to(folder)
            return folder.with_name(f"{input_type}-images") / below / name
    return whole.with_name(f"{input_type}-images") / name


class FlowVideo(VideoReader):
    """The flow images of a video, computed from its frames while they are read.

    An image has the index and the time of its frame and shows the motion to the next frame; that
    of the last frame repeats the one before, and a single frame has one without motion.
    """

    def __init__(self, video: VideoReader, estimator: FlowEstimator) -> None:
        """Takes over a video, which is closed with this one.

        Args:
            video: of RGB frames.
            estimator: see `data.optical_flow.flow_estimator`.
        """
        self.path = video.path
        self.width = video.width
        self.height = video.height
        self.frame_rate = video.frame_rate
        self.frames = video.frames
        self._video = video
        self._estimator = estimator

    def __iter__(self) -> Iterator[Frame]:
        """Yields the image of every frame from the start."""
        return self.following(-1)

    def following(self, index: int) -> Iterator[Frame]:
        """Yields the images of the frames after a frame (-1: of all).

        Args:
            index: 0-based.
        """
        stream = FlowStream(self._estimator)
        for frame in self._video:
            # The last image repeats the one before, which must be known.
            image = stream.update(frame) if frame.index >= index else None
            if image and image.index > index:
                yield image
        image = stream.finish()
        if image and image.index > index:
            yield image

    def select(self, indices: Collection[int]) -> Iterator[Frame]:
        """Yields the images of these frames in rising order, each once.

        Only these frames and those after them are read, and the one before the last.
        """
        wanted = frozenset(indices)
        before: Frame | None = None
        for frame in self._video.select(wanted | {index + 1 for index in wanted}):
            if before and before.index in wanted:
                yield self._between(before, frame, before)
            before = frame
        if before and before.index in wanted:  # the last frame of the video
            if before.index == 0:
                image = np.full_like(before.image, NO_MOTION)
                yield Frame(image=image, index=0, time=before.time)
            for previous in self._video.select([before.index - 1] if before.index else []):
                yield self._between(previous, before, before)

    def _between(self, first: Frame, second: Frame, place: Frame) -> Frame:
        image = encode_flow(self._estimator(first.image, second.image))
        return Frame(image=image, index=place.index, time=place.time)

    def kept_closed(self) -> FlowVideo:
        """See `VideoReader.kept_closed`."""
        return FlowVideo(self._video.kept_closed(), self._estimator)

    def close(self) -> None:
        """Closes the video."""
        self._video.close()
