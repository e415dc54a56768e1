"""The image networks that look at the segments of a clip, by their published names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from torch import nn

import data
from recognition.backbones.bn_inception import BNInception
from recognition.backbones.mobilenet_v2 import build_mobilenet_v2
from recognition.backbones.resnet import build_resnet
from recognition.input_format import InputFormat


@dataclass(frozen=True)
class Backbone:
    """An image network.

    Attributes:
        build: makes it without its classifier; told whether with weights of ImageNet.
        width: length of the vectors that it gives.
        classifier: name of what gets these vectors, in published files.
        pool: name of what makes these vectors of the last feature maps; None if that has none.
        input_format: of the images that it learned on.
    """

    build: Callable[..., nn.Module]
    width: int
    classifier: str = "fc"
    pool: str | None = "avgpool"
    input_format: InputFormat = field(default_factory=InputFormat)


def _bn_inception(*, pretrained: bool = False) -> nn.Module:
    if pretrained:
        raise data.InputError(
            "BNInception: torchvision has no weights of ImageNet for it; "
            "name a copy of bn_inception-9f5701afb96c8044.pth with --init_weights"
        )
    return BNInception()


BACKBONES = {
    "BNInception": Backbone(
        _bn_inception,
        1024,
        pool="global_pool",
        input_format=InputFormat(mean=(104.0, 117.0, 128.0), std=(1.0,), divide=False, bgr=True),
    ),
    "resnet18": Backbone(partial(build_resnet, "resnet18"), 512),
    "resnet34": Backbone(partial(build_resnet, "resnet34"), 512),
    "resnet50": Backbone(partial(build_resnet, "resnet50"), 2048),
    "resnet101": Backbone(partial(build_resnet, "resnet101"), 2048),
    "mobilenetv2": Backbone(build_mobilenet_v2, 1280, "classifier", pool=None),
}
