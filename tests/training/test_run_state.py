"""The state of a training on disk, whatever happens while it is written."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data import InputError
from training.run_state import STATE_FILE, STEP_FILES, RunState


def _state(iteration):
    tensors = {name: torch.full((50,), float(iteration)) for name in "abc"}
    return {"network": tensors, "iteration": iteration, "rates": [0.1] * (iteration % 7)}


def _assert_read(folder, iteration):
    found, expected = RunState(folder).read(), _state(iteration)
    assert {k: v for k, v in found.items() if k != "network"} == {
        k: v for k, v in expected.items() if k != "network"
    }
    for name, tensor in expected["network"].items():
        assert torch.equal(found["network"][name], tensor)


@given(steps=st.lists(st.booleans(), min_size=2, max_size=6), data=st.data())
def test_a_kill_while_a_state_is_written_leaves_the_one_before(tmp_path_factory, steps, data):
    """Steps are lasting or not; the last one is cut short anywhere, and then comes another."""
    folder = tmp_path_factory.mktemp("run")
    state = RunState(folder)
    for iteration, lasting in enumerate(steps[:-1], start=1):
        state.write(_state(iteration), lasting=lasting)
    files = [folder / name for name in STEP_FILES]
    before = {path: path.read_bytes() for path in files if path.exists()}
    state.write(_state(len(steps)), lasting=False)
    (written,) = [p for p in files if p.exists() and p.read_bytes() != before.get(p)]
    whole = written.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    written.write_bytes(whole[:cut] + before.get(written, b"")[cut:])
    last = len(steps) if written.read_bytes() == whole else len(steps) - 1
    _assert_read(folder, last)

    resumed = RunState(folder)
    resumed.read()
    resumed.write(_state(last + 1), lasting=steps[-1])
    _assert_read(folder, last + 1)


def test_the_file_of_the_last_state_is_not_the_next_to_be_written(tmp_path):
    state = RunState(tmp_path)
    for iteration in (1, 2, 3):
        state.write(_state(iteration), lasting=iteration == 1)
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        resumed = RunState(tmp_path)
        resumed.read()
        resumed.write(_state(iteration + 1), lasting=False)
        (changed,) = [p for p in tmp_path.iterdir() if p.read_bytes() != before.get(p)]
        changed.write_bytes(b"cut short")
        _assert_read(tmp_path, iteration)


def test_a_lasting_state_stands_alone(tmp_path):
    state = RunState(tmp_path)
    assert state.read() is None
    for iteration in range(1, 5):
        state.write(_state(iteration), lasting=iteration == 4)
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]
    _assert_read(tmp_path, 4)


def test_a_state_whose_bytes_changed_is_refused(tmp_path):
    RunState(tmp_path).write(_state(1), lasting=True)
    path = tmp_path / STATE_FILE
    content = bytearray(path.read_bytes())
    place = content.index(torch.full((50,), 1.0).numpy().tobytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{STATE_FILE}: is damaged.*--overwrite"):
        RunState(tmp_path).read()
