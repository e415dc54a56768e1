"""The published networks: their outputs, with the keys of their files."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import data
from recognition.clip_backbones import BACKBONES_3D
from recognition.heads.seqvlad import SeqVLAD
from recognition.models import MODELS, build_model, create_model
from recognition.online import OnlineClassifier, OnlineState
from recognition.saved_models import described, load_model
from recognition.segment_models import SEGMENT_MODELS, SegmentSettings
from tests.recognition.networks import error, input_of, load, network_of
from weights import save_classifier


@pytest.mark.parametrize(
    "name",
    [
        "lsnet_resnet18_gray3_seg8_fusebefore",
        "lsnet_resnet18_gray5_shift8_seg8",
        "lsnet_resnet50_gray3_shift8_seg8",
        "tsm_mobilenetv2_offline_seg8",
        "tsm_resnet50_nonlocal_seg8",
        "tsm_resnet50_shift8_blockres_seg8",
        "tsn_bninception_rgb_seg3",
        "tsn_bninception_rgb_seg3_identity",
        "tsn_bninception_rgbdiff_seg2",
        "tsn_resnet50_seg3",
    ],
)
def test_scores_of_published_networks(case, name):
    description, arrays = case(name)
    with torch.no_grad():
        scores = network_of(description)(input_of(description))
    assert error(scores, arrays["logits"]) <= description["tolerance"]


def test_seqvlad_on_bn_inception(case):
    description, arrays = case("seqvlad_bninception_rgb_t25_k64")
    model = network_of(description)
    vectors = []
    model.base_model.global_pool.register_forward_hook(lambda *given: vectors.append(given[2]))
    with torch.no_grad():
        scores = model(input_of(description))
    (vector,) = vectors
    found = {
        "logits": scores,
        "logits_minus_bias": scores - model.new_fc.bias.detach(),
        "vlad_signed_sums": vector.unflatten(1, (-1, 64)).sum(2),
        "vlad_first_center": vector[:, :512],
    }
    for name, tensor in found.items():
        assert error(tensor, arrays[name]) <= description["tolerance"], name


@pytest.mark.parametrize(
    "name",
    [
        "seqvlad_layer_bidirect_t4_k16_d64",
        "seqvlad_layer_t5_k16_d64_none_relu",
        "seqvlad_layer_t5_k64_d512_softmax",
        "seqvlad_layer_unshare_bidirect_t4_k16_d64",
    ],
)
def test_seqvlad_layers(case, name):
    description, arrays = case(name)
    given = description["constructor"]
    layer = SeqVLAD(
        given["timesteps"],
        given["num_centers"],
        given["redu_dim"],
        direction=given["type"],
        softmax=given["activation"] == "softmax",
        relu=given["with_relu"],
    )
    prefix = "module.base_model.global_pool."
    names = [key.removeprefix(prefix) for key, *_ in description["manifest"]]
    assert sorted(names) == sorted(layer.state_dict())
    holder = torch.nn.Module()
    holder.base_model = torch.nn.Module()
    holder.base_model.global_pool = layer
    load(holder, description)
    maps = input_of(description)
    with torch.no_grad():
        assert error(layer(maps), arrays["vlad"]) <= description["tolerance"]
        for place, states in enumerate(layer.hidden_states(maps)):
            steps = states.unflatten(0, (-1, given["timesteps"])).movedim(1, 0)
            means, corner = steps.mean((3, 4)), steps[:2, :1, :8, :3, :3]
            assert error(means, arrays[f"mid_hidden{place}_spatial_mean"]) <= 1e-6
            assert error(corner, arrays[f"mid_hidden{place}_corner"]) <= 1e-6


def test_the_published_online_network(case):
    description, arrays = case("tsm_mobilenetv2_online_6frames")
    model = load(create_model("tsm_mobilenetv2", 27, 6, past_only=True), description)
    classifier, state = OnlineClassifier(model), OnlineState()
    for frame, wanted in zip(input_of(description), arrays["logits"], strict=True):
        scores, state = classifier.step(frame[None], state)
        assert error(scores[0], wanted) <= description["tolerance"]
    means = torch.cat([past.mean((0, 2, 3)) for past in state.past])
    assert error(means, arrays["last_buffers_mean"]) <= description["tolerance"]


# One of a kind; all others are alike but larger.
LIGHT = {"r3d_18", "srtg_r2plus1d_18", "mtnet_xs_g8", "rgb_I3D64f_bert2_FRMB"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in {*SEGMENT_MODELS, *LIGHT} else pytest.mark.slow)
        for name in MODELS
    ],
)
def test_every_model_learns_and_is_saved(name, tmp_path):
    settings = replace(MODELS[name], classes=3)
    if isinstance(settings, SegmentSettings):
        settings = replace(settings, segments=4)
        clips, side = 1, 224 if settings.arch == "BNInception" else 64
    else:
        frames = 2 * max(BACKBONES_3D[settings.backbone].strides)
        settings, clips, side = replace(settings, frames=frames), 2, 48
    model = build_model(settings)
    images = torch.randn(clips, settings.clip_channels, side, side)
    scores = model(images)
    torch.nn.functional.cross_entropy(scores, torch.arange(clips)).backward()
    assert scores.shape == (clips, 3)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    save_classifier(tmp_path / "m.safetensors", model.state_dict(), described(settings, "abc"))
    again, found, _ = load_model(tmp_path / "m.safetensors")
    assert found == settings
    with torch.no_grad():
        torch.testing.assert_close(again(images), model.eval()(images))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("tsm_resnet18", {"shift_place": "everywhere"}, "shift_place everywhere"),
        ("tsm_bninception", {"shift_place": "blockres"}, "twelve digits"),
        ("tsm_resnet18", {"modality": "Depth"}, "modality Depth"),
        ("tsm_resnet18", {"consensus": "max"}, "consensus max"),
        ("tsm_resnet18", {"temporal_pool": True, "segments": 3}, "even number"),
        ("tsm_resnet18", {"non_local": True}, "resnet50"),
        ("tsn_resnet18", {"past_only": True}, "past_only"),
        ("tsm_mobilenetv2", {"num_frame": 3}, "num_frame"),
        ("tsm_resnet18", {"num_frame": 3, "fuse_before_net": True}, "no shift"),
        ("tsn_mobilenetv2", {"num_centers": 4}, "num_centers"),
        ("tsn_resnet18", {"classes": 0}, "positive"),
        ("tsn_alexnet", {}, "tsn_resnet18"),
        ("tsn_resnet18", {"shift": True}, "shift: no such setting"),
        ("tsn_resnet18", {"dropout": 2}, "dropout must be"),
        ("seqvlad_resnet18", {"num_centers": -3}, "num_centers must not"),
        ("seqvlad_resnet18", {"activation": "tanh"}, "activation tanh"),
        ("tsm_resnet18", {"past_only": True, "temporal_pool": True}, "past_only is frame by"),
    ],
)
def test_settings_that_do_not_go_together(name, settings, message):
    with pytest.raises(data.InputError, match=message):
        create_model(name, **{"classes": 3, "segments": 4, **settings})


@pytest.mark.parametrize(
    "name", ["tsn_bninception", "seqvlad_bninception", "tsm_resnet50", "tsm_mobilenetv2"]
)
def test_a_finished_network_gives_the_same_scores(name):
    torch.manual_seed(0)
    model = create_model(name, 4, 2, **({"num_centers": 4} if "vlad" in name else {})).double()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    clips = torch.randn(1, 6, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        wanted = model.eval()(clips)
        found = model.finish_training()(clips)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    assert torch.allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_clips_of_another_shape_are_refused():
    model = create_model("tsn_resnet18", 3, 4)
    for shape in ((1, 13, 32, 32), (12, 32, 32)):
        with pytest.raises(ValueError, match="4 segments"):
            model(torch.zeros(shape))


def test_bn_inception_takes_other_sizes():
    model = create_model("tsn_bninception", 3, 1).eval()
    assert model(torch.zeros(1, 3, 64, 96)).shape == (1, 3)


def test_bn_inception_shifts_where_it_is_told():
    images = torch.randn(1, 6, 224, 224)
    plain = create_model("tsn_bninception", 3, 2).eval()
    model = create_model("tsm_bninception", 3, 2, shift_place="000000000000").eval()
    model.load_state_dict(plain.state_dict())
    with torch.no_grad():
        assert torch.equal(model(images), plain(images))
        model = create_model("tsm_bninception", 3, 2, shift_place="000000000001").eval()
        model.load_state_dict(plain.state_dict())
        assert not torch.equal(model(images), plain(images))


def test_the_first_layer_takes_flow():
    colours = create_model("tsn_resnet18", 3, 2)
    flow = create_model("tsn_resnet18", 3, 2, modality="Flow")
    kernel = flow.base_model.conv1.weight
    assert kernel.shape[1] == 10 and colours.base_model.conv1.weight.shape[1] == 3
    assert torch.equal(kernel, kernel[:, :1].expand_as(kernel))
