"""Training samples: micro-tubes of annotated videos, augmented and matched to prior boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

import data
from detection.augmentation import Sample, augment
from detection.matching import match
from detection.network import MicroTubeNetwork


@dataclass(frozen=True)
class MicroTube:
    """A place in a data set where micro-tubes are.

    Attributes:
        video: name of the video.
        frames: its S frames.
        tubes: the ground-truth tubes that are there in all of them.
    """

    video: str
    frames: tuple[int, ...]
    tubes: tuple[data.Tube, ...]


def micro_tubes(
    annotations: list[data.VideoAnnotation], seq_len: int, seq_gap: int
) -> list[MicroTube]:
    """List the micro-tubes to train on, as AMTNet does.

    Args:
        annotations: of the videos of a split.
        seq_len: frames in a micro-tube, S.
        seq_gap: frames left out between two frames of a micro-tube.

    Returns:
        Every start frame of every video such that a tube is there in all S frames and no tube is
        there in only some of them.
    """
    found = []
    for video in annotations:
        for start in range(video.frames - (seq_len - 1) * (seq_gap + 1)):
            frames = tuple(start + place * (seq_gap + 1) for place in range(seq_len))
            present = [[tube.start <= t < tube.end for t in frames] for tube in video.tubes]
            whole = tuple(
                tube for tube, there in zip(video.tubes, present, strict=True) if all(there)
            )
            if whole and all(all(there) or not any(there) for there in present):
                found.append(MicroTube(video.name, frames, whole))
    return found


class TrainingSamples(TorchDataset[tuple[list[Tensor], Tensor, Tensor]]):
    """Augmented micro-tubes of a data set.

    An item is asked for by (draw, index): the number of the draw decides all random numbers of the
    augmentation, so training resumes exactly, with any number of workers.

    Args:
        dataset: where the videos are.
        samples: which micro-tubes; at least one.
        network: gives the streams, the input size, the normalisation and the prior boxes.
        max_expansion: see `detection.augmentation.augment`.
        flow_as_motion: whether flow images are augmented as motion, not as pictures.
        seed: of the augmentation.
    """

    def __init__(
        self,
        dataset: data.Dataset,
        samples: Sequence[MicroTube],
        network: MicroTubeNetwork,
        *,
        max_expansion: float,
        flow_as_motion: bool,
        seed: int,
    ) -> None:
        self.max_expansion, self.flow_as_motion = max_expansion, flow_as_motion
        self.dataset = dataset
        self.samples = samples
        self.streams = network.streams
        self.priors = network.priors.cpu()
        self.input_size = network.input_size
        # With a fourth number OpenCV takes them as one value for each channel.
        self._normalisation = [
            (np.array((*mean, 0.0)), np.array((*std, 1.0))) for mean, std in network.normalisation
        ]
        self.seed = seed
        self._readers: dict[tuple[str, str], data.VideoReader] = {}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: tuple[int, int]) -> tuple[list[Tensor], Tensor, Tensor]:
        """Images of each stream `(S, 3 n, H, W)`, classes of the priors `(P,)`, offsets `(P, 4 S)`.

        All images of a sample share the random numbers of the augmentation, those of both streams
        too, as in AMTNet.
        """
        draw, index = key
        cv2.setNumThreads(0)
        micro_tube = self.samples[index]
        frames = self.dataset.annotations.videos[micro_tube.video].frames
        stacks = [
            [
                [min(t, frames - 1) for t in stream.stack(frame, frames)]
                for frame in micro_tube.frames
            ]
            for stream in self.streams
        ]
        # Neighbouring stacks share most of their images.
        wanted = [sorted({t for stack in stream for t in stack}) for stream in stacks]
        images = [
            image
            for stream, indices in zip(self.streams, wanted, strict=True)
            for image in self._read(micro_tube.video, stream.input_type, indices)
        ]
        boxes = [
            np.stack([tube.boxes[t - tube.start] for t in micro_tube.frames])
            for tube in micro_tube.tubes
        ]
        sample = Sample(
            images=[cv2.cvtColor(image, cv2.COLOR_RGB2BGR) for image in images],
            tubes=np.stack(boxes),
            labels=np.array([tube.label for tube in micro_tube.tubes]),
            motion=[
                self.flow_as_motion and stream.shows_motion
                for stream, indices in zip(self.streams, wanted, strict=True)
                for _ in indices
            ],
        )
        sample = augment(sample, np.random.default_rng([self.seed, draw]), self.max_expansion)
        height, width = sample.images[0].shape[:2]
        fractions = torch.from_numpy(sample.tubes / np.array([width, height] * 2, np.float32))
        classes, offsets = match(fractions, torch.from_numpy(sample.labels), self.priors)
        made = iter(sample.images)
        inputs = []
        for indices, stream, (mean, std) in zip(wanted, stacks, self._normalisation, strict=True):
            by_index = {t: self._network_input(next(made), mean, std) for t in indices}
            inputs.append(
                np.stack([np.concatenate([by_index[t] for t in stack], 2) for stack in stream])
            )
        tensors = [torch.from_numpy(stream).permute(0, 3, 1, 2) for stream in inputs]
        return tensors, classes, offsets

    def _read(self, video: str, input_type: str, indices: Sequence[int]) -> list[NDArray[np.uint8]]:
        key = video, input_type
        if key not in self._readers:
            self._readers[key] = self.dataset.open_input(video, input_type).kept_closed()
        return data.read_frames(self._readers[key], indices)

    def _network_input(
        self, bgr: NDArray[Any], mean: NDArray[np.float64], std: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        resized = cv2.resize(bgr, (self.input_size, self.input_size))
        rgb = cv2.cvtColor(resized, cv2.COLOR_BGR2RGB)
        return np.asarray(cv2.divide(cv2.subtract(rgb, mean), std), np.float32)
