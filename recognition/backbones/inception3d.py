"""I3D: Inception v1 in 3D (Carreira and Zisserman, arXiv 1705.07750), with TensorFlow's padding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from recognition.backbones.convolution3d import Conv3d, convolve

WIDTH, REDUCED = 1024, 512
_REDUCTION = (192, 96, 192, 24, 64, 64)
Triple = tuple[int, int, int]
# Of convolutions: channels, kernel and stride; of poolings: kernel and stride; of modules: the
# channels of their convolutions. Names are those of pretrained files.
_UNITS: dict[str, tuple[int, Triple, Triple]] = {
    "Conv3d_1a_7x7": (64, (7, 7, 7), (2, 2, 2)),
    "Conv3d_2b_1x1": (64, (1, 1, 1), (1, 1, 1)),
    "Conv3d_2c_3x3": (192, (3, 3, 3), (1, 1, 1)),
}
_POOLS: dict[str, tuple[Triple, Triple]] = {
    "MaxPool3d_2a_3x3": ((1, 3, 3), (1, 2, 2)),
    "MaxPool3d_3a_3x3": ((1, 3, 3), (1, 2, 2)),
    "MaxPool3d_4a_3x3": ((3, 3, 3), (2, 2, 2)),
    "MaxPool3d_5a_2x2": ((2, 2, 2), (2, 2, 2)),
}
_MODULES = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
LAYERS = tuple(sorted((*_UNITS, *_POOLS, *_MODULES), key=lambda name: name.split("_")[1]))
"""The names of the layers, in order."""


class Unit(nn.Module):
    """A convolution with normalisation and ReLU.

    Args:
        channels: that come in.
        width: channels that go out.
        kernel: its size over time, height and width.
        stride: likewise.
    """

    def __init__(
        self, channels: int, width: int, kernel: Triple, stride: Triple = (1, 1, 1)
    ) -> None:
        super().__init__()
        self.conv3d = Conv3d(channels, width, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(width, eps=1e-3, momentum=0.01)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `(N, width, T', H', W')` of `(N, channels, T, H, W)`."""
        layer = self.conv3d
        padded, around = _padded(maps, layer.kernel_size, layer.stride)
        convolved = convolve(layer, padded, around)
        return functional.relu(self.bn(convolved), inplace=True)


class Pool(nn.Module):
    """The maximum; zeros stand around the maps, which have no numbers below zero.

    Args:
        kernel: its size over time, height and width.
        stride: likewise.
    """

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `(N, C, T', H', W')` of `(N, C, T, H, W)`."""
        padded, around = _padded(maps, self.kernel, self.stride)
        # Around go numbers that are never the maximum, and maps have none below zero.
        return functional.max_pool3d(padded, self.kernel, self.stride, around)


class InceptionModule(nn.Module):
    """Four ways side by side.

    Args:
        channels: that come in.
        widths: channels of the convolutions: of the first way, of the second and the third two
            each, of the last.
    """

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        one, three = (1, 1, 1), (3, 3, 3)
        first, before_second, second, before_third, third, last = widths
        self.b0 = Unit(channels, first, one)
        self.b1a, self.b1b = Unit(channels, before_second, one), Unit(before_second, second, three)
        self.b2a, self.b2b = Unit(channels, before_third, one), Unit(before_third, third, three)
        self.b3a, self.b3b = Pool(three, one), Unit(channels, last, one)
        self.width = first + second + third + last

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `(N, width, T, H, W)` of `(N, channels, T, H, W)`."""
        ways = (
            self.b0(maps),
            self.b1b(self.b1a(maps)),
            self.b2b(self.b2a(maps)),
            self.b3b(self.b3a(maps)),
        )
        return torch.cat(ways, 1)


def reduction(channels: int) -> InceptionModule:
    """The module that leaves 512 channels, in the place of the last one or behind it.

    Args:
        channels: that come in: 832 or 1,024.
    """
    return InceptionModule(channels, _REDUCTION)


def build_inception3d(channels: int = 3) -> nn.Sequential:
    """A network without its classifier: clips of 224 pixels become maps of 1,024 channels.

    Args:
        channels: of an image.
    """
    layers: list[nn.Module] = []
    for name in LAYERS:
        if name in _UNITS:
            width, kernel, stride = _UNITS[name]
            layers.append(Unit(channels, width, kernel, stride))
            channels = width
        elif name in _POOLS:
            layers.append(Pool(*_POOLS[name]))
        else:
            module = InceptionModule(channels, _MODULES[name])
            layers.append(module)
            channels = module.width
    return nn.Sequential(*layers)


def _padded(
    maps: Tensor, kernel: Sequence[int], stride: Sequence[int]
) -> tuple[Tensor, tuple[int, ...]]:
    """Zeros around maps as TensorFlow's padding SAME puts them, more of them behind than before.

    Returns:
        The maps with those that are only behind, and how many others are before and behind in time,
        height and width: those a layer adds without a copy.
    """
    around: list[int] = []
    behind: list[int] = []
    for size, length, step in zip(maps.shape[2:], kernel, stride, strict=True):
        total = max(length - (size % step or step), 0)
        around.append(total // 2)
        behind = [0, total % 2, *behind]
    return functional.pad(maps, behind) if any(behind) else maps, tuple(around)
