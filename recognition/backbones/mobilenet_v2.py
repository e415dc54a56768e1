"""MobileNetV2 (Sandler et al., arXiv 1801.04381) of torchvision, with the names of TSM's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from torch import nn
from torchvision.models import MobileNetV2, get_model

from recognition.temporal_shift import TemporalShift

TensorT = TypeVar("TensorT")

_PART = re.compile(r"\bfeatures\.(?P<block>\d+)\.conv\.(?P<part>\d)\.(?:(?P<place>\d)\.)?")
_NESTED = re.compile(r"\bfeatures\.\d+\.conv\.\d\.\d\.")


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


def own_block_names(published: Mapping[str, TensorT]) -> dict[str, TensorT]:
    """The tensors of torchvision's MobileNetV2 by the names of TSM's; others keep theirs.

    Args:
        published: tensors of any file.
    """
    if not any(_NESTED.search(name) for name in published):
        return dict(published)
    return {_PART.sub(_numbered, name): tensor for name, tensor in published.items()}


def _numbered(found: re.Match[str]) -> str:
    block, part, place = found["block"], int(found["part"]), found["place"]
    # All but the last convolution of a block and its normalisation are nested in threes.
    nested = 1 if block == "1" else 2
    number = 3 * part + int(place) if place else part + 2 * nested
    return f"features.{block}.conv.{number}."


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
