"""MobileNetV2 (Sandler et al., arXiv 1801.04381) of torchvision, with the names of TSM's own."""

from __future__ import annotations

from typing import Any

from torch import nn
from torchvision.models import MobileNetV2, get_model

from recognition.temporal_shift import TemporalShift


def build_mobilenet_v2(*, pretrained: bool = False) -> MobileNetV2:
    """A MobileNetV2 without its classifier.

    Args:
        pretrained: whether it starts with torchvision's weights of ImageNet, which are downloaded.
    """
    network: MobileNetV2 = get_model(
        "mobilenet_v2", weights="IMAGENET1K_V1" if pretrained else None
    )
    for block in _blocks(network):
        # torchvision nests what published files number: features.2.conv.0.1 is features.2.conv.1.
        leaves = [part for part in block.conv.modules() if not isinstance(part, nn.Sequential)]
        block.conv = nn.Sequential(*leaves)
    network.classifier = nn.Identity()
    return network


def add_shift(network: MobileNetV2, segments: int, divisor: int, *, past_only: bool) -> None:
    """Shift the input of each expanded block that has a residual; changes the network in place.

    Args:
        network: changed in place.
        segments: of a clip.
        divisor: see `temporally_shifted`.
        past_only: see `temporally_shifted`.
    """
    for block in _blocks(network)[1:]:
        if block.use_res_connect:
            block.conv[0] = TemporalShift(block.conv[0], segments, divisor, past_only=past_only)


def _blocks(network: MobileNetV2) -> list[Any]:
    return list(network.features)[1:-1]
