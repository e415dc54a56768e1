"""ShuffleNetV2 with extra layers.

Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", ECCV 2018;
tensors named as torchvision's.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torchvision.models import ShuffleNet_V2_X1_0_Weights, shufflenet_v2_x1_0

from detection.backbones.backbone import LightBackbone, downloaded, extra_layers, stacked

_EXTRA_CHANNELS = (512, 256, 256)


class ShuffleNetV2(LightBackbone):
    """Stages 2 and 3, strides 8 and 16, the last layer, stride 32, and on."""

    channels = (116, 232, 1024, *_EXTRA_CHANNELS)

    def __init__(self, images: int = 1) -> None:
        super().__init__()
        network = shufflenet_v2_x1_0()
        self.conv1, self.maxpool = network.conv1, network.maxpool
        self.conv1[0] = stacked(self.conv1[0], images)
        self.stage2, self.stage3 = network.stage2, network.stage3
        self.stage4, self.conv5 = network.stage4, network.conv5
        self.extras = extra_layers(self.channels[2:])

    def forward(self, images: Tensor) -> list[Tensor]:
        """See `Backbone.forward`."""
        maps = [self.stage2(self.maxpool(self.conv1(images)))]
        maps.append(self.stage3(maps[-1]))
        maps.append(self.conv5(self.stage4(maps[-1])))
        for block in self.extras:
            maps.append(block(maps[-1]))
        return maps

    def imagenet_state(self) -> Mapping[str, Tensor]:
        """See `Backbone.imagenet_state`."""
        return downloaded(ShuffleNet_V2_X1_0_Weights.IMAGENET1K_V1)

    def pretrained_layers(self) -> list[nn.Module]:
        """See `Backbone.pretrained_layers`."""
        return [self.conv1, self.stage2, self.stage3, self.stage4, self.conv5]

    def early_layers(self) -> list[nn.Module]:
        """See `Backbone.early_layers`."""
        return [self.conv1]
