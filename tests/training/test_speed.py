"""The speed monitor."""

from __future__ import annotations

import pytest
import torch

from tests.reference_cases import read_case
from training.speed import Speed, step_text


def test_lines_of_srtg():
    description, _ = read_case("recognition_srtg", "monitoring")
    for case in description["lines"]:
        speeds = {part: 1 / took for part, took in case["seconds_per_clip"].items() if took}
        values = {name: value for metric in case["metrics"] for name, value in metric}
        shape, lr = values.pop("batch_size"), values.pop("lr")
        line = step_text(speeds, values, shape or [1, 1], lr or 1.0)
        if shape is None:  # those of validations are without
            line = line[: line.index(" batch_size")]
        assert f"{line}  " == case["line"][case["line"].index("Speed") :]


def test_parts_of_steps(monkeypatch):
    now = 0.0
    monkeypatch.setattr("training.speed.time.perf_counter", lambda: now)
    speed = Speed(torch.device("cpu"))

    def batches():
        nonlocal now
        for _ in range(2):
            now += 2
            yield 4

    for samples in speed.reading(batches()):
        with speed.of("forward"):
            now += 1
        speed.count(samples)
    speeds = speed.taken()
    assert (speeds["read"], speeds["forward"]) == (pytest.approx(2), pytest.approx(4))
    with speed.of("forward"):
        now += 1
    assert speed.taken()["forward"] == 0  # the samples before do not count any more
