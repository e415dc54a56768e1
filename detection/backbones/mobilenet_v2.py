"""MobileNetV2 with extra layers in the SSDLite manner: the light backbone for real-time use.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, section 6.2:
the first maps are the expansions of the last block before a stride (here stride 8 too, since the
motion between two frames is a matter of few pixels), then the last layer, then inverted residuals.
"""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models.mobilenetv2 import InvertedResidual, mobilenet_v2
from torchvision.ops import Conv2dNormActivation

from detection.backbones.backbone import Backbone

_STRIDE_8, _STRIDE_16 = 7, 14  # torchvision's indices of the blocks whose expansions are sources


class MobileNetV2(Backbone):
    """Six maps of strides 8, 16, 32 and on: 28, 14, 7, 4, 2 and 1 cells a side for 224x224 frames.

    Args:
        width: width multiplier of the paper (section 3).
    """

    strides = (None,) * 6
    input_size = 224
    mean = (127.5, 127.5, 127.5)
    std = (127.5, 127.5, 127.5)

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.features = mobilenet_v2(width_mult=width).features
        last = 8 * round(1280 * width / 8)
        if width < 1:  # the paper keeps 1280 for 1000 classes, which would be most of the network
            narrow = self.features[-1][0].in_channels
            self.features[-1] = Conv2dNormActivation(narrow, last, 1, activation_layer=nn.ReLU6)
        extras = tuple(8 * round(channels * width / 8) for channels in (512, 256, 256))
        inputs = (last, *extras[:-1])
        self.extras = nn.ModuleList(
            [
                InvertedResidual(before, after, stride=2, expand_ratio=0.25)
                for before, after in zip(inputs, extras, strict=True)
            ]
        )
        expansions = [self.features[i].conv[0][0].out_channels for i in (_STRIDE_8, _STRIDE_16)]
        self.channels = (*expansions, last, *extras)

    def forward(self, images: Tensor) -> list[Tensor]:
        """See `Backbone.forward`."""
        maps = []
        x = images
        for index, block in enumerate(self.features):
            if index in (_STRIDE_8, _STRIDE_16):
                expansion = block.conv[0](x)
                maps.append(expansion)
                # These blocks change the size, so they have no residual branch to add.
                x = block.conv[1:](expansion)
            else:
                x = block(x)
        maps.append(x)
        for block in self.extras:
            x = block(x)
            maps.append(x)
        return maps

    def pretrained_layers(self) -> list[nn.Module]:
        """See `Backbone.pretrained_layers`."""
        return list(self.features)

    def early_layers(self) -> list[nn.Module]:
        """See `Backbone.early_layers`."""
        return list(self.features[:_STRIDE_8])
