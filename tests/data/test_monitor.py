"""The monitor of a training: its log, and the options that name where curves go."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from data import CommandParser, InputError, Monitor, monitor_options, open_monitor
from tests.data.training_records import Events, Memory, records_of, step, validation

# The log


def test_a_record_is_a_line(tmp_path: Path) -> None:
    sink = Memory()
    with Monitor(tmp_path / "new" / "run", [sink]) as monitor:
        monitor.log(step(10))
        assert records_of(monitor.path) == [step(10)]
        monitor.log(validation(10))
        assert not sink.closed
    assert monitor.path == tmp_path / "new" / "run" / "log.jsonl"
    assert records_of(monitor.path) == [step(10), validation(10)]
    figures = {"frame_map": 0.01, "ap/run": 0.25, "ap/jump high": 0.02}
    assert sink.points == [
        (10, {"loc": 10, "cls": 20, "lr": 0.001, "seconds": 2.5}),
        (10, {f"validation/{name}": value for name, value in figures.items()}),
    ]
    assert sink.closed


def test_numbers_that_are_not_finite_are_null(tmp_path: Path) -> None:
    sink = Memory()
    monitor = Monitor(tmp_path, [sink])
    record = {"iteration": np.int64(10), "loc": np.float32(0.5), "cls": float("nan")}
    monitor.log({**record, "validation": {"ap": {"run": float("inf")}}, "note": "steep"})
    expected = {"iteration": 10, "loc": 0.5, "cls": None, "validation": {"ap": {"run": None}}}
    assert records_of(monitor.path) == [{**expected, "note": "steep"}]
    ((iteration, values),) = sink.points
    assert iteration == 10
    nan = pytest.approx(float("nan"), nan_ok=True)
    assert values == {"loc": 0.5, "cls": nan, "validation/ap/run": nan}


def test_a_resumed_run_drops_what_it_does_again(tmp_path: Path) -> None:
    first = Monitor(tmp_path)
    for iteration in (10, 20, 30):
        first.log(step(iteration))
    first.log(validation(20))
    sink = Memory()
    second = Monitor(tmp_path, [sink])
    second.resume_at(20)
    assert [iteration for iteration, _ in sink.points] == [10, 20, 20]
    second.log(step(30))
    assert records_of(second.path) == [step(10), step(20), validation(20), step(30)]
    assert [iteration for iteration, _ in sink.points] == [10, 20, 20, 30]


@pytest.mark.parametrize(
    "cut",
    [b'{"iteration": 20, "lo', b"\0\0\0\0", b'{"iteration"', b"[20]\n", b'{"loc": 1}\n', b"\xff"],
)
def test_a_line_cut_by_a_kill_is_dropped(tmp_path: Path, cut: bytes) -> None:
    (tmp_path / "log.jsonl").write_bytes(json.dumps(step(10)).encode() + b"\n" + cut)
    monitor = Monitor(tmp_path)
    monitor.resume_at(20)
    monitor.log(step(30))
    assert records_of(monitor.path) == [step(10), step(30)]


def test_a_new_run_drops_the_log_of_an_older_one(tmp_path: Path) -> None:
    # One that was killed before its first state: nothing of it is resumed.
    Monitor(tmp_path).log(step(10))
    sink = Memory()
    monitor = Monitor(tmp_path, [sink])
    assert records_of(monitor.path) == [step(10)]
    monitor.log(step(20))
    assert records_of(monitor.path) == [step(20)]
    assert [iteration for iteration, _ in sink.points] == [20]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full disk to offer")
def test_a_full_disk_ends_no_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sink = Memory()
    monitor = Monitor(tmp_path, [sink])
    monitor.log(step(10))
    monitor.path.rename(tmp_path / "kept")
    monitor.path.symlink_to("/dev/full")
    monitor.log(step(20))
    monitor.log(step(30))
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "log.jsonl: cannot be written (No space left on device); training goes on" in error
    monitor.path.unlink()
    (tmp_path / "kept").rename(monitor.path)
    monitor.close()
    assert records_of(monitor.path) == [step(10), step(20), step(30)]
    assert len(sink.points) == 3


# The options


def _options(*arguments: str) -> argparse.Namespace:
    parser = CommandParser(prog="python train.py")
    monitor_options(parser)
    return parser.parse_args(arguments)


def test_by_default_there_is_the_log_only(tmp_path: Path) -> None:
    options = _options()
    assert (options.monitor, options.visdom, options.vis_port) == ((), False, 8095)
    before = threading.active_count()
    with open_monitor(options, tmp_path, "a run") as monitor:
        assert threading.active_count() == before
        monitor.log(step(10))
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "visdom", "tensorboard"),
    [
        ((), 0, 0),
        (("--monitor", "visdom"), 1, 0),
        (("--monitor", "tensorboard"), 0, 1),
        (("--monitor", "tensorboard,visdom"), 1, 1),
        (("--monitor", "visdom, tensorboard"), 1, 1),
        (("--visdom", "true", "--vis_port", "8097"), 1, 0),
        (("--visdom", "True", "--monitor", "visdom"), 1, 0),
        (("--visdom", "false"), 0, 0),
        (("--visdom", "no", "--monitor", "visdom"), 1, 0),
    ],
)
def test_options_name_the_sinks(
    tmp_path: Path,
    events: list[Events],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    visdom: int,
    tensorboard: int,
) -> None:
    opened: list[tuple[int, str]] = []

    class Sink(Memory):
        def __init__(self, port: int, run_name: str) -> None:
            super().__init__()
            opened.append((port, run_name))

    monkeypatch.setattr("data.monitor.VisdomSink", Sink)
    options = _options(*arguments)
    with open_monitor(options, tmp_path, "a run") as monitor:
        monitor.log(step(10))
    assert opened == [(8097 if "8097" in arguments else 8095, "a run")] * visdom
    assert len(events) == tensorboard


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--monitor", "visdon"), "--monitor: 'visdon' is unknown; name visdom or tensorboard"),
        (("--monitor", "visdom,"), "--monitor: '' is unknown; name visdom or tensorboard"),
        (("--visdom", "perhaps"), "--visdom: must be true or false, not 'perhaps'"),
        (("--vis_port", "80 97"), "--vis_port: must be a port, 1 to 65535, not '80 97'"),
        (("--vis_port", "0"), "--vis_port: must be a port, 1 to 65535, not '0'"),
        (("--vis_port", "65536"), "--vis_port: must be a port, 1 to 65535, not '65536'"),
    ],
)
def test_wrong_options(arguments: tuple[str, ...], expected: str) -> None:
    with pytest.raises(InputError) as raised:
        _options(*arguments)
    assert expected in str(raised.value)


def test_tensorboard_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError) as raised:
        _options("--monitor", "visdom,tensorboard")
    assert "python -m pip install tensorboard" in str(raised.value)
