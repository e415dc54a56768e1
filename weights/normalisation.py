"""Batch normalisation of networks that learn no more."""

from __future__ import annotations

from collections.abc import Container, Iterator
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def merge_normalisation(network: nn.Module, only: Container[str] | None = None) -> None:
    """Merge batch normalisations, as they are at inference, into the convolutions before them.

    Normalisation by stored statistics is an affine map; merged, it costs nothing.

    Args:
        network: changed in place. A module with one child, such as the temporal shift, passes on
            the output of this child, and one whose children follow each other that of the last.
        only: names of the convolutions meant; None: all.
    """
    for name, module in list(network.named_modules()):
        for first, second in _normalised_layers(module):
            owner, last = _innermost(module, first)
            layer, following = getattr(owner, last), getattr(module, second)
            meant = only is None or f"{name}.{first}" in only
            if meant and _fits(layer, following):
                setattr(owner, last, fuse_conv_bn_eval(layer.eval(), following.eval()))
                setattr(module, second, nn.Identity())


def _fits(layer: nn.Module, following: nn.Module) -> bool:
    flat = isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d)
    return flat or (isinstance(layer, nn.Conv3d) and isinstance(following, nn.BatchNorm3d))


def _normalised_layers(module: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of layers of a module that follow each other, in order or by their names."""
    names = [name for name, _ in module.named_children()]
    if isinstance(module, nn.Sequential):
        yield from pairwise(names)
        return
    convolutions = [name for name in names if name.startswith("conv")]
    if len(convolutions) == 1 and "bn" in names:
        yield convolutions[0], "bn"
    for name in names:
        following = (name.replace("conv", "bn") if name in convolutions else "", f"{name}_bn")
        yield from ((name, other) for other in following if other in names and other != "bn")


def _innermost(owner: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The module inside of others, the output of which is theirs: its owner, and its name there."""
    module = getattr(owner, name)
    children = [child for child, _ in module.named_children()]
    last = isinstance(module, nn.Sequential) or len(children) == 1
    return _innermost(module, children[-1]) if children and last else (owner, name)
