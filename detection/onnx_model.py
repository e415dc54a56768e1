"""Detectors as ONNX models, which other programs run without this one.

A model has two parts that do not touch each other, with the names below:

- what frames add to micro-tubes: `base` and, of two streams, `extra`, `(frames, 3 n, H, W)` images
  as `Detector.network_input` makes them, to `term.<map>.<place>`;
- micro-tubes: `micro_tube.<place>.<map>`, the `term.<map>.<place>` of the frame in that place, to
  `scores` `(micro_tubes, P, classes + 1)` before softmax, background first, and `offsets`
  `(micro_tubes, P, 4 S)` from the prior boxes.

So the terms of each frame are computed once, though it is in several micro-tubes. A program that
runs the whole model at a time feeds a new frame and the terms of those before it. Prior boxes and
non-maximum suppression are not in it; what they need, and how images are normalised, stands as
JSON in the model's metadata under "action-tubes".
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

import data
from detection.matching import CENTRE_VARIANCE, SIZE_VARIANCE
from detection.network import FrameTerms, MicroTubeNetwork
from detection.priors import ASPECT_RATIOS, MAX_SIZES, MIN_SIZES, PUBLISHED_SIZE

FORMAT = "action-tubes/onnx-detector"
VERSION = 1
METADATA_KEY = "action-tubes"
STREAM_NAMES = ("base", "extra")
OUTPUT_NAMES = ("scores", "offsets")
_OPSET = 17


def import_onnx(name: str) -> Any:
    """The module onnx or onnxruntime, which are not installed unless asked for.

    Raises:
        InputError: it is not there.
    """
    try:
        return import_module(name)
    except ImportError:
        raise data.InputError(
            f"the Python package {name} is not installed, which ONNX models need; install it with "
            "python -m pip install onnx onnxruntime"
        ) from None


def term_names(maps: int, seq_len: int) -> list[str]:
    """Names of what frames add, by map and place."""
    return [f"term.{index}.{place}" for index in range(maps) for place in range(seq_len)]


def micro_tube_names(maps: int, seq_len: int) -> list[str]:
    """Names of what micro-tubes are made of, by place and map."""
    return [f"micro_tube.{place}.{index}" for place in range(seq_len) for index in range(maps)]


def make_onnx_model(network: MicroTubeNetwork, described: Mapping[str, Any]) -> Any:
    """The ONNX model of a network.

    Args:
        network: as it is used: in evaluation mode, normalisation merged.
        described: what is known of it, see `weights.Checkpoint`.

    Returns:
        An `onnx.ModelProto`.

    Raises:
        InputError: the package onnx is not there.
    """
    onnx = import_onnx("onnx")
    side = network.input_size
    images = [torch.zeros(1, 3 * stream.images, side, side) for stream in network.streams]
    with torch.no_grad():
        terms = network.frame_terms(*images)
    micro_tube = [by_map[place] for place in range(network.seq_len) for by_map in terms]
    streams = list(STREAM_NAMES[: len(images)])
    from_frames = term_names(len(terms), network.seq_len)
    to_micro_tubes = micro_tube_names(len(terms), network.seq_len)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        # The newer exporter needs a package more and takes 15 s in place of one.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _BothParts(network, len(images)),
            (*images, *micro_tube),
            file := Path(folder) / "model.onnx",
            input_names=streams + to_micro_tubes,
            output_names=[*from_frames, *OUTPUT_NAMES],
            dynamic_axes={name: {0: "frames"} for name in streams + from_frames}
            | {name: {0: "micro_tubes"} for name in (*to_micro_tubes, *OUTPUT_NAMES)},
            opset_version=_OPSET,
            dynamo=False,
        )
        model = onnx.load(file)
    map_sizes = [by_map[0].shape[-1] for by_map in terms]
    description = {
        **described,
        "format": FORMAT,
        "version": VERSION,
        "normalisation": [normalisation._asdict() for normalisation in network.normalisation],
        "priors": _priors_recipe(map_sizes, network.backbone.strides),
    }
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(description)})
    return model


def read_onnx_model(path: Path) -> Any:
    """Reads what `make_onnx_model` made, or another ONNX model.

    Raises:
        InputError: the file cannot be read or is none, or the package onnx is not there.
    """
    onnx = import_onnx("onnx")
    try:
        content = path.read_bytes()
        return onnx.load_model_from_string(content)
    except OSError as error:
        raise data.InputError(
            f"{path}: cannot be read ({error.strerror}); check the path"
        ) from None
    except Exception:  # protobuf's error, whose class differs between its implementations
        raise data.InputError(
            f"{path}: is no complete ONNX model; make it again with detection/export.py"
        ) from None


def onnx_description(model: Any, path: Path) -> dict[str, Any]:
    """What a model says of itself.

    Args:
        model: an `onnx.ModelProto`.
        path: the file it is from, for messages.

    Raises:
        InputError: it is no detector of this program.
    """
    texts = [entry.value for entry in model.metadata_props if entry.key == METADATA_KEY]
    try:
        described: dict[str, Any] = json.loads(texts[0])
        if (described["format"], described["version"]) == (FORMAT, VERSION):
            return described
    except (IndexError, ValueError, KeyError, TypeError):
        pass
    raise data.InputError(
        f"{path}: describes no detector of this program and version; use a model that "
        "detection/export.py wrote"
    )


def _priors_recipe(map_sizes: Sequence[int], strides: Sequence[int | None]) -> dict[str, Any]:
    """All that `detection.priors` and `detection.matching.decode` make boxes of."""
    return {
        "map_sizes": map_sizes,
        "strides": strides,
        "min_sizes": MIN_SIZES,
        "max_sizes": MAX_SIZES,
        "sizes_of_pixels": PUBLISHED_SIZE,
        "aspect_ratios": ASPECT_RATIOS,
        "variances": (CENTRE_VARIANCE, SIZE_VARIANCE),
    }


class _BothParts(nn.Module):
    """What an ONNX model computes: both parts, from and to a plain list of tensors."""

    def __init__(self, network: MicroTubeNetwork, streams: int) -> None:
        super().__init__()
        self._network = network
        self._streams = streams

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Images of each stream, terms by place and map; to terms by map and place, outputs."""
        terms = self._network.frame_terms(*tensors[: self._streams])
        scores, offsets = self._network.combine(list(self._frames(tensors[self._streams :])))
        return (*(place for by_map in terms for place in by_map), scores, offsets)

    def _frames(self, tensors: Sequence[Tensor]) -> Iterator[FrameTerms]:
        """The terms of each frame; those of other places are never looked at."""
        maps = len(self._network.heads)
        for place in range(self._network.seq_len):
            yield [
                [tensor] * self._network.seq_len
                for tensor in tensors[place * maps : (place + 1) * maps]
            ]
