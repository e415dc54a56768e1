"""The published 3D networks by name: late temporal modelling, SRTG and MTNet.

Each is composed of a backbone, what narrows its feature maps, and a head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

import data
from recognition.backbones import inception3d, mtnet, resnet3d, resnext3d, slowfast
from recognition.backbones.resnet3d import ResNet3D, ResNet3DSettings
from recognition.heads.clip_classifier import ClipClassifier
from recognition.heads.late_temporal import (
    BertHead,
    ConcatenationHead,
    EarlyBertHead,
    LateBertHead,
    LstmHead,
    PooledHead,
)

HEADS = (
    *("pooled", "bert10", "bert2", "bert10_late", "bert10_early"),
    *("lstm", "concatenation", "nl_concatenation"),
)
REDUCTIONS = ("none", "FRMB", "FRAB")
"""The last block is narrower (FRMB, feature reduction by modification), or one comes after it."""

_CONCATENATED = {"concatenation": 1550, "nl_concatenation": 1000}
_NARROWED = ("resneXt3D101", "I3D", "slowfast50")


@dataclass(frozen=True)
class ClipSettings:
    """What there is to know of a 3D network to build it.

    Attributes:
        backbone: a name of `BACKBONES_3D`.
        classes: number of classes.
        frames: of a clip.
        modality: "RGB" or "Flow" (x and y images).
        head: one of `HEADS`.
        reduction: one of `REDUCTIONS`.
        dropout: in front of the linear layer.
        recursion: None, or the gate of Squeeze and Recursion (3D ResNets).
        place: where in their blocks that is.
    """

    backbone: str
    classes: int
    frames: int
    modality: str = "RGB"
    head: str = "pooled"
    reduction: str = "none"
    dropout: float = 0.0
    recursion: str | None = None
    place: str = "final"

    @property
    def channels(self) -> int:
        """Channels of a frame."""
        return 2 if self.modality == "Flow" else 3


@dataclass(frozen=True)
class Backbone3D:
    """A 3D network.

    Attributes:
        build: makes it without its classifier.
        widths: channels of the maps that it gives, of each path.
        strides: frames of a clip for a step of these maps, of each path.
        flow: whether it is known for flow too.
    """

    build: Callable[[ClipSettings], nn.Module]
    widths: Sequence[int]
    strides: Sequence[int]
    flow: bool = False


def _of_srtg(settings: ClipSettings, **others: Any) -> nn.Module:
    return ResNet3D(ResNet3DSettings(recursion=settings.recursion, place=settings.place, **others))


def _r2plus1d_34(settings: ClipSettings) -> nn.Module:
    network = ResNet3D(ResNet3DSettings(34, "2plus1d", pool=False, caffe=True))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            # Caffe2 means the other share by momentum; published results are of these numbers.
            module.eps, module.momentum = 1e-3, 0.9
    return network


def _mtnet(size: str, groups: int, _: ClipSettings) -> nn.Module:
    return mtnet.MTNet(size, groups)


_WIDE = {"groups": 1, "group_width": 128}
_RESNETS: dict[str, dict[str, Any]] = {
    **{f"{{}}_{depth}": {"depth": depth} for depth in resnet3d.DEPTHS},
    "{}xt50_32x4d": {"depth": 50, "groups": 32, "group_width": 4},
    "{}xt101_32x8d": {"depth": 101, "groups": 32, "group_width": 8},
    "wide_{}50_2": {"depth": 50, **_WIDE},
    "wide_{}101_2": {"depth": 101, **_WIDE},
}
BACKBONES_3D = {
    "resneXt3D101": Backbone3D(
        lambda settings: resnext3d.build_resnext3d(settings.channels), (2048,), (16,), flow=True
    ),
    "I3D": Backbone3D(
        lambda settings: inception3d.build_inception3d(settings.channels), (1024,), (8,), flow=True
    ),
    "slowfast50": Backbone3D(lambda _: slowfast.SlowFast(), slowfast.WIDTHS, slowfast.STRIDES),
    "r2plus1d34": Backbone3D(_r2plus1d_34, (512,), (8,)),
    **{
        name.format(prefix): Backbone3D(partial(_of_srtg, kind=kind, **sizes), (512,), (16,))
        for prefix, kind in (("r3d", "3d"), ("r2plus1d", "2plus1d"))
        for name, sizes in _RESNETS.items()
    },
    **{
        f"mtnet_{size}{end}": Backbone3D(partial(_mtnet, size, groups), mtnet.widths(512), (16, 16))
        for end, groups in (("", 1), ("_g8", 8))
        for size in mtnet.SIZES
    },
}


def build_clip_model(settings: ClipSettings) -> ClipClassifier:
    """Build a 3D network from its settings.

    Raises:
        InputError: settings that do not go together.
    """
    _check(settings)
    backbone = BACKBONES_3D[settings.backbone]
    features = backbone.build(settings)
    widths, mappers = _reduced(features, settings, backbone.widths)
    head = _head(settings, widths, [settings.frames // stride for stride in backbone.strides])
    return ClipClassifier(
        features, mappers, head, head.width, settings.classes, channels=settings.channels
    )


def _reduced(
    features: Any, settings: ClipSettings, widths: Sequence[int]
) -> tuple[list[int], list[nn.Module]]:
    """Narrows the maps of a backbone; gives the channels and what maps of each path go through."""
    reduced = list(widths)
    mappers: list[nn.Module] = [nn.Identity() for _ in widths]
    instead = settings.reduction == "FRMB"
    for path in _narrowed_paths(settings):
        block, reduced[path] = _narrowing(features, settings.backbone, path, instead=instead)
        if not instead:
            mappers[path] = block
        elif settings.backbone == "slowfast50":
            features.s5.add_module(f"pathway{path}_res2", block)
        elif settings.backbone == "I3D":
            features[-1] = block
        else:
            features[-1][-1] = block
    return reduced, mappers


def _narrowed_paths(settings: ClipSettings) -> Sequence[int]:
    """The paths whose maps are narrowed."""
    if settings.reduction == "none":
        return ()
    both = settings.backbone == "slowfast50" and settings.head != "bert10_late"
    return (slowfast.SLOW, slowfast.FAST) if both else (slowfast.SLOW,)


def _narrowing(features: Any, backbone: str, path: int, *, instead: bool) -> tuple[nn.Module, int]:
    """What narrows the maps of a path, and the channels that it leaves."""
    if backbone == "slowfast50":
        out = slowfast.REDUCED[path]
        return slowfast.DenseBottleneck(slowfast.WIDTHS[path], out), out
    if backbone == "I3D":
        before = features[-2].width if instead else inception3d.WIDTH
        return inception3d.reduction(before), inception3d.REDUCED
    return resnext3d.reduction(), resnext3d.REDUCED


def _head(settings: ClipSettings, widths: list[int], steps: list[int]) -> Any:
    dropout, name = settings.dropout, settings.head
    if name == "pooled":
        return PooledHead(widths, dropout=dropout)
    if name == "bert10_late":
        return LateBertHead(widths, steps, dropout=dropout)
    if name == "bert10_early":
        return EarlyBertHead(widths, steps[0], dropout=dropout)
    (width,), (length,) = widths, steps
    if name == "lstm":
        return LstmHead(width, dropout=dropout)
    if name in _CONCATENATED:
        return ConcatenationHead(
            width, length, _CONCATENATED[name], dropout=dropout, non_local=name.startswith("nl")
        )
    return BertHead(width, length, dropout=dropout, normalised=name == "bert2")


def _check(settings: ClipSettings) -> None:
    """Refuses what the published networks cannot be either.

    Raises:
        InputError: settings that do not go together.
    """
    backbone = BACKBONES_3D.get(settings.backbone)
    if backbone is None:
        raise data.InputError(
            f"backbone {settings.backbone}: take one of {', '.join(BACKBONES_3D)}"
        )
    two, narrowed = len(backbone.widths) > 1, settings.reduction != "none"
    problems = [
        (settings.head not in HEADS, f"head {settings.head}: take one of {', '.join(HEADS)}"),
        (
            settings.reduction not in REDUCTIONS,
            f"reduction {settings.reduction}: take one of {', '.join(REDUCTIONS)}",
        ),
        (
            settings.modality not in ("RGB", "Flow"),
            f"modality {settings.modality}: take RGB or Flow",
        ),
        (
            settings.modality == "Flow" and not backbone.flow,
            f"modality Flow: {settings.backbone} is for RGB",
        ),
        (
            settings.classes < 1 or settings.frames < max(backbone.strides),
            f"classes must be positive, and frames at least {max(backbone.strides)}",
        ),
        (
            two != settings.head.startswith("bert10_") and settings.head != "pooled",
            f"head {settings.head}: late and early BERT are of two paths, other heads of one",
        ),
        (
            narrowed and settings.backbone not in _NARROWED,
            f"reduction {settings.reduction}: is known of {', '.join(_NARROWED)}",
        ),
        (
            settings.recursion is not None and not _recursive(settings.backbone),
            f"recursion: {settings.backbone} has none, take a 3D ResNet",
        ),
    ]
    for wrong, problem in problems:
        if wrong:
            raise data.InputError(f"{problem}; change the settings of the model")


def _recursive(backbone: str) -> bool:
    return any(kind in backbone for kind in ("r3d", "r2plus1d")) and backbone != "r2plus1d34"
