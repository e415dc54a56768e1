"""How a network is trained: as published for VGG16, faster for light backbones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from detection.network import MicroTubeNetwork, merge_normalisation


@dataclass(frozen=True)
class Recipe:
    """The defaults of the options that the backbone and the data set decide.

    Attributes:
        ssd_dim: side of the input in pixels; None: the backbone's.
        seq_gap: frames left out between two frames of a micro-tube.
        init_weights: checkpoint to start from, or "none".
        batch_size: micro-tubes in a step.
        lr: learning rate.
        weight_decay: of weights, not of biases or normalisation.
        max_iter: steps.
        max_expansion: see `detection.augmentation.augment`.
    """

    ssd_dim: int | None
    seq_gap: int
    init_weights: str
    batch_size: int
    lr: float
    weight_decay: float
    max_iter: int
    max_expansion: float


PUBLISHED = Recipe(
    ssd_dim=None,
    seq_gap=0,
    init_weights="none",
    batch_size=8,
    lr=5e-4,
    weight_decay=1e-4,
    max_iter=70_000,
    max_expansion=4.0,
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
    max_iter=3_000,
    max_expansion=1.5,
)
# Of small frames and fast actions, for minutes on a CPU.
EMBEDDED = replace(LIGHT, ssd_dim=128, seq_gap=1, lr=3e-3, max_iter=1_800)
PUBLISHED_STEPS, PUBLISHED_GAMMA, PUBLISHED_MOMENTUM = (50_000,), 0.1, 0.9
WARM_UP_STEPS, FINAL_PART = 100, 0.3
PRETRAINED_RATE = 0.1


def recipe_of(basenet: str, dataset: str) -> Recipe:
    """The recipe for a backbone and a data set, by their names."""
    if basenet == "vgg16":
        return PUBLISHED
    return EMBEDDED if dataset == "embedded" else LIGHT


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
    """AdamW (Loshchilov and Hutter, ICLR 2019): a short warm-up, and linearly to zero at the end.

    In a short training a rate that stays high for most of it did far better than a cosine: 0.66
    frame-mAP against 0.50 after 1,200 steps on the embedded data set.

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
        return warm * min(1.0, max(0.0, 1 - step / max_iter) / FINAL_PART)

    return optimizer, LambdaLR(optimizer, factor)


def start_from_pretrained(network: MicroTubeNetwork, state: dict[str, torch.Tensor]) -> list[str]:
    """Take over the tensors of another network that fit by name and shape.

    Heads are taken all or none: for other classes they start anew, with their normalisation, which
    checkpoints hold merged.

    Args:
        network: initialised in place, and set to fine-tuning.
        state: of a network of this project, or of an ImageNet classifier (torchvision's keys).

    Returns:
        The names of the tensors taken; none if the networks have nothing in common.
    """
    named = state | {f"backbone.{name}": value for name, value in state.items()}

    def fits(name: str) -> bool:
        usable = heads_fit or not name.startswith("heads.")
        return usable and name in own and name in named and own[name].shape == named[name].shape

    own = network.state_dict()
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
