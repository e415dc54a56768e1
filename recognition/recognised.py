"""What the tensors of a 3D network tell of it: a file's name is not looked at.

The published tools of SRTG build other networks than names say, so names of its files cannot be
trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from recognition.backbones import mtnet, resnet3d
from recognition.clip_backbones import BACKBONES_3D, RESNETS_3D
from recognition.published_clips import own_clip_names

_STAGES = resnet3d.STAGES
# What late temporal modelling leaves of channels, where the last block is a narrower one.
_NARROWED = {
    "resneXt3D101": "features.7.2.conv3.weight",
    "I3D": "features.15.b0.conv3d.weight",
    "slowfast50": "features.s5.pathway0_res2.conv1.weight",
}
_NARROW_WIDTH = {"resneXt3D101": 512, "I3D": 192}
_PUBLISHED_FRAMES = {"resneXt3D101": 64, "I3D": 64, "slowfast50": 64, "r2plus1d34": 32}
_FIRST_LAYERS = ("features.0.weight", "features.0.conv3d.weight")


def recognised_settings(published: Mapping[str, Tensor]) -> dict[str, Any]:
    """The settings of a 3D network by the names of `ClipSettings`.

    Args:
        published: its tensors by the names of a published file, or by those of `ClipClassifier`.

    Returns:
        What the tensors tell; nothing if they are of no 3D network. Networks of equal tensors, such
        as ResNeXt-50 and the wide ResNet-50 of SRTG in 3D, are not told apart.
    """
    state = own_clip_names(published)
    backbone = _backbone(state)
    if backbone is None:
        return {}
    told: dict[str, Any] = {"backbone": backbone}
    told["head"], steps = _head(state, backbone)
    if "logits.conv3d.weight" in (name.removeprefix("module.") for name in published):
        told["head"] = "paired"
    told["reduction"] = _reduction(state, backbone)
    told["frames"] = _PUBLISHED_FRAMES.get(backbone, 16)
    if steps:
        told["frames"] = steps * BACKBONES_3D[backbone].strides[0]
    for name in _FIRST_LAYERS:
        if name in state and state[name].shape[1] == 2:
            told["modality"] = "Flow"
    if any(".sar." in name for name in state):
        told["recursion"] = "off"
    if "fc_action.bias" in state:
        told["classes"] = len(state["fc_action.bias"])
    return told


def _backbone(state: Mapping[str, Tensor]) -> str | None:
    if "features.s1.pathway0_stem.conv.weight" in state:
        return "slowfast50"
    if "features.0.conv3d.weight" in state:
        return "I3D"
    kernel = state.get("features.7.0.conv1.weight")
    if kernel is not None:  # of a 2D ResNet, too
        return "resneXt3D101" if kernel.dim() == 5 else None
    blocks = tuple(_blocks(state, stage) for stage in _STAGES)
    if "features.layer1.0.conv1_1.conv_short.weight" in state:
        kernel = state["features.layer1.0.conv2.conv_short.weight"]
        groups = "" if kernel.shape[1] == mtnet.widths(64)[0] else "_g8"
        sizes = (f"mtnet_{size}{groups}" for size in mtnet.SIZES if mtnet.SIZES[size] == blocks)
        return next(sizes, None)
    if "features.stem.0.weight" in state:
        names = (name for name in (*RESNETS_3D, "r2plus1d34") if _fits(name, blocks, state))
        return next(names, None)
    return None


def _blocks(state: Mapping[str, Tensor], stage: str) -> int:
    start = f"features.{stage}."
    return len({name[len(start) :].partition(".")[0] for name in state if name.startswith(start)})


def _fits(name: str, blocks: tuple[int, ...], state: Mapping[str, Tensor]) -> bool:
    """Whether a state is of a 3D ResNet, whatever recursion there is."""
    told = RESNETS_3D.get(name, {"kind": "2plus1d", "depth": 34})
    bottleneck = "features.layer1.0.conv3.0.weight" in state
    apart = state["features.stem.0.weight"].shape[2] == 1
    if (
        resnet3d.DEPTHS[told["depth"]] != blocks
        or (told["depth"] in resnet3d.BOTTLENECKS) != bottleneck
        or (told["kind"] == "2plus1d") != apart
    ):
        return False
    with torch.device("meta"):
        own = BACKBONES_3D[name].build(3, None, "final").state_dict()
    kernels = [key for key in own if key.endswith("weight")]
    return all(
        f"features.{key}" in state and state[f"features.{key}"].shape == own[key].shape
        for key in kernels
    )


def _head(state: Mapping[str, Tensor], backbone: str) -> tuple[str, int]:
    """The head, and how many steps of time it sees, where it tells."""
    positions = "embedding.learnedPosition.pe"
    for owner in ("bert_slow", "bert"):
        table = state.get(f"head.{owner}.{positions}")
        if table is not None:
            if backbone == "slowfast50":
                name = "bert10_late" if owner == "bert_slow" else "bert10_early"
            else:
                name = "bert2" if backbone == "I3D" else "bert10"
            return name, table.shape[1] - 1
    if any(name.startswith("head.lstm.") for name in state):
        return "lstm", 0
    if "head.linear.weight" in state:
        wide = any(name.startswith("head.non_local.") for name in state)
        return "nl_concatenation" if wide else "concatenation", 0
    return "pooled", 0


def _reduction(state: Mapping[str, Tensor], backbone: str) -> str:
    if any(name.startswith("mappers.") for name in state):
        return "FRAB"
    kernel = state.get(_NARROWED.get(backbone, ""))
    if kernel is None:
        return "none"
    narrow = _NARROW_WIDTH.get(backbone, len(kernel)) == len(kernel)
    return "FRMB" if narrow else "none"
