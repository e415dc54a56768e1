"""The layout of published AMTNet checkpoints: how their keys and tensors map to ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import data

_MAPS = 6
_TAPS = 9
_CONV4_3_CHANNELS = 512
_PRIORS_PER_CELL_OF_FIRST_MAP = 4
_CLASSES_BY_COUNT = {24: data.UCF24_CLASSES, 21: data.JHMDB21_CLASSES}


def read_amtnet(path: Path, state: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """Turn a state dict of the published AMTNet code (one stream) into ours.

    Args:
        path: the file, for messages.
        state: what the file holds; keys with or without `module.`, as several GPUs or one left
            them. Index tables are ignored.

    Returns:
        Tensors and metadata, as in `weights.Checkpoint`.

    Raises:
        InputError: the checkpoint is of another network.
    """
    problem = data.InputError(
        f"{path}: is no single-stream AMTNet checkpoint (keys core_base.*, loc.*, conf.* are "
        "wanted); use one, or a checkpoint that detection/train.py wrote"
    )
    if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
        raise problem
    published = {key.removeprefix("module."): value for key, value in state.items()}
    if any(key.startswith("core_extra.") for key in published):
        raise problem
    own: dict[str, Any] = {}
    try:
        channels = _TAPS * _CONV4_3_CHANNELS
        seq_len = published["loc.0.weight"].shape[1] // channels
        outputs = published["conf.0.weight"].shape[0] // _PRIORS_PER_CELL_OF_FIRST_MAP
        for index in range(_MAPS):
            own |= _head(published, index, seq_len)
    except (KeyError, AttributeError, RuntimeError, IndexError, ZeroDivisionError):
        raise problem from None
    for key, value in published.items():
        if key.startswith("core_base.") and "featPool" not in key:
            own["backbone." + key.removeprefix("core_base.")] = value
    classes = outputs - 1
    names = _CLASSES_BY_COUNT.get(classes) or [f"class_{index}" for index in range(classes)]
    metadata = {
        "basenet": "vgg16",
        "classes": list(names),
        "seq_len": seq_len,
        "seq_gap": 0,
        "input_size": 300,
    }
    return own, metadata


def _head(published: Mapping[str, Any], index: int, seq_len: int) -> dict[str, Any]:
    """The convolution of one source map from the linear layers `loc` and `conf`.

    The linear layers read (frame, tap, channel); the taps are the 3x3 neighbourhood row by row.
    """
    import torch

    names = (f"loc.{index}", f"conf.{index}")
    weights = [
        published[f"{name}.weight"].unflatten(1, (seq_len, 3, 3, -1)).permute(1, 0, 4, 2, 3)
        for name in names
    ]
    biases = [published[f"{name}.bias"] for name in names]
    return {
        f"heads.{index}.weight": torch.cat(weights, 1),
        f"heads.{index}.bias": torch.cat(biases),
    }
