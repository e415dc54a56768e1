"""Convolutions of 3D networks that are as fast for one clip on a CPU as for several."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Conv3d(nn.Conv3d):
    """As `nn.Conv3d`, computed by `convolve`."""

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `(N, out_channels, T', H', W')` of `(N, in_channels, T, H, W)`."""
        return convolve(self, maps, [int(size) for size in self.padding])


def convolve(layer: nn.Conv3d, maps: Tensor, padding: Sequence[int]) -> Tensor:
    """A convolution with zeros around.

    Args:
        layer: its weights, stride and groups; it has no dilation.
        maps: `(N, in_channels, T, H, W)`.
        padding: zeros before and behind in time, height and width.

    Returns:
        `(N, out_channels, T', H', W')`.
    """
    if _slow_in_torch(maps, layer.weight):
        convolved: Tensor = torch.ops.aten.mkldnn_convolution(
            maps, layer.weight, layer.bias, padding, layer.stride, [1, 1, 1], layer.groups
        )
        return convolved
    return functional.conv3d(
        maps, layer.weight, layer.bias, layer.stride, list(padding), 1, layer.groups
    )


def _slow_in_torch(maps: Tensor, weight: Tensor) -> bool:
    """Whether torch may leave oneDNN aside, as it does for a batch of one, and need twice as long.

    Gradients and compiled networks are left to torch, which has its own ways there.
    """
    # First: a compiler could not follow what else is asked.
    if torch.compiler.is_compiling():
        return False
    return (
        len(maps) == 1
        and maps.device.type == "cpu"
        and maps.dtype == weight.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
    )
