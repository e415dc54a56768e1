"""ResNet-18 with extra layers.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016. The names of its tensors are
torchvision's.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torchvision.models import ResNet18_Weights, resnet18

from detection.backbones.backbone import LightBackbone, downloaded, extra_layers, stacked

_EXTRA_CHANNELS = (512, 256, 256)


class ResNet18(LightBackbone):
    """The outputs of the last three stages, strides 8, 16 and 32, and on."""

    channels = (128, 256, 512, *_EXTRA_CHANNELS)

    def __init__(self, images: int = 1) -> None:
        super().__init__()
        network = resnet18()
        self.conv1, self.bn1 = stacked(network.conv1, images), network.bn1
        self.relu, self.maxpool = network.relu, network.maxpool
        self.layer1, self.layer2 = network.layer1, network.layer2
        self.layer3, self.layer4 = network.layer3, network.layer4
        self.extras = extra_layers(self.channels[2:])

    def forward(self, images: Tensor) -> list[Tensor]:
        """See `Backbone.forward`."""
        x = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(images)))))
        maps = []
        for layer in (self.layer2, self.layer3, self.layer4, *self.extras):
            x = layer(x)
            maps.append(x)
        return maps

    def imagenet_state(self) -> Mapping[str, Tensor]:
        """See `Backbone.imagenet_state`."""
        return downloaded(ResNet18_Weights.IMAGENET1K_V1)

    def pretrained_layers(self) -> list[nn.Module]:
        """See `Backbone.pretrained_layers`."""
        return [*self.early_layers(), self.layer2, self.layer3, self.layer4]

    def early_layers(self) -> list[nn.Module]:
        """See `Backbone.early_layers`."""
        return [self.conv1, self.bn1, self.layer1]
