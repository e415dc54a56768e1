"""Convolutions by Winograd's algorithm: the plain sum's results and gradients."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from detection.convolution import Convolution, Kept, convolve
from detection.network import MicroTubeNetwork


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(
    ("images", "channels", "outputs", "height", "width"),
    [
        (1, 128, 160, 17, 30),  # wide: by Winograd's algorithm
        (2, 160, 128, 19, 18),
        (3, 128, 128, 4, 5),  # too few tiles
        (2, 3, 64, 21, 22),  # too few channels for all but the gradient of the weight
        (1, 512, 120, 38, 38),
    ],
)
def test_values_and_gradients(images, channels, outputs, height, width, padding):
    torch.manual_seed(0)
    given = [
        torch.randn(images, channels, height, width),
        torch.randn(outputs, channels, 3, 3) / (9 * channels) ** 0.5,
        torch.randn(outputs),
    ]
    ours = [tensor.clone().requires_grad_() for tensor in given]
    exact = [tensor.double().requires_grad_() for tensor in given]
    result, wanted = convolve(*ours, padding), F.conv2d(*exact, padding=padding)
    assert result.shape == wanted.shape
    towards = torch.randn_like(result)
    gradients = torch.autograd.grad(result, ours, towards)
    exact_gradients = torch.autograd.grad(wanted, exact, towards.double())
    with torch.inference_mode():
        without = convolve(*given, padding)
    for a, b in zip((result, without, *gradients), (wanted, wanted, *exact_gradients), strict=True):
        assert (a - b).abs().max() <= 5e-5 * b.abs().max()


def test_what_is_kept_of_a_fixed_weight_is_used_again():
    torch.manual_seed(0)
    layer = Convolution(128, 128, 3, padding=1).requires_grad_(False)
    x = torch.randn(1, 128, 20, 20)
    with torch.inference_mode():
        wanted = layer(x)
        layer.kept = Kept()
        assert torch.equal(layer(x), wanted)
        assert layer.kept.products is not None
        layer.weight.data.zero_()
        assert torch.equal(layer(x), wanted)
    assert layer.state_dict().keys() == {"weight", "bias"}


def test_compilers_and_exporters_see_a_convolution():
    layer = Convolution(128, 128, 3, padding=1)
    x = torch.randn(1, 128, 20, 20)
    program = torch.export.export(layer.eval(), (x,))
    assert "conv2d" in str(program.graph)


def test_mixed_precision_and_other_types_are_left_to_pytorch():
    layer = Convolution(128, 128, 3, padding=1)
    x = torch.randn(1, 128, 20, 20)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert torch.equal(
        copy.deepcopy(layer).double()(x.double()).float(),
        F.conv2d(x.double(), layer.weight.double(), layer.bias.double(), padding=1).float(),
    )


@pytest.mark.slow
@pytest.mark.parametrize("seq_len", [1, 2])
def test_published_network_in_use_computes_what_it_was_trained_to(seq_len):
    torch.manual_seed(0)
    network = MicroTubeNetwork("vgg16", 3, seq_len)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    frames = 50 * torch.randn(seq_len, 1, 3, 300, 300)
    exact = copy.deepcopy(network).double()
    network.finish_training()
    with torch.inference_mode():
        wanted = exact(frames.transpose(0, 1).double())
        found = network.combine([network.frame_terms(frame) for frame in frames])
    for a, b in zip(found, wanted, strict=True):
        assert (a - b).abs().max() <= 2e-5 * b.abs().max()
