"""Variables of Matlab files come back as SciPy wrote them; damaged files are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from data import InputError
from data.matlab_file import read_matlab

STRUCTS = np.empty((1, 2), [(name, object) for name in ("name", "boxes")])
STRUCTS[0, 0] = ("clip", np.arange(8.0).reshape(2, 4))
STRUCTS[0, 1] = ("", np.zeros((0, 0)))
CELLS = np.array([["clip"], [""], [np.eye(2)]], object)
VARIABLES = {
    "loc": np.arange(8, dtype=np.float32).reshape(2, 4) / 7,
    "annot": STRUCTS,
    "names": CELLS,
}


def test_structs(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", VARIABLES)
    first, second = read_matlab(tmp_path / "a.mat")["annot"]
    assert (first["name"], first["boxes"].tolist()) == ("clip", [[0, 1, 2, 3], [4, 5, 6, 7]])
    assert (second["name"], second["boxes"].shape) == ("", (0, 0))


@pytest.mark.parametrize("compressed", [False, True])
def test_variables_of_every_type(compressed: bool, tmp_path: Path) -> None:
    types = ["f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
    matrices = {f"a_{kind}": np.arange(6).astype(kind).reshape(2, 3) for kind in types}
    matrices |= {"empty": np.zeros((0, 4), np.float32), "one": np.float64([[2.5]])}
    others = {"complex": np.array([[1j]])}
    cells = {"cells": np.array([[1, "a"], [1j, np.zeros((0, 1), object)]], object)}
    structs = {"text": "äbc", "struct": {"a": 1, "b": {"c": "d", "e": np.array([[1j]])}}}
    savemat(tmp_path / "a.mat", matrices | others | cells | structs, do_compression=compressed)
    found = read_matlab(tmp_path / "a.mat")
    assert found.pop("text") == "äbc"
    assert found.pop("cells") == [[[1]], None, "a", []]
    (struct,) = found.pop("struct")
    assert struct == {"a": [[1]], "b": [{"c": "d", "e": None}]}
    assert found.keys() == matrices.keys()
    for name, matrix in matrices.items():
        assert found[name].dtype == matrix.dtype and np.array_equal(found[name], matrix)


def test_doubles_that_matlab_packs(tmp_path: Path) -> None:
    # A matrix of doubles, which Matlab stores as uint8 within the tag of the element.
    packed = bytes([2, 0, 4, 0, 7, 0, 255, 1])
    parts = (
        b"\6\0\0\0\x08\0\0\0\6\0\0\0\0\0\0\0"
        b"\5\0\0\0\x08\0\0\0\2\0\0\0\2\0\0\0"
        b"\1\0\3\0loc\0" + packed
    )
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    matrix = b"\x0e\0\0\0" + len(parts).to_bytes(4, "little") + parts
    (tmp_path / "a.mat").write_bytes(header + matrix)
    assert read_matlab(tmp_path / "a.mat")["loc"].tolist() == [[7, 255], [0, 1]]


@settings(max_examples=200)
@given(data=st.data())
def test_damage_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.mat"
    savemat(path, VARIABLES, do_compression=data.draw(st.booleans()))
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans(), "truncate"):
        del content[data.draw(st.integers(0, len(content) - 1), "length") :]
    for _ in range(data.draw(st.integers(0, 3), "flips") if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        read_matlab(path)
    except InputError as error:
        assert str(error).startswith(f"{path}: ")
