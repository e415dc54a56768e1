"""Curves in Visdom: a real server, and servers that are dead, slow or something else."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import Monitor, visdom_sink
from data.visdom_sink import VisdomSink
from tests.data.training_records import eventually, records_of, step, validation

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
            monitor.log(step(iteration))
        monitor.log(validation(390))
        eventually(lambda: server.curves("validation"))  # the server takes a while to start
    _check_windows(server, records_of(monitor.path))
    with Monitor(tmp_path, [VisdomSink(server.port, "a run")]) as resumed:
        resumed.resume_at(390)
        resumed.log(step(400))
        resumed.log(validation(400))
    records = records_of(monitor.path)
    assert [record["iteration"] for record in records[-4:]] == [390, 390, 400, 400]
    _check_windows(server, records)
    with Monitor(tmp_path, [VisdomSink(server.port, "a run")]) as anew:
        anew.log(step(10))
    assert server.last_step() == 10
    assert server.curves("validation") is None


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_server_killed_and_restarted_has_the_whole_curves(
    tmp_path: Path, server: _Server, capsys: pytest.CaptureFixture[str]
) -> None:
    with Monitor(tmp_path, [VisdomSink(server.port, "a run")]) as monitor:
        for iteration in range(10, 400, 10):
            monitor.log(step(iteration))
        monitor.log(validation(390))
        eventually(lambda: server.curves("validation"))
        server.kill()
        for iteration in range(400, 600, 10):
            monitor.log(step(iteration))
        eventually(lambda: capsys.readouterr().err or None)
        server.start()
        # Nothing is logged meanwhile: the curves are sent again without that.
        eventually(lambda: server.last_step() == 590 or None)
        eventually(lambda: server.curves("validation"))
        _check_windows(server, records_of(monitor.path))


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
            monitor.log(step(10))
            note = eventually(lambda: capsys.readouterr().err or None)
            for iteration in range(20, 310, 10):
                monitor.log(step(iteration))
    note += capsys.readouterr().err
    assert note.count("\n") == 1
    assert note.startswith(f"no Visdom server at 127.0.0.1:{port} (")
    assert "training goes on" in note
    assert len(records_of(monitor.path)) == 30


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
        monitor.log(step(10))
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(1)  # the drawing has begun, and is never answered
            for iteration in range(20, 1000, 10):
                monitor.log(step(iteration))
            monitor.close()
            assert sink._thread.is_alive()
    sink._thread.join()
    assert len(records_of(monitor.path)) == 99


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
