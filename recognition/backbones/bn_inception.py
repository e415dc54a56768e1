"""BNInception (Ioffe and Szegedy, arXiv 1502.03167) with the names of TSN's model zoo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from recognition.temporal_shift import temporally_shifted

WIDTH = 1024
# Of each block: its input, the branch 1x1, the branch 3x3 (reduced to, then to), the branch of two
# 3x3 (reduced to, then to), what is pooled and what that is projected to. Without a 1x1 branch and
# a projection, the block halves the image.
_BLOCKS = {
    "3a": (192, 64, (64, 64), (64, 96), "average", 32),
    "3b": (256, 64, (64, 96), (64, 96), "average", 64),
    "3c": (320, 0, (128, 160), (64, 96), "maximum", 0),
    "4a": (576, 224, (64, 96), (96, 128), "average", 128),
    "4b": (576, 192, (96, 128), (96, 128), "average", 128),
    "4c": (576, 160, (128, 160), (128, 160), "average", 128),
    "4d": (608, 96, (128, 192), (160, 192), "average", 128),
    "4e": (608, 0, (128, 192), (192, 256), "maximum", 0),
    "5a": (1056, 352, (192, 320), (160, 224), "average", 128),
    "5b": (1024, 352, (192, 320), (192, 224), "maximum", 128),
}
UNITS = 2 + len(_BLOCKS)


class BNInception(nn.Module):
    """BNInception without its classifier.

    Attributes:
        global_pool: what makes one vector of the last feature maps `(images, 1024, 7, 7)`.
        fc: what gets these vectors.
        shifts: for each of the twelve units, two of the stem and the blocks, the divisor of the
            temporal shift in front of it, or 0.
        segments: of a clip, where there are shifts.
    """

    def __init__(self) -> None:
        super().__init__()
        self._add("conv1_7x7_s2", 3, 64, 7, stride=2)
        self._add("conv2_3x3_reduce", 64, 64, 1)
        self._add("conv2_3x3", 64, 192, 3)
        for name, (channels, single, triple, double, _, projected) in _BLOCKS.items():
            block, stride = f"inception_{name}_", 1 if single else 2
            if single:
                self._add(block + "1x1", channels, single, 1)
            self._add(block + "3x3_reduce", channels, triple[0], 1)
            self._add(block + "3x3", *triple, 3, stride=stride)
            self._add(block + "double_3x3_reduce", channels, double[0], 1)
            self._add(block + "double_3x3_1", *double, 3)
            self._add(block + "double_3x3_2", double[1], double[1], 3, stride=stride)
            if projected:
                self._add(block + "pool_proj", channels, projected, 1)
        # Of 7 by 7 places with the published crops of 224 pixels.
        self.global_pool: nn.Module = nn.AdaptiveAvgPool2d(1)
        self.fc: nn.Module = nn.Identity()
        self.shifts: Sequence[int] = [0] * UNITS
        self.segments = 1

    def forward(self, images: Tensor) -> Tensor:
        """Vectors of images `(N, 3, 224, 224)`: blue, green, red, less their means."""
        maps = images
        for unit, divisor in zip(self._units(), self.shifts, strict=True):
            maps = unit(temporally_shifted(maps, self.segments, divisor) if divisor else maps)
        output: Tensor = self.fc(self.global_pool(maps).flatten(1))
        return output

    def _add(self, name: str, channels: int, out: int, size: int, stride: int = 1) -> None:
        self.add_module(name, nn.Conv2d(channels, out, size, stride, size // 2))
        self.add_module(f"{name}_bn", nn.BatchNorm2d(out))

    def _convolved(self, maps: Tensor, *names: str) -> Tensor:
        for name in names:
            maps = torch.relu(getattr(self, f"{name}_bn")(getattr(self, name)(maps)))
        return maps

    def _units(self) -> list[Callable[[Tensor], Tensor]]:
        return [self._first, self._second, *(partial(self._block, name) for name in _BLOCKS)]

    def _first(self, images: Tensor) -> Tensor:
        return _halved(self._convolved(images, "conv1_7x7_s2"))

    def _second(self, maps: Tensor) -> Tensor:
        return _halved(self._convolved(maps, "conv2_3x3_reduce", "conv2_3x3"))

    def _block(self, name: str, maps: Tensor) -> Tensor:
        _, single, _, _, pool, projected = _BLOCKS[name]
        block = f"inception_{name}_"
        branches = [self._convolved(maps, block + "1x1")] if single else []
        branches.append(self._convolved(maps, block + "3x3_reduce", block + "3x3"))
        double = (f"{block}double_3x3_{part}" for part in ("reduce", "1", "2"))
        branches.append(self._convolved(maps, *double))
        if not projected:
            branches.append(_halved(maps))
        else:
            pooled = (
                functional.avg_pool2d(maps, 3, 1, 1)
                if pool == "average"
                else functional.max_pool2d(maps, 3, 1, 1)
            )
            branches.append(self._convolved(pooled, block + "pool_proj"))
        return torch.cat(branches, 1)


def _halved(maps: Tensor) -> Tensor:
    return functional.max_pool2d(maps, 3, 2, ceil_mode=True)
