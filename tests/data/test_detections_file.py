"""Detections on disk: nothing is lost, and no file makes the reader fail in an unforeseen way."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import Detections, InputError
from tests.data import strategies

DETECTIONS = Detections(
    video="clip",
    boxes=np.array([[0, 0, 4, 5], [1, 1, 2, 2]], np.float32),
    scores=np.full((2, 3), 0.25, np.float32),
    offsets=np.array([0, 1, 1, 2]),
    width=16,
    height=12,
    frame_rate=25.0,
    classes=("run", "walk"),
    model="detector",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "clip.npz"
    DETECTIONS.save(file)
    return file


def _rewrite(path: Path, **changes: Any) -> None:
    """Replaces arrays of a file; None takes one away."""
    with np.load(path) as file:
        arrays = dict(file) | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


def _change_metadata(path: Path, **changes: Any) -> None:
    with np.load(path) as file:
        metadata = json.loads(str(file["metadata"])) | changes
    kept = {name: value for name, value in metadata.items() if value is not ...}
    _rewrite(path, metadata=np.array(json.dumps(kept)))


@given(strategies.detections())
def test_nothing_is_lost(tmp_path_factory: pytest.TempPathFactory, detections: Detections) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip.npz"
    detections.save(path)
    loaded = Detections.load(path)
    assert loaded == detections
    assert strategies.same_bits(loaded.boxes, detections.boxes)
    assert strategies.same_bits(loaded.scores, detections.scores)
    assert loaded.offsets.dtype == np.int64


def test_the_same_detections_make_the_same_file(path: Path, tmp_path: Path) -> None:
    DETECTIONS.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_the_file_keeps_the_name_it_was_given(tmp_path: Path) -> None:
    DETECTIONS.save(tmp_path / "clip.detections")
    assert Detections.load(tmp_path / "clip.detections") == DETECTIONS


def test_files_of_others_may_hold_other_number_types(path: Path) -> None:
    _rewrite(path, boxes=DETECTIONS.boxes.astype(np.float64), offsets=np.array([0, 1, 1, 2], "u2"))
    assert Detections.load(path) == DETECTIONS


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"boxes": None}, "the array 'boxes' is missing"),
        ({"metadata": None}, "the array 'metadata' is missing"),
        ({"metadata": np.array("{")}, "metadata is not that of action-tubes/detections"),
        ({"metadata": np.array("[" * 100_000)}, "metadata is not that of"),
        ({"metadata": np.array("[]")}, "metadata is not that of"),
        ({"metadata": np.array(["{}"])}, "metadata is not that of"),
        ({"metadata": np.array(1)}, "metadata is not that of"),
        ({"boxes": np.zeros((2, 5))}, r"boxes must have the shape \(N, 4\), not \(2, 5\)"),
        ({"boxes": np.array([["a"] * 4] * 2)}, "boxes must be an array"),
        ({"boxes": np.full((2, 4), np.nan)}, "frame 0: boxes must hold finite numbers only"),
        ({"boxes": np.array([[0] * 4, [0, np.inf, 0, 0]])}, "frame 2: boxes must hold finite"),
        ({"scores": np.full((2, 3), 2.0)}, "frame 0: scores must lie between 0 and 1"),
        ({"scores": np.array([[0, 0, 0], [0, -0.1, 0]])}, "frame 2: scores must lie between"),
        ({"scores": np.array([[0, 0, 0], [0, 0, np.nan]])}, "frame 2: scores must hold finite"),
        (
            {"scores": np.full((2, 3), 2.0), "offsets": np.array([0, 3])},
            "scores must lie between 0 and 1; make",
        ),
        ({"scores": np.zeros((2, 2))}, r"scores must have the shape \(2, 3\)"),
        ({"offsets": np.array([0, 3])}, "offsets must end at the number of boxes, 2"),
        (
            {"boxes": np.zeros((2, 5)), "scores": np.full((2, 3), 2.0), "offsets": np.array([1])},
            "boxes must .*; scores must .*; offsets must",
        ),
    ],
)
def test_wrong_arrays_are_named(path: Path, changes: dict[str, Any], error: str) -> None:
    _rewrite(path, **changes)
    with pytest.raises(InputError, match=f"{path}: {error}"):
        Detections.load(path)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"format": "action-tubes/tubes"}, "metadata is not that of action-tubes/detections"),
        ({"version": 2}, "version 2 is unknown .*; update the program"),
        ({"version": ...}, "version None is unknown"),
        ({"video": ...}, "metadata lacks 'video'"),
        ({"video": 3}, "video must be a string, not 3"),
        ({"classes": "ab"}, "classes must be a list of names"),
        ({"classes": {"a": 1, "b": 2}}, "classes must be a list of names"),
        ({"classes": [1, 2]}, "classes must be a string, not 1"),
        ({"width": 16.0}, "width must be a whole number of at least 1, not 16.0"),
        ({"height": None}, "height must be a whole number of at least 1, not None"),
        ({"frame_rate": float("nan")}, "frame_rate must be a finite number, not nan"),
        ({"frame_rate": -1}, "frame_rate must be above 0"),
    ],
)
def test_wrong_metadata_is_named(path: Path, changes: dict[str, Any], error: str) -> None:
    _change_metadata(path, **changes)
    with pytest.raises(InputError, match=f"{path}: {error}"):
        Detections.load(path)


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("code of the file was run",))


def test_pickles_are_not_opened(path: Path) -> None:
    _rewrite(path, boxes=np.array([_Bomb()], dtype=object))
    with pytest.raises(InputError, match=f"{path}: is damaged .* in the array 'boxes'"):
        Detections.load(path)
    path.write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(InputError, match=f"{path}: is damaged or not an .npz file"):
        Detections.load(path)


def _header_of(shape: str) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


@pytest.mark.parametrize(
    "content",
    [
        _header_of("(1000000000000, 4)"),
        _header_of("(10000000000000000000000, 4)"),
        _header_of("(-1, 4)"),
        _header_of("(" * 100 + ")" * 100),
        _header_of("__import__('os')"),
        b"\x93NUMPY\x09\x09",
        b"not an array",
        b"",
    ],
)
def test_lying_headers_do_no_harm(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()} | {"boxes.npy": content}
    with zipfile.ZipFile(path, "w") as new:
        for name, member in members.items():
            new.writestr(name, member)
    with pytest.raises(InputError, match=f"{path}: "):
        Detections.load(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "text.npz").write_text("text")
    for name, error in [
        ("array.npz", "the array 'boxes' is missing"),
        ("empty.npz", "is damaged"),
        ("text.npz", "is damaged"),
        ("none.npz", "no such file"),
        ("", "is a folder"),
    ]:
        with pytest.raises(InputError, match=error):
            Detections.load(tmp_path / name)


@given(data=st.data())
def test_damage_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    DETECTIONS.save(path)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans(), "truncate"):
        del content[data.draw(st.integers(0, len(content) - 1), "length") :]
    for _ in range(data.draw(st.integers(0, 3), "flips") if content else 0):
        place = data.draw(st.integers(0, len(content) - 1), "place")
        content[place] = data.draw(st.integers(0, 255), "byte")
    path.write_bytes(content)
    try:
        Detections.load(path)
    except InputError as error:
        assert str(error).startswith(f"{path}: ")


def test_saving_leaves_the_old_file_when_the_disk_is_full(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def fail(file: io.BufferedWriter, **arrays: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="No space left"):
        DETECTIONS.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
