"""Backbones by name: functions from frames to lists of feature maps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from detection.backbones.backbone import Backbone
from detection.backbones.mobilenet_v2 import MobileNetV2
from detection.backbones.vgg16 import VGG16

__all__ = ["BACKBONES", "VGG16", "Backbone", "MobileNetV2", "create_backbone"]

BACKBONES: dict[str, Callable[[], Backbone]] = {
    "vgg16": VGG16,
    "mobilenet_v2": MobileNetV2,
    "mobilenet_v2_stride16": partial(MobileNetV2, whole=False),
}


def create_backbone(name: str) -> Backbone:
    """Build a backbone with fresh weights.

    Raises:
        ValueError: no backbone of that name.
    """
    if name not in BACKBONES:
        raise ValueError(f"basenet {name!r} is unknown: choose one of {', '.join(BACKBONES)}")
    return BACKBONES[name]()
