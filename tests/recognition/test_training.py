"""The commands that train and test classifiers, on small made-up videos."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import data
from data.files import lock
from recognition import test as testing
from recognition import train
from recognition.score_files import read_scores
from weights import load_classifier

SMALL = [
    *("--dataset=own", "--arch=resnet18", "--num_segments=4", "--input_size=32", "--npb"),
    *("--init_weights=none", "--batch_size=4", "--num_workers=0", "--lr=0.01"),
]


def _train(lists, save_root, *more):
    train.main([*SMALL, f"--data_root={lists}", f"--save_root={save_root}", *more])


def _folder(save_root):
    (folder,) = (save_root / "recognition").iterdir()
    return folder


def test_training_and_testing(lists, tmp_path, capsys):
    _train(lists, tmp_path, "--shift", "--epochs=3", "--eval_freq=1")
    folder = _folder(tmp_path)
    assert folder.name == "TSM_own_RGB_resnet18_shift8_blockres_avg_segment4_e3"
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    validations = [record["validation"] for record in records if "validation" in record]
    assert len(validations) == 3 and 0 <= validations[-1]["top1"] <= 1
    assert "Confusion" in (folder / "validation.html").read_text()
    for part in ("train", "val"):
        with (folder / f"{part}_results.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["Epoch"] for row in rows] == ["0", "1", "2"]
        assert all(0 <= float(row["Top1"]) <= float(row["Top5"]) <= 1 for row in rows)
    assert float(rows[-1]["Top1"]) == validations[-1]["top1"]
    best = load_classifier(folder / "best.safetensors")
    assert best.metadata["classes"] == ["left", "right"]
    assert best.metadata["model"]["shift_div"] == 8 and best.metadata["input_size"] == 32
    assert json.loads((folder / "run.json").read_text())["figures"]["top1"] is not None

    command = [str(folder / "last.safetensors"), "--dataset=own", f"--data_root={lists}"]
    command += [f"--save_root={tmp_path}", "--num_workers=0"]
    capsys.readouterr()
    testing.main([*command, "--json", str(tmp_path / "figures.json")])
    out = capsys.readouterr().out
    assert "left" in out and "top-1" in out
    scores = read_scores(tmp_path / "tested" / f"{folder.name}_last_own" / "scores.npz")
    assert scores.names[0] == "val/video 0" and scores.labels.tolist() == [0, 1, 0, 1]
    # The centre of each video is what the last validation looked at.
    top1 = json.loads((tmp_path / "figures.json").read_text())["top1"]
    assert top1 == pytest.approx(validations[-1]["top1"], abs=1e-4)
    for more in (["--test_crops=3", "--full_res"], ["--twice_sample", "--test_crops=10"]):
        testing.main([*command, *more])
    testing.main([*command, f"--test_list={lists / 'val.csv'}", "--max_num=2"])
    testing.main([*command, "--max_num=1", "--batch_size=3"])
    # Each has a folder, so that none is lost.
    start = f"{folder.name}_last_own"
    assert {path.parent.name for path in tmp_path.glob("tested/*/scores.npz")} == {
        start,
        f"{start}_test_crops_3_full_res",
        f"{start}_test_crops_10_twice_sample",
        f"{start}_test_list_val_max_num_2",
        f"{start}_max_num_1",
    }


def test_a_resumed_training_is_the_same(lists, tmp_path, capsys):
    options = ("--shift", "--epochs=4", "--eval_freq=2")
    _train(lists, tmp_path / "whole", *options)

    class Stopped(Exception):
        pass

    step = train.Trainer._step

    def stops(trainer, batch):
        if trainer.iteration == 5:
            raise Stopped
        return step(trainer, batch)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(train.Trainer, "_step", stops)
        with pytest.raises(Stopped):
            _train(lists, tmp_path / "stopped", *options)
    capsys.readouterr()
    _train(lists, tmp_path / "stopped", *options)
    assert "resumed at step 5" in capsys.readouterr().out
    whole, stopped = (
        load_classifier(_folder(tmp_path / name) / "last.safetensors").state
        for name in ("whole", "stopped")
    )
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)
    learned = [_folder(tmp_path / name) / "train_results.csv" for name in ("whole", "stopped")]
    assert learned[0].read_text() == learned[1].read_text()  # the steps before it was stopped too
    _train(lists, tmp_path / "whole", *options)
    assert "finished before, 4 epochs" in capsys.readouterr().out


def test_two_stages_of_seqvlad(lists, tmp_path):
    options = ("--num_centers=4", "--redu_dim=8", "--activation=softmax", "--eval_freq=1")
    states = {}
    for epochs in ("1", "2"):
        more = ("--two_steps=1", f"--epochs={epochs}", "--seed=5")
        _train(lists, tmp_path / epochs, *options, *more)
        states[epochs] = load_classifier(_folder(tmp_path / epochs) / "last.safetensors").state
    torch.manual_seed(5)
    start = train.build_model(
        train.model_settings(
            train.parse_options([*SMALL, *options]),
            2,
        )
    ).state_dict()
    image, own = "base_model.layer1.0.conv1.weight", "base_model.avgpool.U_z"
    assert torch.equal(states["1"][image], start[image])
    assert not torch.equal(states["1"][own], start[own])
    assert not torch.equal(states["2"][image], start[image])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lr=0"], "--lr must be"),
        (["--dataset=nowhere"], "nowhere"),
        (["--train_list=missing.csv"], "missing.csv"),
        (["--arch=BNInception", "--init_weights=imagenet"], "bn_inception-9f5701afb96c8044.pth"),
        (["--consensus_type=identity"], "train with avg"),
        (["--two_steps=3"], "--num_centers"),
        (["--init_weights=missing.pth"], "missing.pth"),
        (["--non_local"], "resnet50"),
        (["--recipe=holiday"], "holiday"),
    ],
)
def test_bad_options_are_one_sentence(lists, tmp_path, options, message):
    with pytest.raises(data.InputError, match=message):
        _train(lists, tmp_path, *options)
    assert not (tmp_path / "recognition").exists()


def test_bad_videos_are_named_and_may_be_skipped(lists, tmp_path, capsys):
    text = (lists / "train.csv").read_text()
    broken = tmp_path / "broken.csv"
    broken.write_text(text + "train/nowhere,,,left\n")
    options = [f"--train_list={broken}", f"--root_path={lists}", "--epochs=1"]
    with pytest.raises(data.InputError, match="1 of 9 listed videos cannot be used"):
        _train(lists, tmp_path, *options)
    _train(lists, tmp_path, *options, "--skip_bad_videos")
    assert "left out" in capsys.readouterr().err


def _damaged_inside(lists, root, video):
    """The videos, one of them with damage where nothing looks before: between first and last."""
    copied = root / "data"
    shutil.copytree(lists, copied)
    for path in (copied / video).glob("000*"):
        if path.stem not in ("00001", "00012"):
            path.write_bytes(path.read_bytes()[:100])
    return copied


def test_a_validation_leaves_out_what_is_damaged_inside(lists, tmp_path, capfd):
    copied = _damaged_inside(lists, tmp_path, "val/video 1")
    with pytest.raises(data.InputError, match=r"val/video 1.*image is damaged.*--skip_bad_videos"):
        _train(copied, tmp_path / "refused", "--epochs=1")
    capfd.readouterr()
    _train(copied, tmp_path, "--epochs=1", "--skip_bad_videos")
    (note,) = [line for line in capfd.readouterr().err.splitlines() if "val/video 1" in line]
    assert note.endswith("replace the file; it is left out")
    folder = _folder(tmp_path)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    (validated,) = [record["validation"] for record in log if "validation" in record]
    command = [str(folder / "last.safetensors"), "--dataset=own", f"--data_root={copied}"]
    command += [f"--save_root={tmp_path}", "--skip_bad_videos"]
    testing.main([*command, "--json", str(tmp_path / "figures.json")])
    tested = json.loads((tmp_path / "figures.json").read_text())
    assert tested["top1"] == pytest.approx(validated["top1"], abs=1e-4)
    assert 3 * tested["top1"] == pytest.approx(round(3 * tested["top1"]))  # of three videos


@pytest.mark.slow
def test_a_file_that_is_damaged_inside_gives_its_place_to_another(lists, tmp_path, capfd):
    copied = _damaged_inside(lists, tmp_path, "train/video 1")
    with pytest.raises(
        data.InputError, match=r"train/video 1.*image is damaged.*--skip_bad_videos"
    ):
        _train(copied, tmp_path / "refused", "--epochs=1")
    _train(copied, tmp_path / "skipped", "--epochs=1", "--skip_bad_videos")
    (note,) = [line for line in capfd.readouterr().err.splitlines() if "another video" in line]
    assert "video 1" in note and note.startswith("note: ")


def test_a_test_leaves_out_what_is_damaged_inside(lists, tmp_path, capfd):
    _train(lists, tmp_path, "--epochs=1")
    copied = _damaged_inside(lists, tmp_path, "val/video 1")
    weights = str(_folder(tmp_path) / "last.safetensors")
    command = [weights, "--dataset=own", f"--save_root={tmp_path}"]
    testing.main([*command, f"--data_root={lists}"])
    (written,) = (tmp_path / "tested").glob("*/scores.npz")
    whole = read_scores(written)
    command += [f"--data_root={copied}", "--overwrite"]
    with pytest.raises(data.InputError, match=r"video 1.*image is damaged.*--skip_bad_videos"):
        testing.main(command)
    capfd.readouterr()
    testing.main([*command[:-1], "--skip_bad_videos"])  # goes on with the others
    told = capfd.readouterr().err
    assert "image is damaged" in told and "without 1 damaged video, such as val/video 1" in told
    rest = read_scores(written)
    kept = [number for number, name in enumerate(whole.names) if name != "val/video 1"]
    assert list(rest.names) == [whole.names[number] for number in kept]
    assert rest.labels.tolist() == whole.labels[kept].tolist()
    np.testing.assert_allclose(rest.logits, whole.logits[kept], rtol=1e-5, atol=1e-6)


def test_a_test_of_damaged_videos_only_is_refused(lists, tmp_path):
    _train(lists, tmp_path, "--epochs=1")
    copied = _damaged_inside(lists, tmp_path, "val/video 0")
    command = [str(_folder(tmp_path) / "last.safetensors"), "--dataset=own", "--max_num=1"]
    command += [f"--data_root={copied}", f"--save_root={tmp_path}", "--skip_bad_videos"]
    with pytest.raises(data.InputError, match="own: every video is damaged"):
        testing.main(command)


def test_classes_are_those_of_the_training_list(lists, tmp_path):
    wrong = tmp_path / "val.csv"
    wrong.write_text("val/video 0,,,lefft\n")
    with pytest.raises(data.InputError, match=r"val.csv:1: the label 'lefft' is neither"):
        _train(lists, tmp_path, f"--val_list={wrong}", "--epochs=1")


def test_a_test_of_other_classes_is_refused(lists, tmp_path):
    _train(lists, tmp_path, "--epochs=1")
    (tmp_path / "category.txt").write_text("right\nleft\n")
    with pytest.raises(data.InputError, match="class 0, which of own is 'right'"):
        testing.main(
            [
                *(str(_folder(tmp_path) / "last.safetensors"), "--dataset=own"),
                *(f"--data_root={tmp_path}", f"--root_path={lists}", "--num_workers=0"),
                *(f"--test_list={lists / 'val.csv'}", f"--save_root={tmp_path}"),
            ]
        )


def test_a_run_goes_on_with_the_same_videos(lists, tmp_path):
    _train(lists, tmp_path, "--epochs=1")
    other = lists / "fewer.csv"
    other.write_text("".join((lists / "train.csv").read_text().splitlines(True)[:7]))
    with pytest.raises(data.InputError, match="was trained with other videos"):
        _train(lists, tmp_path, "--epochs=1", f"--train_list={other}")


def test_a_folder_belongs_to_one_training(lists, tmp_path):
    _train(lists, tmp_path, "--epochs=1")
    with (_folder(tmp_path) / ".lock").open("ab") as file:
        assert lock(file)
        with pytest.raises(data.InputError, match="another training writes here"):
            _train(lists, tmp_path, "--epochs=1")
    _train(lists, tmp_path, "--epochs=1", "--overwrite")


def test_commands_run_as_scripts(lists, tmp_path):
    command = [sys.executable, "-m", "recognition.train", *SMALL, "--epochs=1"]
    command += [f"--data_root={lists}", f"--save_root={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([*command, "--lr=-1"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1


TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path):
    """In double precision, where rounding does not add up."""
    found = []
    for name, launcher in (("one", [sys.executable]), ("two", TORCHRUN)):
        (tmp_path / name).mkdir()
        script = Path(__file__).parent / "joint_training.py"
        command = [*launcher, str(script), str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(torch.load(tmp_path / name / "trained.pt", weights_only=True))
    one, two = found
    assert len(one["steps"]) == 5 and two["steps"] == pytest.approx(one["steps"], abs=2e-6)
    for name, tensor in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], tensor, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_two_processes_test_as_one_does(lists, tmp_path):
    _train(lists, tmp_path, "--shift", "--epochs=1")
    weights = str(_folder(tmp_path) / "last.safetensors")
    scores = []
    for name, launcher in (("one", [sys.executable]), ("two", TORCHRUN)):
        command = [*launcher, "-m", "recognition.test", weights, "--dataset=own"]
        command += [f"--data_root={lists}", f"--save_root={tmp_path / name}", "--num_workers=0"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (written,) = (tmp_path / name / "tested").glob("*_last_own/scores.npz")
        scores.append(read_scores(written))
    assert scores[0].names == scores[1].names
    np.testing.assert_allclose(scores[0].logits, scores[1].logits, rtol=1e-4, atol=1e-5)
