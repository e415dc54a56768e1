"""MTNet: a short and a long stream of features, of which the first is looked at more often.

Stergiou and Poppe, "Multi-Temporal Convolutions for Human Action Recognition in Videos"
(arXiv 2011.03949), as the code of its authors has it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from recognition.backbones.convolution3d import Conv3d
from recognition.squeeze_recursion import recalibration, spatial_means

SIZES = {
    "xs": (2, 2, 2, 2),
    "s": (2, 2, 5, 3),
    "m": (3, 4, 6, 3),
    "l": (3, 4, 23, 3),
    "xl": (3, 8, 36, 3),
    "xxl": (3, 24, 36, 3),
}
"""Blocks of each stage."""

RATE = 0.875
"""Share of the channels in the short stream."""

STAGES = ("layer1", "layer2", "layer3", "layer4")
_WIDTHS = (64, 128, 256, 512)
_EPSILON = 1e-4

Streams = tuple[Tensor, Tensor]
"""Maps `(N, C, T, H, W)` of the short stream and of the long one."""


def widths(channels: int, rate: float = RATE) -> tuple[int, int]:
    """How many of so many channels are in the short stream and in the long one."""
    short = int(channels * rate)
    return short, channels - short


class MTNet(nn.Module):
    """A network without its classifier.

    Args:
        size: one of `SIZES`.
        groups: of the convolutions inside of blocks ("sub-streams").
    """

    def __init__(self, size: str, groups: int = 1) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            Conv3d(3, _WIDTHS[0], (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False),
            nn.BatchNorm3d(_WIDTHS[0]),
            nn.ReLU(inplace=True),
        )
        channels = _WIDTHS[0]
        for stage, width, blocks in zip(STAGES, _WIDTHS, SIZES[size], strict=True):
            strides = [1 if stage == STAGES[0] else 2] + [1] * (blocks - 1)
            layers = []
            for stride in strides:
                layers.append(MTBlock(channels, width, stride, groups))
                channels = width
            self.add_module(stage, nn.Sequential(*layers))
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, clips: Tensor) -> Streams:
        """Maps of both streams, of 448 and 64 channels, of clips `(N, 3, T, H, W)`."""
        maps = self.stem(clips)
        if maps.shape[3] % 2 or maps.shape[4] % 2:
            maps = functional.pad(maps, (1, 0, 1, 0, 0, 0), mode="replicate")
        maps = similar_frames(functional.max_pool3d(maps, (1, 3, 3), (1, 2, 2), (0, 1, 1)))
        short, long = maps.split(widths(maps.shape[1]), 1)
        streams = short, _halved(long)
        for stage in STAGES:
            streams = self.get_submodule(stage)(streams)
        return streams


class MTConv(nn.Module):
    """A convolution in each stream; the long one also gets what the short one gives.

    Args:
        channels: that come in, of both streams.
        width: channels that go out.
        kernel: of time, height and width.
        stride: of all three.
        padding: likewise.
        groups: of both streams.
        lateral: whether the long stream gets anything of the short one.
        rate: share of the channels in the short stream.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        kernel: int | tuple[int, int, int],
        stride: int = 1,
        padding: int | tuple[int, int, int] = 0,
        groups: int = 1,
        *,
        lateral: bool = True,
        rate: float = RATE,
    ) -> None:
        super().__init__()
        of_short = max(1, int(groups * rate))
        of_long = max(1, groups - of_short)
        short_in = int(channels * rate) // of_short * of_short
        short, long = widths(width, rate)
        sizes = (kernel, stride, padding)
        self.conv_short = Conv3d(short_in, short, *sizes, groups=of_short, bias=False)
        self.conv_long = Conv3d(channels - short_in, long, *sizes, groups=of_long, bias=False)
        self.conv_short2long = Conv3d(short, long, 1, bias=False) if lateral else None
        if groups == 1:
            self.norm_short: nn.Module = nn.BatchNorm3d(short)
            self.norm_long: nn.Module = nn.BatchNorm3d(long)
        else:
            self.norm_short = nn.GroupNorm(of_short, short)
            self.norm_long = nn.GroupNorm(of_long, long)

    def forward(self, streams: Streams) -> Streams:
        """Maps of both streams."""
        short, long = self.conv_short(streams[0]), self.conv_long(streams[1])
        normed = self.norm_long(long)
        if self.conv_short2long is not None:
            seen = self.conv_short2long(_resized(_halved(short), long.shape[2:]))
            # As published by the same norm, whose statistics are of both.
            normed = normed + self.norm_long(seen)
        return self.norm_short(short), normed


class MTBlock(nn.Module):
    """A residual block of both streams, each multiplied by what a recurrent network makes of it.

    Args:
        channels: that come in, of both streams.
        width: channels that go out.
        stride: of time, height and width.
        groups: of the convolutions inside.
    """

    def __init__(self, channels: int, width: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        inner = width // groups
        self.downsample = None
        kernel, padding = (1, 3, 3), (0, 1, 1)
        if stride != 1 or channels != width:
            self.downsample = MTConv(channels, width, 1, stride, lateral=False)
            kernel, padding = (1, 1, 1), (0, 0, 0)
        self.conv1_1 = MTConv(channels, inner, 1)
        self.conv1_2 = MTConv(inner, channels, 1)
        self.conv2 = MTConv(channels, inner, 3, stride, 1, groups)
        self.conv3 = MTConv(inner, width, kernel, padding=padding, groups=groups)
        short, long = widths(width)
        self.sr_short, self.sr_long = _Recurrence(short), _Recurrence(long)

    def forward(self, streams: Streams) -> Streams:
        """Maps of both streams."""
        identity = streams
        for convolution in (self.conv1_1, self.conv1_2, self.conv2):
            short, long = convolution(streams)
            streams = torch.relu(short), torch.relu(long)
        if self.downsample is not None:
            short, long = identity
            if long.shape[3] < 3:
                long = _resized(long, (long.shape[2], 3, 3))
            identity = self.downsample((short, long))
        short, long = self.conv3(streams)
        short, long = self.sr_short(short), self.sr_long(long)
        return _added(short, identity[0]), _added(long, identity[1])


class _Recurrence(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.GRU(channels, channels, 2)

    def forward(self, maps: Tensor) -> Tensor:
        return maps * recalibration(self.op, spatial_means(maps))[..., None, None]


def similar_frames(maps: Tensor) -> Tensor:
    """The half of the frames that are most like those before and after them, in order.

    Args:
        maps: `(N, C, T, H, W)`.

    Returns:
        `(N, C, T // 2, H, W)`.

    Raises:
        ValueError: there are less than three frames.
    """
    frames = maps.shape[2]
    if frames < 3:
        raise ValueError(f"at least three frames are needed, not {frames}")
    means = spatial_means(maps)
    alike = functional.cosine_similarity(means[..., :-1], means[..., 1:], dim=1, eps=_EPSILON) ** 2
    kept = (alike[:, :-1] + alike[:, 1:]).topk(frames // 2, 1).indices.sort(1).values + 1
    return torch.stack([clip[:, chosen] for clip, chosen in zip(maps, kept, strict=True)])


def _halved(maps: Tensor) -> Tensor:
    pooled = functional.avg_pool3d(maps, (1, 2, 2))
    return similar_frames(pooled) if pooled.shape[2] > 2 else pooled


def _resized(maps: Tensor, size: Sequence[int]) -> Tensor:
    if maps.shape[2:] == torch.Size(size):
        return maps
    return functional.interpolate(maps, tuple(size), mode="trilinear", align_corners=False)


def _added(maps: Tensor, identity: Tensor) -> Tensor:
    return torch.relu(maps + _resized(identity, maps.shape[2:]))
