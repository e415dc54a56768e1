"""Curves in TensorBoard."""

from __future__ import annotations

from pathlib import Path

import pytest

from data import Monitor
from data.tensorboard_sink import TensorBoardSink
from tests.data.training_records import Events, records_of, step, validation

# TensorBoard


def test_tensorboard_gets_the_names_of_the_log(tmp_path: Path, events: list[Events]) -> None:
    with Monitor(tmp_path, [TensorBoardSink(tmp_path / "tensorboard")]) as monitor:
        monitor.log({"iteration": 10, "loc": 2.0, "lr": 0.1})
        monitor.log({"iteration": 20, "validation": {"frame_map": 0.5, "ap": {"run": 0.25}}})
        monitor.log({"iteration": 30, "loc": 1.0, "lr": 0.1})
    (writer,) = events
    assert writer.folder == str(tmp_path / "tensorboard")
    kept = [
        ("loc", 2, 10),
        ("lr", 0.1, 10),
        ("validation/frame_map", 0.5, 20),
        ("validation/ap/run", 0.25, 20),
    ]
    assert writer.scalars == [*kept, ("loc", 1, 30), ("lr", 0.1, 30)]
    assert writer.closed
    # What the log has is written again; so what a kill took from the event file is not missing.
    resumed = Monitor(tmp_path, [TensorBoardSink(tmp_path / "tensorboard")])
    resumed.resume_at(20)
    assert (events[1].scalars, events[1].purge_step) == (kept, 0)


def test_a_full_disk_ends_tensorboard_but_no_training(
    tmp_path: Path, events: list[Events], capsys: pytest.CaptureFixture[str]
) -> None:
    monitor = Monitor(tmp_path, [TensorBoardSink(tmp_path / "tensorboard")])
    monitor.log(step(10))
    events[0].full = True
    for iteration in (20, 30):
        monitor.log(step(iteration))
    monitor.close()
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "tensorboard: cannot be written (No space left on device); training goes on" in error
    assert len(records_of(monitor.path)) == 3


def test_a_resumed_run_is_one_curve_in_tensorboard(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "tensorboard"
    killed = Monitor(tmp_path, [TensorBoardSink(folder)])
    for iteration in (10, 20, 30):
        killed.log(step(iteration))
    killed.log(validation(30))
    killed.close()
    with Monitor(tmp_path, [TensorBoardSink(folder)]) as resumed:
        resumed.resume_at(20)
        for iteration in (30, 40):
            resumed.log(step(iteration))
    shown = EventAccumulator(str(folder))
    shown.Reload()
    assert {"cls", "loc", "lr", "seconds"} < set(shown.Tags()["scalars"])
    assert shown.Scalars("validation/frame_map") == []
    points = [(event.step, event.value) for event in shown.Scalars("loc")]
    assert points == [(step, pytest.approx(100 / step)) for step in (10, 20, 30, 40)]
