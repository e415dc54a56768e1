"""Pickles of numbers are read in every protocol; pickles that run code are not."""

from __future__ import annotations

import collections
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import InputError, load_pickle
from data.restricted_pickle import load_object_array, load_pickled_dict

CONTENT = {
    "videos": [np.str_("Run/a"), "b", b"\xff\x00"],
    "array": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "empty": np.zeros((0, 4), np.float32),
    "names": np.array(["a", "bc"]),
    "big endian": np.arange(3, dtype=">i4"),
    "truth": np.array([True, False]),
    "one number": np.array(2.5),
    "bytes": np.array([b"a", b"bc"]),
    "scalar": np.uint16(900),
    "sets": ({1, 2}, frozenset([3])),
    "numbers": (1, -(2**70), 1.5, 2 + 3j, True, None),
}


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(
            _equal(first[key], second[key]) for key in first
        )
    if isinstance(first, np.ndarray):
        return (
            isinstance(second, np.ndarray)
            and first.dtype == second.dtype
            and bool(np.array_equal(first, second))
        )
    return bool(type(first) is type(second) and first == second)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_containers_of_every_protocol(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(CONTENT, protocol))
    assert _equal(load_pickle(path), CONTENT)


@pytest.mark.parametrize("protocol", [2, 3])
def test_the_names_numpy_had_before_version_2(protocol: int, tmp_path: Path) -> None:
    content = pickle.dumps(CONTENT["array"], protocol).replace(b"numpy._core", b"numpy.core")
    assert b"numpy.core.multiarray" in content
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    assert _equal(load_pickle(path), CONTENT["array"])


def test_pickles_of_python_2_hold_latin_1(tmp_path: Path) -> None:
    # pickle.dumps({'caf\xe9': numpy.arange(2, dtype='u1')}, 2) of Python 2
    path = tmp_path / "a.pkl"
    path.write_bytes(
        b"\x80\x02}q\x00U\x04caf\xe9q\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\n"
        b"ndarray\nq\x03K\x00\x85U\x01b\x87Rq\x04(K\x01K\x02\x85cnumpy\ndtype\nq\x05U\x02u1K\x00"
        b"K\x01\x87Rq\x06(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x02\x00"
        b"\x01tbs."
    )
    assert _equal(load_pickle(path), {"café": np.arange(2, dtype=np.uint8)})


class _Call:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


HOSTILE = {
    "a command": lambda path: _Call(subprocess.getoutput, f"touch {path}"),
    "eval": lambda path: _Call(eval, f"open({str(path)!r}, 'w')"),
    "getattr": lambda path: _Call(getattr, np.ndarray, "tofile"),
    "open": lambda path: _Call(open, str(path), "w"),
    "a codec": lambda path: _Call(pickle.loads, b""),
    "bytearray": lambda path: _Call(bytearray, 1 << 40),
    "numpy.load": lambda path: _Call(np.load, str(path)),
    "a class": lambda path: collections.OrderedDict(a=1),
    "deep inside": lambda path: {"a": [np.arange(3), {"b": _Call(exec, "raise KeyError")}]},
}


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("kind", HOSTILE)
def test_code_is_not_run(kind: str, protocol: int, tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(HOSTILE[kind](victim), protocol))
    with pytest.raises(InputError) as caught:
        load_pickle(path)
    message = str(caught.value)
    assert str(path) in message and "asks for" in message and "\n" not in message
    assert not victim.exists()


@pytest.mark.parametrize(
    "content",
    [
        # GLOBAL, then BUILD with (None, {"__defaults__": (1,)}), which sets an attribute.
        b"c_codecs\nencode\n(N}S'__defaults__'\n(I1\ntstb.",
        b"cnumpy\ndtype\n(N}S'array'\nI1\nstb.",
        b"cnumpy\nndarray\n(N}S'value'\nI1\nstb.",
        b"c__builtin__\nset\n(N}S'add'\nI1\nstb.",
    ],
)
def test_what_is_allowed_cannot_be_changed(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    with pytest.raises(InputError):
        load_pickle(path)
    for protocol in (2, 4):
        path.write_bytes(pickle.dumps(CONTENT, protocol))
        assert _equal(load_pickle(path), CONTENT)


class _Rebuilt:
    """Pickles as the two steps that rebuild an array, with a content of one's own."""

    def __init__(self, *state: Any) -> None:
        self.state = state

    def __reduce__(self) -> Any:
        function, arguments, _ = np.zeros(1).__reduce__()
        return function, arguments, self.state


FLOATS = np.dtype(np.float64)


@pytest.mark.parametrize(
    "item",
    [
        _Rebuilt(1, (2,), FLOATS, False, bytes(8)),  # too few bytes
        _Rebuilt(1, (1,), FLOATS, False, bytes(16)),
        _Rebuilt(1, (-1,), FLOATS, False, bytes(8)),
        _Rebuilt(1, (-1, -1), FLOATS, False, bytes(8)),
        _Rebuilt(1, (1 << 62, 4), FLOATS, False, b""),
        _Rebuilt(1, (1.0,), FLOATS, False, bytes(8)),
        _Rebuilt(1, None, FLOATS, False, bytes(8)),
        _Rebuilt(1, (1,), "f8", False, bytes(8)),
        _Rebuilt(1, (1,), np.dtype(object), False, bytes(8)),  # would be taken for an address
        _Rebuilt(1, (1,), FLOATS, False, [1.0]),
        _Rebuilt(),
        FLOATS,
        np.ndarray,
        [set, 1],
        np.array([None]),
        np.array([(1, 2.0)], dtype=[("a", "u2"), ("b", "f8")]),
        np.array(["2024-01-01"], dtype="M8[D]"),
    ],
    ids=lambda item: type(item).__name__,
)
def test_arrays_that_are_none_are_refused(item: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps([item], 3))
    with pytest.raises(InputError, match=r"a\.pkl"):
        load_pickle(path)


def test_shared_and_circular_containers(tmp_path: Path) -> None:
    array = np.arange(3)
    item: list[Any] = [array, (array, [array])]
    item.append(item)
    for _ in range(100):  # 2 ** 100 ways down
        item = [item, item]
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(item, 4))
    loaded = load_pickle(path)
    for _ in range(100):
        assert loaded[0] is loaded[1]
        loaded = loaded[0]
    assert loaded[2] is loaded
    assert loaded[0] is loaded[1][0] is loaded[1][1][0]
    assert loaded[0].tolist() == [0, 1, 2]
    loaded[0][0] = 7  # writable


@pytest.mark.parametrize("protocol", [0, 2, 3])
def test_a_cut_pickle_is_named_wherever_it_ends(protocol: int, tmp_path: Path) -> None:
    content = pickle.dumps(CONTENT, protocol)
    path = tmp_path / "a.pkl"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"a\.pkl: not a whole pickle .* \(it ends early\); "):
            load_pickle(path)


def test_what_is_no_dict_is_refused_where_one_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(()))
    with pytest.raises(InputError, match=r"a\.pkl: holds a tuple and no dict; take the file as"):
        load_pickled_dict(path)


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04", b"\x80\x63", b"}}}}", b"\x93."])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.pkl"):
        load_pickle(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none"):
        load_pickle(tmp_path / "none.pkl")


def test_random_damage_never_gets_past(tmp_path: Path) -> None:
    content = bytearray(pickle.dumps(CONTENT, 3))
    rng = np.random.default_rng(0)
    path = tmp_path / "a.pkl"
    for _ in range(500):
        damaged = bytearray(content)
        for place in rng.integers(0, len(damaged), 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            load_pickle(path)
        except InputError as error:
            assert str(path) in str(error)


def _objects() -> np.ndarray[Any, Any]:
    """Rows of unlike things, an array of objects and one in Fortran order among them."""
    inside = np.empty((1, 2), object)
    inside[0] = [np.float32([[1.5]]), [np.arange(2)]]
    rows = np.empty((2, 3), object)
    rows[0] = ["caf\xe9", (np.arange(6.0).reshape(2, 3), 1), [np.int64(4), [5]]]
    rows[1] = [inside, np.asfortranarray(inside.repeat(2, axis=0)), {"a": np.eye(2)}]
    return rows


def _equal_objects(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray) and first.dtype == object:
        return (
            isinstance(second, np.ndarray)
            and first.shape == second.shape
            and all(map(_equal_objects, first.flat, second.flat))
        )
    if isinstance(first, list | tuple):
        return type(first) is type(second) and all(map(_equal_objects, first, second))
    return _equal(first, second)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("array", [_objects(), _objects().T, _objects()[:0], np.array(None)])
def test_arrays_of_objects(array: np.ndarray[Any, Any], protocol: int) -> None:
    loaded = load_object_array("a.npz", pickle.dumps(array, protocol))
    assert loaded.dtype == object
    assert _equal_objects(loaded, array)


def test_only_files_that_are_known_to_hold_them_may_hold_objects(tmp_path: Path) -> None:
    content = pickle.dumps(_objects(), 2)
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(InputError, match="arrays of type 'O8' are not read"):
        load_pickle(tmp_path / "a.pkl")
    load_object_array("a.npz", content)


@pytest.mark.parametrize("kind", HOSTILE)
def test_code_among_objects_is_not_run(kind: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    rows = _objects()
    rows[1, 2] = HOSTILE[kind](victim)
    for protocol in (0, 2, 4, 5):
        with pytest.raises(InputError, match=r"a\.npz: the pickle asks for"):
            load_object_array("a.npz", pickle.dumps(rows, protocol))
        assert not victim.exists()


OBJECTS = np.dtype(object)


@pytest.mark.parametrize(
    "item",
    [
        _Rebuilt(1, (2,), OBJECTS, False, [1]),
        _Rebuilt(1, (-1,), OBJECTS, False, [1]),
        _Rebuilt(1, (1,), OBJECTS, False, bytes(8)),  # addresses
        _Rebuilt(1, (1,), OBJECTS, False, {0: 1}),
        _Rebuilt(1, (1 << 62, 0), OBJECTS, False, []),
        _Rebuilt(1, (1,), OBJECTS, False, [np.ndarray]),
        _Rebuilt(1, (1,), OBJECTS, False, [OBJECTS]),
        _Rebuilt(1, (1,), OBJECTS, False, [_Rebuilt()]),
        _Rebuilt(1, (1,), np.dtype([("a", object)]), False, [1]),
        np.arange(3),
        [_objects()],
        OBJECTS,
    ],
    ids=lambda item: type(item).__name__,
)
def test_what_is_no_array_of_objects_is_refused(item: Any) -> None:
    with pytest.raises(InputError, match=r"a\.npz: "):
        load_object_array("a.npz", pickle.dumps(item, 3))


def test_objects_that_hold_themselves() -> None:
    array = np.empty(2, object)
    array[0], array[1] = np.arange(3), [array]
    loaded = load_object_array("a.npz", pickle.dumps(array, 2))
    assert loaded[0].tolist() == [0, 1, 2]
    assert loaded[1][0] is loaded
