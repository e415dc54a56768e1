"""The commands that train and test 3D networks, on small made-up videos."""

from __future__ import annotations

import json
from unittest import mock

import numpy as np
import pytest
import torch

import data
from recognition import test as testing
from recognition import train
from recognition.models import create_model
from recognition.optimisation import make_optimizer
from recognition.saved_models import load_model
from recognition.score_files import read_scores
from recognition.testing_options import given_settings, parse_test_options
from recognition.train_options import parse_options
from weights import load_classifier, save_classifier

SMALL = [
    *("--dataset=own", "--clip_length=16", "--input_size=64", "--train_frame_interval=1"),
    *("--val_frame_interval=1", "--batch_size=2", "--num_workers=0", "--lr=0.01"),
]


def _train(lists, save_root, *more):
    train.main([*SMALL, f"--data_root={lists}", f"--save_root={save_root}", *more])


def _folder(save_root):
    (folder,) = (save_root / "recognition").iterdir()
    return folder


def test_training_and_testing(lists, tmp_path):
    _train(lists, tmp_path, "--arch=mtnet_xs_g8", "--epochs=2", "--eval_freq=1")
    folder = _folder(tmp_path)
    assert folder.name == "mtnet_xs_g8_own_clip16_e2"
    best = load_classifier(folder / "best.safetensors")
    assert best.metadata["model"]["backbone"] == "mtnet_xs_g8"
    command = [str(folder / "last.safetensors"), "--dataset=own", f"--data_root={lists}"]
    command += [f"--save_root={tmp_path}", "--num_workers=0"]
    with mock.patch.object(testing, "testing_views", wraps=testing.testing_views) as views:
        testing.main([*command, "--json", str(tmp_path / "figures.json")])
    assert views.call_args.args[1].val_frame_interval == [1]  # as in training
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    validated = [record["validation"]["top1"] for record in log if "validation" in record]
    # The videos are shorter than a clip: of each, one frame is seen, here and there another.
    assert len(validated) == 2
    scores = read_scores(tmp_path / "tested" / f"{folder.name}_last_own" / "scores.npz")
    assert scores.logits.shape == (4, 2) and np.isfinite(scores.logits).all()
    testing.main([*command, "--multiple_clips", "--overwrite"])
    with pytest.raises(data.InputError, match=r"last\.safetensors: says that its place is final"):
        testing.main([*command, "--place=top"])
    with pytest.raises(data.InputError, match=r"--input_size 8: .* clips so small"):
        testing.main([*command, "--input_size=8"])
    with pytest.raises(data.InputError, match="--full_res is for image networks"):
        testing.main([*command, "--full_res"])
    with pytest.raises(data.InputError, match="--interval is for image networks"):
        testing.main([*command, "--interval=2"])
    for crops, problem in ((3, "3D networks have 1 or 10"), (10, "is tested by the centre")):
        with pytest.raises(data.InputError, match=f"--test_crops {crops}: .*{problem}"):
            testing.main([*command, f"--test_crops={crops}"])


def test_another_head(lists, tmp_path):
    other = ["--arch=r3d_18", "--head=bert10", "--clip_length=32", "--epochs=1", "--multigrid=wu"]
    with pytest.raises(data.InputError, match="head bert10 takes clips of 32 frames only"):
        _train(lists, tmp_path, *other)
    _train(lists, tmp_path, *other[:-1])
    folder = _folder(tmp_path)
    assert folder.name == "r3d_18_own_clip32_bert10_e1"
    model, settings, _ = load_model(folder / "last.safetensors")
    assert settings.head == "bert10" and settings.frames == 32
    assert model.get_parameter("head.bert.clsToken").shape == (1, 1, 512)


@pytest.mark.parametrize("multigrid", ["wu", "srtg"])
def test_a_multigrid_training_is_resumed_in_the_middle_of_a_cycle(
    lists, tmp_path, capsys, multigrid
):
    # SRTG's epochs have a step for each twentieth batch.
    arch = ["--arch=r3d_18", "--batch_size=1", "--epochs=2", "--lr_steps", "1"]
    options = [*arch, "--eval_freq=9", f"--multigrid={multigrid}", "--cycles=long"]
    if multigrid == "srtg":
        table = lists / "train.csv"
        header, *rows = table.read_text().splitlines()
        longer = tmp_path / "longer.csv"
        longer.write_text("\n".join([header, *rows * 2]) + "\n")
        options += [f"--train_list={longer}", f"--root_path={lists}"]
    _train(lists, tmp_path / "whole", *options)
    step, shapes = train.Trainer._step, []

    class Stopped(Exception):
        pass

    def stops(trainer, batch):
        if trainer.iteration == 3:
            raise Stopped
        shapes.append(tuple(batch[0].shape))
        return step(trainer, batch)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(train.Trainer, "_step", stops)
        with pytest.raises(Stopped):
            _train(lists, tmp_path / "stopped", *options)
    assert len({shape[1:] for shape in shapes}) > 1  # other lengths or sizes
    capsys.readouterr()
    _train(lists, tmp_path / "stopped", *options)
    assert "resumed at step 3" in capsys.readouterr().out
    whole, stopped = (
        load_classifier(_folder(tmp_path / name) / "last.safetensors").state
        for name in ("whole", "stopped")
    )
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)


def test_what_a_network_starts_from_is_told(lists, tmp_path, capsys):
    other = create_model("mtnet_xs_g8", 5)
    published = {f"module.{name}": part for name, part in other.state_dict().items()}
    published = {
        name.replace("features.", "").replace("fc_action", "fc"): part.half()
        for name, part in published.items()
    }
    path = tmp_path / "mtnet_m_ep-0020.pth"  # names of SRTG's files are of other networks
    torch.save({"epoch": 20, "state_dict": {**published, "module.other": torch.zeros(1)}}, path)
    _train(lists, tmp_path, "--arch=mtnet_xs_g8", "--epochs=1", f"--init_weights={path}")
    out = capsys.readouterr().out
    assert "as they were: fc_action.weight, fc_action.bias" in out
    assert "left out of the file: " in out and "features.other" in out
    with pytest.raises(data.InputError, match="no tensor of this network"):
        _train(lists, tmp_path / "r3d", "--arch=rgb_I3D64f", f"--init_weights={path}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--arch=r3d_18", "--shift"], "--shift is for image networks, and --arch r3d_18"),
        (["--arch=resnet18"], "--clip_length is for 3D networks, and --arch resnet18 is none"),
        (["--arch=r3d_18", "--gates=cyclic"], "r3d_18 has no recursion; take one such as srtg"),
        (["--arch=mtnet_s", "--place=mid"], "mtnet_s has no recursion"),
        (
            ["--arch=srtg_r3d_18", "--place=end"],
            "place end: recursion in r3d_18 is at top, mid.* --place",
        ),
        (["--arch=r3d_18", "--multigrid", "--lr_type=cos"], "use --lr_type step"),
        (["--arch=mtnet_xs_g8", "--clip_length=2"], "--clip_length"),
        (["--arch=mtnet_xs_g8", "--input_size=16"], "--input_size 16: .* clips so small"),
        (
            ["--arch=r3d_18", "--input_size=16", "--clip_length=8", "--batch_size=1"],
            "--batch_size: the network cannot learn from one clip at a time",
        ),
        (
            ["--arch=r3d_18", "--input_size=16", "--clip_length=8", "--accumulate=2"],
            "--batch_size: .* each part of --accumulate",
        ),
        (["--arch=rgb_I3D64f_bert2", "--multigrid"], "takes clips of 16 frames only"),
        (["--arch=r3d_18", "--init_weights=imagenet"], "no weights of ImageNet for 3D"),
        (["--arch=r3d_18", "--nesterov", "--dampening=0.9"], "--nesterov needs"),
        (["--arch=r3d_18", "--multigrid=srtg"], "too few for the cycles"),
        (
            ["--arch=r3d_18", "--multigrid", "--epochs=10"],
            r"falls \(20, 40\) must rise and be less",
        ),
        (["--arch=mtnet_xs", "--head=bert10"], "mtnet_xs has the pooled one only; .* --head"),
        (["--arch=mtnet_s", "--head=bert10_late"], "mtnet_s has the pooled one only; .* --head"),
        (["--arch=r3d_18", "--head=paired"], "head paired: is that of I3D"),
    ],
)
def test_bad_options_are_one_sentence(lists, tmp_path, options, message):
    with pytest.raises(data.InputError, match=message):
        _train(lists, tmp_path, *options)
    assert not (tmp_path / "recognition").exists()


def test_rates_of_fine_tuning():
    model = create_model("srtg_r3d_18", 3)
    command = ["--arch=srtg_r3d_18", "--lr=0.1", "--nesterov", "--weight_decay=1e-4"]
    (group,) = make_optimizer(model, parse_options(command)).param_groups
    assert (group["lr"], group["nesterov"], group["weight_decay"]) == (0.1, True, 1e-4)
    fine = make_optimizer(model, parse_options([*command, "--fine_tune"]))
    recurrent, others = fine.param_groups
    lstm = [part for name, part in model.named_parameters() if "lstm" in name]
    assert [id(part) for part in recurrent["params"]] == [id(part) for part in lstm]
    assert (recurrent["lr"], others["lr"]) == (0.1, pytest.approx(0.06))
    adam = parse_options(["--arch=rgb_I3D64f_bert2", "--optim=AdamW", "--lr=1e-5", "--wd=1e-3"])
    optimizer = make_optimizer(create_model("rgb_I3D64f_bert2", 3), adam)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert len(optimizer.param_groups) == 1 and optimizer.defaults["weight_decay"] == 1e-3


def test_half_precision_is_read(tmp_path):
    model = create_model("mtnet_xs_g8", 3)
    described = {"model": {"backbone": "mtnet_xs_g8", "classes": 3, "frames": 16}, "classes": []}
    save_classifier(tmp_path / "m.safetensors", model.state_dict(), described, half=True)
    again, settings, _ = load_model(tmp_path / "m.safetensors")
    assert settings.frames == 16 and next(again.parameters()).dtype == torch.float32


def test_gates_of_published_files_are_told(tmp_path):
    model = create_model("srtg_r3d_18", 3)
    path = tmp_path / "hacs_best.pth"
    torch.save({"state_dict": model.state_dict()}, path)
    options = parse_test_options([str(path), "--gates=published"])
    found, settings, _ = load_model(path, **given_settings(options))
    assert settings.recursion == "published"
    clips = torch.randn(1, 48, 32, 32)
    with torch.inference_mode():
        assert not torch.allclose(found(clips), model.eval()(clips), rtol=1e-3)
    with pytest.raises(data.InputError, match="--gates is for 3D networks"):
        segments = create_model("tsn_resnet18", 3, 2)
        save_classifier(
            tmp_path / "tsn.safetensors",
            segments.state_dict(),
            {
                "model": {"arch": "resnet18", "classes": 3, "segments": 2},
                "classes": ["a", "b", "c"],
            },
        )
        testing.main([str(tmp_path / "tsn.safetensors"), "--gates=off", "--dataset=own"])
