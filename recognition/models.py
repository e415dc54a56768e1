"""The classifiers of clips by name, and what there is to know of them: all published systems."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

import torch

import data
from recognition.clip_models import CLIP_MODELS, ClipSettings, build_clip_model, clip_format
from recognition.heads.clip_classifier import ClipClassifier
from recognition.heads.segment_classifier import SegmentClassifier
from recognition.input_format import InputFormat
from recognition.segment_models import (
    SEGMENT_MODELS,
    SegmentSettings,
    build_segment_model,
    segment_format,
)

Settings = SegmentSettings | ClipSettings
Classifier = SegmentClassifier | ClipClassifier

MODELS: dict[str, Settings] = {**SEGMENT_MODELS, **CLIP_MODELS}
"""The settings that names stand for, without the number of classes."""


def create_model(
    name: str, classes: int, segments: int = 0, *, pretrained: bool = False, **settings: Any
) -> Classifier:
    """Build a classifier by its name.

    Example:
        model = create_model("tsm_resnet50", classes=174, segments=8)
        model = create_model("rgb_resneXt3D64f101_bert10_FRMB", classes=51)

    Args:
        name: one of `MODELS`.
        classes: number of classes.
        segments: of a clip, for image networks; 3D networks see `frames`, which names tell and
            settings change.
        pretrained: whether an image network starts with weights of ImageNet, which are downloaded.
        settings: others of `SegmentSettings` or `ClipSettings`, where they differ from what the
            name stands for.

    Raises:
        InputError: there is no such model, or settings that do not go together.
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, 3) or sorted(MODELS)[:3]
        raise data.InputError(
            f"{name}: no such model; take one of {len(MODELS)} (recognition.MODELS), such as "
            f"{', '.join(near)}"
        )
    named = MODELS[name]
    if isinstance(named, SegmentSettings):
        settings["segments"] = segments
    elif segments:
        raise data.InputError(f"{name}: looks at frames and not at segments; give frames")
    known = {field.name for field in fields(named)} - {"classes"}
    unknown = sorted(settings.keys() - known)
    if unknown:
        raise data.InputError(
            f"{unknown[0]}: no such setting; there are {', '.join(sorted(known))}"
        )
    return build_model(replace(named, classes=classes, **settings), pretrained=pretrained)


def build_model(
    settings: Settings, *, pretrained: bool = False, partial_bn: bool = False
) -> Classifier:
    """Build a classifier from its settings.

    Args:
        settings: of the classifier.
        pretrained: see `create_model`.
        partial_bn: see `SegmentClassifier`; 3D networks have none.

    Raises:
        InputError: settings that do not go together.
    """
    if isinstance(settings, SegmentSettings):
        return build_segment_model(settings, pretrained=pretrained, partial_bn=partial_bn)
    if pretrained:
        raise data.InputError(
            f"{settings.backbone}: there are no weights of ImageNet for 3D networks; name a file "
            "with --init_weights, or none"
        )
    return build_clip_model(settings)


def check_clips(model: Classifier, channels: int, size: int, batch: int = 0) -> None:
    """Sees to it that a network takes clips of a size, which small ones have no room for.

    Args:
        model: any, on the CPU; it stays as it is.
        channels: of all images of a clip.
        size: side of the images in pixels.
        batch: clips that are normalised together in training; 0: it learns no more.

    Raises:
        InputError: it does not.
    """
    tried = copy.deepcopy(model).train(batch > 0)  # whose normalisation would see the clips

    def takes(count: int) -> bool:
        with torch.inference_mode(), suppress(RuntimeError, ValueError):
            tried(torch.zeros(count, channels, size, size))
            return True
        return False

    # More of them would tell no more than two.
    if takes(min(max(batch, 1), 2)):
        return
    if batch == 1 and takes(2):
        raise data.InputError(
            "--batch_size: the network cannot learn from one clip at a time, of which single "
            "numbers are left to normalise; give each process, and each part of --accumulate, two "
            "clips or more, or larger clips (--input_size)"
        )
    raise data.InputError(
        f"--input_size {size}: the network has no use for clips so small; give a larger one, or "
        "longer clips (--clip_length)"
    )


def settings_of(described: Mapping[str, Any]) -> Settings:
    """Settings from what describes them by name; other entries are left out.

    Args:
        described: with "backbone", the settings of a 3D network, or with "arch".
    """
    kind = ClipSettings if "backbone" in described else SegmentSettings
    known = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in described.items() if name in known})


def format_of(settings: Settings, input_size: int | None = None) -> InputFormat:
    """How the network of these settings wants its images.

    Args:
        settings: of the network.
        input_size: side of its crops in pixels, where it is not the published one.
    """
    if isinstance(settings, SegmentSettings):
        wanted = segment_format(settings)
    else:
        wanted = clip_format(settings)
    return wanted if input_size is None else replace(wanted, crop_size=input_size)
