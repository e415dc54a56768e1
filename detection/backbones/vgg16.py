"""VGG16 (reduced) with the SSD300 extra layers, exactly as AMTNet and ROAD publish it.

Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016; key names and layer numbers are those
of the published AMTNet and ROAD checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import VGG16_Weights

from detection.backbones.backbone import Backbone, downloaded, stacked
from detection.convolution import Convolution
from detection.streams import Normalisation

_CONV4_3_END = 23  # layers 0..22 end with the ReLU of conv4_3


class L2Norm(nn.Module):
    """Scale each pixel's feature vector to a learned length per channel.

    Liu et al., "ParseNet: Looking Wider to See Better", section 3.2; initial scale 20 as in SSD.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), 20.0))

    def forward(self, features: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape; the norm is bounded below by 1e-12."""
        return F.normalize(features, dim=1, eps=1e-12) * self.weight[None, :, None, None]


class VGG16(Backbone):
    """The SSD300 core: six maps of 38, 19, 10, 5, 3 and 1 cells a side for 300x300 frames."""

    channels = (512, 1024, 512, 256, 256, 256)
    strides = (8, 16, 32, 64, None, None)
    input_size = 300
    of_pictures = Normalisation((123.0, 117.0, 104.0), (1.0, 1.0, 1.0))

    def __init__(self, images: int = 1) -> None:
        super().__init__()
        self.vgg = nn.ModuleList(_vgg_layers())
        self.vgg[0] = stacked(self.vgg[0], images)
        self.extras = nn.ModuleList(
            [
                nn.Conv2d(1024, 256, 1),
                nn.Conv2d(256, 512, 3, stride=2, padding=1),
                nn.Conv2d(512, 128, 1),
                nn.Conv2d(128, 256, 3, stride=2, padding=1),
                nn.Conv2d(256, 128, 1),
                nn.Conv2d(128, 256, 3),
                nn.Conv2d(256, 128, 1),
                nn.Conv2d(128, 256, 3),
            ]
        )
        self.L2Norm = L2Norm(512)
        for layer in self.extras:
            nn.init.xavier_uniform_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> list[Tensor]:
        """See `Backbone.forward`."""
        x = images
        for layer in self.vgg[:_CONV4_3_END]:
            x = layer(x)
        maps = [self.L2Norm(x)]
        for layer in self.vgg[_CONV4_3_END:]:
            x = layer(x)
        maps.append(x)
        for index, layer in enumerate(self.extras):
            x = F.relu(layer(x), inplace=True)
            if index % 2 == 1:
                maps.append(x)
        return maps

    def imagenet_state(self) -> Mapping[str, Tensor]:
        """See `Backbone.imagenet_state`: all but the last two layers, trained for RGB - mean."""
        state = downloaded(VGG16_Weights.IMAGENET1K_FEATURES)
        return {
            name.replace("features.", "vgg."): value
            for name, value in state.items()
            if name.startswith("features.")
        }


def _vgg_layers() -> list[nn.Module]:
    layers: list[nn.Module] = []
    channels = 3
    plan: tuple[tuple[int, int, bool], ...] = (
        # convolutions, their channels, whether the pool after them rounds the size up
        (2, 64, False),
        (2, 128, False),
        (3, 256, True),
        (3, 512, False),
    )
    for convolutions, width, ceil_mode in plan:
        for _ in range(convolutions):
            layers += [Convolution(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2, 2, ceil_mode=ceil_mode))
    for _ in range(3):
        layers += [Convolution(512, 512, 3, padding=1), nn.ReLU(inplace=True)]
    layers.append(nn.MaxPool2d(3, stride=1, padding=1))
    layers += [nn.Conv2d(512, 1024, 3, padding=6, dilation=6), nn.ReLU(inplace=True)]
    layers += [nn.Conv2d(1024, 1024, 1), nn.ReLU(inplace=True)]
    return layers
