"""The published 3D networks by name: late temporal modelling, SRTG and MTNet.

Each is composed of a backbone, what narrows its feature maps, and a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

import data
from recognition.backbones import inception3d, resnext3d, slowfast
from recognition.backbones.resnet3d import BOTTLENECKS, PLACES
from recognition.clip_backbones import BACKBONES_3D, RESNETS_3D
from recognition.heads.clip_classifier import ClipClassifier
from recognition.heads.late_temporal import (
    BertHead,
    ConcatenationHead,
    EarlyBertHead,
    LateBertHead,
    LstmHead,
    PairedHead,
    PooledHead,
)
from recognition.input_format import InputFormat
from recognition.published_clips import LATE_TEMPORAL_MODELS

HEADS = (
    *("pooled", "paired", "bert10", "bert2", "bert10_late", "bert10_early"),
    *("lstm", "concatenation", "nl_concatenation"),
)
REDUCTIONS = ("none", "FRMB", "FRAB")
"""The last block is narrower (FRMB, feature reduction by modification), or one comes after it."""

# The options of training by what they set.
_OPTIONS = {
    **{"head": "--head", "reduction": "--arch", "modality": "--modality", "classes": "--dataset"},
    **{"frames": "--clip_length", "recursion": "--gates", "place": "--place"},
}
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

    @property
    def clip_channels(self) -> int:
        """Channels of all frames of a clip."""
        return self.frames * self.channels

    @property
    def of_srtg(self) -> bool:
        """Whether it is trained and tested as SRTG and MTNet, not as late temporal modelling."""
        return BACKBONES_3D[self.backbone].of_srtg


CLIP_MODELS = {
    **{name: ClipSettings(classes=0, **told) for name, told in LATE_TEMPORAL_MODELS.items()},
    **{name: ClipSettings(name, 0, 16) for name in BACKBONES_3D if BACKBONES_3D[name].of_srtg},
    **{f"srtg_{name}": ClipSettings(name, 0, 16, recursion="off") for name in RESNETS_3D},
}
"""The settings that names stand for, without classes."""


def clip_format(settings: ClipSettings) -> InputFormat:
    """How the network of these settings wants its images."""
    backbone = BACKBONES_3D[settings.backbone]
    return backbone.flow if settings.modality == "Flow" and backbone.flow else backbone.rgb


def build_clip_model(settings: ClipSettings) -> ClipClassifier:
    """Build a 3D network from its settings.

    Raises:
        InputError: settings that do not go together.
    """
    _check(settings)
    backbone = BACKBONES_3D[settings.backbone]
    features = backbone.build(settings.channels, settings.recursion, settings.place)
    widths, mappers = _reduced(features, settings, backbone.widths)
    steps = [-(-settings.frames // stride) for stride in backbone.strides]
    head = _head(settings, widths, steps)
    model = ClipClassifier(
        features, mappers, head, head.width, settings.classes, channels=settings.channels
    )
    if settings.of_srtg:
        nn.init.normal_(model.fc_action.weight, std=0.01)
    return model


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
    if name == "paired":
        return PairedHead(width, dropout=dropout)
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
    places = _places(settings.backbone)
    two, narrowed = len(backbone.widths) > 1, settings.reduction != "none"
    problems = [
        ("head", settings.head not in HEADS, f"take one of {', '.join(HEADS)}"),
        ("reduction", settings.reduction not in REDUCTIONS, f"take one of {', '.join(REDUCTIONS)}"),
        ("modality", settings.modality not in ("RGB", "Flow"), "take RGB or Flow"),
        (
            "modality",
            settings.modality == "Flow" and backbone.flow is None,
            f"{settings.backbone} is for RGB",
        ),
        ("classes", settings.classes < 1, "must be positive"),
        ("frames", settings.frames < 1, "must be positive"),
        (
            "head",
            settings.head != "pooled" and settings.backbone.startswith("mtnet"),
            f"{settings.backbone} has the pooled one only",
        ),
        (
            "head",
            two != settings.head.startswith("bert10_") and settings.head != "pooled",
            "late and early BERT are of two paths, other heads of one",
        ),
        (
            "head",
            settings.head == "paired" and settings.backbone != "I3D",
            "is that of I3D for Kinetics",
        ),
        (
            "reduction",
            narrowed and settings.backbone not in _NARROWED,
            f"is known of {', '.join(_NARROWED)}",
        ),
        (
            "recursion",
            settings.recursion is not None and settings.backbone not in RESNETS_3D,
            f"{settings.backbone} has none, take a 3D ResNet",
        ),
        (
            "place",
            settings.recursion is not None and settings.place not in places,
            f"recursion in {settings.backbone} is at {', '.join(places)}",
        ),
    ]
    for field, wrong, problem in problems:
        if wrong:
            raise data.InputError(
                f"{field} {getattr(settings, field)}: {problem}; change this setting, which "
                f"{_OPTIONS[field]} gives"
            )


def _places(backbone: str) -> Sequence[str]:
    """Where in the blocks of a network recursion can be."""
    depth = RESNETS_3D[backbone]["depth"] if backbone in RESNETS_3D else 0
    return PLACES[depth in BOTTLENECKS]
