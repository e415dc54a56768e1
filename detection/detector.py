"""A trained detector: frames in, rows of `Detections` out, each frame's features computed once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import data
from detection.network import FrameTerms, MicroTubeNetwork, merge_normalisation
from detection.postprocess import Rows, detection_rows
from weights import Checkpoint, load_checkpoint


def choose_device(name: str) -> torch.device:
    """The device of the option `--device auto|cpu|cuda`.

    Raises:
        InputError: cuda was asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise data.InputError("--device cuda: this machine has no CUDA GPU; use --device cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


class Detector:
    """A micro-tube network ready to use.

    Args:
        network: trained; it is put into inference mode and its normalisation is merged into its
            convolutions.
        classes: action classes, without background.
        name: the model's name, recorded in `Detections`.
        seq_gap: frames left out between two frames of a micro-tube.
        device: where to compute.
    """

    def __init__(
        self,
        network: MicroTubeNetwork,
        classes: tuple[str, ...],
        name: str,
        *,
        seq_gap: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.network = network.eval().requires_grad_(False)
        merge_normalisation(self.network)
        self.network.to(self.device).use_channels_last()
        self.classes = classes
        self.name = name
        self.seq_gap = seq_gap
        self._mean = np.array(network.backbone.mean, np.float32)
        self._std = np.array(network.backbone.std, np.float32)

    @classmethod
    def load(cls, weights: str | Path, device: torch.device | str = "cpu") -> Detector:
        """Load a checkpoint of this project or a published AMTNet checkpoint.

        Args:
            weights: a name of the registry (see `weights`) or a file.
            device: where to compute.

        Raises:
            InputError: no such name or file, or no checkpoint of a detector.
        """
        checkpoint = load_checkpoint(weights)
        return cls(
            build_network(checkpoint),
            tuple(checkpoint.metadata["classes"]),
            checkpoint.name,
            seq_gap=checkpoint.metadata["seq_gap"],
            device=device,
        )

    def stream(self) -> DetectionStream:
        """Start on a new video."""
        return DetectionStream(self)

    def network_input(self, image: NDArray[np.uint8]) -> Tensor:
        """Resize and normalise an RGB frame, `(H, W, 3)` to `(1, 3, input_size, input_size)`."""
        side = self.network.input_size
        resized = cv2.resize(image, (side, side))
        normalised = (resized.astype(np.float32) - self._mean) / self._std
        batch = torch.from_numpy(normalised.transpose(2, 0, 1)[None])
        return batch.to(self.device, memory_format=torch.channels_last)


class DetectionStream:
    """Detections of a running video, frame after frame.

    The boxes of frame t come from the micro-tube that begins with t, so they are final when its
    last frame has come. The last frames of a video, which begin no micro-tube, get theirs as later
    frames of the last micro-tubes. A video too short for any is continued by its last frame.

    Memory is bounded: only what the frames of one micro-tube add to it is kept.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._step = detector.seq_gap + 1
        self._span = (detector.network.seq_len - 1) * self._step
        # Terms of the frames from which micro-tubes can still be made, the newest last.
        self._terms: deque[FrameTerms] = deque(maxlen=self._span + self._step)
        self._frames = 0
        self._size = (0, 0)

    @torch.inference_mode()
    def update(self, frame: data.Frame) -> list[Rows]:
        """Take the next frame.

        Returns:
            Boxes and scores of the frames that became final: none or one.
        """
        height, width = frame.image.shape[:2]
        self._size = (width, height)
        self._terms.append(
            self._detector.network.frame_terms(self._detector.network_input(frame.image))
        )
        self._frames += 1
        start = self._frames - 1 - self._span
        return [self._rows(start, place=0)] if start >= 0 else []

    @torch.inference_mode()
    def finish(self) -> list[Rows]:
        """End the video.

        Returns:
            Boxes and scores of the last frames, in order.
        """
        rows = []
        for frame in range(max(0, self._frames - self._span), self._frames):
            place = 1
            while frame - place * self._step + self._span >= self._frames:
                place += 1
            start = frame - place * self._step
            rows.append(self._rows(start, place) if start >= 0 else self._rows(frame, place=0))
        return rows

    def _rows(self, start: int, place: int) -> Rows:
        first_kept = self._frames - len(self._terms)
        members = range(start, start + self._span + 1, self._step)
        terms = [self._terms[min(t, self._frames - 1) - first_kept] for t in members]
        scores, offsets = self._detector.network.combine(terms)
        return detection_rows(
            scores[0], offsets[0], self._detector.network.priors, self._size, place=place
        )


def detect_video(
    detector: Detector,
    path: str | Path,
    video: str,
    *,
    on_frame: Callable[[], object] = lambda: None,
) -> data.Detections:
    """Detect in a whole video.

    Args:
        detector: the network.
        path: video file or folder of images.
        video: the name to give the result.
        on_frame: called after every frame, for a progress bar.

    Raises:
        InputError: the video cannot be read or has no frame.
    """
    stream = detector.stream()
    rows: list[Rows] = []
    with data.open_video(path) as reader:
        for frame in reader:
            rows += stream.update(frame)
            on_frame()
        width, height, frame_rate = reader.width, reader.height, reader.frame_rate
    rows += stream.finish()
    if not rows:
        raise data.InputError(f"{path}: no frame could be decoded; check the file")
    return data.Detections.from_frames(
        video=video,
        frames=rows,
        width=width,
        height=height,
        frame_rate=frame_rate,
        classes=detector.classes,
        model=detector.name,
    )


def build_network(checkpoint: Checkpoint) -> MicroTubeNetwork:
    """The network that a checkpoint describes, with its weights.

    Raises:
        InputError: the tensors don't fit the description.
    """
    described = checkpoint.metadata
    network = MicroTubeNetwork(
        described["basenet"],
        len(described["classes"]),
        described["seq_len"],
        described["input_size"],
    )
    merge_normalisation(network)  # checkpoints hold networks as they are used
    try:
        network.load_state_dict(checkpoint.state)
    except RuntimeError as error:
        complaint = " ".join(str(error).split())[:200]
        raise data.InputError(
            f"{checkpoint.path}: the tensors are not those of a {described['basenet']} detector "
            f"({complaint}); use a checkpoint that detection/train.py wrote or a published one"
        ) from None
    return network
