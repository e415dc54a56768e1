"""MobileNetV2 with extra layers in the SSDLite manner: the light backbones for real-time use.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, section 6.2:
the first maps are the expansions of the last block before a stride (here stride 8 too, since the
motion between two frames is a matter of few pixels), then the last layer, then inverted residuals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

from detection.backbones.backbone import (
    IMAGENET,
    LightBackbone,
    downloaded,
    extra_layers,
    stacked,
)
from detection.streams import Normalisation

_STRIDE_8, _STRIDE_16 = 7, 14  # torchvision's indices of the blocks whose expansions are sources
_IMAGES_IN_CACHE = 8
_EXTRA_CHANNELS = (512, 256, 256)
_EXTRA_CHANNELS_AFTER_STRIDE_16 = (256, 256, 128, 128)


class MobileNetV2(LightBackbone):
    """Six maps of strides 8, 16, 32 and on: 28, 14, 7, 4, 2 and 1 cells a side for 224x224 frames.

    The names of its tensors are torchvision's.

    Args:
        images: stacked for a frame.
        whole: all of MobileNetV2; else its layers up to stride 16, a quarter of the weights and
            most of the computation, with one more extra layer.
    """

    of_pictures = Normalisation((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))

    def __init__(self, images: int = 1, *, whole: bool = True) -> None:
        super().__init__()
        layers = mobilenet_v2().features
        expansions = [layers[index].conv[0][0].out_channels for index in (_STRIDE_8, _STRIDE_16)]
        if whole:
            self.features = layers
            self.channels = (*expansions, layers[-1].out_channels, *_EXTRA_CHANNELS)
        else:
            self.features = layers[: _STRIDE_16 + 1]
            self.features[_STRIDE_16].conv = self.features[_STRIDE_16].conv[:1]
            self.channels = (*expansions, *_EXTRA_CHANNELS_AFTER_STRIDE_16)
        self.features[0][0] = stacked(self.features[0][0], images)
        extras = _EXTRA_CHANNELS if whole else _EXTRA_CHANNELS_AFTER_STRIDE_16
        self.extras = extra_layers(self.channels[-len(extras) - 1 :])

    def forward(self, images: Tensor) -> list[Tensor]:
        """See `Backbone.forward`."""
        maps = []
        x = self._early_features(images)
        for index, block in enumerate(self.features[_STRIDE_8:], start=_STRIDE_8):
            if index in (_STRIDE_8, _STRIDE_16):
                expansion = block.conv[0](x)
                maps.append(expansion)
                # These blocks change the size, so they have no residual branch to add.
                x = block.conv[1:](expansion)
            else:
                x = block(x)
        if len(self.features) > _STRIDE_16 + 1:
            maps.append(x)
        for block in self.extras:
            x = block(x)
            maps.append(x)
        return maps

    def _early_features(self, images: Tensor) -> Tensor:
        early = self.features[:_STRIDE_8]
        few = len(images) <= _IMAGES_IN_CACHE
        if few or any(parameter.requires_grad for parameter in early.parameters()):
            return cast(Tensor, early(images))
        # Layers that are left alone may work on a few images at a time, which then stay in cache.
        return torch.cat([early(part) for part in images.split(_IMAGES_IN_CACHE)])

    def imagenet_state(self) -> Mapping[str, Tensor]:
        """See `Backbone.imagenet_state`; made to fit the normalisation of this backbone."""
        state = downloaded(MobileNet_V2_Weights.IMAGENET1K_V1)
        kernel, mean = state["features.0.0.weight"], state["features.0.1.running_mean"]
        own, theirs = self.of_pictures, IMAGENET
        shift = (torch.tensor(own.mean) - torch.tensor(theirs.mean)) / torch.tensor(theirs.std)
        scale = torch.tensor(own.std) / torch.tensor(theirs.std)
        return state | {
            "features.0.0.weight": kernel * scale[:, None, None],
            "features.0.1.running_mean": mean - kernel.sum((2, 3)) @ shift,
        }

    def pretrained_layers(self) -> list[nn.Module]:
        """See `Backbone.pretrained_layers`."""
        return list(self.features)

    def early_layers(self) -> list[nn.Module]:
        """See `Backbone.early_layers`."""
        return list(self.features[:_STRIDE_8])
