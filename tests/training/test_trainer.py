"""The training loop on made-up samples."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import data
from detection.loss import MicroTubeObjective
from detection.network import MicroTubeNetwork
from tests.training.joint_training import BATCH, SIDE, STREAMS, Losses, MadeUpSamples
from training.run_state import STATE_FILE, STEP_FILES, RunState
from training.settings import TrainerSettings
from training.trainer import Trainer


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
        MicroTubeObjective(),
        optimizer,
        torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        FloatSamples(len(network.priors)),
        folder,
        settings=TrainerSettings(BATCH, **settings),
        monitor=Losses(),
        options={"lr": 1e-3},
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_ends_no_training(tmp_path):
    trainer = _trainer(tmp_path)
    trainer.train(1, 1, lambda _: {})
    before = (tmp_path / STATE_FILE).read_bytes()
    full = [tmp_path / name for name in STEP_FILES]
    for path in full:
        path.symlink_to("/dev/full")
    with pytest.warns(UserWarning, match="step 2 was not written"):
        trainer.train(2, 1, lambda _: {})
    assert trainer.iteration == 2 and (tmp_path / STATE_FILE).read_bytes() == before
    for path in full:
        path.unlink()
    trainer.train(3, 1, lambda _: {})
    resumed = _trainer(tmp_path)
    assert resumed.resume() and resumed.iteration == 3


def test_other_write_errors_are_told(tmp_path):
    for name in STEP_FILES:
        (tmp_path / name).mkdir()
    with pytest.raises(data.InputError, match=r"step 1 cannot be written .*--save_root"):
        _trainer(tmp_path).train(1, 1, lambda _: {})


class Stopped(Exception):
    """Stands for whatever ends a training."""


def test_a_run_that_stops_loses_the_step_at_hand(tmp_path, monkeypatch):
    step = Trainer._step

    def stops(trainer, batch):
        if trainer.iteration == last:
            raise Stopped
        return step(trainer, batch)

    monkeypatch.setattr(Trainer, "_step", stops)
    for last in (3, 4, 6):
        trainer = _trainer(tmp_path)
        trainer.resume()
        with pytest.raises(Stopped):
            trainer.train(100, 100, lambda _: {})
        resumed = _trainer(tmp_path)
        assert resumed.resume() and resumed.iteration == last
        for name, tensor in trainer.network.state_dict().items():
            assert torch.equal(tensor, resumed.network.state_dict()[name])


def test_a_run_that_stops_in_a_validation_validates_again(tmp_path):
    def stops(_):
        raise Stopped

    with pytest.raises(Stopped):
        _trainer(tmp_path).train(100, 3, stops)
    resumed = _trainer(tmp_path)
    assert resumed.resume() and resumed.iteration == 2


def test_states_outlive_the_machine_now_and_then_and_at_the_end(tmp_path, monkeypatch):
    """Of few steps without a validation these are the first and the last."""
    written = []
    write = RunState.write

    def notes(self, state, *, lasting):
        written.append((state["iteration"], lasting))
        write(self, state, lasting=lasting)

    monkeypatch.setattr(RunState, "write", notes)
    _trainer(tmp_path).train(4, 100, lambda _: {})
    assert written == [(1, True), (2, False), (3, False), (4, True)]
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]


def test_short_steps_on_a_gpu_do_not_wait_for_their_states(tmp_path):
    trainer = _trainer(tmp_path)
    trainer._device = SimpleNamespace(type="cuda")
    for trainer.iteration in (1, 2, 3):
        trainer._save(lasting=trainer.iteration == 1)
    assert RunState(tmp_path).read()["iteration"] == 1


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


def test_gradients_of_half_precision_are_scaled(tmp_path):
    trainer = _trainer(tmp_path, precision="float16")
    trainer.train(1, 1, lambda _: {})
    scale = trainer._scaler.get_scale()
    assert scale > 1 and all(p.isfinite().all() for p in trainer.network.parameters())
    trainer._scaler.update(scale / 2)
    trainer.train(2, 2, lambda _: {})
    resumed = _trainer(tmp_path, precision="float16")
    assert resumed.resume() and resumed._scaler.get_scale() == trainer._scaler.get_scale()


def test_a_plateau_of_the_validation_loss_lowers_the_rate(tmp_path):
    trainer = _trainer(tmp_path)
    trainer.schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(trainer.optimizer, patience=1)
    losses = iter([3.0, 2.0, 2.5, 2.4, 2.3, 2.2])
    rates = []

    def validate(_):
        rates.append(trainer.optimizer.param_groups[0]["lr"])
        return {"loss": next(losses)}

    trainer.train(5, 1, validate)
    assert rates == pytest.approx([1e-3, 1e-3, 1e-3, 1e-3, 1e-4])
    resumed = _trainer(tmp_path)
    resumed.schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(resumed.optimizer, patience=1)
    assert resumed.resume() and resumed.schedule.best == 2.0
