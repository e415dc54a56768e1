"""SlowFast (Feichtenhofer et al., arXiv 1812.03982) with ResNet-50, 8x8."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recognition.backbones.convolution3d import Conv3d

SLOW, FAST = 0, 1
WIDTHS = (2048, 256)
REDUCED = (512, 128)
# Of the frames of a clip every so-manieth is looked at.
STRIDES = (8, 2)
_FUSED_STEPS = 4  # frames of the fast path for one of the slow path
_BLOCKS = (3, 4, 6, 3)
_STEM = (64, 8)
# Steps of time that the first convolution of a block sees, by path and stage.
_TIMES = ((1, 1, 3, 3), (3, 3, 3, 3))


class SlowFast(nn.Module):
    """A network without its classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.s1 = _Stem()
        fast = _STEM[FAST]
        self.s1_fuse = Fusion(fast)
        channels = [_STEM[SLOW] + 2 * fast, fast]
        for number, blocks in enumerate(_BLOCKS):
            inner = (64 << number, 8 << number)
            times = tuple(path[number] for path in _TIMES)
            stage = _Stage(channels, inner, times, blocks, stride=1 if number == 0 else 2)
            self.add_module(f"s{number + 2}", stage)
            slow, fast = (4 * width for width in inner)
            if number < len(_BLOCKS) - 1:
                self.add_module(f"s{number + 2}_fuse", Fusion(fast))
                channels = [slow + 2 * fast, fast]
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif name.endswith("c_bn"):
                nn.init.zeros_(module.get_parameter("weight"))

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of both paths of clips `(N, 3, T, H, W)`.

        Returns:
            `(N, 2048, T / 8, H / 32, W / 32)` and `(N, 256, T / 2, H / 32, W / 32)`.
        """
        slow, fast = self.s1(*(clips[:, :, ::stride] for stride in STRIDES))
        for number in range(2, 6):
            slow = self.get_submodule(f"s{number - 1}_fuse")(slow, fast)
            slow, fast = self.get_submodule(f"s{number}")(slow, fast)
        return slow, fast


class Fusion(nn.Module):
    """Puts what a convolution over time makes of the fast path behind the channels of the slow one.

    Args:
        channels: of the fast path.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        step = _FUSED_STEPS
        self.conv_f2s = Conv3d(
            channels, 2 * channels, (7, 1, 1), (step, 1, 1), (3, 0, 0), bias=False
        )
        self.bn = nn.BatchNorm3d(2 * channels)

    def forward(self, slow: Tensor, fast: Tensor) -> Tensor:
        """Maps of the slow path, with more channels."""
        return torch.cat([slow, torch.relu(self.bn(self.conv_f2s(fast)))], 1)


class Bottleneck(nn.Module):
    """A block: over time, over space, then four times as many channels.

    Args:
        channels: that come in.
        inner: channels inside.
        time: steps that the first convolution sees.
        stride: of height and width.
    """

    def __init__(self, channels: int, inner: int, time: int, stride: int) -> None:
        super().__init__()
        out = 4 * inner
        if channels != out or stride != 1:
            self.branch1: nn.Module = Conv3d(channels, out, 1, (1, stride, stride), bias=False)
            self.branch1_bn: nn.Module = nn.BatchNorm3d(out)
        else:
            self.branch1 = self.branch1_bn = nn.Identity()
        self.branch2 = _Branch(channels, inner, time, stride)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `(N, 4 * inner, T, H', W')` of `(N, channels, T, H, W)`."""
        return torch.relu(self.branch1_bn(self.branch1(maps)) + self.branch2(maps))


class DenseBottleneck(nn.Module):
    """The block that late temporal modelling puts in the place of a path's last one or behind it.

    Args:
        channels: that come in.
        out: channels that go out.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        inner = out // 2
        self.conv1, self.bn1 = Conv3d(channels, inner, 1, bias=False), nn.BatchNorm3d(inner)
        self.conv2 = Conv3d(inner, inner, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(inner)
        self.conv3, self.bn3 = Conv3d(inner, out, 1, bias=False), nn.BatchNorm3d(out)
        shortcut = Conv3d(channels, out, 1, bias=False)
        self.downsample = nn.Sequential(shortcut, nn.BatchNorm3d(out))
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `(N, out, T, H, W)` of `(N, channels, T, H, W)`."""
        identity = self.downsample(maps)
        maps = torch.relu(self.bn1(self.conv1(maps)))
        maps = torch.relu(self.bn2(self.conv2(maps)))
        return torch.relu(self.bn3(self.conv3(maps)) + identity)


class _Branch(nn.Module):
    def __init__(self, channels: int, inner: int, time: int, stride: int) -> None:
        super().__init__()
        self.a = Conv3d(channels, inner, (time, 1, 1), 1, (time // 2, 0, 0), bias=False)
        self.a_bn = nn.BatchNorm3d(inner)
        self.b = Conv3d(inner, inner, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False)
        self.b_bn = nn.BatchNorm3d(inner)
        self.c = Conv3d(inner, 4 * inner, 1, bias=False)
        self.c_bn = nn.BatchNorm3d(4 * inner)

    def forward(self, maps: Tensor) -> Tensor:
        maps = torch.relu(self.a_bn(self.a(maps)))
        maps = torch.relu(self.b_bn(self.b(maps)))
        output: Tensor = self.c_bn(self.c(maps))
        return output


class _Stage(nn.Module):
    """Blocks of both paths, called `pathway0_res0` and so on."""

    def __init__(
        self,
        channels: list[int],
        inner: tuple[int, ...],
        times: tuple[int, ...],
        blocks: int,
        stride: int,
    ) -> None:
        super().__init__()
        self.blocks = blocks
        for path in (SLOW, FAST):
            for number in range(blocks):
                before = channels[path] if number == 0 else 4 * inner[path]
                block = Bottleneck(before, inner[path], times[path], stride if number == 0 else 1)
                self.add_module(f"pathway{path}_res{number}", block)

    def forward(self, slow: Tensor, fast: Tensor) -> list[Tensor]:
        paths = [slow, fast]
        for path in (SLOW, FAST):
            for number in range(self.blocks):
                paths[path] = self.get_submodule(f"pathway{path}_res{number}")(paths[path])
        return paths


class _Stem(nn.Module):
    """The first convolution of each path, and the maximum of three by three places."""

    def __init__(self) -> None:
        super().__init__()
        for path, (width, time) in enumerate(zip(_STEM, (1, 5), strict=True)):
            stem = _PathStem(width, time)
            self.add_module(f"pathway{path}_stem", stem)

    def forward(self, slow: Tensor, fast: Tensor) -> list[Tensor]:
        return [
            self.get_submodule(f"pathway{path}_stem")(clips)
            for path, clips in enumerate((slow, fast))
        ]


class _PathStem(nn.Module):
    def __init__(self, width: int, time: int) -> None:
        super().__init__()
        padding = (time // 2, 3, 3)
        self.conv = Conv3d(3, width, (time, 7, 7), (1, 2, 2), padding, bias=False)
        self.bn = nn.BatchNorm3d(width)

    def forward(self, clips: Tensor) -> Tensor:
        maps = torch.relu(self.bn(self.conv(clips)))
        return nn.functional.max_pool3d(maps, (1, 3, 3), (1, 2, 2), (0, 1, 1))
