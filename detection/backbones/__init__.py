"""Backbones by name: functions from frames to lists of feature maps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from detection.backbones.backbone import Backbone
from detection.backbones.mobilenet_v2 import MobileNetV2
from detection.backbones.mobilenet_v3 import MobileNetV3Large
from detection.backbones.resnet18 import ResNet18
from detection.backbones.shufflenet_v2 import ShuffleNetV2
from detection.backbones.vgg16 import VGG16

__all__ = ["BACKBONES", "VGG16", "Backbone", "create_backbone"]

BACKBONES: dict[str, Callable[[int], Backbone]] = {
    "vgg16": VGG16,
    "mobilenet_v2": MobileNetV2,
    "mobilenet_v2_stride16": partial(MobileNetV2, whole=False),
    "mobilenet_v3_large": MobileNetV3Large,
    "resnet18": ResNet18,
    "shufflenet_v2": ShuffleNetV2,
}


def create_backbone(name: str, images: int = 1) -> Backbone:
    """Build a backbone with fresh weights.

    Args:
        name: of `BACKBONES`.
        images: stacked for a frame.

    Raises:
        ValueError: no backbone of that name.
    """
    if name not in BACKBONES:
        raise ValueError(f"basenet {name!r} is unknown: choose one of {', '.join(BACKBONES)}")
    return BACKBONES[name](images)
