"""The published classifiers on image networks by name: TSN, TSM, LSNet and SeqVLAD."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import data
from recognition.backbones import BACKBONES, bn_inception, mobilenet_v2, resnet
from recognition.heads.segment_classifier import (
    CONSENSUS,
    SegmentClassifier,
    change_first_layer,
)
from recognition.heads.seqvlad import DIRECTIONS, SeqVLAD
from recognition.input_format import InputFormat

MODALITIES = {"RGB": 1, "Flow": 5, "RGBDiff": 5}
"""What is looked at, and how many images or differences of images are stacked for a segment."""


@dataclass(frozen=True)
class SegmentSettings:
    """What there is to know of a classifier to build it.

    Attributes:
        arch: a name of `BACKBONES`.
        classes: number of classes.
        segments: of a clip; the timesteps of SeqVLAD.
        modality: "RGB", "Flow" (x and y images) or "RGBDiff".
        consensus: "avg" or "identity".
        dropout: in front of the linear layer.
        shift_div: a channel of so many is shifted each way; 0 for no shift.
        shift_place: "blockres" or "block"; of BNInception also twelve digits, 1 for each unit that
            is shifted. MobileNetV2 has one place only.
        past_only: whether only the past is shifted to a segment, so that the network can run
            online.
        temporal_pool: whether segments are halved in front of the second stage (ResNets).
        non_local: whether there are non-local blocks (resnet50).
        num_frame: images of grey that are stacked for a segment (LSNet); 0 for colour.
        fuse_before_net: all grey images are the channels of one image.
        num_centers: of SeqVLAD; 0 for none. Published for BNInception only.
        redu_dim: channels of SeqVLAD.
        seqvlad_type: "seqvlad", "bidirect" or "unshare_bidirect".
        activation: "softmax", or "none", of the assignment of SeqVLAD.
        with_relu: whether reduced features of SeqVLAD are not negative.
        init_method: of SeqVLAD.
    """

    arch: str
    classes: int
    segments: int
    modality: str = "RGB"
    consensus: str = "avg"
    dropout: float = 0.5
    shift_div: int = 0
    shift_place: str = "blockres"
    past_only: bool = False
    temporal_pool: bool = False
    non_local: bool = False
    num_frame: int = 0
    fuse_before_net: bool = False
    num_centers: int = 0
    redu_dim: int = 512
    seqvlad_type: str = "seqvlad"
    activation: str = "softmax"
    with_relu: bool = False
    init_method: str = "orthogonal"

    @property
    def length(self) -> int:
        """Consecutive frames of which a segment consists."""
        return MODALITIES[self.modality] + (self.modality == "RGBDiff")

    @property
    def channels(self) -> int:
        """Channels of a segment as the image network sees it."""
        if self.num_frame:
            return self.num_frame * (self.segments if self.fuse_before_net else 1)
        return MODALITIES[self.modality] * (2 if self.modality == "Flow" else 3)

    @property
    def clip_channels(self) -> int:
        """Channels of all images of a clip."""
        if self.num_frame:
            return self.segments * self.num_frame
        return self.segments * self.length * (2 if self.modality == "Flow" else 3)


# What a name stands for beside its image network.
_FAMILIES: dict[str, dict[str, Any]] = {
    "tsn": {},
    "tsm": {"shift_div": 8},
    "lsnet": {"shift_div": 8, "num_frame": 3},
    "seqvlad": {"num_centers": 64, "dropout": 0.8},
}
_PLACES = {"BNInception": "block"}
SEGMENT_MODELS = {
    f"{family}_{arch.lower()}": replace(
        SegmentSettings(arch, 0, 0, shift_place=_PLACES.get(arch, "blockres")), **settings
    )
    for family, settings in _FAMILIES.items()
    for arch in BACKBONES
    if (family != "lsnet" or arch.startswith("resnet"))
    and (family != "seqvlad" or BACKBONES[arch].pool)
}
"""The settings that names stand for, without classes and segments."""


def build_segment_model(
    settings: SegmentSettings, *, pretrained: bool = False, partial_bn: bool = False
) -> SegmentClassifier:
    """Build a classifier from its settings.

    Args:
        settings: of the classifier.
        pretrained: see `recognition.models.create_model`.
        partial_bn: see `SegmentClassifier`.

    Raises:
        InputError: settings that do not go together.
    """
    _check(settings)
    backbone = BACKBONES[settings.arch]
    network = backbone.build(pretrained=pretrained)
    if settings.channels != 3:
        repeated = settings.num_frame == 3
        change_first_layer(network, settings.channels, repeated=repeated)
    seen = 1 if settings.fuse_before_net else settings.segments
    vectors, width = seen, backbone.width
    if settings.shift_div:
        _add_shift(network, settings)
    if settings.temporal_pool:
        vectors //= 2
        resnet.add_temporal_pool(network, seen)
    if settings.non_local:
        resnet.add_non_local(network, seen)
    if settings.num_centers:
        vlad = SeqVLAD(
            settings.segments,
            settings.num_centers,
            settings.redu_dim,
            channels=width,
            direction=settings.seqvlad_type,
            softmax=settings.activation == "softmax",
            relu=settings.with_relu,
            init=settings.init_method,
        )
        network.register_module(str(backbone.pool), vlad)
        vectors, width = 1, vlad.size
    return SegmentClassifier(
        network,
        backbone.classifier,
        width,
        settings.classes,
        segments=seen,
        vectors=vectors,
        consensus=settings.consensus,
        dropout=settings.dropout,
        differences=settings.modality == "RGBDiff",
        partial_bn=partial_bn,
    )


def segment_format(settings: SegmentSettings) -> InputFormat:
    """How the network of these settings wants its images, those of colour."""
    wanted = BACKBONES[settings.arch].input_format
    if settings.arch == "BNInception" and settings.shift_div:
        # As TSM has it: with flow, the last channels of some clips are so left as they are.
        wanted = replace(wanted, std=wanted.std * 3)
    return wanted


def _add_shift(network: Any, settings: SegmentSettings) -> None:
    segments, divisor, place = settings.segments, settings.shift_div, settings.shift_place
    if settings.arch == "BNInception":
        units = bn_inception.UNITS
        mask = place if len(place) == units else "0" + "1" * (units - 1)
        network.shifts = [divisor * (digit == "1") for digit in mask]
        network.segments = segments
    elif settings.arch == "mobilenetv2":
        mobilenet_v2.add_shift(network, segments, divisor, past_only=settings.past_only)
    else:
        later = segments // 2 if settings.temporal_pool else segments
        stages = [segments, later, later, later]
        resnet.add_shift(network, stages, divisor, place, past_only=settings.past_only)


def _check(settings: SegmentSettings) -> None:
    """Refuses what the published networks cannot be either.

    Raises:
        InputError: settings that do not go together.
    """
    arch, place, units = settings.arch, settings.shift_place, bn_inception.UNITS
    is_resnet, shifted = arch.startswith("resnet"), settings.shift_div > 0
    places = {"block"} if arch == "BNInception" else {"block", "blockres"}
    masked = arch == "BNInception" and len(place) == units and set(place) <= set("01")
    problems = [
        (arch not in BACKBONES, f"arch {arch}: take one of {', '.join(BACKBONES)}"),
        (
            settings.modality not in MODALITIES,
            f"modality {settings.modality}: take one of {', '.join(MODALITIES)}",
        ),
        (
            settings.consensus not in CONSENSUS,
            f"consensus {settings.consensus}: take one of {', '.join(CONSENSUS)}",
        ),
        (
            settings.seqvlad_type not in DIRECTIONS,
            f"seqvlad_type {settings.seqvlad_type}: take one of {', '.join(DIRECTIONS)}",
        ),
        (
            settings.activation not in ("none", "softmax"),
            f"activation {settings.activation}: take none or softmax",
        ),
        (min(settings.classes, settings.segments) < 1, "classes and segments must be positive"),
        (
            settings.num_centers < 0 or settings.redu_dim < 1,
            "num_centers must not be negative, and redu_dim positive",
        ),
        (not 0 <= settings.dropout < 1, "dropout must be at least 0 and less than 1"),
        (
            shifted and place not in places and not masked,
            f"shift_place {place}: take block or blockres, of BNInception block or twelve digits",
        ),
        (
            settings.past_only and (not shifted or arch == "BNInception"),
            "past_only needs a shift in a ResNet or MobileNetV2",
        ),
        (
            settings.past_only and settings.temporal_pool,
            "past_only is frame by frame, and temporal_pool puts frames together",
        ),
        (
            settings.temporal_pool and not (is_resnet and settings.segments % 2 == 0),
            "temporal_pool needs a ResNet and an even number of segments",
        ),
        (settings.non_local and arch != "resnet50", "non_local needs resnet50"),
        (
            settings.num_frame > 0 and not (is_resnet and settings.modality == "RGB"),
            "num_frame needs a ResNet and the modality RGB",
        ),
        (
            settings.fuse_before_net and (not settings.num_frame or shifted),
            "fuse_before_net needs num_frame, and no shift",
        ),
        (
            settings.num_centers > 0 and (arch == "mobilenetv2" or shifted),
            "num_centers needs BNInception or a ResNet, and no shift",
        ),
    ]
    for wrong, problem in problems:
        if wrong:
            raise data.InputError(f"{problem}; change the settings of the model")
