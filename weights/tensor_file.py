"""Files of tensors: safetensors with a description, and PyTorch's, read without running code."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import data

VERSION = 1
_HEADER_KEY = "action-tubes"
_WRITERS = {"detector": "detection/train.py", "classifier": "recognition/train.py"}


def write_tensor_file(
    path: str | os.PathLike[str],
    state: Mapping[str, Any],
    metadata: Mapping[str, Any],
    kind: str,
    *,
    half: bool = False,
) -> None:
    """Write tensors and what they mean, and the latter once more beside it as JSON for people.

    Args:
        path: the `.safetensors` file.
        state: tensors by name.
        metadata: what they mean.
        kind: the format, such as "action-tubes/detector".
        half: store float32 tensors in half precision; they are read back as float32.
    """
    from safetensors.torch import save

    described = {"format": kind, "version": VERSION, **metadata}
    tensors = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in state.items()
    }
    with data.atomic_write(path) as file:
        file.write(save(tensors, {_HEADER_KEY: json.dumps(described)}))
    with data.atomic_write(Path(path).with_suffix(".json"), "w") as file:
        file.write(json.dumps(described, indent=2) + "\n")


def is_torch_file(path: Path) -> bool:
    """Whether a file is one of PyTorch's.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(2) in (b"PK", b"\x80\x02")
    except OSError as error:
        raise data.InputError(
            f"{path}: cannot be read ({error.strerror}); check the path"
        ) from None


def read_safetensors(path: Path) -> tuple[dict[str, Any], str | None]:
    """The tensors of a file, half precision turned into float32, and our description of them.

    Raises:
        InputError: the file is damaged.
    """
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


def described(
    path: Path,
    header: str | None,
    kind: str,
    fields: Mapping[str, type],
    defaults: Mapping[str, Any],
) -> dict[str, Any]:
    """What the description of a file says.

    Args:
        path: the file, for messages.
        header: the description, None if the file has none.
        kind: see `write_tensor_file`.
        fields: that must be there, and their types.
        defaults: of fields that may be missing.

    Raises:
        InputError: it describes something else.
    """
    noun = kind.rpartition("/")[2]
    writer = _WRITERS[noun]
    if header is None:
        raise data.InputError(
            f"{path}: has tensors but no description of a {noun}; use a checkpoint that "
            f"{writer} wrote, or name this file with --init_weights to train from it"
        )
    try:
        metadata = {**defaults, **json.loads(header)}
        if (metadata["format"], metadata["version"]) != (kind, VERSION):
            raise ValueError(f"format must be {kind} version {VERSION}")
        for field, wanted in fields.items():
            if type(metadata[field]) is not wanted:
                raise ValueError(f"{field} must be of type {wanted.__name__}")
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise data.InputError(
            f"{path}: describes no {noun} of this program ({reason}); use a checkpoint that "
            f"{writer} wrote"
        ) from None
    return metadata


def read_torch(path: Path) -> object:
    """What a PyTorch file holds, on the CPU.

    Raises:
        InputError: the file is damaged, or holds something else than tensors.
    """
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
