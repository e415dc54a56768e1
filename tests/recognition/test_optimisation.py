"""Rates of learning, stages and recipes."""

from __future__ import annotations

import json

import pytest
import torch

from recognition.models import create_model
from recognition.optimisation import first_stage, learning_rate, make_optimizer, make_schedule
from recognition.segment_models import MODALITIES
from recognition.train_options import RECIPES, model_settings, parse_options, recipe_names


def test_published_rates(case):
    description, _ = case("lr_schedule")
    for row in description["rows"]:
        lr, epoch, value = row.pop("lr"), row.pop("epoch"), row.pop("value")
        given = {name: row[name] for name in ("lr_type", "lr_steps", "epochs")}
        assert learning_rate(lr, epoch, **given) == pytest.approx(value, rel=1e-12)


def test_rates_change_between_epochs():
    options = parse_options(["--lr_steps", "1", "2", "--epochs", "3", "--lr", "1", "--npb"])
    model = create_model("tsn_resnet18", 3, 2)
    optimizer = make_optimizer(model, options)
    schedule = make_schedule(optimizer, options, steps_per_epoch=2)
    rates = []
    for _ in range(6):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_are_options_of_a_network(name):
    recipe = json.loads((RECIPES / f"{name}.json").read_text())
    options = parse_options(["--recipe", name])
    assert recipe.keys() == {"about", "options"}
    for option, value in recipe["options"].items():
        assert getattr(options, option) == value
    settings = model_settings(options, 7)
    assert settings.modality in MODALITIES and settings.classes == 7


def test_options_change_those_of_a_recipe():
    options = parse_options(["--lr", "0.5", "--recipe", "tsm_kinetics_rgb", "-b", "16"])
    assert (options.lr, options.batch_size, options.epochs) == (0.5, 16, 50)


def test_fine_tuning_on_the_same_data_has_no_fast_classifier():
    model = create_model("tsm_resnet18", 3, 2)
    for path, fast in (("TSM_ucf101_x.pth", False), ("TSM_kinetics_x.pth", True)):
        options = parse_options(["--shift", "--tune_from", path, "--dataset", "ucf101"])
        names = {group["name"] for group in make_optimizer(model, options).param_groups}
        assert ("lr5_weight" in names) == fast


def test_seqvlad_learns_first():
    model = create_model("seqvlad_resnet18", 3, 2, num_centers=4, redu_dim=8)
    options = parse_options(["--num_centers", "4", "--two_steps", "2"])
    stage = first_stage(model, options, steps_per_epoch=5)
    own = {name for name in stage.names if "U_" in name or name.startswith("new_fc")}
    assert stage.steps == 10 and len(own) == 5
    assert not any("conv" in name for name in stage.names)
    assert first_stage(model, parse_options([]), 5) is None


def test_groups_stay_in_the_optimiser():
    model = create_model("tsn_resnet18", 3, 2)
    for optim in ("SGD", "Adam"):
        optimizer = make_optimizer(model, parse_options(["--optim", optim]))
        grouped = {id(p) for group in optimizer.param_groups for p in group["params"]}
        assert grouped == {id(p) for p in model.parameters()}
        assert isinstance(optimizer, getattr(torch.optim, optim))
