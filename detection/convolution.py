"""Convolutions that are faster on a CPU than PyTorch's: wide 3x3 ones, and their gradients.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.3
(Winograd's algorithm): tiles of 4x4 outputs are made from 36 products for each pair of channels, in
place of 144, at the price of linear maps of the 6x6 inputs before and of the products after.
Float32 results differ by some 1e-5 of the largest from those of the plain sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_TILE, _PATCH, _PRODUCTS = 4, 6, 36
# The paper's matrices B^T, G and A^T.
_OF_PATCHES = torch.tensor(
    [
        [4.0, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_OF_KERNELS = (
    torch.tensor([[6.0, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
)
_OF_PRODUCTS = torch.tensor(
    [[1.0, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
)
# Where the channels are fewer or the tiles too few to share the kernels, the maps cost more than
# they save.
_ENOUGH_CHANNELS, _ENOUGH_TILES = 64, 16
# Working space that stays in the cache of one core, in numbers.
_SPACE = 2**21


@dataclass
class Kept:
    """What is kept of a weight that no longer changes, from its first use on."""

    products: Tensor | None = None


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    padding: int = 0,
    kept: Kept | None = None,
) -> Tensor:
    """A convolution of stride 1, as `torch.nn.functional.conv2d`.

    Args:
        x: `(N, C, H, W)`.
        weight: `(O, C, 3, 3)`.
        bias: `(O,)`.
        padding: zeros around the map.
        kept: of this weight; None while it may change.
    """
    if not _is_understood(x, weight):
        return F.conv2d(x, weight, bias, padding=padding)
    if torch.is_grad_enabled():
        result: Tensor = _Convolution.apply(x, weight, bias, padding)
        return result
    return _convolved(x, weight, bias, padding, kept)


def kernel_products(weight: Tensor) -> Tensor:
    """What the patches are multiplied by: `(O, C, 3, 3)` to `(36, C, O)`."""
    outputs, channels = weight.shape[:2]
    taps = weight.permute(2, 3, 1, 0).reshape(9, -1)
    return _mapped(_OF_KERNELS, taps).view(_PRODUCTS, channels, outputs)


class Convolution(nn.Conv2d):
    """A 3x3 convolution of stride 1 by `convolve`.

    Attributes:
        kept: see `convolve`.
    """

    kept: Kept | None = None

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, O, H, W)`."""
        return convolve(x, self.weight, self.bias, int(self.padding[0]), self.kept)


def _is_understood(x: Tensor, weight: Tensor) -> bool:
    """Whether there is anything to gain: not on a GPU, whose library knows Winograd's algorithm."""
    return (
        x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        # Compilers and exporters know convolutions better than what these are made of here.
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
    )


def _convolved(
    x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, kept: Kept | None = None
) -> Tensor:
    """By the faster algorithm."""
    outputs, channels = weight.shape[:2]
    tiles = len(x) * _tiles(x.shape[2] + 2 * padding) * _tiles(x.shape[3] + 2 * padding)
    wide = outputs * channels >= _ENOUGH_CHANNELS * (outputs + channels)
    if not wide or tiles < _ENOUGH_TILES:
        return F.conv2d(x, weight, bias, padding=padding)
    if kept is None:
        products = kernel_products(weight)
    else:
        products = kernel_products(weight) if kept.products is None else kept.products
        kept.products = products
    return _winograd(x, products, bias, padding)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        return _convolved(x, weight, bias, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            turned = weight.flip(2, 3).transpose(0, 1)
            of_x = _convolved(gradient, turned, None, 2 - ctx.padding)
        if ctx.needs_input_grad[1]:
            of_weight = _weight_gradient(x, gradient, ctx.padding)
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum((0, 2, 3))
        return of_x, of_weight, of_bias, None


def _winograd(x: Tensor, products: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    images, channels, outputs = len(x), *products.shape[1:]
    height, width = (side + 2 * padding - 2 for side in x.shape[2:])
    down, across = _tiles(height + 2), _tiles(width + 2)
    padded = _padded(x, padding, _TILE * down + 2, _TILE * across + 2)
    shape = images, outputs, down * _TILE, across * _TILE
    result = torch.empty(shape, memory_format=torch.channels_last)
    by_pixel = result.permute(0, 2, 3, 1)
    for first, last in _parts(down, images * across * max(channels, outputs)):
        inputs = _mapped(_OF_PATCHES, _patches(padded, first, last, _PATCH))
        multiplied = torch.bmm(inputs.view(_PRODUCTS, -1, channels), products)
        tiles = _mapped(_OF_PRODUCTS, multiplied.view(_PRODUCTS, -1)).view(
            _TILE, _TILE, images, last - first, across, outputs
        )
        rows = by_pixel[:, _TILE * first : _TILE * last].unflatten(2, (across, _TILE))
        rows = rows.unflatten(1, (last - first, _TILE))
        tiles = tiles.permute(2, 3, 0, 4, 1, 5)
        if bias is None:
            rows.copy_(tiles)
        else:
            torch.add(tiles, bias, out=rows)
    # A copy only where tiles reach out of the map.
    return result[..., :height, :width].contiguous(memory_format=torch.channels_last)


def _weight_gradient(x: Tensor, gradient: Tensor, padding: int) -> Tensor:
    """From the gradient of the outputs, `(N, O, H, W)`, that of the weight, `(O, C, 3, 3)`."""
    (images, channels), outputs = x.shape[:2], gradient.shape[1]
    down, across = (_tiles(side + 2) for side in gradient.shape[2:])
    padded = _padded(x, padding, _TILE * down + 2, _TILE * across + 2)
    gradients = _padded(gradient, 0, _TILE * down, _TILE * across)
    total = x.new_zeros(_PRODUCTS, channels, outputs)
    for first, last in _parts(down, images * across * max(channels, outputs)):
        inputs = _mapped(_OF_PATCHES, _patches(padded, first, last, _PATCH))
        multiplied = _mapped(_OF_PRODUCTS.T, _patches(gradients, first, last, _TILE))
        total.baddbmm_(
            inputs.view(_PRODUCTS, -1, channels).transpose(1, 2),
            multiplied.view(_PRODUCTS, -1, outputs),
        )
    taps = _mapped(_OF_KERNELS.T, total.view(_PRODUCTS, -1))
    return taps.view(3, 3, channels, outputs).permute(3, 2, 0, 1)


def _mapped(matrix: Tensor, values: Tensor) -> Tensor:
    """Apply a linear map to both axes of squares: `(S S, N)` to `(R, R, N)`."""
    after, before = matrix.shape
    rows = (matrix @ values.reshape(before, -1)).view(after, before, -1)
    return torch.bmm(matrix.expand(after, after, before), rows)


def _tiles(padded_side: int) -> int:
    """How many tiles cover the outputs of so many inputs."""
    return -(-(padded_side - 2) // _TILE)


def _padded(x: Tensor, before: int, height: int, width: int) -> Tensor:
    """`(N, C, h, w)` with zeros before and behind as `(N, height, width, C)`."""
    behind = width - x.shape[3] - before, height - x.shape[2] - before
    x = x.contiguous(memory_format=torch.channels_last)
    return F.pad(x, (before, behind[0], before, behind[1])).permute(0, 2, 3, 1)


def _parts(down: int, row: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows of tiles that are worked on at once, of so many numbers for each product."""
    step = max(1, _SPACE // (_PRODUCTS * row))
    for first in range(0, down, step):
        yield first, min(first + step, down)


def _patches(padded: Tensor, first: int, last: int, side: int) -> Tensor:
    """Patches of some rows of tiles of `(N, H, W, C)`, as `(side side, N rows across C)`."""
    rows = padded[:, _TILE * first : _TILE * (last - 1) + side]
    patches = rows.unfold(1, side, _TILE).unfold(2, side, _TILE)
    return patches.permute(4, 5, 0, 1, 2, 3).reshape(side * side, -1)
