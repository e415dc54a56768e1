"""A trained detector: frames in, rows of `Detections` out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import data
from detection.detection_stream import DetectionStream
from detection.network import FrameTerms, MicroTubeNetwork, merge_normalisation
from detection.postprocess import Rows
from detection.streams import Stream
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
        precision: "float32", or "bfloat16" for mixed precision.
    """

    def __init__(
        self,
        network: MicroTubeNetwork,
        classes: tuple[str, ...],
        name: str,
        *,
        seq_gap: int = 0,
        device: torch.device | str = "cpu",
        precision: str = "float32",
    ) -> None:
        self.device = torch.device(device)
        self.precision = precision
        self.network = network.eval().requires_grad_(False)
        merge_normalisation(self.network)
        self.network.to(self.device).use_channels_last()
        self.classes = classes
        self.name = name
        self.seq_gap = seq_gap
        self._mean = torch.tensor(network.backbone.mean, device=self.device)[:, None, None]
        self._std = torch.tensor(network.backbone.std, device=self.device)[:, None, None]

    @classmethod
    def load(
        cls,
        weights: str | Path,
        device: torch.device | str = "cpu",
        precision: str = "float32",
    ) -> Detector:
        """Load a checkpoint of this project or a published one of AMTNet or ROAD.

        Args:
            weights: a name of the registry (see `weights`) or a file.
            device: where to compute.
            precision: see `Detector`.

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
            precision=precision,
        )

    def stream(self, batch_size: int = 1) -> DetectionStream:
        """Start on a new video; see `DetectionStream`."""
        return DetectionStream(self, batch_size)

    def network_input(self, stacks: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Normalise stacked RGB images of the network's size, N x `(H, W, 3 n)`, `(N, 3 n, H, W)`.

        They stay channel by channel in memory, as convolutions take them fastest.
        """
        values = torch.from_numpy(np.stack(stacks)).to(self.device).permute(0, 3, 1, 2).float()
        images = stacks[0].shape[2] // 3
        return (values - self._mean.repeat(images, 1, 1)) / self._std.repeat(images, 1, 1)

    def frame_terms(self, inputs: Sequence[Tensor]) -> FrameTerms:
        """See `MicroTubeNetwork.frame_terms`."""
        with self._autocast():
            return self.network.frame_terms(*inputs)

    def combine(self, micro_tubes: Sequence[FrameTerms]) -> tuple[Tensor, Tensor]:
        """See `MicroTubeNetwork.combine`."""
        with self._autocast():
            scores, offsets = self.network.combine(micro_tubes)
        return scores.float(), offsets.float()

    def _autocast(self) -> torch.autocast:
        mixed = self.precision != "float32"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=mixed)


def detect_video(
    detector: Detector,
    path: str | Path,
    video: str,
    *,
    batch_size: int = 1,
    open_input: Callable[[str], data.VideoReader] | None = None,
    on_frame: Callable[[], object] = lambda: None,
) -> data.Detections:
    """Detect in a whole video.

    Args:
        detector: the network.
        path: video file or folder of images.
        video: the name to give the result.
        batch_size: frames that are computed together.
        open_input: opens the images of an input type; None: those of `path`, flow computed.
        on_frame: called after every frame, for a progress bar.

    Raises:
        InputError: the video cannot be read or has no frame.
    """
    stream = detector.stream(batch_size)
    rows: list[Rows] = []
    kinds = [each.input_type for each in detector.network.streams]
    with ExitStack() as opened:
        readers = [
            opened.enter_context(open_input(kind) if open_input else data.open_input(path, kind))
            for kind in kinds
        ]
        for frames in zip(*readers, strict=False):
            rows += stream.update_images([frame.image for frame in frames])
            on_frame()
        first = readers[0]
        width, height, frame_rate = first.width, first.height, first.frame_rate
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
        [Stream(**stream) for stream in described["streams"]],
        described["fusion_type"],
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
