"""Published files of TSM: what their names say, and what fine-tuning takes of them."""

from __future__ import annotations

import pytest
import torch
import torchvision

from recognition.models import build_model, create_model
from recognition.published import own_names, settings_of_name, tune_from
from recognition.saved_models import load_model
from recognition.segment_models import SegmentSettings
from recognition.start import start_from


def test_names_of_files(case):
    description, _ = case("checkpoint_names")
    for row in description["parsed"]:
        found = settings_of_name(row["weights"])
        shift = row["is_shift,shift_div,shift_place"]
        if shift == "ValueError":  # for a folder with "shift" in its name
            shift = [True, 8, "blockres"]
        assert found["modality"] == row["modality"] and found["arch"] == row["arch"]
        assert found["shift_div"] == (shift[1] or 0) and found.get("shift_place") == shift[2]
        assert found["non_local"] == row["non_local"] and found["temporal_pool"] == row["tpool"]
        assert f"segment{found['segments']}" in row["weights"]
    assert settings_of_name("ucf101_bninception_rgb_model_best.pth.tar") == {}


def _keys(path, modality, **settings):
    named = {**settings_of_name(path), "modality": modality, **settings}
    return list(build_model(SegmentSettings(classes=5, **named)).state_dict())


def test_what_fine_tuning_takes(case):
    description, _ = case("tune_from")
    places = {"shifted": {"shift_div": 8, "shift_place": "blockres"}, "plain": {"shift_div": 0}}
    for row in description["cases"]:
        path, target = row["tune_from"], row["case"].split("->")[1]
        kind = "plain" if "plain" in target or "Flow plain" in target else "shifted"
        of_file = _keys(path, "Flow" if "Flow" in path else "RGB")
        of_network = _keys(path, row["modality"], **places[kind])
        published = {f"module.{key}": key for key in of_file}
        tuning = tune_from(published, of_network, path, row["dataset"], row["modality"])
        assert len(tuning.taken) + len(tuning.foreign) == row["loaded"], row["case"]
        assert len(tuning.kept) == row["kept_from_new_network"], row["case"]
        kept = [f"module.{name}" for name in tuning.kept]
        assert set(row["kept_keys"]) <= set(kept)
        foreign = [f"module.{name}" for name in tuning.foreign]
        assert set(row["extra_keys_not_in_network"]) <= set(foreign)
        assert bool(foreign) == bool(row["extra_keys_not_in_network"])


def test_names_of_tensors():
    shifted = list(create_model("tsm_resnet18", 5, 4).state_dict())
    plain = list(create_model("tsn_resnet18", 5, 4).state_dict())
    assert set(own_names(dict.fromkeys(plain), shifted)) == set(shifted)
    assert set(own_names({f"module.{key}": 0 for key in shifted}, plain)) == set(plain)
    assert own_names({"classifier.weight": 0, "features.0.0.weight": 1}, ["new_fc.weight"]) == {
        "new_fc.weight": 0,
        "base_model.features.0.0.weight": 1,
    }


@pytest.mark.parametrize("prefix", ["", "module."])
def test_files_of_torchvision_start_a_mobilenet(tmp_path, prefix):
    """Their blocks have other names: everything but the classifier is taken over."""
    torch.manual_seed(0)
    published = torchvision.models.mobilenet_v2(num_classes=7)
    path = tmp_path / "mobilenet_v2.pth"
    torch.save({f"{prefix}{key}": value for key, value in published.state_dict().items()}, path)
    for arch in ("tsn_mobilenetv2", "tsm_mobilenetv2"):
        model = create_model(arch, 5, 2)
        transfer = start_from(model, str(path))
        assert transfer.kept == ["new_fc.weight", "new_fc.bias"]
        assert transfer.left == ["new_fc.1.weight", "new_fc.1.bias"]
        if arch == "tsn_mobilenetv2":
            images = torch.randn(2, 3, 64, 64)
            wanted = published.eval().features(images).mean((2, 3))
            assert torch.equal(model.eval().base_model(images), wanted)


@pytest.mark.parametrize("modality", ["RGB", "Flow"])
def test_the_first_layer_changes_where_channels_do(tmp_path, modality):
    torch.manual_seed(0)
    published = torchvision.models.resnet18(num_classes=7)
    path = tmp_path / "resnet18.pth"
    torch.save(published.state_dict(), path)
    model = create_model("tsn_resnet18", 5, 2, modality=modality)
    start_from(model, str(path))
    kernel = published.conv1.weight
    if modality == "Flow":
        kernel = kernel.mean(1, keepdim=True).expand(-1, 10, -1, -1)
    assert torch.equal(model.base_model.conv1.weight, kernel)


def test_shifts_of_other_places_are_not_taken_for_each_other():
    blockres, block = (
        list(create_model("tsm_resnet18", 5, 4, shift_place=place).state_dict())
        for place in ("blockres", "block")
    )
    assert "base_model.layer1.0.conv1.net.weight" not in own_names(dict.fromkeys(block), blockres)


def test_the_file_of_the_online_demo_loads(case, tmp_path):
    """It holds the tensors of the image network alone; docs/recognition.md tells the settings."""
    description, _ = case("tsm_mobilenetv2_online_6frames")
    tensors = {key: torch.zeros(shape) for key, shape, _ in description["manifest"]}
    path = tmp_path / "mobilenetv2_jester_online.pth.tar"
    torch.save(tensors, path)
    given = {"arch": "mobilenetv2", "segments": 1, "shift_div": 8, "past_only": True}
    model, settings, _ = load_model(path, **given)
    assert settings.classes == 27 and model.classifier.weight.abs().sum() == 0


def test_a_file_of_tsn_loads_by_its_keys(case, tmp_path):
    description, _ = case("tsn_bninception_rgb_seg3")
    tensors = {key: torch.ones(shape) for key, shape, _ in description["manifest"]}
    path = tmp_path / "ucf101_rgb_model_best.pth.tar"
    torch.save(
        {"epoch": 80, "arch": "BNInception", "state_dict": tensors, "best_prec1": 85.0}, path
    )
    model, settings, checkpoint = load_model(path, segments=25)
    assert (settings.arch, settings.classes, settings.shift_div) == ("BNInception", 101, 0)
    assert checkpoint.metadata["epoch"] == 80
    assert torch.equal(model.new_fc.bias, torch.ones(101))
