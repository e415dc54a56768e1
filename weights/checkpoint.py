"""Checkpoints of detectors: ours (safetensors) written and read, published ones read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weights.published import read_pretrained, read_published
from weights.registry import resolve_weights
from weights.tensor_file import (
    described,
    is_torch_file,
    read_safetensors,
    read_torch,
    write_tensor_file,
)

FORMAT = "action-tubes/detector"
_FIELDS: dict[str, type] = {
    "basenet": str,
    "classes": list,
    "seq_len": int,
    "seq_gap": int,
    "input_size": int,
    "streams": list,
    "fusion_type": str,
}
# What a description leaves out: the first ones were all of such detectors.
_DEFAULTS = {"streams": [{"input_type": "rgb", "images": 1}], "fusion_type": "none"}


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The tensors of a detector and what they mean.

    Attributes:
        path: the file.
        name: the model's name: the file's, without suffix.
        state: tensors by the names of `detection.network.MicroTubeNetwork`.
        metadata: "basenet", "classes", "seq_len", "seq_gap", "input_size", "streams" (for each its
            "input_type" and how many "images" are stacked for a frame) and "fusion_type", and what
            is known of "recipe", "data", "figures" and "licence".
    """

    path: Path
    name: str
    state: Mapping[str, Any]
    metadata: Mapping[str, Any]


def save_checkpoint(
    path: str | os.PathLike[str],
    state: Mapping[str, Any],
    metadata: Mapping[str, Any],
    *,
    half: bool = False,
) -> None:
    """Write a checkpoint, and its metadata once more beside it as a JSON file for people.

    Args:
        path: the `.safetensors` file.
        state: tensors by name.
        metadata: see `Checkpoint`.
        half: store float32 tensors in half precision; they are read back as float32.
    """
    write_tensor_file(path, state, metadata, FORMAT, half=half)


def load_checkpoint(weights: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint of this project or a published one of AMTNet or ROAD.

    Args:
        weights: a name of the registry, a `.safetensors` file of ours, or a PyTorch file as AMTNet
            or ROAD publishes it, which is read without running any code in it.

    Raises:
        InputError: no such file, truncated, hostile, or no checkpoint of a detector.
    """
    path = resolve_weights(weights)
    if is_torch_file(path):
        state, metadata = read_published(path, read_torch(path))
    else:
        state, header = read_safetensors(path)
        metadata = described(path, header, FORMAT, _FIELDS, _DEFAULTS)
    return Checkpoint(path, path.stem, state, metadata)


def load_tensors(weights: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the tensors of any checkpoint to start training from, whatever network they are of.

    Args:
        weights: as in `load_checkpoint`; safetensors files without our description are taken too.

    Raises:
        InputError: no such file, truncated or hostile.
    """
    path = resolve_weights(weights)
    if is_torch_file(path):
        return read_pretrained(path, read_torch(path))
    return read_safetensors(path)[0]
