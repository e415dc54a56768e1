"""The network of a detector, computed by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import data
from detection.network import FrameTerms
from detection.onnx_model import (
    OUTPUT_NAMES,
    STREAM_NAMES,
    import_onnx,
    micro_tube_names,
    onnx_description,
    term_names,
)
from detection.priors import prior_boxes
from detection.streams import Normalisation, Stream, check_streams


class OnnxNetwork:
    """What `MicroTubeNetwork` computes of frames, on the CPU, with as many threads as PyTorch has.

    Args:
        model: an `onnx.ModelProto` that `detection.onnx_model` made.
        path: the file it is from, for messages.

    Attributes:
        described: what the model says of itself, see `weights.Checkpoint`.
        streams: as of `MicroTubeNetwork`.
        seq_len: likewise.
        input_size: likewise.
        priors: likewise.
        normalisation: likewise.

    Raises:
        InputError: the model is no detector of this program, or onnxruntime is not there.
    """

    def __init__(self, model: Any, path: Path) -> None:
        runtime = import_onnx("onnxruntime")
        self.described = onnx_description(model, path)
        try:
            self.streams = tuple(Stream(**stream) for stream in self.described["streams"])
            check_streams(self.streams, self.described["fusion_type"])
            self.seq_len = int(self.described["seq_len"])
            self.input_size = int(self.described["input_size"])
            self.normalisation = tuple(
                Normalisation(tuple(described["mean"]), tuple(described["std"]))
                for _, described in zip(self.streams, self.described["normalisation"], strict=True)
            )
            recipe = self.described["priors"]
            self._maps = len(recipe["map_sizes"])
            self.priors = prior_boxes(recipe["map_sizes"], recipe["strides"], self.input_size)
            streams = STREAM_NAMES[: len(self.streams)]
            terms = term_names(self._maps, self.seq_len)
            micro_tubes = micro_tube_names(self._maps, self.seq_len)
            self._of_frames = _Part(runtime, model, streams, terms)
            self._of_micro_tubes = _Part(runtime, model, micro_tubes, OUTPUT_NAMES)
        except Exception as error:  # those of onnxruntime have no class of their own
            reason = " ".join(str(error).split())[:200]
            raise data.InputError(
                f"{path}: is not a whole detector ({reason}); make it again with "
                "detection/export.py"
            ) from None

    def frame_terms(self, *frames: Tensor) -> FrameTerms:
        """See `MicroTubeNetwork.frame_terms`."""
        found = iter(self._of_frames(frames))
        return [[next(found) for _ in range(self.seq_len)] for _ in range(self._maps)]

    def combine(self, micro_tube: Sequence[FrameTerms]) -> tuple[Tensor, Tensor]:
        """See `MicroTubeNetwork.combine`."""
        scores, offsets = self._of_micro_tubes(
            [by_map[place] for place, frame in enumerate(micro_tube) for by_map in frame]
        )
        return scores, offsets


class _Part:
    """The part of a model that leads from some inputs to some outputs."""

    def __init__(
        self, runtime: Any, model: Any, inputs: Sequence[str], outputs: Sequence[str]
    ) -> None:
        import_onnx("onnx")
        from onnx.utils import Extractor

        part = Extractor(model).extract_model(list(inputs), list(outputs))
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # Threads that spin while they wait take the cores from the other part and from decoding.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = runtime.InferenceSession(
            part.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = list(inputs)
        self._outputs = list(outputs)

    def __call__(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        arrays = [tensor.numpy() for tensor in tensors]
        fed = dict(zip(self._inputs, arrays, strict=True))
        return [torch.from_numpy(array) for array in self._session.run(self._outputs, fed)]
