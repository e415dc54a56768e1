"""How a network is trained: the published recipe for VGG16, a faster one for light backbones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from detection.network import MicroTubeNetwork, merge_normalisation


@dataclass(frozen=True)
class Recipe:
    """The defaults of the options that a backbone's recipe decides.

    Attributes:
        batch_size: micro-tubes in a step.
        lr: learning rate.
        weight_decay: of weights, not of biases or normalisation.
        max_iter: steps.
        max_expansion: see `detection.augmentation.augment`.
    """

    batch_size: int
    lr: float
    weight_decay: float
    max_iter: int
    max_expansion: float


PUBLISHED = Recipe(batch_size=8, lr=5e-4, weight_decay=1e-4, max_iter=70_000, max_expansion=4.0)
# Expanding to four times the size makes figures too small for a small input to show their motion;
# a short training has no steps to spare for them.
LIGHT = Recipe(batch_size=16, lr=1e-3, weight_decay=5e-2, max_iter=3_000, max_expansion=1.5)
PUBLISHED_STEPS, PUBLISHED_GAMMA, PUBLISHED_MOMENTUM = (50_000,), 0.1, 0.9
WARM_UP_STEPS = 100
PRETRAINED_RATE = 0.1


def recipe_of(basenet: str) -> Recipe:
    """The recipe of a backbone, by name."""
    return PUBLISHED if basenet == "vgg16" else LIGHT


def published_optimizer(
    network: MicroTubeNetwork, lr: float, weight_decay: float
) -> tuple[torch.optim.Optimizer, LRScheduler]:
    """SGD as AMTNet sets it: biases at twice the rate without decay, the core's rate over S."""
    groups = []
    for name, parameter in network.named_parameters():
        bias = name.endswith("bias")
        rate = lr * (2 if bias else 1)
        if name.startswith("backbone."):
            rate /= network.seq_len
        decay = 0.0 if bias else weight_decay
        groups.append({"params": [parameter], "lr": rate, "weight_decay": decay})
    optimizer = torch.optim.SGD(groups, lr=lr, momentum=PUBLISHED_MOMENTUM)
    schedule = torch.optim.lr_scheduler.MultiStepLR(
        optimizer, list(PUBLISHED_STEPS), PUBLISHED_GAMMA
    )
    return optimizer, schedule


def light_optimizer(
    network: MicroTubeNetwork, lr: float, weight_decay: float, max_iter: int
) -> tuple[torch.optim.Optimizer, LRScheduler]:
    """AdamW (Loshchilov and Hutter, ICLR 2019) with a short warm-up and a cosine to zero.

    Pretrained layers that are fine-tuned learn at a tenth of the rate: at the full one, which new
    layers need, they forget what they knew before those can make use of it.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    pretrained: set[nn.Parameter] = set()
    if network.fine_tuning:
        for layer in network.backbone.pretrained_layers():
            pretrained.update(layer.parameters())
    for parameter in network.parameters():
        if parameter.requires_grad:
            rate = lr * (PRETRAINED_RATE if parameter in pretrained else 1)
            decay = weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    optimizer = torch.optim.AdamW(
        [
            {"params": parameters, "lr": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ],
        lr=lr,
        fused=True,
    )

    def factor(step: int) -> float:
        warm = min(1.0, (step + 1) / WARM_UP_STEPS)
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max_iter)))

    return optimizer, LambdaLR(optimizer, factor)


def start_from_pretrained(network: MicroTubeNetwork, state: dict[str, torch.Tensor]) -> list[str]:
    """Take over every tensor of another network that fits by name and shape.

    Args:
        network: initialised in place, and set to fine-tuning.
        state: of a network of this project, or of an ImageNet classifier (torchvision's keys).

    Returns:
        The names of the tensors taken; none if the networks have nothing in common.
    """
    named = state | {f"backbone.{name}": value for name, value in state.items()}

    def fits(name: str) -> bool:
        return name in named and name in own and own[name].shape == named[name].shape

    own = network.state_dict()
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
