"""Checkpoints of classifiers: ours (safetensors) written and read, published ones read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import data
from weights.registry import resolve_weights
from weights.tensor_file import (
    described,
    is_torch_file,
    read_safetensors,
    read_torch,
    write_tensor_file,
)

FORMAT = "action-tubes/classifier"
_FIELDS: dict[str, type] = {"model": dict, "classes": list}


@dataclass(frozen=True, eq=False)
class ClassifierCheckpoint:
    """The tensors of a classifier and what is known of them.

    Attributes:
        path: the file.
        name: the model's name: the file's, without suffix.
        state: tensors by name, of a published file as they are there.
        metadata: of ours "model", the settings of the network by name, "classes", their names, and
            what is known of "input_size", "recipe", "data" and "figures"; of a published file what
            stands beside its tensors, such as "epoch" and "arch".
        published: whether the file is not ours.
    """

    path: Path
    name: str
    state: Mapping[str, Any]
    metadata: Mapping[str, Any]
    published: bool


def save_classifier(
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
        metadata: see `ClassifierCheckpoint`.
        half: store float32 tensors in half precision; they are read back as float32.
    """
    write_tensor_file(path, state, metadata, FORMAT, half=half)


def load_classifier(weights: str | os.PathLike[str]) -> ClassifierCheckpoint:
    """Read a checkpoint of this project, or one of TSN, TSM, LSNet or SeqVLAD.

    Args:
        weights: a name of the registry, a `.safetensors` file of ours, or a PyTorch file as these
            systems publish them: a state dict, or one beside other entries.

    Raises:
        InputError: no such file, truncated, hostile, or no checkpoint of a classifier.
    """
    path = resolve_weights(weights)
    if not is_torch_file(path):
        state, header = read_safetensors(path)
        metadata = described(path, header, FORMAT, _FIELDS, {})
        return ClassifierCheckpoint(path, path.stem, state, metadata, published=False)
    content: Any = read_torch(path)
    metadata = {}
    if isinstance(content, Mapping) and "state_dict" in content:
        metadata = {k: v for k, v in content.items() if k not in ("state_dict", "optimizer")}
        content = content["state_dict"]
    if not _is_state(content):
        raise data.InputError(
            f"{path}: holds no tensors by name; use the checkpoint of a network as published"
        )
    return ClassifierCheckpoint(path, path.stem, content, metadata, published=True)


def _is_state(content: Any) -> bool:
    import torch

    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in content.items())
    )
