"""Checkpoints of detectors: ours (safetensors) written and read, published ones read."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import data
from weights.published import read_pretrained, read_published
from weights.registry import resolve_weights

FORMAT = "action-tubes/detector"
VERSION = 1
_HEADER_KEY = "action-tubes"
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
    from safetensors.torch import save

    described = {"format": FORMAT, "version": VERSION, **metadata}
    tensors = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in state.items()
    }
    with data.atomic_write(path) as file:
        file.write(save(tensors, {_HEADER_KEY: json.dumps(described)}))
    with data.atomic_write(Path(path).with_suffix(".json"), "w") as file:
        file.write(json.dumps(described, indent=2) + "\n")


def load_checkpoint(weights: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint of this project or a published one of AMTNet or ROAD.

    Args:
        weights: a name of the registry, a `.safetensors` file of ours, or a PyTorch file as AMTNet
            or ROAD publishes it, which is read without running any code in it.

    Raises:
        InputError: no such file, truncated, hostile, or no checkpoint of a detector.
    """
    path = resolve_weights(weights)
    if _is_torch_file(path):
        state, metadata = read_published(path, _read_torch(path))
    else:
        state, header = _read_safetensors(path)
        metadata = _checked(path, header)
    return Checkpoint(path, path.stem, state, metadata)


def load_tensors(weights: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the tensors of any checkpoint to start training from, whatever network they are of.

    Args:
        weights: as in `load_checkpoint`; safetensors files without our description are taken too.

    Raises:
        InputError: no such file, truncated or hostile.
    """
    path = resolve_weights(weights)
    if _is_torch_file(path):
        return read_pretrained(path, _read_torch(path))
    return _read_safetensors(path)[0]


def _is_torch_file(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) in (b"PK", b"\x80\x02")
    except OSError as error:
        raise data.InputError(
            f"{path}: cannot be read ({error.strerror}); check the path"
        ) from None


def _read_safetensors(path: Path) -> tuple[dict[str, Any], str | None]:
    """The tensors of a file, half precision turned into float32, and our description."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(_HEADER_KEY)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise data.InputError(
            f"{path}: is no complete safetensors or PyTorch checkpoint ({error}); "
            "copy or download it again"
        ) from None
    return {k: v.float() if v.is_floating_point() else v for k, v in state.items()}, header


def _checked(path: Path, header: str | None) -> dict[str, Any]:
    if header is None:
        raise data.InputError(
            f"{path}: has tensors but no description of a detector; use a checkpoint that "
            "detection/train.py wrote, or name this file with --init_weights to train from it"
        )
    try:
        metadata = _DEFAULTS | json.loads(header)
        if (metadata["format"], metadata["version"]) != (FORMAT, VERSION):
            raise ValueError(f"format must be {FORMAT} version {VERSION}")
        for field, kind in _FIELDS.items():
            if type(metadata[field]) is not kind:
                raise ValueError(f"{field} must be of type {kind.__name__}")
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise data.InputError(
            f"{path}: describes no detector of this program ({reason}); use a checkpoint that "
            "detection/train.py wrote"
        ) from None
    return dict(metadata)


def _read_torch(path: Path) -> object:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise data.InputError(
            f"{path}: holds something else than tensors, which could run code, and was not loaded; "
            "use a checkpoint that holds a state dict only"
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:120]
        raise data.InputError(
            f"{path}: is no complete PyTorch checkpoint ({reason}); copy or download it again"
        ) from None
