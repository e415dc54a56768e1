"""Normalisation of networks that learn no more."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from recognition import create_model


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("rgb_I3D64f", (16, 32, 32)),
        ("rgb_slowfast64f_50", (16, 32, 32)),
        ("rgb_r2plus1d_32f_34", (8, 32, 32)),
        ("rgb_resneXt3D64f101", (16, 32, 32)),
        ("r2plus1d_50", (4, 32, 32)),
        ("tsm_mobilenetv2", (8, 32, 32)),
    ],
)
def test_all_of_it_is_merged_and_the_network_is_the_same(name, shape):
    torch.manual_seed(0)
    frames, *size = shape
    segments = {"segments": frames} if name.startswith("tsm") else {}
    model = create_model(name, classes=3, **segments).double().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.5, 1.5)
    clips = torch.randn(1, 3 * frames, *size, dtype=torch.float64)
    with torch.no_grad():
        expected = model(clips)
        found = model.finish_training()(clips)
    assert not any(isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d) for m in model.modules())
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
