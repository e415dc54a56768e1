"""Starts a network from the weights of others."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from detection.heads import heads_side_by_side
from detection.network import MicroTubeNetwork
from weights import merge_normalisation

_RGB = 3


def start_from_pretrained(network: MicroTubeNetwork, *states: Mapping[str, Tensor]) -> list[str]:
    """Take over the tensors of other networks that fit by name and shape.

    A first layer for stacked images takes that for one image, repeated and divided by their number,
    as AMTNet does. Heads are taken all or none, from the first network: for other classes they
    start anew, with their normalisation, which checkpoints hold merged. Of two streams side by side
    light heads begin as those of both networks; those of VGG16 start anew, as published. A network
    of two streams gives both backbones, and its heads as they are.

    Args:
        network: initialised in place, and set to fine-tuning.
        states: of networks of this project, or of classifiers, whose layers have the names of the
            backbone's; the second one is for the extra stream's backbone.

    Returns:
        The names of the tensors taken; none if the networks have nothing in common.
    """
    own = network.state_dict()
    named: dict[str, Tensor] = {}
    for stream, state in zip(("backbone.", "extra_backbone."), states, strict=False):
        if stream == "backbone.":
            named |= state
        if _has_two_streams(state):
            named |= {name: x for name, x in state.items() if name.startswith(stream)}
        else:
            named |= {stream + name.removeprefix("backbone."): x for name, x in state.items()}
    for name, tensor in own.items():
        given = named.get(name)
        if given is not None and given.ndim == 4 and given.shape[1] == _RGB != tensor.shape[1]:
            images = tensor.shape[1] // _RGB
            named[name] = given.repeat(1, images, 1, 1) / images

    joined = network.fusion_type == "cat" and network.basenet != "vgg16" and len(states) > 1
    if joined and not any(map(_has_two_streams, states)):
        named |= heads_side_by_side(*states)

    def fits(name: str) -> bool:
        usable = heads_fit or not name.startswith("heads.")
        return usable and name in own and name in named and own[name].shape == named[name].shape

    kernels = [name for name in own if name.startswith("heads.") and own[name].ndim > 1]
    heads_fit = all(name in named and own[name].shape == named[name].shape for name in kernels)
    biases = {name.removesuffix(".bias") for name in named if name.endswith(".bias")}
    # Checkpoints hold layers with their normalisation merged: a convolution with a bias.
    merged = {name for name in biases if f"{name}.bias" not in own and fits(f"{name}.weight")}
    merge_normalisation(network, only=merged)
    own = network.state_dict()
    taken = {name: value for name, value in named.items() if fits(name)}
    network.load_state_dict(taken, strict=False)
    if taken:
        network.start_fine_tuning()
    return sorted(taken)


def _has_two_streams(state: Mapping[str, Tensor]) -> bool:
    return any(name.startswith("extra_backbone.") for name in state)
