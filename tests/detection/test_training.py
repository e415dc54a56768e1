"""Training on a tiny data set: samples, resuming after a kill, commands and their bad input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import data
from detection import MicroTubeNetwork, detect, train
from detection.pretrained import start_from_pretrained
from detection.recipes import make_optimizer
from detection.samples import TrainingSamples, micro_tubes
from tests.detection.small import write_squares
from training.batches import ResumableOrder
from weights import load_checkpoint, load_tensors

OPTIONS = ("--basenet=mobilenet_v2_stride16", "--ssd_dim=64", "--batch_size=2", "--num_workers=0")
# What a log says of time differs from run to run.
TIMES = ("seconds", "speed")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Two short videos of a bright square, in the project's own format."""
    return write_squares(tmp_path_factory.mktemp("squares"))


def _command(dataset, save_root, *more):
    return [f"--dataset={dataset}", *OPTIONS, f"--save_root={save_root}", "--device=cpu", *more]


def _train(dataset, save_root, *more):
    """Runs the command as a process would, in this one, which starts faster."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        data.run_command(train.main, _command(dataset, save_root, *more))
    return SimpleNamespace(returncode=end.value.code, stdout=out.getvalue(), stderr=err.getvalue())


def _log(save_root):
    (path,) = save_root.glob("training/*/log.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_training_writes_weights_that_detect(dataset, tmp_path, capsys):
    more = ("--max_iter=10", "--val_step=10")
    command = [sys.executable, "-m", "detection.train", *_command(dataset, tmp_path, *more)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # quiet in a pipe
    (weights,) = tmp_path.glob("training/*/best.safetensors")
    described = json.loads(weights.with_suffix(".json").read_text())
    assert described["classes"] == ["right", "left"] and described["input_size"] == 64
    assert 0 <= described["figures"]["frame_map"] <= 1
    detect.main([f"--dataset={dataset}", f"--save_root={tmp_path}", "--device=cpu"])
    found = data.Detections.load(tmp_path / "detections" / "left.npz")
    assert found.frames == 12 and found.model == "best"


def test_resuming_after_a_kill_gives_the_same_losses(dataset, tmp_path):
    more = ("--max_iter=40", "--val_step=20")
    assert _train(dataset, tmp_path / "whole", *more).returncode == 0
    command = [sys.executable, "-m", "detection.train"]
    command += _command(dataset, tmp_path / "killed", *more)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        deadline = time.monotonic() + 120
        while not list((tmp_path / "killed").glob("training/*/log.jsonl")):
            assert time.monotonic() < deadline and run.poll() is None
            time.sleep(0.02)
        while not (steps := [line["iteration"] for line in _log(tmp_path / "killed")]):
            assert time.monotonic() < deadline and run.poll() is None
            time.sleep(0.02)
        os.kill(run.pid, signal.SIGKILL)
    resumed = _train(dataset, tmp_path / "killed", *more)
    assert resumed.returncode == 0, resumed.stderr
    # The log is written just before the state.
    at = re.search(r"resumed at step (\d+) from", resumed.stdout)
    assert at and int(at[1]) >= max(steps) - 1
    assert "40 steps, a validation every 20; losses: " in resumed.stdout
    again = _train(dataset, tmp_path / "killed", *more)
    assert "finished before, 40 steps, a validation every 20; to train on" in again.stdout
    whole, killed = (
        [{k: v for k, v in line.items() if k not in TIMES} for line in _log(tmp_path / name)]
        for name in ("whole", "killed")
    )
    assert whole == killed
    states = [
        load_tensors(next((tmp_path / name).glob("training/*/best.safetensors")))
        for name in ("whole", "killed")
    ]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    changed = _train(dataset, tmp_path / "killed", *more, "--seed=5")
    assert changed.returncode == 2 and "other seed" in changed.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset=nowhere.json"], "nowhere.json"),
        (["--lr=-1"], "--lr must be a positive number"),
        (["--batch_size=0"], "batch_size"),
        (["--batch_size=many"], "whole number"),
        (["--validate_on=holiday"], "holiday"),
        (["--basenet=alexnet"], "alexnet"),
        (["--fit_on=holiday"], "holiday"),
        (["--init_weights=missing.pth"], "missing.pth"),
    ],
)
def test_bad_options_are_one_sentence(dataset, tmp_path, arguments, message):
    done = _train(dataset, tmp_path, "--max_iter=1", *arguments)
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_bad_options_leave_an_earlier_run_alone(dataset, tmp_path):
    assert _train(dataset, tmp_path, "--max_iter=2", "--val_step=2").returncode == 0
    (weights,) = tmp_path.glob("training/*/best.safetensors")
    before = weights.read_bytes()
    for wrong in ("--fit_on=holiday", "--validate_on=holiday"):
        done = _train(dataset, tmp_path, "--max_iter=2", "--overwrite", wrong)
        assert done.returncode == 2 and "holiday" in done.stderr
        assert weights.read_bytes() == before


def test_best_and_last_weights_are_kept(dataset, tmp_path, monkeypatch):
    figures = iter([0.2, 0.5, 0.3])
    monkeypatch.setattr(
        train, "validation_figures", lambda *_: {"frame_map": next(figures), "ap": {}}
    )
    assert _train(dataset, tmp_path, "--max_iter=3", "--val_step=1").returncode == 0
    (folder,) = tmp_path.glob("training/*")
    kept = {name: load_checkpoint(folder / f"{name}.safetensors") for name in ("best", "last")}
    found = {name: each.metadata["figures"] for name, each in kept.items()}
    assert (found["best"]["iteration"], found["best"]["frame_map"]) == (2, 0.5)
    assert (found["last"]["iteration"], found["last"]["frame_map"]) == (3, 0.3)
    best, last = (kept[name].state for name in ("best", "last"))
    assert any(not torch.equal(best[key], last[key]) for key in best)


def test_two_streams_are_trained_and_used(dataset, tmp_path):
    """RGB and stacks of flow that is computed while it is read."""
    fusion = ("--fusion_type=SUM", "--input_type_extra=fastOF", "--input_frames_extra=2")
    done = _train(dataset, tmp_path, "--max_iter=2", "--val_step=2", *fusion)
    assert done.returncode == 0, done.stderr
    (weights,) = tmp_path.glob("training/AMTNet-squares-s1-sum-rgb-fastOF-*/best.safetensors")
    metadata = load_checkpoint(weights).metadata
    assert metadata["fusion_type"] == "sum"
    assert [stream["images"] for stream in metadata["streams"]] == [1, 2]
    detect.main([f"--dataset={dataset}", f"--save_root={tmp_path}", f"--weights={weights}"])
    assert data.Detections.load(tmp_path / "detections" / "left.npz").frames == 12


def test_data_are_checked_before_the_first_step(dataset, tmp_path):
    text = dataset.read_text()
    for wrong, message in (
        (text.replace('"width": 64', '"width": 65'), "is 64x48, and 65x48 in the annotation"),
        (text.replace('"frames": 12', '"frames": 40').replace('"start": 0', '"start": 5'), "tubes"),
    ):
        assert wrong != text
        path = dataset.with_name("wrong.json")
        path.write_text(wrong)
        done = _train(path, tmp_path, "--max_iter=1")
        assert done.returncode == 2 and message in done.stderr
        told = done.stderr.splitlines()  # of both videos
        assert len(told) == 2 and all(line.startswith("error: ") for line in told)
        assert not list(tmp_path.glob("training/*"))


def test_micro_tubes_are_where_tubes_are_whole(dataset):
    videos = data.open_dataset(str(dataset)).annotations.split("test")
    assert [sample.frames for sample in micro_tubes(videos, 2, 0)] == [
        (start, start + 1)
        for start in range(9)  # the tube ends with frame 9
    ]
    assert [sample.frames[0] for sample in micro_tubes(videos, 3, 1)] == list(range(6))


def test_samples_depend_on_the_draw_alone(dataset):
    network = MicroTubeNetwork("mobilenet_v2_stride16", 2, input_size=64)
    opened = data.open_dataset(str(dataset))
    chosen = micro_tubes(opened.annotations.split("train"), 2, 0)
    samples = TrainingSamples(
        opened, chosen, network, max_expansion=2.0, flow_as_motion=False, seed=1
    )
    (images,), classes, offsets = samples[7, 3]
    assert images.shape == (2, 3, 64, 64) and images.dtype == torch.float32
    assert classes.shape == network.priors.shape[:1] and classes.max() > 0
    assert offsets.shape == (len(classes), 8)
    assert torch.equal(samples[7, 3][0][0], images)
    assert not torch.equal(samples[8, 3][0][0], images)


def test_order_resumes_anywhere():
    whole = list(ResumableOrder(10, 3, 0, 9, seed=4))
    assert list(ResumableOrder(10, 3, 5, 9, seed=4)) == whole[5:]
    first_epoch = [index for batch in whole[:3] for _, index in batch]
    assert len(set(first_epoch)) == 9
    assert len({draw for batch in whole for draw, _ in batch}) == 27


def test_published_parameter_groups():
    network = MicroTubeNetwork("vgg16", 24)
    optimizer = make_optimizer(network, 5e-4, 0.9, 1e-4)
    by_shape = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    core, head = network.backbone.vgg[0], network.heads[0]
    for parameter, rate, decay in (
        (core.weight, 2.5e-4, 1e-4),
        (core.bias, 5e-4, 0),
        (head.weight, 5e-4, 1e-4),
        (head.bias, 1e-3, 0),
        (network.backbone.L2Norm.weight, 2.5e-4, 1e-4),
    ):
        group = by_shape[id(parameter)]
        assert (group["lr"], group["weight_decay"]) == (pytest.approx(rate), decay)


@pytest.fixture(scope="module")
def weights(dataset, tmp_path_factory):
    """A checkpoint of a short training."""
    root = tmp_path_factory.mktemp("trained")
    assert _train(dataset, root, "--max_iter=2", "--val_step=2").returncode == 0
    return next(root.glob("training/*/best.safetensors"))


def test_fine_tuning_starts_from_a_network_of_ours(weights):
    network = MicroTubeNetwork("mobilenet_v2_stride16", 2, input_size=64)
    taken = start_from_pretrained(network, load_tensors(weights))
    assert set(taken) == set(load_checkpoint(weights).state)
    assert set(taken) == set(network.state_dict())
    assert not any(p.requires_grad for p in network.backbone.features[0].parameters())
    assert any(p.requires_grad for p in network.backbone.features[10].parameters())


def _normalised(layer):
    return any(isinstance(module, nn.BatchNorm2d) for module in layer.modules())


def test_fine_tuning_leaves_new_layers_their_normalisation(weights):
    """Weights of ours come with normalisation merged, which a layer they do not fit still needs."""
    state = load_tensors(weights)
    network = MicroTubeNetwork("mobilenet_v2", 2, input_size=64)
    taken = start_from_pretrained(network, state)
    own = network.state_dict()
    assert all(torch.equal(own[name], state[name]) for name in taken)
    assert "backbone.features.13.conv.0.0.bias" in taken
    assert all(_normalised(layer) for layer in (network.backbone.extras[0], *network.heads))
    assert not any(_normalised(layer) for layer in network.backbone.features[:14])
    images = torch.rand(2, 3, 64, 64)
    reference = MicroTubeNetwork("mobilenet_v2_stride16", 2, input_size=64)
    start_from_pretrained(reference, state)
    first_map = network.eval().backbone(images)[0]
    torch.testing.assert_close(first_map, reference.eval().backbone(images)[0])


def test_fine_tuning_to_other_classes_begins_with_new_heads(weights):
    network = MicroTubeNetwork("mobilenet_v2_stride16", 3, input_size=64)
    taken = start_from_pretrained(network, load_tensors(weights))
    assert "backbone.extras.0.conv.0.0.weight" in taken
    assert not any(name.startswith("heads.") for name in taken)
    assert all(_normalised(head) for head in network.heads)


def test_training_starts_from_real_people_unless_told_otherwise(dataset, tmp_path):
    command = ("--max_iter=1", "--val_step=1")
    assert "amtnet-mobilenetv2-jhmdb21" in _train(dataset, tmp_path / "a", *command).stdout
    scratch = _train(dataset, tmp_path / "b", *command, "--init_weights=none")
    assert scratch.returncode == 0 and "tensors from" not in scratch.stdout
