"""Detections of a running video, each frame's features computed once."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import data
from detection.network import FrameTerms
from detection.postprocess import Rows, detection_rows
from detection.streams import Stream

if TYPE_CHECKING:
    from detection.detector import Detector

Image = NDArray[np.uint8]


class ToRows(Protocol):
    """Makes the rows of a frame of what the network says of its micro-tube."""

    def __call__(
        self,
        scores: Tensor,
        offsets: Tensor,
        priors: Tensor,
        size: tuple[int, int],
        *,
        place: int = 0,
    ) -> Rows:
        """See `detection.postprocess.detection_rows`."""


class DetectionStream:
    """Detections of a running video, frame after frame.

    The boxes of frame t come from the micro-tube that begins with t, so they are final when its
    last frame has come, and what that frame needs: the flow to the next frame, the images that are
    stacked with its own. The last frames of a video, which begin no micro-tube, get theirs as later
    frames of the last micro-tubes. A video too short for any is continued by its last frame.

    Memory is bounded: only what the frames of one micro-tube add to it is kept.

    Args:
        detector: the network.
        batch_size: so many frames are computed together, and come out together.
        to_rows: makes the rows.
    """

    def __init__(
        self, detector: Detector, batch_size: int = 1, to_rows: ToRows = detection_rows
    ) -> None:
        self._detector = detector
        self._batch_size = batch_size
        self._to_rows = to_rows
        self._step = detector.seq_gap + 1
        self._span = (detector.network.seq_len - 1) * self._step
        # Terms of the frames from which micro-tubes can still be made, the newest last.
        self._terms: deque[FrameTerms] = deque(maxlen=self._span + self._step + batch_size - 1)
        self._frames = 0
        self._size = (0, 0)
        longest = max(stream.images for stream in detector.network.streams)
        self._stacks = [_Stacks(stream, longest) for stream in detector.network.streams]
        self._waiting: list[list[Image]] = []
        self._flows: dict[str, data.FlowStream] | None = None
        self._arrived: list[deque[Image]] = [deque() for _ in detector.network.streams]

    def update(self, frame: data.Frame) -> list[Rows]:
        """Take the next frame; the flow is computed where the detector looks at flow.

        Returns:
            Boxes and scores of the frames that became final, in order.
        """
        if self._flows is None:
            kinds = {stream.input_type for stream in self._detector.network.streams} - {"rgb"}
            device = self._detector.device.type
            self._flows = {
                kind: data.FlowStream(data.flow_estimator(kind, device)) for kind in kinds
            }
        flow = {kind: stream.update(frame) for kind, stream in self._flows.items()}
        return self._take({"rgb": frame, **flow})

    def update_images(self, images: Sequence[Image]) -> list[Rows]:
        """Take the images of the next frame, uint8 `(H, W, 3)` RGB, one for each stream.

        Returns:
            As `update`.
        """
        height, width = images[0].shape[:2]
        self._size = (width, height)
        side = self._detector.network.input_size
        for stacks, image in zip(self._stacks, images, strict=True):
            stacks.add(np.asarray(cv2.resize(image, (side, side)), np.uint8))
        return self._advance(ended=False)

    def finish(self) -> list[Rows]:
        """End the video.

        Returns:
            Boxes and scores of the last frames, in order.
        """
        rows = self._take({kind: flow.finish() for kind, flow in (self._flows or {}).items()})
        rows += self._advance(ended=True)
        for frame in range(max(0, self._frames - self._span), self._frames):
            place = 1
            while frame - place * self._step + self._span >= self._frames:
                place += 1
            start = frame - place * self._step
            rows += self._rows([start], place) if start >= 0 else self._rows([frame], place=0)
        return rows

    def _take(self, images: Mapping[str, data.Frame | None]) -> list[Rows]:
        """Take images by kind as they come: flow images come later than their frames."""
        for stream, arrived in zip(self._detector.network.streams, self._arrived, strict=True):
            image = images.get(stream.input_type)
            if image is not None:
                arrived.append(image.image)
        rows = []
        while all(self._arrived):
            rows += self.update_images([arrived.popleft() for arrived in self._arrived])
        return rows

    @torch.inference_mode()
    def _advance(self, *, ended: bool) -> list[Rows]:
        """Compute the frames whose stacks are known, a batch at a time."""
        while all(stacks.ready(ended=ended) for stacks in self._stacks):
            self._waiting.append([stacks.next(ended=ended) for stacks in self._stacks])
        rows = []
        while len(self._waiting) >= (1 if ended else self._batch_size):
            batch = self._waiting[: self._batch_size]
            del self._waiting[: self._batch_size]
            rows += self._compute(batch)
        return rows

    def _compute(self, batch: list[list[Image]]) -> list[Rows]:
        """Rows of the frames that become final with some more."""
        inputs = [
            self._detector.network_input(stream, stacks)
            for stream, stacks in enumerate(zip(*batch, strict=True))
        ]
        terms = self._detector.frame_terms(inputs)
        for index in range(len(batch)):
            self._terms.append(
                [[places[index : index + 1] for places in by_map] for by_map in terms]
            )
        before, self._frames = self._frames, self._frames + len(batch)
        starts = range(max(0, before - self._span), self._frames - self._span)
        return self._rows(starts, place=0) if starts else []

    @torch.inference_mode()
    def _rows(self, starts: Sequence[int], place: int) -> list[Rows]:
        """Rows of micro-tubes: of the boxes of the frame in one place."""
        first_kept = self._frames - len(self._terms)
        micro_tubes = [
            [
                self._terms[min(start + later, self._frames - 1) - first_kept]
                for later in range(0, self._span + 1, self._step)
            ]
            for start in starts
        ]
        scores, offsets = self._detector.combine(
            [_joined(frames) for frames in zip(*micro_tubes, strict=True)]
        )
        priors = self._detector.network.priors
        return [
            self._to_rows(one_scores, one_offsets, priors, self._size, place=place)
            for one_scores, one_offsets in zip(scores, offsets, strict=True)
        ]


class _Stacks:
    """The last images of a stream, and the stacks that are made of them, frame after frame.

    They may be made as late as the longest stack of all streams is long, since they wait for those
    of the other streams.
    """

    def __init__(self, stream: Stream, longest: int) -> None:
        self._stream = stream
        self._images: deque[Image] = deque(maxlen=stream.images + longest + 1)
        self._arrived = 0
        self._made = 0

    def add(self, image: Image) -> None:
        self._images.append(image)
        self._arrived += 1

    def ready(self, *, ended: bool) -> bool:
        """Whether the next stack can be made."""
        if ended:
            return self._made < self._arrived
        return self._stream.frames_needed(self._made) <= self._arrived

    def next(self, *, ended: bool) -> Image:
        """The next stack, `(H, W, 3 n)`."""
        frames = self._arrived if ended else self._stream.frames_needed(self._made)
        first_kept = self._arrived - len(self._images)
        chosen = self._stream.stack(self._made, frames)
        self._made += 1
        images = [self._images[min(t, self._arrived - 1) - first_kept] for t in chosen]
        return images[0] if len(images) == 1 else np.concatenate(images, axis=2)


def _joined(frames: Sequence[FrameTerms]) -> FrameTerms:
    """The terms of several frames as those of a batch."""
    if len(frames) == 1:
        return frames[0]
    return [
        [torch.cat(places) for places in zip(*by_map, strict=True)]
        for by_map in zip(*frames, strict=True)
    ]
