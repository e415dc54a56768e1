"""MobileNetV3-Large with extra layers in the SSDLite manner.

Howard et al., "Searching for MobileNetV3", ICCV 2019, section 6.3: the maps are the expansions of
the last block before a stride, then the last layer; tensors named as torchvision's.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torchvision.models import MobileNet_V3_Large_Weights, mobilenet_v3_large

from detection.backbones.backbone import LightBackbone, downloaded, extra_layers, stacked

_STRIDE_8, _STRIDE_16 = 7, 13  # torchvision's indices of the blocks whose expansions are sources
_EXTRA_CHANNELS = (512, 256, 256)


class MobileNetV3Large(LightBackbone):
    """Six maps of strides 8, 16, 32 and on."""

    channels = (240, 672, 960, *_EXTRA_CHANNELS)

    def __init__(self, images: int = 1) -> None:
        super().__init__()
        self.features = mobilenet_v3_large().features
        self.features[0][0] = stacked(self.features[0][0], images)
        self.extras = extra_layers(self.channels[2:])

    def forward(self, images: Tensor) -> list[Tensor]:
        """See `Backbone.forward`."""
        maps = []
        x = images
        for index, block in enumerate(self.features):
            if index in (_STRIDE_8, _STRIDE_16):
                expansion = block.block[0](x)
                maps.append(expansion)
                # These blocks change the size, so they have no residual branch to add.
                x = block.block[1:](expansion)
            else:
                x = block(x)
        maps.append(x)
        for block in self.extras:
            x = block(x)
            maps.append(x)
        return maps

    def imagenet_state(self) -> Mapping[str, Tensor]:
        """See `Backbone.imagenet_state`."""
        return downloaded(MobileNet_V3_Large_Weights.IMAGENET1K_V1)

    def pretrained_layers(self) -> list[nn.Module]:
        """See `Backbone.pretrained_layers`."""
        return list(self.features)

    def early_layers(self) -> list[nn.Module]:
        """See `Backbone.early_layers`."""
        return list(self.features[:_STRIDE_8])
