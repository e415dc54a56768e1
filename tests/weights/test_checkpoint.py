"""Checkpoints: lossless, self-describing, and safe against damaged and hostile files."""

from __future__ import annotations

import json
import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from data import InputError
from weights import load_checkpoint, resolve_weights, save_checkpoint, shipped_weights

METADATA = {
    "basenet": "mobilenet_v2",
    "classes": ["run", "jump"],
    "seq_len": 2,
    "seq_gap": 3,
    "input_size": 224,
    "licence": "MIT",
    "streams": [{"input_type": "rgb", "images": 1}, {"input_type": "fastOF", "images": 5}],
    "fusion_type": "sum",
}
STATE = {"a.weight": torch.arange(6.0).view(2, 3) / 7, "count": torch.tensor(3)}


@pytest.mark.parametrize("half", [False, True])
def test_round_trip(tmp_path, half):
    save_checkpoint(tmp_path / "net.safetensors", STATE, METADATA, half=half)
    checkpoint = load_checkpoint(tmp_path / "net.safetensors")
    assert checkpoint.name == "net"
    assert {key: checkpoint.metadata[key] for key in METADATA} == METADATA
    wanted = STATE["a.weight"].half().float() if half else STATE["a.weight"]
    assert torch.equal(checkpoint.state["a.weight"], wanted)
    assert checkpoint.state["count"].item() == 3
    beside = json.loads((tmp_path / "net.json").read_text())
    assert beside == checkpoint.metadata


class Hostile:
    def __reduce__(self):
        return os.system, ("touch hacked",)


def _truncated(path, tmp_path):
    save_checkpoint(tmp_path / "whole.safetensors", STATE, METADATA)
    path.write_bytes((tmp_path / "whole.safetensors").read_bytes()[:-9])


def _truncated_torch(path, tmp_path):
    torch.save(STATE, tmp_path / "whole.pth")
    path.write_bytes((tmp_path / "whole.pth").read_bytes()[:-200])


def _other_metadata(**fields):
    def write(path, tmp_path):
        save_checkpoint(path, STATE, {**METADATA, **fields})

    return write


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path, _: path.write_bytes(b""), "no complete"),
        (lambda path, _: path.write_text("<html>not found</html>"), "no complete"),
        (lambda path, _: path.write_bytes(pickle.dumps(Hostile(), 2)), "could run code"),
        (lambda path, _: torch.save({"loc.0.weight": Hostile()}, path), "could run code"),
        (lambda path, _: torch.save({"fc.weight": torch.ones(3)}, path), "AMTNet"),
        (lambda path, _: torch.save([1, 2], path), "AMTNet"),
        (lambda path, _: save_file(STATE, path), "no description"),
        (_truncated, "no complete"),
        (_truncated_torch, "no complete"),
        (_other_metadata(classes="run"), "classes must be of type list"),
        (_other_metadata(version=99), "version"),
    ],
)
def test_bad_files_are_named(tmp_path, monkeypatch, write, message):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.pth"
    write(path, tmp_path)
    with pytest.raises(InputError, match=message) as raised:
        load_checkpoint(path)
    assert str(path) in str(raised.value)
    assert not (tmp_path / "hacked").exists()


def test_missing_and_folder(tmp_path):
    with pytest.raises(InputError, match="no such checkpoint"):
        resolve_weights(tmp_path / "none.pth")
    with pytest.raises(InputError, match="is a folder"):
        resolve_weights(tmp_path)


def test_shipped_weights_are_described():
    for name in shipped_weights():
        checkpoint = load_checkpoint(name)
        beside = json.loads(resolve_weights(name).with_suffix(".json").read_text())
        # Those first ones leave out what was not a choice.
        streams = {"streams": [{"input_type": "rgb", "images": 1}], "fusion_type": "none"}
        assert streams | beside == checkpoint.metadata
        assert {"recipe", "data", "figures", "licence"} <= set(beside)
