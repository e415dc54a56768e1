"""Optimisers and their rates, as the published systems train."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from recognition.heads.clip_classifier import ClipClassifier
from recognition.models import Classifier
from recognition.parameter_groups import clip_parameter_groups, parameter_groups
from training.multigrid import GridStep
from training.settings import FirstStage

_PATIENCE = 5

_FIRST = ("base_model.global_pool.", "base_model.avgpool.", "new_fc.")


def make_optimizer(model: Classifier, options: argparse.Namespace) -> torch.optim.Optimizer:
    """The optimiser of a network, with the published groups.

    Args:
        model: whose parameters.
        options: "optim", "lr", "momentum", "dampening", "nesterov", "weight_decay", "modality",
            "shift", "fc_lr5", "fine_tune", "tune_from" and "dataset", as of `recognition/train.py`.
    """
    groups = _groups(model, options)
    decay = options.weight_decay
    if options.optim == "Adam":
        return torch.optim.Adam(groups, options.lr, weight_decay=decay)
    if options.optim == "AdamW":
        return torch.optim.AdamW(groups, options.lr, weight_decay=decay)
    return torch.optim.SGD(
        groups, options.lr, options.momentum, options.dampening, decay, options.nesterov
    )


def _groups(model: Classifier, options: argparse.Namespace) -> list[dict[str, Any]]:
    if isinstance(model, ClipClassifier):
        return clip_parameter_groups(model, lr=options.lr, fine_tune=options.fine_tune)
    fast = options.fc_lr5
    if fast is None:
        of_same = options.tune_from is not None and options.dataset in options.tune_from
        fast = options.shift and not of_same
    groups = parameter_groups(
        model,
        lr=options.lr,
        weight_decay=options.weight_decay,
        flow=options.modality == "Flow",
        fast_classifier=fast,
    )
    for group in groups:
        del group["names"]
    return groups


def learning_rate(
    lr: float, epoch: int, *, lr_type: str, lr_steps: Sequence[int], epochs: int
) -> float:
    """The rate of an epoch, before the factors of groups.

    Args:
        lr: of the first epoch.
        epoch: from 0.
        lr_type: "step": a tenth from each of `lr_steps` on; "cos": half a cosine.
        lr_steps: epochs.
        epochs: of the training.
    """
    if lr_type == "cos":
        return 0.5 * lr * (1 + math.cos(math.pi * epoch / epochs))
    return lr * 0.1 ** sum(epoch >= step for step in lr_steps)


def make_schedule(
    optimizer: torch.optim.Optimizer,
    options: argparse.Namespace,
    steps_per_epoch: int,
    grid: Sequence[GridStep] | None = None,
) -> LRScheduler:
    """The rates of steps, which change between epochs, or after validations (`ReduceLROnPlateau`).

    Args:
        optimizer: of which.
        options: "lr_type", "lr_steps" and "epochs", as of `recognition/train.py`.
        steps_per_epoch: how many.
        grid: None, or steps that have their own rates.
    """
    if grid is not None:
        rates = [step.rate for step in grid]
        return LambdaLR(optimizer, lambda step: rates[min(step, len(rates) - 1)])
    if options.lr_type == "plateau":
        return ReduceLROnPlateau(optimizer, patience=_PATIENCE)

    def factor(step: int) -> float:
        return learning_rate(
            1.0,
            step // steps_per_epoch,
            lr_type=options.lr_type,
            lr_steps=options.lr_steps,
            epochs=options.epochs,
        )

    return LambdaLR(optimizer, factor)


def first_stage(
    model: Classifier, options: argparse.Namespace, steps_per_epoch: int
) -> FirstStage | None:
    """What SeqVLAD trains at first: its own parameters and the linear layer.

    The published code lets the gradients of the others pile up meanwhile, and cuts the length of
    all of them together; here nothing else has a gradient.

    Args:
        model: the network.
        options: "two_steps", as of `recognition/train.py`.
        steps_per_epoch: how many.
    """
    if not options.two_steps:
        return None
    names = frozenset(name for name, _ in model.named_parameters() if name.startswith(_FIRST))
    return FirstStage(options.two_steps * steps_per_epoch, names)
