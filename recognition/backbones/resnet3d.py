"""3D residual networks: R(2+1)D of IG-65M, and those of SRTG.

Tran et al., "A Closer Look at Spatiotemporal Convolutions" (CVPR 2018), and Stergiou and Poppe,
"Learn to Cycle" (arXiv 2006.08247), as the code of their authors has them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from recognition.backbones.convolution3d import Conv3d
from recognition.squeeze_recursion import SqueezeRecursion

STAGES = ("layer1", "layer2", "layer3", "layer4")
WIDTHS = (64, 128, 256, 512)
DEPTHS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}
BOTTLENECKS = frozenset({50, 101, 152, 200})
KINDS = ("3d", "2plus1d")
_STEM = 45
# Where recursion has an effect, in basic blocks and in bottlenecks.
PLACES = {
    False: ("top", "mid", "skip", "final"),
    True: ("start", "top", "mid", "end", "final"),
}
PLACE_NAMES = tuple(dict.fromkeys(place for known in PLACES.values() for place in known))


@dataclass(frozen=True)
class ResNet3DSettings:
    """What there is to know of a network to build it.

    Attributes:
        depth: one of `DEPTHS`.
        kind: of its convolutions: "3d", or "2plus1d": over space, then over time.
        groups: in bottlenecks, by which they are only wider, as published.
        group_width: of a bottleneck's group, where the stage has 64 channels.
        pool: whether the maximum of three frames and places halves the maps behind the first layer.
        recursion: None, or the gate of Squeeze and Recursion in each block, see
            `SqueezeRecursion`.
        place: where in the blocks it is, one of `PLACES`: "final", behind all else, in published
            networks.
        caffe: as the networks of IG-65M, converted from Caffe2: the second convolution of a block
            has as many channels between space and time as if it had no stride.
    """

    depth: int
    kind: str = "3d"
    groups: int = 1
    group_width: int = 64
    pool: bool = True
    recursion: str | None = None
    place: str = "final"
    caffe: bool = False

    @property
    def bottleneck(self) -> bool:
        """Whether blocks have three convolutions, of which the first and last mix channels."""
        return self.depth in BOTTLENECKS


class ResNet3D(nn.Module):
    """A network without its classifier.

    Args:
        settings: of the network.

    Raises:
        ValueError: there is no such network.
    """

    width = WIDTHS[-1]

    def __init__(self, settings: ResNet3DSettings) -> None:
        super().__init__()
        if settings.depth not in DEPTHS or settings.kind not in KINDS:
            raise ValueError(
                f"depth must be one of {sorted(DEPTHS)} and kind one of {', '.join(KINDS)}, not "
                f"{settings.depth} and {settings.kind}"
            )
        self.stem = _stem(settings.kind)
        self.pool = nn.MaxPool3d(3, 2, 1) if settings.pool else nn.Identity()
        channels = WIDTHS[0]
        for stage, width, blocks in zip(STAGES, WIDTHS, DEPTHS[settings.depth], strict=True):
            strides = [1 if stage == STAGES[0] else 2] + [1] * (blocks - 1)
            layers = []
            for stride in strides:
                layers.append(ResidualBlock(channels, width, stride, settings))
                channels = width
            self.add_module(stage, nn.Sequential(*layers))
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, clips: Tensor) -> Tensor:
        """Feature maps `(N, 512, T', H', W')` of clips `(N, 3, T, H, W)`."""
        maps = self.pool(self.stem(clips))
        for stage in STAGES:
            maps = getattr(self, stage)(maps)
        output: Tensor = maps
        return output


class ResidualBlock(nn.Module):
    """A basic block or a bottleneck, which here does not widen.

    Args:
        channels: that come in.
        width: channels that go out.
        stride: of time, height and width.
        settings: of the network.

    Raises:
        ValueError: recursion has no effect at that place.
    """

    def __init__(self, channels: int, width: int, stride: int, settings: ResNet3DSettings) -> None:
        super().__init__()
        kind, between = settings.kind, _between(channels, width)
        inner = width
        if settings.bottleneck:
            inner = width * settings.group_width // 64 * settings.groups
            unit = _unit(kind, inner, inner, between * settings.group_width // 64, stride)
            self.conv1 = _normed(Conv3d(channels, inner, 1, bias=False), inner)
            self.conv2 = _normed(unit, inner)
            self.conv3 = _normed(Conv3d(inner, width, 1, bias=False), width, relu=False)
        else:
            second = _between(width, width) if settings.caffe else between
            self.conv1 = _normed(_unit(kind, channels, width, between, stride), width)
            self.conv2 = _normed(_unit(kind, width, width, second, 1), width, relu=False)
        self.bottleneck = settings.bottleneck
        self.downsample = None
        if stride != 1 or channels != width:
            conv = Conv3d(channels, width, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm3d(width))
        self.place = settings.place
        self.sar = None
        if settings.recursion is not None:
            if settings.place not in PLACES[settings.bottleneck]:
                raise ValueError(f"there is no recursion at the place {settings.place}")
            here = {"start": channels, "top": inner, "mid": inner}.get(settings.place, width)
            self.sar = SqueezeRecursion(here, settings.recursion)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `(N, width, T', H', W')` of `(N, channels, T, H, W)`."""
        maps = self._recursive("start", maps)
        identity = maps
        maps = self._recursive("top", self.conv1(maps))
        maps = self._recursive("mid", self.conv2(maps))
        if self.bottleneck:
            maps = self._recursive("end", self.conv3(maps))
        if self.downsample is not None:
            identity = self._recursive("skip", self.downsample(identity))
        return self._recursive("final", torch.relu(maps + identity))

    def _recursive(self, place: str, maps: Tensor) -> Tensor:
        if self.sar is None or place != self.place:
            return maps
        output: Tensor = self.sar(maps)
        return output


def _stem(kind: str) -> nn.Sequential:
    """The first layer, which halves height and width."""
    last = WIDTHS[0]
    if kind == "3d":
        return _normed(Conv3d(3, last, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False), last)
    space = Conv3d(3, _STEM, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False)
    time = Conv3d(_STEM, last, (3, 1, 1), 1, (1, 0, 0), bias=False)
    return nn.Sequential(*_normed(space, _STEM), *_normed(time, last))


def _unit(kind: str, channels: int, width: int, between: int, stride: int) -> nn.Sequential:
    """A convolution of 3x3x3, or one over space and one over time."""
    if kind == "3d":
        return nn.Sequential(Conv3d(channels, width, 3, stride, 1, bias=False))
    steps = (1, stride, stride)
    space = Conv3d(channels, between, (1, 3, 3), steps, (0, 1, 1), bias=False)
    time = Conv3d(between, width, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False)
    return nn.Sequential(*_normed(space, between), time)


def _normed(layer: nn.Module, width: int, *, relu: bool = True) -> nn.Sequential:
    after: list[nn.Module] = [nn.BatchNorm3d(width)]
    return nn.Sequential(layer, *after, *([nn.ReLU(inplace=True)] if relu else []))


def _between(channels: int, width: int) -> int:
    """Channels between space and time with which there are as many weights as in 3x3x3."""
    return channels * width * 27 // (channels * 9 + 3 * width)
