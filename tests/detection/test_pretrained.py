"""Networks of two streams that start from those of one stream each."""

from __future__ import annotations

import pytest
import torch

from detection import MicroTubeNetwork
from detection.backbones import BACKBONES
from detection.pretrained import start_from_pretrained
from detection.streams import RGB, Stream
from tests.detection.small import CLASSES, SIDE, small_network
from weights import merge_normalisation

LIGHT = [name for name in BACKBONES if name != "vgg16"]


@pytest.mark.parametrize("basenet", LIGHT)
@pytest.mark.parametrize("seq_len", [1, 2])
def test_one_network_twice_keeps_its_outputs(basenet, seq_len):
    single = small_network(seq_len, basenet=basenet)
    state = single.state_dict()
    fused = MicroTubeNetwork(basenet, len(CLASSES), seq_len, SIDE, (*RGB, *RGB), "cat")
    taken = start_from_pretrained(fused, state, state)
    assert {name for name in fused.state_dict() if name.startswith("heads.")} <= set(taken)
    merge_normalisation(fused.eval())
    frames = torch.rand(2, seq_len, 3, SIDE, SIDE)
    with torch.no_grad():
        for ours, wanted in zip(fused(frames, frames), single(frames), strict=True):
            torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-4)


def test_each_stream_starts_from_its_own_network():
    rgb, flow = small_network(), small_network(streams=(Stream("fastOF", 3),))
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(1.5)
    streams = (Stream(), Stream("fastOF", 3))
    fused = MicroTubeNetwork("mobilenet_v2_stride16", len(CLASSES), 2, SIDE, streams, "cat")
    start_from_pretrained(fused, rgb.state_dict(), flow.state_dict())
    found = fused.state_dict()
    name = "features.0.0.weight"
    assert torch.equal(found[f"backbone.{name}"], rgb.state_dict()[f"backbone.{name}"])
    assert torch.equal(found[f"extra_backbone.{name}"], flow.state_dict()[f"backbone.{name}"])
    head = "heads.1.output.weight"
    mean = (rgb.state_dict()[head] + flow.state_dict()[head]) / 2
    assert torch.equal(found[head], mean)


@pytest.mark.parametrize("fusion", ["sum", "cat"])
@pytest.mark.parametrize("classes", [len(CLASSES), 5])
def test_two_streams_start_from_two_streams(fusion, classes):
    """As `--init_weights` alone gives them: the same checkpoint for both streams."""
    streams = (Stream(), Stream("fastOF", 3))
    trained = MicroTubeNetwork("resnet18", len(CLASSES), 2, SIDE, streams, fusion)
    merge_normalisation(trained)  # as in checkpoints
    state = trained.state_dict()
    network = MicroTubeNetwork("resnet18", classes, 2, SIDE, streams, fusion)
    taken = start_from_pretrained(network, state, state)
    found = network.state_dict()
    for name in state:
        if classes == len(CLASSES) or not name.startswith("heads."):
            assert name in taken and torch.equal(found[name], state[name]), name
    # Its second stream alone is the one that is taken for a second stream.
    rgb = MicroTubeNetwork("resnet18", classes, 2, SIDE, RGB, "none")
    merge_normalisation(rgb)
    start_from_pretrained(network, rgb.state_dict(), state)
    found = network.state_dict()
    assert torch.equal(found["backbone.conv1.weight"], rgb.state_dict()["backbone.conv1.weight"])
    name = "extra_backbone.conv1.weight"
    assert torch.equal(found[name], state[name])


def test_heads_of_other_classes_start_anew():
    rgb = small_network().state_dict()
    fused = MicroTubeNetwork("mobilenet_v2_stride16", 5, 2, SIDE, (*RGB, *RGB), "cat")
    taken = start_from_pretrained(fused, rgb, rgb)
    assert taken and not any(name.startswith("heads.") for name in taken)


def test_heads_of_vgg_start_anew_as_published():
    state = small_network(basenet="vgg16").state_dict()
    fused = MicroTubeNetwork("vgg16", len(CLASSES), 2, 300, (*RGB, *RGB), "cat")
    taken = start_from_pretrained(fused, state, state)
    assert taken and not any(name.startswith("heads.") for name in taken)
