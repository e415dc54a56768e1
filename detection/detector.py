"""A trained detector: frames in, rows of `Detections` out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import data
from detection.detection_stream import DetectionStream, ToRows
from detection.network import FrameTerms, MicroTubeNetwork
from detection.onnx_model import make_onnx_model, read_onnx_model
from detection.onnx_network import OnnxNetwork
from detection.postprocess import Rows, detection_rows
from detection.streams import Stream
from training.distributed import named_device
from training.precision import autocast
from weights import Checkpoint, load_checkpoint, merge_normalisation, resolve_weights

ONNX_SUFFIX = ".onnx"
BACKENDS = ("pytorch", "onnx")


def choose_backend(name: str | None, weights: Path) -> str:
    """The backend of the option `--backend pytorch|onnx`; None: the one that the file is for.

    Raises:
        InputError: the file is not for this one.
    """
    exported = weights.suffix == ONNX_SUFFIX
    if exported and name == "pytorch":
        raise data.InputError(
            f"{weights}: PyTorch does not run ONNX models; leave out --backend, or name the "
            "checkpoint that it was made of"
        )
    return "onnx" if exported else name or "pytorch"


def choose_device(name: str, backend: str = "pytorch") -> torch.device:
    """The device of the option `--device auto|cpu|cuda`.

    Raises:
        InputError: cuda was asked for and there is none, or the backend does not use it.
    """
    if backend == "onnx":
        if name == "cuda":
            raise data.InputError(
                "--device cuda: the onnx backend computes on the CPU; leave out one of the two"
            )
        return torch.device("cpu")
    return named_device(name)


class Detector:
    """A micro-tube network ready to use.

    Args:
        network: trained; one of PyTorch is put into inference mode and its normalisation is merged
            into its convolutions.
        classes: action classes, without background.
        name: the model's name, recorded in `Detections`.
        seq_gap: frames left out between two frames of a micro-tube.
        device: where to compute.
        precision: see `training.precision`.
    """

    def __init__(
        self,
        network: MicroTubeNetwork | OnnxNetwork,
        classes: tuple[str, ...],
        name: str,
        *,
        seq_gap: int = 0,
        device: torch.device | str = "cpu",
        precision: str = "float32",
    ) -> None:
        self.device = torch.device(device)
        self.precision = precision
        self.network = network
        if isinstance(network, MicroTubeNetwork):
            network.to(self.device).finish_training()
        self.classes = classes
        self.name = name
        self.seq_gap = seq_gap
        self._normalisation = [
            torch.tensor(normalisation, device=self.device).repeat(1, stream.images)[
                ..., None, None
            ]
            for stream, normalisation in zip(network.streams, network.normalisation, strict=True)
        ]

    @classmethod
    def load(
        cls,
        weights: str | Path,
        device: torch.device | str = "cpu",
        precision: str = "float32",
        backend: str | None = None,
    ) -> Detector:
        """Load a checkpoint of this project, a published one of AMTNet or ROAD, or an ONNX model.

        Args:
            weights: a name of the registry (see `weights`) or a file.
            device: where to compute; ONNX models: on the CPU.
            precision: see `Detector`; of ONNX models float32.
            backend: pytorch, or onnx: a checkpoint is exported first; None: see `choose_backend`.

        Raises:
            InputError: no such name or file, no detector, or the backend does not do this.
        """
        path = resolve_weights(weights)
        onnx = choose_backend(backend, path) == "onnx"
        if onnx and precision != "float32":
            raise data.InputError(
                f"--precision {precision}: the onnx backend computes in float32; leave out one of "
                "the two"
            )
        network: MicroTubeNetwork | OnnxNetwork
        if path.suffix == ONNX_SUFFIX:
            network = OnnxNetwork(read_onnx_model(path), path)
            described: Mapping[str, Any] = network.described
        else:
            checkpoint = load_checkpoint(path)
            network, described = build_network(checkpoint), checkpoint.metadata
            if onnx:
                network = OnnxNetwork(make_onnx_model(network.eval(), described), path)
        return cls(
            network,
            tuple(described["classes"]),
            path.stem,
            seq_gap=described["seq_gap"],
            device=device,
            precision=precision,
        )

    def stream(self, batch_size: int = 1, to_rows: ToRows = detection_rows) -> DetectionStream:
        """Start on a new video; see `DetectionStream`."""
        return DetectionStream(self, batch_size, to_rows)

    def network_input(self, stream: int, stacks: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Normalise stacked RGB images of a stream.

        Args:
            stream: its index.
            stacks: N x `(H, W, 3 n)`, of the network's size.

        Returns:
            `(N, 3 n, H, W)`; channel by channel in memory, as convolutions take them fastest.
        """
        values = torch.from_numpy(np.stack(stacks)).to(self.device).permute(0, 3, 1, 2).float()
        mean, std = self._normalisation[stream]
        return (values - mean) / std

    def frame_terms(self, inputs: Sequence[Tensor]) -> FrameTerms:
        """See `MicroTubeNetwork.frame_terms`."""
        with autocast(self.device, self.precision):
            return self.network.frame_terms(*inputs)

    def combine(self, micro_tubes: Sequence[FrameTerms]) -> tuple[Tensor, Tensor]:
        """See `MicroTubeNetwork.combine`."""
        with autocast(self.device, self.precision):
            scores, offsets = self.network.combine(micro_tubes)
        return scores.float(), offsets.float()


@contextmanager
def open_inputs(
    detector: Detector, open_input: Callable[[str], data.VideoReader]
) -> Iterator[list[data.VideoReader]]:
    """Open what each stream of a detector looks at.

    Args:
        detector: the network.
        open_input: opens the images of an input type.

    Raises:
        InputError: one cannot be read.
    """
    with ExitStack() as opened:
        yield [
            opened.enter_context(open_input(stream.input_type))
            for stream in detector.network.streams
        ]


def detect_frames(
    stream: DetectionStream,
    readers: Sequence[data.VideoReader],
    on_frame: Callable[[], object] = lambda: None,
) -> Iterator[Rows]:
    """The rows of each frame of a video, in order, as they become final.

    Args:
        stream: a new one.
        readers: see `open_inputs`.
        on_frame: called after every frame, for a progress bar.

    Raises:
        InputError: the video has no frame, or another number of images in each stream.
    """
    count = 0
    for frames in zip_longest(*readers):
        for reader, frame in zip(readers, frames, strict=True):
            if frame is None:
                raise data.InputError(
                    f"{reader.path}: ends after {count} images, before the other stream; make or "
                    "download its images again"
                )
        count += 1
        yield from stream.update_images([frame.image for frame in frames])
        on_frame()
    if count == 0:
        raise data.InputError(f"{readers[0].path}: no frame could be decoded; check the file")
    yield from stream.finish()


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
    with open_inputs(detector, open_input or partial(data.open_input, path)) as readers:
        rows = list(detect_frames(detector.stream(batch_size), readers, on_frame))
        first = readers[0]
    return data.Detections.from_frames(
        video=video,
        frames=rows,
        width=first.width,
        height=first.height,
        frame_rate=first.frame_rate,
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
