"""Published files of 3D networks: what they tell, and how they are read."""

from __future__ import annotations

from dataclasses import asdict, replace

import av
import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from data.video import open_video
from recognition.clip_models import CLIP_MODELS, ClipSettings, build_clip_model
from recognition.clip_transforms import KineticsViews
from recognition.heads.clip_classifier import ClipClassifier
from recognition.models import create_model, format_of
from recognition.published_clips import own_clip_names
from recognition.recognised import recognised_settings
from recognition.saved_models import load_model, named_as
from recognition.start import start_from
from tests.recognition.clip_networks import input_of, load, needs_all_cases, state_of
from tests.reference_cases import folder, read_case

# Networks of the same tensors: only a name can tell them apart.
TWINS = {"wide_r3d50_2": "r3dxt50_32x4d"}
QUICK = {
    *("r3d_18", "srtg_r2plus1d_18", "r2plus1d_50", "wide_r2plus1d50_2", "mtnet_m_g8", "mtnet_xl"),
    *("rgb_I3D64f_bert2_FRAB", "rgb_slowfast64f_50_bert10_FRMB_early", "flow_resneXt3D64f101"),
    *("rgb_r2plus1d_32f_34_bert10", "rgb_resneXt3D64f101_FRMB_NLB_concatenation"),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CLIP_MODELS],
)
def test_networks_are_recognised_by_their_tensors(name):
    settings = replace(CLIP_MODELS[name], classes=7)
    with torch.device("meta"):
        state = build_clip_model(settings).state_dict()
    told = recognised_settings(state)
    twin = TWINS.get(settings.backbone, settings.backbone)
    # Dropout has no tensors; what else is not told is as it usually is.
    expected = asdict(replace(settings, backbone=twin, dropout=0.0))
    assert asdict(ClipSettings(**told)) == expected


def _published_i3d(tmp_path):
    """A file of the layout that the index of the real one tells."""
    index, _ = read_case("recognition_bert", "real/i3d_rgb_imagenet_index")
    torch.manual_seed(0)
    state = {}
    for row in index["tensors"]:
        if row.get("pytorch_key"):
            state[row["pytorch_key"]] = 0.02 * torch.randn(row["pytorch_shape"])
    # The TensorFlow network has no scales of its normalisation, which piergiaj's file has.
    for name in [name for name in state if name.endswith(".bn.bias")]:
        state[name.replace(".bias", ".weight")] = torch.ones_like(state[name])
        state[name.replace(".bias", ".running_var")] = torch.ones_like(state[name])
    path = tmp_path / "rgb_imagenet.pt"
    torch.save(state, path)
    return path, state


def test_the_published_i3d_of_kinetics(tmp_path):
    path, state = _published_i3d(tmp_path)
    model, settings, _ = load_model(path)
    assert settings == ClipSettings("I3D", 400, 64, head="paired")
    kernel = state["logits.conv3d.weight"]
    assert torch.equal(model.fc_action.weight, kernel[..., 0, 0, 0])
    first = state["Conv3d_1a_7x7.conv3d.weight"]
    assert torch.equal(model.features[0].conv3d.weight, first)
    other = create_model("rgb_I3D64f", 51)
    transfer = start_from(other, str(path))
    assert set(transfer.kept) == {"fc_action.weight", "fc_action.bias"} == set(transfer.left)
    assert torch.equal(other.features[0].conv3d.weight, first)


def test_what_is_taken_over_is_what_srtg_takes(tmp_path):
    rule = read_case("recognition_srtg", "monitoring")[0]["transfer_rule"]
    shapes, of_file = dict(rule["destination"]), dict(rule["source"])
    features = nn.ModuleDict({"stem": nn.Conv3d(3, 4, 1), "sar": nn.Linear(4, 4)})
    model = ClipClassifier(features, [nn.Identity()], nn.Identity(), 4, shapes["fc.bias"][0])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    own = {own_clip_names({name: 0}).popitem()[0]: name for name in shapes}
    assert {own[name]: list(tensor.shape) for name, tensor in before.items()} == shapes
    path = tmp_path / "other.pth"
    torch.save({name: torch.full(shape, 9.0) for name, shape in of_file.items()}, path)
    transfer = start_from(model, str(path))
    changed = [own[k] for k, v in model.state_dict().items() if not torch.equal(v, before[k])]
    assert sorted(changed) == sorted(rule["copied"]) and transfer.taken == len(changed)
    assert sorted(own[name] for name in transfer.kept) == sorted(rule["kept"])
    assert set(transfer.left) == {"fc_action.weight", "fc_action.bias", "features.other.weight"}


@needs_all_cases
def test_the_clip_of_kinetics_as_it_is_published():
    path = folder("recognition_bert") / "real" / "v_CricketShot_g04_c01_rgb.gif"
    expected, _ = read_case("recognition_bert", "real/i3d_cricketshot_expected")
    with av.open(str(path)) as container:
        images = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    read = [frame.image for frame in open_video(path)]
    assert len(read) == len(images) == expected["clip"]["frames"]
    assert list(read[0].shape[:2]) == expected["clip"]["size"]
    views = KineticsViews(format_of(CLIP_MODELS["rgb_I3D64f"]))
    clip = views(read, np.random.default_rng(0)).unflatten(0, (len(read), 3)).transpose(0, 1)
    assert clip.shape == (3, 79, 224, 224)
    wanted = torch.from_numpy(np.stack(images)).permute(3, 0, 1, 2).double() / 255 * 2 - 1
    assert (clip - wanted).abs().max() < 1e-6
    assert clip.min() >= -1 and clip.max() <= 1


def test_clips_of_other_sizes_are_cut_as_for_kinetics():
    wanted = format_of(CLIP_MODELS["rgb_I3D64f"])
    images = [np.full((120, 160, 3), 51, np.uint8)] * 3
    clip = KineticsViews(wanted)(images, np.random.default_rng(0))
    assert clip.shape == (9, 224, 224)
    torch.testing.assert_close(clip, torch.full_like(clip, -0.6))


@pytest.mark.slow
@needs_all_cases
def test_scores_of_the_published_i3d():
    description, arrays = read_case("recognition_bert", "i3d_kinetics_rgb")
    model = build_clip_model(ClipSettings("I3D", 400, 64, head="paired"))
    load(model, named_as(model, state_of(description)))
    clips = input_of(description["input"]).transpose(1, 2).flatten(1, 2)
    with torch.no_grad():
        scores = model(clips).numpy()
    error = np.abs(scores - arrays["logits"]).max() / np.abs(arrays["logits"]).max()
    assert error <= description["tolerance"]


def test_the_resnext_of_kinetics(tmp_path):
    """Late temporal modelling starts from a file with the names of torchvision's ResNets."""
    model = create_model("rgb_resneXt3D64f101", 5)
    places = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
    state = {}
    for name, tensor in model.state_dict().items():
        first, index, rest = name.split(".", 2) if name.startswith("features") else (name, "", "")
        name = f"{places[index]}.{rest}" if rest else first.replace("fc_action", "fc")
        state[f"module.{name}"] = tensor.half()
    path = tmp_path / "resnext-101-64f-kinetics.pth"
    torch.save({"arch": "resnext-101", "state_dict": state}, path)
    found, settings, _ = load_model(path)
    assert settings.backbone == "resneXt3D101" and settings.classes == 5
    for name, tensor in model.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor.half().to(tensor.dtype)), name
    bert = create_model("rgb_resneXt3D64f101_bert10_FRMB", 3)
    transfer = start_from(bert, str(path))
    assert transfer.taken > 600
    assert all(name.startswith(("head.", "fc_action.", "features.7.2.")) for name in transfer.kept)


def test_the_resnet_of_images_is_no_3d_network():
    with torch.device("meta"):
        state = torchvision.models.resnet50().state_dict()
    assert recognised_settings(state) == {}
