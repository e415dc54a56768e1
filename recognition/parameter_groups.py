"""Groups of parameters with rates of their own, as TSN and what was made of it train them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from recognition.heads.clip_classifier import ClipClassifier
from recognition.heads.segment_classifier import SegmentClassifier
from recognition.heads.seqvlad import SeqVLAD

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
# Of each group: how many times the rate and the decay.
_RATES = {
    "first_conv_weight": (1, 1),
    "first_conv_bias": (2, 0),
    "normal_weight": (1, 1),
    "normal_bias": (2, 0),
    "BN scale/shift": (1, 0),
    "lr5_weight": (5, 1),
    "lr10_bias": (10, 0),
}
_FINE = 0.6
_RATES_OF_FLOW = {"first_conv_weight": (5, 1), "first_conv_bias": (10, 0)}


def parameter_groups(
    model: SegmentClassifier,
    *,
    lr: float,
    weight_decay: float,
    flow: bool = False,
    fast_classifier: bool = False,
) -> list[dict[str, Any]]:
    """The groups for an optimiser of PyTorch.

    With partial BN, normalisation but the first is in no group: of the published code that of
    non-local blocks neither, whose scale so stays 0.

    Args:
        model: whose parameters.
        lr: rate of learning, before each group's factor.
        weight_decay: likewise.
        flow: whether the first layer, which was made of one for colours, learns faster.
        fast_classifier: whether the linear layer learns faster (TSM).

    Returns:
        For each group that has any its "name", "params", their "names", "lr" and "weight_decay".
    """
    groups: dict[str, list[tuple[str, nn.Parameter]]] = {name: [] for name in _RATES}
    for group, name, parameter in _grouped(model, fast_classifier):
        groups[group].append((name, parameter))
    rates = _RATES | (_RATES_OF_FLOW if flow else {})
    return [
        {
            "name": group,
            "names": [name for name, _ in members],
            "params": [parameter for _, parameter in members],
            "lr": lr * rates[group][0],
            "weight_decay": weight_decay * rates[group][1],
        }
        for group, members in groups.items()
        if members
    ]


def clip_parameter_groups(
    model: ClipClassifier, *, lr: float, fine_tune: bool = False
) -> list[dict[str, Any]]:
    """The groups of a 3D network for an optimiser of PyTorch.

    In SRTG's fine-tuning, all learns at 0.6 of the rate but its LSTMs, the linear layer too: the
    published code looks for it under a name that it does not have.

    Args:
        model: whose parameters.
        lr: rate of learning.
        fine_tune: whether not all parameters have the same rate.

    Returns:
        For each group "params" and "lr".
    """
    if not fine_tune:
        return [{"params": list(model.parameters()), "lr": lr}]
    recurrent: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (recurrent if "lstm" in name else others).append(parameter)
    groups = [{"params": recurrent, "lr": lr}, {"params": others, "lr": _FINE * lr}]
    return [group for group in groups if group["params"]]


def _grouped(
    model: SegmentClassifier, fast_classifier: bool
) -> Iterator[tuple[str, str, nn.Parameter]]:
    """Each parameter that is trained, with its group and its name."""
    convolutions = norms = 0
    for path, module in model.named_modules():
        own = [(f"{path}.{name}", p) for name, p in module.named_parameters(recurse=False)]
        if isinstance(module, SeqVLAD):
            for name, parameter in own:
                # As published, centres are trained as biases are.
                plain = parameter.dim() == 1 or name.endswith(".centers")
                yield "normal_bias" if plain else "normal_weight", name, parameter
        elif isinstance(module, _NORMS):
            norms += 1
            if norms == 1 or not model.partial_bn:
                yield from (("BN scale/shift", name, parameter) for name, parameter in own)
        elif isinstance(module, _CONVOLUTIONS):
            kinds = ("normal_weight", "normal_bias")
            if not isinstance(module, nn.Linear):
                convolutions += 1
                if convolutions == 1:
                    kinds = ("first_conv_weight", "first_conv_bias")
            elif fast_classifier:
                kinds = ("lr5_weight", "lr10_bias")
            for name, parameter in own:
                yield kinds[parameter.dim() == 1], name, parameter
