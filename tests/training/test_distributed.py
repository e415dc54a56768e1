"""Several processes, or a step in parts, train as one process with the whole batch does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.joint_training import main
from training.distributed import JointBatchNorm, JointBatchNorm3d

SCRIPT = Path(__file__).parent / "joint_training.py"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]


def _trained(folder, launcher, *more):
    folder.mkdir()
    command = [*launcher, str(SCRIPT), str(folder), *more]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return torch.load(folder / "trained.pt", weights_only=True)


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path):
    """In double precision: steps of about a thousandth agree to a hundred-millionth."""
    one = _trained(tmp_path / "one", [sys.executable])
    two = _trained(tmp_path / "two", TORCHRUN)
    assert len(one["steps"]) == 6
    for single, joint in zip(one["steps"], two["steps"], strict=True):
        assert single.keys() == joint.keys()
        for name in {"loc", "cls"} & single.keys():
            assert joint[name] == pytest.approx(single[name], abs=2e-6)
    means = [run["steps"][-1]["validation"] for run in (one, two)]
    assert means[0].keys() == {"loc", "cls"} and means[1] == pytest.approx(means[0], abs=2e-6)
    for name, tensor in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], tensor, rtol=0, atol=1e-8)


@pytest.mark.slow
def test_two_processes_train_a_3d_network_as_one_does(tmp_path):
    one = _trained(tmp_path / "one", [sys.executable], "clips")
    two = _trained(tmp_path / "two", TORCHRUN, "clips")
    for name, tensor in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], tensor, rtol=0, atol=1e-8)


def test_a_step_in_parts_is_the_same_step(tmp_path):
    main(tmp_path, merged=True)
    whole = torch.load(tmp_path / "trained.pt", weights_only=True)
    main(tmp_path, accumulate=4, merged=True)
    parts = torch.load(tmp_path / "trained.pt", weights_only=True)
    for name, tensor in whole["weights"].items():
        torch.testing.assert_close(parts["weights"][name], tensor, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "joint_kind", "shape"),
    [
        (torch.nn.BatchNorm2d, JointBatchNorm, (4, 3, 5, 6)),
        (torch.nn.BatchNorm3d, JointBatchNorm3d, (4, 3, 2, 5, 6)),
    ],
)
def test_batch_normalisation_of_one_process_is_the_usual_one(kind, joint_kind, shape):
    usual = kind(3, momentum=0.2)
    joint = joint_kind.like(kind(3, momentum=0.2))
    images = torch.randn(shape) * 3 + 1
    for _ in range(2):
        torch.testing.assert_close(joint(images), usual(images))
    torch.testing.assert_close(joint.running_mean, usual.running_mean)
    torch.testing.assert_close(joint.running_var, usual.running_var)
    torch.testing.assert_close(joint.eval()(images), usual.eval()(images))
