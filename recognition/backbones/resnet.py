"""ResNets (He et al., arXiv 1512.03385) of torchvision, shifted as TSM shifts them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from torchvision.models import ResNet, get_model

from recognition.non_local import NonLocalBlock
from recognition.temporal_shift import TemporalPool, TemporalShift

STAGES = ("layer1", "layer2", "layer3", "layer4")
# Networks with so many blocks in the third stage are shifted at every other block.
_DEEP = 23
_NON_LOCAL = {"layer2": (0, 2), "layer3": (0, 2, 4)}


def build_resnet(name: str, *, pretrained: bool = False) -> ResNet:
    """A ResNet without its classifier.

    Args:
        name: such as "resnet50".
        pretrained: whether it starts with torchvision's weights of ImageNet, which are downloaded.
    """
    network: ResNet = get_model(name, weights="IMAGENET1K_V1" if pretrained else None)
    network.fc = nn.Identity()
    return network


def add_shift(
    network: ResNet, segments: Sequence[int], divisor: int, place: str, *, past_only: bool
) -> None:
    """Shift the input of each residual branch, or of each whole block.

    Args:
        network: changed in place.
        segments: of a clip, for each stage.
        divisor: see `temporally_shifted`.
        place: "block", or "blockres", which leaves the identity branch alone.
        past_only: see `temporally_shifted`.
    """
    every = 2 if place == "blockres" and len(network.layer3) >= _DEEP else 1
    for stage, count in zip(STAGES, segments, strict=True):
        blocks = getattr(network, stage)
        for index, block in enumerate(blocks):
            if place == "block":
                blocks[index] = TemporalShift(block, count, divisor, past_only=past_only)
            elif index % every == 0:
                block.conv1 = TemporalShift(block.conv1, count, divisor, past_only=past_only)


def add_non_local(network: ResNet, segments: int) -> None:
    """Put non-local blocks behind five blocks of a ResNet-50, as TSM does; changes it in place."""
    for stage, places in _NON_LOCAL.items():
        blocks = getattr(network, stage)
        for index in places:
            channels = next(
                m.num_features for n, m in blocks[index].named_modules() if n.endswith("bn3")
            )
            blocks[index] = NonLocalBlock(blocks[index], channels, segments)


def add_temporal_pool(network: ResNet, segments: int) -> None:
    """Halve the segments in front of the second stage; changes the network in place."""
    network.layer2 = TemporalPool(network.layer2, segments)
