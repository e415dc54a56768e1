"""The training loop on made-up samples."""

from __future__ import annotations

import errno

import pytest
import torch

import data
from detection.network import MicroTubeNetwork
from detection.trainer import STATE_FILE, Trainer, TrainerSettings
from tests.detection.joint_training import BATCH, SIDE, STREAMS, Losses, MadeUpSamples


class FloatSamples(MadeUpSamples):
    """The made-up samples in single precision, as images are."""

    def __getitem__(self, key):
        images, classes, offsets = super().__getitem__(key)
        return [stream.float() for stream in images], classes, offsets.float()


def _trainer(folder, **settings):
    torch.manual_seed(0)
    network = MicroTubeNetwork("mobilenet_v2_stride16", 3, 2, SIDE, STREAMS, "sum")
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    return Trainer(
        network,
        optimizer,
        torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        FloatSamples(len(network.priors)),
        folder,
        settings=TrainerSettings(BATCH, **settings),
        monitor=Losses(),
        options={"lr": 1e-3},
    )


def test_a_full_disk_ends_no_training(tmp_path, monkeypatch):
    trainer = _trainer(tmp_path)
    trainer.train(1, 1, lambda _: {})
    before = (tmp_path / STATE_FILE).read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        monkeypatch.context() as patched,
        pytest.warns(UserWarning, match="step 2 was not written"),
    ):
        patched.setattr(data, "atomic_write", full)
        trainer.train(2, 1, lambda _: {})
    assert trainer.iteration == 2 and (tmp_path / STATE_FILE).read_bytes() == before
    trainer.train(3, 1, lambda _: {})
    resumed = _trainer(tmp_path)
    assert resumed.resume() and resumed.iteration == 3


@pytest.mark.parametrize(
    ("share", "seconds", "written"),
    [(1e9, 0, [1, 2, 3, 4]), (0.05, 1e9, [1, 4]), (1e-9, 0, [1, 4])],
)
def test_states_are_written_as_often_as_is_cheap(tmp_path, monkeypatch, share, seconds, written):
    """Of few steps without a validation the first and the last, others if time allows."""
    monkeypatch.setattr("detection.trainer.SAVING_SHARE", share)
    monkeypatch.setattr("detection.trainer.LEAST_SECONDS", seconds)
    states = []
    write = data.atomic_write
    trainer = _trainer(tmp_path)
    monkeypatch.setattr(
        data, "atomic_write", lambda path: (states.append(trainer.iteration), write(path))[1]
    )
    trainer.train(4, 100, lambda _: {})
    assert states == written


def test_other_write_errors_are_told(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(data, "atomic_write", broken)
    with pytest.raises(OSError, match="Input/output"):
        _trainer(tmp_path).save()


def test_mixed_precision_keeps_weights_and_losses_in_full(tmp_path):
    losses = {}
    for precision in ("float32", "bfloat16"):
        trainer = _trainer(tmp_path / precision, precision=precision)
        trainer.folder.mkdir()
        trainer.log_step = 1
        trainer.train(2, 2, lambda _: {})
        assert all(p.dtype == torch.float32 for p in trainer.network.parameters())
        losses[precision] = [r["cls"] for r in trainer.monitor.records if "cls" in r]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)
    assert losses["bfloat16"] != losses["float32"]


def test_the_average_of_the_weights_is_an_option(tmp_path):
    plain, averaged = _trainer(tmp_path), _trainer(tmp_path, average_decay=0.9)
    assert plain.trained_network is plain.network
    averaged.train(3, 3, lambda _: {})
    own, mean = (
        dict(network.named_parameters()) for network in (averaged.network, averaged.trained_network)
    )
    assert any(not torch.equal(own[name], mean[name]) for name in own)
