"""Convolutions over time and space, of one clip and of several."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recognition.backbones.convolution3d import Conv3d

triples = st.tuples(*[st.integers(1, 3)] * 3)


@given(
    clips=st.integers(1, 2),
    size=st.tuples(*[st.integers(3, 6)] * 3),
    kernel=triples,
    stride=triples,
    padding=st.tuples(*[st.integers(0, 1)] * 3),
    groups=st.sampled_from([1, 2]),
    bias=st.booleans(),
    last=st.booleans(),
)
def test_it_is_torchs(clips, size, kernel, stride, padding, groups, bias, last):
    torch.manual_seed(0)
    layer = Conv3d(4, 6, kernel, stride, padding, groups=groups, bias=bias)
    maps = torch.randn(clips, 4, *size)
    if last:
        maps = maps.contiguous(memory_format=torch.channels_last_3d)
    expected = torch.nn.Conv3d.forward(layer, maps)
    with torch.no_grad():
        torch.testing.assert_close(layer(maps), expected, rtol=1e-4, atol=1e-5)
        exact = layer.double()(maps.double())
    torch.testing.assert_close(exact.float(), expected, rtol=1e-4, atol=1e-5)


def test_one_clip_has_gradients():
    torch.manual_seed(0)
    layer = Conv3d(2, 3, 3, padding=1).double()
    maps = torch.randn(1, 2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, maps)


def test_one_clip_in_mixed_precision():
    layer, maps = Conv3d(2, 3, 3), torch.randn(1, 2, 3, 4, 4)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert layer(maps).dtype == torch.bfloat16


@pytest.mark.parametrize("learns", [False, True])
def test_a_compiler_sees_them_as_one_graph(learns):
    """Otherwise each layer is compiled on its own, and after eight of them none."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(Conv3d(2, 3, 3, padding=1), Conv3d(3, 4, 1, bias=False))
    maps = torch.randn(1, 2, 3, 4, 4)
    with torch.set_grad_enabled(learns):
        compiled = torch.compile(layers, backend="eager", fullgraph=True)(maps)
        torch.testing.assert_close(compiled, layers(maps), rtol=1e-4, atol=1e-5)
