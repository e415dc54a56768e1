"""Groups of parameters and their rates."""

from __future__ import annotations

import torch

from recognition.models import build_model
from recognition.parameter_groups import parameter_groups
from recognition.segment_models import SegmentSettings

CLASSES = {"TSM resnet50": 174, "TSM mobilenetv2": 27, "TSN": 101, "SeqVLAD": 101}


def _network(name):
    words = name.replace(",", "").split()
    settings = {"modality": "Flow" if "Flow" in words else "RGB", "segments": 8}
    if words[0] == "TSM":
        settings |= {"arch": words[1], "shift_div": 8, "non_local": "non-local" in words}
    elif words[0] == "TSN":
        settings |= {"arch": words[1]}
    else:
        reduced = next((int(word[1:]) for word in words if word.startswith("D")), 512)
        kind = words[-1] if "bidirect" in words[-1] else "seqvlad"
        settings |= {"arch": "BNInception", "num_centers": 64, "redu_dim": reduced}
        settings |= {"seqvlad_type": kind}
    classes = next(count for start, count in CLASSES.items() if name.startswith(start))
    return build_model(
        SegmentSettings(classes=classes, **settings),
        partial_bn="partial BN on" in name or words[0] == "SeqVLAD",
    )


def test_published_groups(case):
    description, _ = case("optimizer_groups")
    for row in description["networks"]:
        model = _network(row["network"])
        fast = any(group["name"] == "lr5_weight" and group["tensors"] for group in row["groups"])
        groups = parameter_groups(
            model,
            lr=1.0,
            weight_decay=1.0,
            flow="Flow" in row["network"],
            fast_classifier=fast,
        )
        found = {group["name"]: group for group in groups}
        wanted = {group["name"]: group for group in row["groups"] if group["tensors"]}
        assert found.keys() == wanted.keys(), row["network"]
        for name, group in wanted.items():
            ours = found[name]
            assert (ours["lr"], ours["weight_decay"]) == (group["lr_mult"], group["decay_mult"])
            assert len(ours["params"]) == group["tensors"], (row["network"], name)
            assert sum(p.numel() for p in ours["params"]) == group["elements"]
            assert set(group["parameters"]) - {"..."} <= set(ours["names"])
        trained = "parameters_with_requires_grad_after_train_call"
        if trained in row:
            assert sum(p.requires_grad for p in model.train().parameters()) == row[trained]
        if "total_parameters" in row:
            assert sum(p.numel() for p in model.parameters()) == row["total_parameters"]


def test_partial_normalisation_stays_as_it_is():
    model = build_model(SegmentSettings("resnet18", 3, 2), partial_bn=True).train()
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    before = [norm.running_mean.clone() for norm in norms]
    model(torch.randn(2, 6, 32, 32)).sum().backward()
    changed = [
        not torch.equal(norm.running_mean, old) for norm, old in zip(norms, before, strict=True)
    ]
    assert changed == [True] + [False] * (len(norms) - 1)
    assert all(norm.weight.grad is None for norm in norms[1:])
