"""What the names of published 3D networks and of their tensors say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from recognition.backbones.inception3d import LAYERS

TensorT = TypeVar("TensorT")

_BACKBONES = {
    "resneXt3D64f101": ("resneXt3D101", 64),
    "I3D64f": ("I3D", 64),
    "slowfast64f_50": ("slowfast50", 64),
    "r2plus1d_32f_34": ("r2plus1d34", 32),
    "r2plus1d_64f_34": ("r2plus1d34", 64),
}
# What the end of a name says: head and reduction.
_ENDS = {
    "": ("pooled", "none"),
    "adamw": ("pooled", "none"),
    "FRMB_adamw": ("pooled", "FRMB"),
    "FRMB_lstm": ("lstm", "FRMB"),
    "concatenation": ("concatenation", "FRMB"),
    "FRMB_NLB_concatenation": ("nl_concatenation", "FRMB"),
    "bert10": ("bert10", "none"),
    "bert10_FRAB": ("bert10", "FRAB"),
    "bert10_FRMB": ("bert10", "FRMB"),
    "bert2": ("bert2", "none"),
    "bert2_FRAB": ("bert2", "FRAB"),
    "bert2_FRMB": ("bert2", "FRMB"),
    "bert10_FRAB_late": ("bert10_late", "FRAB"),
    "bert10_FRMB_late": ("bert10_late", "FRMB"),
    "bert10_FRAB_early": ("bert10_early", "FRAB"),
    "bert10_FRMB_early": ("bert10_early", "FRMB"),
}
_RESNEXT_ENDS = (
    *("", "adamw", "FRMB_adamw", "FRMB_lstm", "concatenation", "FRMB_NLB_concatenation"),
    *("bert10_FRAB", "bert10_FRMB"),
)
_PUBLISHED = {
    "resneXt3D64f101": _RESNEXT_ENDS,
    "I3D64f": ("", "bert2", "bert2_FRAB", "bert2_FRMB"),
    "slowfast64f_50": (
        *("", "bert10_FRAB_late", "bert10_FRMB_late", "bert10_FRAB_early", "bert10_FRMB_early"),
    ),
    "r2plus1d_32f_34": ("", "bert10"),
    "r2plus1d_64f_34": ("bert10",),
}
# Those that were published for flow too.
_OF_FLOW = {
    "resneXt3D64f101": ("", "bert10_FRAB", "bert10_FRMB"),
    "I3D64f": ("", "bert2", "bert2_FRAB", "bert2_FRMB"),
}


def _named() -> dict[str, dict[str, Any]]:
    names = {}
    for modality, published in (("RGB", _PUBLISHED), ("Flow", _OF_FLOW)):
        for arch, ends in published.items():
            backbone, frames = _BACKBONES[arch]
            for end in ends:
                head, reduction = _ENDS[end]
                name = "_".join(part for part in (modality.lower(), arch, end) if part)
                of_flow = modality == "Flow" and arch == "resneXt3D64f101" and not end
                names[name] = {
                    "backbone": backbone,
                    "frames": frames,
                    "modality": modality,
                    "head": head,
                    "reduction": reduction,
                    "dropout": 0.7 if of_flow else 0.8,
                }
    return names


LATE_TEMPORAL_MODELS = _named()
"""Settings of the architectures of late temporal modelling, by their published names."""


def own_clip_names(published: Mapping[str, TensorT]) -> dict[str, TensorT]:
    """The tensors of a published file by the names of `ClipClassifier`.

    Args:
        published: with or without `module.`: of late temporal modelling, of the networks that it
            starts from, of SRTG or of MTNet.
    """
    names = [name.removeprefix("module.") for name in published]
    # Where a mapper is the last block of SlowFast, its tensors stand there once more.
    twice = "model.s5.pathway0_res2.conv1.weight" in names
    own = {}
    indexed = any(name.startswith("features.") for name in names)
    r2plus1d = "features.0.3.weight" in names
    resnext = "conv1.weight" in names
    for name, tensor in zip(names, published.values(), strict=True):
        if not (twice and name.startswith("mapper")):
            if resnext:
                first, _, rest = name.partition(".")
                name = f"{_RESNEXT[first]}.{rest}" if first in _RESNEXT else name
            own[_own(name, indexed=indexed, r2plus1d=r2plus1d)] = tensor
    return {name: tensor for name, tensor in own.items() if name}


_HEADS = ("bert", "lstm", "linear", "NLB")
_MAPPERS = {"mapper": 0, "mapper_slow": 0, "mapper_fast": 1}
_RESNEXT = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}


def _own(name: str, *, indexed: bool, r2plus1d: bool) -> str:
    """Our name of a tensor; empty for one that stands for another."""
    first, _, rest = name.partition(".")
    if first.startswith(_HEADS):
        return f"head.{name}".replace("head.NLB.W_z.", "head.non_local.W.").replace(
            "head.NLB.", "head.non_local."
        )
    if first in _MAPPERS:
        return f"mappers.{_MAPPERS[first]}.{rest}"
    if name.startswith("model.head."):
        return ""
    if first == "model":
        return f"features.{rest}"
    if first in ("fc", "logits", "head") and not indexed:
        return f"fc_action.{rest.removeprefix('conv3d.').removeprefix('projection.')}"
    if first in LAYERS:
        return f"features.{LAYERS.index(first)}.{rest}"
    if r2plus1d and first == "features":
        index, _, rest = rest.partition(".")
        return f"features.{'stem' if index == '0' else f'layer{index}'}.{rest}"
    if indexed or first == "fc_action":
        return name
    return f"features.{name}"
