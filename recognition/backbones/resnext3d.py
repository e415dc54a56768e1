"""ResNeXt-101 in 3D (Hara et al., arXiv 1711.09577), as late temporal modelling has it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recognition.backbones.convolution3d import Conv3d

WIDTH, REDUCED = 2048, 512
_GROUPS = 32
# Channels inside of the blocks of each stage, and the number of blocks.
_STAGES = ((128, 3), (256, 4), (512, 23), (1024, 3))


class ResNeXtBlock(nn.Module):
    """A bottleneck whose middle convolution has 32 groups.

    Args:
        channels: that come in.
        inner: channels inside; twice as many go out.
        stride: of time, height and width.
    """

    def __init__(self, channels: int, inner: int, stride: int = 1) -> None:
        super().__init__()
        out = 2 * inner
        self.conv1 = Conv3d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(inner)
        self.conv2 = Conv3d(inner, inner, 3, stride, 1, groups=_GROUPS, bias=False)
        self.bn2 = nn.BatchNorm3d(inner)
        self.conv3 = Conv3d(inner, out, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(out)
        self.downsample = None
        if stride != 1 or channels != out:
            shortcut = Conv3d(channels, out, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm3d(out))
        start_convolutions(self)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `(N, 2 * inner, T', H', W')` of `(N, channels, T, H, W)`."""
        identity = maps if self.downsample is None else self.downsample(maps)
        maps = torch.relu(self.bn1(self.conv1(maps)))
        maps = torch.relu(self.bn2(self.conv2(maps)))
        return torch.relu(self.bn3(self.conv3(maps)) + identity)


def reduction() -> ResNeXtBlock:
    """The block that leaves 512 of 2,048 channels, in the place of the last one or behind it."""
    return ResNeXtBlock(WIDTH, REDUCED // 2)


def build_resnext3d(channels: int = 3) -> nn.Sequential:
    """A network without its classifier: clips of 112 pixels become maps of 2,048 channels.

    Args:
        channels: of an image.
    """
    stages, width = [], 64
    for number, (inner, blocks) in enumerate(_STAGES):
        strides = [1 if number == 0 else 2] + [1] * (blocks - 1)
        layers = []
        for stride in strides:
            layers.append(ResNeXtBlock(width, inner, stride))
            width = 2 * inner
        stages.append(nn.Sequential(*layers))
    first = Conv3d(channels, 64, 7, (1, 2, 2), 3, bias=False)
    pool = nn.MaxPool3d(3, 2, 1)
    network = nn.Sequential(first, nn.BatchNorm3d(64), nn.ReLU(inplace=True), pool, *stages)
    start_convolutions(network)
    return network


def start_convolutions(network: nn.Module) -> None:
    """Draw the weights of convolutions anew, as the published code does."""
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight)
