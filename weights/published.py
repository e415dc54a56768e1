"""The layouts of published detectors, AMTNet and ROAD: how their tensors map to ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import data

_MAPS = 6
_TAPS = 9
_CONV4_3_CHANNELS = 512
_PRIORS_PER_CELL_OF_FIRST_MAP = 4
_CLASSES = {"ucf24": data.UCF24_CLASSES, "jhmdb21": data.JHMDB21_CLASSES}
# AMTNet trains on several gaps in turn when this one is named, and tests on another.
_ALL_GAPS, _GAP_TESTED_OF_ALL = 20, 1
_TYPES = "rgb|brox|fastOF"
# What the names of published files and their folders tell.
_NAMES = [
    re.compile(pattern)
    for pattern in (
        rf"AMTNet-(?P<dataset>\w+)-s\d+-(?:(?P<fusion>sum|cat|mean)-)?(?P<base>{_TYPES})"
        rf"(?:-(?P<extra>{_TYPES}))?-sl\d+sg(?P<gap>\d+)-",
        rf"AMTNet_single_stream_(?P<base>{_TYPES})_s\d+",
        rf"CONV-SSD-(?P<dataset>\w+)-(?P<base>{_TYPES})-",
        rf"(?P<base>{_TYPES})-ssd300_(?P<dataset>\w+)_\d+",
    )
]


def read_published(path: Path, state: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """Turn a state dict of the published AMTNet or ROAD code into ours.

    What the tensors do not tell, such as the kind of flow, is read from the names of the file and
    its folder, which are as published.

    Args:
        path: the file, for its name and for messages.
        state: what the file holds; keys with or without `module.`, as several GPUs or one left
            them. Index tables are ignored.

    Returns:
        Tensors and metadata, as in `weights.Checkpoint`.

    Raises:
        InputError: the checkpoint is of another network.
    """
    published = _named(state)
    try:
        if "core_base.vgg.0.weight" in published:
            own, metadata = _amtnet(path, published)
        elif "vgg.0.weight" in published:
            own, metadata = _road(path, published)
        else:
            raise KeyError
    except (KeyError, AttributeError, RuntimeError, IndexError, ZeroDivisionError):
        raise data.InputError(
            f"{path}: is no AMTNet or ROAD checkpoint (keys core_base.*, loc.*, conf.* or vgg.*, "
            "loc.*, conf.* are wanted); use one, or a checkpoint that detection/train.py wrote"
        ) from None
    return own, {"basenet": "vgg16", "input_size": 300, **metadata}


def read_pretrained(path: Path, state: object) -> dict[str, Any]:
    """Tensors to start training from, by our names.

    Args:
        path: the file, for messages.
        state: of a published detector, or of a classifier: `vgg16_reducedfc.pth`, whose keys are
            the numbers of layers, one of torchvision's, or one of clips, beside other entries.

    Raises:
        InputError: the file holds something else than tensors by name.
    """
    if isinstance(state, Mapping) and "state_dict" in state:
        state = state["state_dict"]
    published = _named(state)
    if any(key.startswith(("core_base.", "loc.")) for key in published):
        return read_published(path, published)[0]
    if not published:
        raise data.InputError(f"{path}: holds no tensors by name; use the state dict of a network")
    numbered = all(key.split(".")[0].isdecimal() for key in published)
    if numbered:
        return {f"vgg.{key}": value for key, value in published.items()}
    if "features.28.bias" in published:  # torchvision's VGG16, with the same numbers
        return {key.replace("features.", "vgg."): value for key, value in published.items()}
    return published


def _named(state: object) -> dict[str, Any]:
    """Tensors by name without `module.`; none of something else."""
    if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
        return {}
    return {key.removeprefix("module."): value for key, value in state.items()}


def _amtnet(path: Path, published: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    priors = _PRIORS_PER_CELL_OF_FIRST_MAP
    seq_len = published["loc.0.bias"].shape[0] // (4 * priors)
    streams = 2 if "core_extra.vgg.0.weight" in published else 1
    blocks = published["loc.0.weight"].shape[1] // (seq_len * _TAPS * _CONV4_3_CHANNELS)
    own: dict[str, Any] = {}
    for index in range(_MAPS):
        own |= _linear_head(published, index, blocks, seq_len)
    for core, backbone in (("core_base.", "backbone."), ("core_extra.", "extra_backbone.")):
        for key, value in published.items():
            if key.startswith(core) and "featPool" not in key:
                own[backbone + key.removeprefix(core)] = value
    named = _told_by_name(path)
    fusion = "none" if streams == 1 else "cat" if blocks == 2 else named.get("fusion")
    if fusion not in ("none", "cat", "sum", "mean"):
        raise data.InputError(
            f"{path}: fuses two streams by sum or by mean, which its tensors do not tell; put it "
            "into a folder named as AMTNet does, such as "
            "AMTNet-ucf24-s1-sum-rgb-brox-sl02sg00-bs08-lr00050"
        )
    backbones = ("backbone", "extra_backbone")[:streams]
    images = [own[f"{name}.vgg.0.weight"].shape[1] // 3 for name in backbones]
    likely = "rgb" if images[0] == 1 else "brox"
    types = [named.get("base", likely), named.get("extra", "brox")][:streams]
    gap = int(named.get("gap", 0))
    return own, {
        "classes": _class_names(named, published["conf.0.bias"].shape[0] // priors - 1),
        "seq_len": seq_len,
        "seq_gap": _GAP_TESTED_OF_ALL if gap == _ALL_GAPS else gap,
        "streams": [
            {"input_type": kind, "images": count} for kind, count in zip(types, images, strict=True)
        ],
        "fusion_type": fusion,
    }


def _road(path: Path, published: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    import torch

    own = {
        f"backbone.{key}": value
        for key, value in published.items()
        if not key.startswith(("loc.", "conf."))
    }
    for index in range(_MAPS):
        for kind in ("weight", "bias"):
            parts = [published[f"{name}.{index}.{kind}"] for name in ("loc", "conf")]
            own[f"heads.{index}.{kind}"] = torch.cat(parts)
    named = _told_by_name(path)
    outputs = published["conf.0.bias"].shape[0]
    return own, {
        "classes": _class_names(named, outputs // _PRIORS_PER_CELL_OF_FIRST_MAP - 1),
        "seq_len": 1,
        "seq_gap": 0,
        "streams": [{"input_type": named.get("base", "rgb"), "images": 1}],
        "fusion_type": "none",
    }


def _linear_head(
    published: Mapping[str, Any], index: int, blocks: int, seq_len: int
) -> dict[str, Any]:
    """The convolution of one source map from the linear layers `loc` and `conf`.

    The linear layers read (stream, frame, tap, channel), with several streams if they are put side
    by side; the taps are the 3x3 neighbourhood row by row.
    """
    import torch

    names = (f"loc.{index}", f"conf.{index}")
    weights = [
        published[f"{name}.weight"]
        .unflatten(1, (blocks, seq_len, 3, 3, -1))
        .permute(2, 0, 1, 5, 3, 4)
        .flatten(2, 3)
        for name in names
    ]
    return {
        f"heads.{index}.weight": torch.cat(weights, 1),
        f"heads.{index}.bias": torch.cat([published[f"{name}.bias"] for name in names]),
    }


def _told_by_name(path: Path) -> dict[str, str]:
    """What the names of a published file and its folder tell."""
    for name in (path.name, path.parent.name):
        for pattern in _NAMES:
            match = pattern.search(name)
            if match:
                return {key: value for key, value in match.groupdict().items() if value}
    return {}


def _class_names(named: Mapping[str, str], count: int) -> list[str]:
    known = [_CLASSES[named["dataset"]]] if named.get("dataset") in _CLASSES else _CLASSES.values()
    for names in known:
        if len(names) == count:
            return list(names)
    return [f"class_{index}" for index in range(count)]
