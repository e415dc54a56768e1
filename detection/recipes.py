"""How a network is trained: as published for VGG16, faster for light backbones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from detection.network import MicroTubeNetwork


@dataclass(frozen=True)
class Recipe:
    """The defaults of the options that the backbone, the micro-tube and the data set decide.

    Attributes:
        ssd_dim: side of the input in pixels; None: the backbone's.
        seq_gap: frames left out between two frames of a micro-tube.
        init_weights: checkpoint to start from, "imagenet" or "none".
        batch_size: micro-tubes in a step.
        lr: learning rate.
        momentum: of SGD, for VGG16.
        weight_decay: of weights, not of biases or normalisation.
        warm_up: steps in which the learning rate rises.
        stepvalues: steps at which the learning rate falls; without any it falls linearly to zero
            in the last part of the training.
        gamma: factor of the learning rate at those steps.
        max_iter: steps.
        ema: decay of the running average of the weights, 0 for none.
        max_expansion: see `detection.augmentation.augment`.
        flow_as_motion: whether flow images are augmented as motion, not as pictures.
    """

    ssd_dim: int | None = None
    seq_gap: int = 0
    init_weights: str = "none"
    batch_size: int = 4
    lr: float = 5e-4
    momentum: float = 0.9
    weight_decay: float = 1e-4
    warm_up: int = 0
    stepvalues: tuple[int, ...] = (10_000, 30_000)
    gamma: float = 0.1
    max_iter: int = 40_000
    ema: float = 0.0
    max_expansion: float = 4.0
    flow_as_motion: bool = False


AMTNET = Recipe()
ROAD = replace(
    AMTNET,
    batch_size=32,
    lr=1e-3,
    weight_decay=5e-4,
    stepvalues=(30_000, 60_000, 100_000),
    max_iter=120_000,
)
# Expanding to four times the size makes figures too small for a small input to show their motion;
# a short training has no steps to spare for them. The start is a detector of real people.
LIGHT = Recipe(
    ssd_dim=192,
    seq_gap=3,
    init_weights="amtnet-mobilenetv2-jhmdb21",
    batch_size=16,
    lr=1e-3,
    weight_decay=5e-2,
    warm_up=100,
    stepvalues=(),
    max_iter=3_000,
    ema=0.998,
    max_expansion=1.5,
    flow_as_motion=True,
)
# Of small frames and fast actions, for minutes on a CPU.
EMBEDDED = replace(LIGHT, ssd_dim=128, seq_gap=1, lr=3e-3, max_iter=1_800)
RECIPES = {
    "vgg16": AMTNET,
    "vgg16 with --seq_len 1": ROAD,
    "light backbones": LIGHT,
    "light backbones on the embedded data set": EMBEDDED,
}
FINAL_PART = 0.3
PRETRAINED_RATE = 0.1
# Of the backbones that the shipped detector does not share.
_OTHER_START = "imagenet"


def recipe_of(basenet: str, dataset: str, seq_len: int = 2) -> Recipe:
    """The recipe for a backbone and a data set, by their names, and a length of micro-tubes."""
    if basenet == "vgg16":
        return AMTNET if seq_len > 1 else ROAD
    recipe = EMBEDDED if dataset == "embedded" else LIGHT
    return (
        recipe if basenet.startswith("mobilenet_v2") else replace(recipe, init_weights=_OTHER_START)
    )


def make_optimizer(
    network: MicroTubeNetwork, lr: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """The optimiser for a network on its device: SGD for VGG16, AdamW for light backbones."""
    if network.basenet == "vgg16":
        return _published_optimizer(network, lr, momentum, weight_decay)
    return _light_optimizer(network, lr, weight_decay)


def make_schedule(
    optimizer: torch.optim.Optimizer,
    *,
    warm_up: int,
    stepvalues: tuple[int, ...],
    gamma: float,
    max_iter: int,
) -> LRScheduler:
    """The learning rate over the steps; see `Recipe`.

    In a short training a rate that stays high for most of it did far better than a cosine: 0.66
    frame-mAP against 0.50 after 1,200 steps on the embedded data set.
    """

    def factor(step: int) -> float:
        warm = min(1.0, (step + 1) / warm_up) if warm_up else 1.0
        if stepvalues:
            return warm * gamma ** sum(step >= value for value in stepvalues)
        return warm * min(1.0, max(0.0, 1 - step / max_iter) / FINAL_PART)

    return LambdaLR(optimizer, factor)


def _published_optimizer(
    network: MicroTubeNetwork, lr: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """SGD as AMTNet and ROAD set it: biases at twice the rate without decay, cores' rate over S."""
    groups = []
    for name, parameter in network.named_parameters():
        bias = name.endswith("bias")
        rate = lr * (2 if bias else 1)
        if name.startswith(("backbone.", "extra_backbone.")):
            rate /= network.seq_len
        decay = 0.0 if bias else weight_decay
        groups.append({"params": [parameter], "lr": rate, "weight_decay": decay})
    return torch.optim.SGD(groups, lr=lr, momentum=momentum)


def _light_optimizer(
    network: MicroTubeNetwork, lr: float, weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, ICLR 2019).

    Pretrained layers that are fine-tuned learn at a tenth of the rate: at the full one, which new
    layers need, they forget what they knew before those can make use of it.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    pretrained: set[nn.Parameter] = set()
    if network.fine_tuning:
        for backbone in network.backbones():
            for layer in backbone.pretrained_layers():
                pretrained.update(layer.parameters())
    for parameter in network.parameters():
        if parameter.requires_grad:
            rate = lr * (PRETRAINED_RATE if parameter in pretrained else 1)
            decay = weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "lr": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ],
        lr=lr,
        fused=True,
    )
