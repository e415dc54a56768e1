"""The monitor of training: its log, its curves in Visdom and TensorBoard, and its options."""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import time
import types
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from data import CommandParser, InputError, Monitor, monitor_options, open_monitor, visdom_sink
from data.tensorboard_sink import TensorBoardSink
from data.visdom_sink import VisdomSink

Result = TypeVar("Result")
Point = tuple[int, dict[str, float]]


class _Memory:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.closed = False

    def restart(self, points: Any) -> None:
        self.points = list(points)

    def add(self, iteration: int, values: Any) -> None:
        self.points.append((iteration, dict(values)))

    def close(self) -> None:
        self.closed = True


def _step(iteration: int) -> dict[str, Any]:
    losses = {"loc": 100 / iteration, "cls": 200 / iteration}
    return {"iteration": iteration, **losses, "lr": 0.001, "seconds": iteration / 4}


def _validation(iteration: int) -> dict[str, Any]:
    figures = {"frame_map": iteration / 1000, "ap": {"run": 0.25, "jump high": iteration / 500}}
    return {"iteration": iteration, "validation": figures}


def _records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _eventually(happens: Callable[[], Result | None], seconds: float = 60) -> Result:
    """What `happens` returns once it is not None, asked again and again until a deadline."""
    deadline = time.monotonic() + seconds
    while (result := happens()) is None:
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return result


# The log


def test_a_record_is_a_line(tmp_path: Path) -> None:
    sink = _Memory()
    with Monitor(tmp_path / "new" / "run", [sink]) as monitor:
        monitor.log(_step(10))
        assert _records(monitor.path) == [_step(10)]
        monitor.log(_validation(10))
        assert not sink.closed
    assert monitor.path == tmp_path / "new" / "run" / "log.jsonl"
    assert _records(monitor.path) == [_step(10), _validation(10)]
    figures = {"frame_map": 0.01, "ap/run": 0.25, "ap/jump high": 0.02}
    assert sink.points == [
        (10, {"loc": 10, "cls": 20, "lr": 0.001, "seconds": 2.5}),
        (10, {f"validation/{name}": value for name, value in figures.items()}),
    ]
    assert sink.closed


def test_numbers_that_are_not_finite_are_null(tmp_path: Path) -> None:
    sink = _Memory()
    monitor = Monitor(tmp_path, [sink])
    record = {"iteration": np.int64(10), "loc": np.float32(0.5), "cls": float("nan")}
    monitor.log({**record, "validation": {"ap": {"run": float("inf")}}, "note": "steep"})
    expected = {"iteration": 10, "loc": 0.5, "cls": None, "validation": {"ap": {"run": None}}}
    assert _records(monitor.path) == [{**expected, "note": "steep"}]
    ((iteration, values),) = sink.points
    assert iteration == 10
    nan = pytest.approx(float("nan"), nan_ok=True)
    assert values == {"loc": 0.5, "cls": nan, "validation/ap/run": nan}


def test_a_resumed_run_drops_what_it_does_again(tmp_path: Path) -> None:
    first = Monitor(tmp_path)
    for iteration in (10, 20, 30):
        first.log(_step(iteration))
    first.log(_validation(20))
    sink = _Memory()
    second = Monitor(tmp_path, [sink])
    second.resume_at(20)
    assert [iteration for iteration, _ in sink.points] == [10, 20, 20]
    second.log(_step(30))
    assert _records(second.path) == [_step(10), _step(20), _validation(20), _step(30)]
    assert [iteration for iteration, _ in sink.points] == [10, 20, 20, 30]


@pytest.mark.parametrize(
    "cut",
    [b'{"iteration": 20, "lo', b"\0\0\0\0", b'{"iteration"', b"[20]\n", b'{"loc": 1}\n', b"\xff"],
)
def test_a_line_cut_by_a_kill_is_dropped(tmp_path: Path, cut: bytes) -> None:
    (tmp_path / "log.jsonl").write_bytes(json.dumps(_step(10)).encode() + b"\n" + cut)
    monitor = Monitor(tmp_path)
    monitor.resume_at(20)
    monitor.log(_step(30))
    assert _records(monitor.path) == [_step(10), _step(30)]


def test_a_new_run_drops_the_log_of_an_older_one(tmp_path: Path) -> None:
    # One that was killed before its first state: nothing of it is resumed.
    Monitor(tmp_path).log(_step(10))
    sink = _Memory()
    monitor = Monitor(tmp_path, [sink])
    assert _records(monitor.path) == [_step(10)]
    monitor.log(_step(20))
    assert _records(monitor.path) == [_step(20)]
    assert [iteration for iteration, _ in sink.points] == [20]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full disk to offer")
def test_a_full_disk_ends_no_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sink = _Memory()
    monitor = Monitor(tmp_path, [sink])
    monitor.log(_step(10))
    monitor.path.rename(tmp_path / "kept")
    monitor.path.symlink_to("/dev/full")
    monitor.log(_step(20))
    monitor.log(_step(30))
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "log.jsonl: cannot be written (No space left on device); training goes on" in error
    monitor.path.unlink()
    (tmp_path / "kept").rename(monitor.path)
    monitor.close()
    assert _records(monitor.path) == [_step(10), _step(20), _step(30)]
    assert len(sink.points) == 3


# Visdom


class _Server:
    """The real server of Visdom, started in the way that needs no internet."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._folder = folder

    def start(self) -> None:
        program = (
            "from visdom.server.run_server import start_server\n"
            f"start_server(port={self.port}, base_url='', env_path={str(self._folder)!r}, "
            "bind_local=True)"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def curves(self, window: str) -> dict[str, list[tuple[int, float]]] | None:
        """The curves in a window, as `Visdom.get_window_data` asks for them; None if it has none.

        Asked without the client, whose import takes seconds.
        """
        body = json.dumps({"win": window, "eid": "a run"}).encode()
        address = f"http://127.0.0.1:{self.port}/win_data"
        try:
            with urllib.request.urlopen(address, body, timeout=5) as answer:
                content = json.loads(answer.read())["content"]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return {
            line["name"]: list(zip(line["x"], line["y"], strict=True)) for line in content["data"]
        }

    def last_step(self) -> int | None:
        """The step up to which the curves of the losses go."""
        curves = self.curves("loss")
        return curves["REG"][-1][0] if curves else None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[_Server]:
    (tmp_path / "visdom").mkdir()
    server = _Server(tmp_path / "visdom")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws again without a pause that is worth the name."""
    monkeypatch.setattr(visdom_sink, "PAUSE", 0.05)


def _check_windows(server: _Server, records: list[dict[str, Any]]) -> None:
    """The windows of the server show the records of a log."""
    losses, rates, figures = (
        server.curves(window) for window in ("loss", "learning_rate", "validation")
    )
    assert losses and rates and figures
    steps = [record for record in records if "validation" not in record]
    validations = [record for record in records if "validation" in record]
    assert list(losses) == ["REG", "CLS", "AVG", "S-REG", "S-CLS", "S-AVG"]
    assert losses["REG"] == [(record["iteration"], record["loc"]) for record in steps]
    assert losses["CLS"] == [(record["iteration"], record["cls"]) for record in steps]
    for position, (iteration, value) in enumerate(losses["AVG"]):
        assert value == (steps[position]["loc"] + steps[position]["cls"]) / 2
        window = [r["cls"] for r in steps if iteration - 300 < r["iteration"] <= iteration]
        assert losses["S-CLS"][position] == (iteration, pytest.approx(np.mean(window)))
    assert rates == {"lr": [(record["iteration"], record["lr"]) for record in steps]}
    assert list(figures) == ["meanAP", "run", "jump high"]
    for name, curve in figures.items():
        for record, point in zip(validations, curve, strict=True):
            figure = record["validation"]
            value = figure["frame_map"] if name == "meanAP" else figure["ap"][name]
            assert point == (record["iteration"], value)


@pytest.mark.usefixtures("quick")
def test_the_windows_show_the_log(tmp_path: Path, server: _Server) -> None:
    sink = VisdomSink(server.port, "a run")
    with Monitor(tmp_path, [sink]) as monitor:
        for iteration in range(10, 400, 10):
            monitor.log(_step(iteration))
        monitor.log(_validation(390))
        _eventually(lambda: server.curves("validation"))  # the server takes a while to start
    _check_windows(server, _records(monitor.path))
    with Monitor(tmp_path, [VisdomSink(server.port, "a run")]) as resumed:
        resumed.resume_at(390)
        resumed.log(_step(400))
        resumed.log(_validation(400))
    records = _records(monitor.path)
    assert [record["iteration"] for record in records[-4:]] == [390, 390, 400, 400]
    _check_windows(server, records)
    with Monitor(tmp_path, [VisdomSink(server.port, "a run")]) as anew:
        anew.log(_step(10))
    assert server.last_step() == 10
    assert server.curves("validation") is None


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_server_killed_and_restarted_has_the_whole_curves(
    tmp_path: Path, server: _Server, capsys: pytest.CaptureFixture[str]
) -> None:
    with Monitor(tmp_path, [VisdomSink(server.port, "a run")]) as monitor:
        for iteration in range(10, 400, 10):
            monitor.log(_step(iteration))
        monitor.log(_validation(390))
        _eventually(lambda: server.curves("validation"))
        server.kill()
        for iteration in range(400, 600, 10):
            monitor.log(_step(iteration))
        _eventually(lambda: capsys.readouterr().err or None)
        server.start()
        # Nothing is logged meanwhile: the curves are sent again without that.
        _eventually(lambda: server.last_step() == 590 or None)
        _eventually(lambda: server.curves("validation"))
        _check_windows(server, _records(monitor.path))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 404 Not Found\r\n\r\n", b"garbage\r\n", b""])
def test_without_a_server_there_is_one_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: bytes | None
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if answer is None:
            listener.close()
        else:
            threading.Thread(target=_serve, args=(listener, answer), daemon=True).start()
        with Monitor(tmp_path, [VisdomSink(port, "a run")]) as monitor:
            monitor.log(_step(10))
            note = _eventually(lambda: capsys.readouterr().err or None)
            for iteration in range(20, 310, 10):
                monitor.log(_step(iteration))
    note += capsys.readouterr().err
    assert note.count("\n") == 1
    assert note.startswith(f"no Visdom server at 127.0.0.1:{port} (")
    assert "training goes on" in note
    assert len(_records(monitor.path)) == 30


def _serve(listener: socket.socket, answer: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(1 << 16)
            connection.sendall(answer)


@pytest.mark.usefixtures("quick")
def test_a_server_that_hangs_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visdom_sink, "PATIENCE", 3600)
    monkeypatch.setattr(visdom_sink, "CLOSE_PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sink = VisdomSink(listener.getsockname()[1], "a run")
        monitor = Monitor(tmp_path, [sink])
        monitor.log(_step(10))
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(1)  # the drawing has begun, and is never answered
            for iteration in range(20, 1000, 10):
                monitor.log(_step(iteration))
            monitor.close()
            assert sink._thread.is_alive()
    sink._thread.join()
    assert len(_records(monitor.path)) == 99


def test_a_long_curve_is_thinned_and_keeps_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visdom_sink, "MOST_POINTS", 4)
    for count in range(1, 30):
        steps = list(range(10, 10 * count + 10, 10))
        line = visdom_sink._line("REG", steps, [step / 2 for step in steps])
        assert len(line["x"]) <= 4
        assert line["x"][-1] == 10 * count
        assert line["y"] == [step / 2 for step in line["x"]]


def test_a_running_average_passes_over_what_is_not_finite() -> None:
    values = [1.0, float("nan"), 3.0, float("inf")]
    average = visdom_sink._running_average([100, 200, 300, 400], values)
    assert average == [1, 1, 2, 3]
    assert np.isnan(visdom_sink._running_average([10], [float("nan")])).all()


def test_losses_of_any_name_are_drawn() -> None:
    def placed(**values: float) -> list[tuple[str, str, float]]:
        return list(visdom_sink._placed(values))

    assert placed(loss=2.0, lr=0.1, seconds=3.0) == [
        ("loss", "loss", 2.0),
        ("learning_rate", "lr", 0.1),
    ]
    assert placed(**{"validation/accuracy": 0.5}) == [("validation", "accuracy", 0.5)]


# TensorBoard


class _Events:
    """Stands in for `SummaryWriter`."""

    opened: list[_Events]

    def __init__(self, folder: str, purge_step: int, flush_secs: int) -> None:
        assert flush_secs > 0
        self.folder, self.purge_step = folder, purge_step
        self.scalars: list[tuple[str, float, int]] = []
        self.closed = self.full = False
        self.opened.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.scalars.append((name, value, step))

    def close(self) -> None:
        self.closed = True
        if self.full:
            raise OSError(28, "No space left on device")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[_Events]:
    _Events.opened = []
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = _Events  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    return _Events.opened


def test_tensorboard_gets_the_names_of_the_log(tmp_path: Path, events: list[_Events]) -> None:
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
    tmp_path: Path, events: list[_Events], capsys: pytest.CaptureFixture[str]
) -> None:
    monitor = Monitor(tmp_path, [TensorBoardSink(tmp_path / "tensorboard")])
    monitor.log(_step(10))
    events[0].full = True
    for iteration in (20, 30):
        monitor.log(_step(iteration))
    monitor.close()
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "tensorboard: cannot be written (No space left on device); training goes on" in error
    assert len(_records(monitor.path)) == 3


def test_a_resumed_run_is_one_curve_in_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "tensorboard"
    killed = Monitor(tmp_path, [TensorBoardSink(folder)])
    for iteration in (10, 20, 30):
        killed.log(_step(iteration))
    killed.log(_validation(30))
    killed.close()
    with Monitor(tmp_path, [TensorBoardSink(folder)]) as resumed:
        resumed.resume_at(20)
        for iteration in (30, 40):
            resumed.log(_step(iteration))
    shown = EventAccumulator(str(folder))
    shown.Reload()
    assert {"cls", "loc", "lr", "seconds"} < set(shown.Tags()["scalars"])
    assert shown.Scalars("validation/frame_map") == []
    points = [(event.step, event.value) for event in shown.Scalars("loc")]
    assert points == [(step, pytest.approx(100 / step)) for step in (10, 20, 30, 40)]


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
        monitor.log(_step(10))
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
    events: list[_Events],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    visdom: int,
    tensorboard: int,
) -> None:
    opened: list[tuple[int, str]] = []

    class Sink(_Memory):
        def __init__(self, port: int, run_name: str) -> None:
            super().__init__()
            opened.append((port, run_name))

    monkeypatch.setattr("data.monitor.VisdomSink", Sink)
    options = _options(*arguments)
    with open_monitor(options, tmp_path, "a run") as monitor:
        monitor.log(_step(10))
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
    assert 'tensorboard is not installed; run: pip install "action-tubes[tensorboard]"' in str(
        raised.value
    )
