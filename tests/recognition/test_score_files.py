"""Score files: published ones are read, ours are read by the published scripts, none runs code."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import InputError, array_file
from recognition.score_files import Scores, read_scores, write_scores
from tests import reference_cases

# Written by Python 2.7 with NumPy 1.16 as TSN's test script does, with three segments a video.
PYTHON_2 = reference_cases.FIGURES / "recognition2d" / "python2_scores.npz"

SCORES = Scores(
    np.arange(12, dtype=np.float32).reshape(4, 3) / 7, np.array([0, 2, 1, 2]), tuple("abcd")
)

needs_cases = pytest.mark.skipif(
    "REFERENCE_CASES" not in os.environ, reason="REFERENCE_CASES is not set"
)


@st.composite
def any_scores(draw: st.DrawFn) -> Scores:
    videos, classes = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
    logits = draw(st.lists(finite, min_size=videos * classes, max_size=videos * classes))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=videos, max_size=videos))
    texts = st.text(st.characters(exclude_characters="\0"))
    names = draw(st.none() | st.lists(texts, min_size=videos, max_size=videos).map(tuple))
    return Scores(
        np.array(logits, np.float32).reshape(videos, classes), np.array(labels, np.int64), names
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scores=any_scores())
def test_what_is_written_is_read_by_us_and_by_the_published_scripts(
    scores: Scores, tmp_path: Path
) -> None:
    path = tmp_path / "scores.npz"
    write_scores(path, scores)
    found = read_scores(path)
    assert np.array_equal(found.logits, scores.logits)
    assert np.array_equal(found.labels, scores.labels)
    assert found.names == scores.names
    for encoding in ("ASCII", "latin1"):
        published = np.load(path, allow_pickle=True, encoding=encoding)
        assert published["labels"].dtype == np.int64
        for row, (logits, label) in enumerate(published["scores"]):
            assert (logits.dtype, logits.shape) == (np.float32, (1, 1, scores.logits.shape[1]))
            assert np.array_equal(logits[0, 0], scores.logits[row])
            assert type(label) is int and label == scores.labels[row]


def test_old_systems_know_all_that_is_written(tmp_path: Path) -> None:
    write_scores(tmp_path / "a.npz", SCORES)
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        content = archive.read("scores.npy")
    operations = list(pickletools.genops(content[content.index(b"\n") + 1 :]))
    names = {argument for operation, argument, _ in operations if operation.name == "GLOBAL"}
    assert max(operation.proto for operation, _, _ in operations) == 2
    assert names == {
        "numpy.core.multiarray _reconstruct",
        "numpy ndarray",
        "numpy dtype",
        "_codecs encode",
    }


def test_equal_scores_are_equal_files(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_scores(tmp_path / name, SCORES)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_segments_of_a_file_of_python_2_are_averaged() -> None:
    scores = read_scores(PYTHON_2)
    rows = np.load(PYTHON_2, allow_pickle=True, encoding="latin1")["scores"]
    assert rows[0, 0].shape == (3, 1, 5)
    assert scores.labels.tolist() == [0, 4, 2, 1]
    assert scores.names is None
    # As the published scripts average them.
    expected = [np.mean(logits, axis=0)[0] for logits in rows[:, 0]]
    assert scores.logits.dtype == np.float32
    assert np.array_equal(scores.logits, expected)


@needs_cases
@pytest.mark.parametrize("split", [1, 2, 3])
@pytest.mark.parametrize("stream", ["rgb", "flow"])
def test_published_files(stream: str, split: int) -> None:
    folder = reference_cases.folder("recognition2d") / "logits" / "hmdb51"
    path = folder / f"hmdb51_{stream}_split{split}.npz"
    scores = read_scores(path)
    published = np.load(path, allow_pickle=True, encoding="latin1")
    assert np.array_equal(scores.labels, published["labels"])
    assert np.array_equal(scores.logits, np.concatenate([*published["scores"][:, 0]])[:, 0])


def _objects(scores: Scores) -> np.ndarray:
    rows = np.empty((len(scores.labels), 2), object)
    for row, label in enumerate(scores.labels.tolist()):
        rows[row, 0], rows[row, 1] = scores.logits[row, None, None], label
    return rows


def _changed(row: int, column: int, value: Any) -> np.ndarray:
    rows = _objects(SCORES)
    rows[row, column] = value
    return rows


LABELS = SCORES.labels


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"labels": LABELS}, "the array 'scores' is missing"),
        ({"scores": _objects(SCORES)}, "the array 'labels' is missing"),
        ({"scores": np.zeros((4, 3)), "labels": LABELS}, "damaged or not .* in the array 'scores'"),
        ({"scores": _objects(SCORES), "labels": _objects(SCORES)}, "in the array 'labels'"),
        ({"scores": _objects(SCORES)[:, 0], "labels": LABELS}, "must be pairs of logits and label"),
        ({"scores": _objects(SCORES), "labels": LABELS[:3]}, "labels must be 4 integers"),
        ({"scores": _objects(SCORES), "labels": LABELS / 2}, "labels must be 4 integers"),
        (
            {"scores": _objects(SCORES), "labels": 2 - LABELS},
            "row 0 is 2 in labels and 0 in scores",
        ),
        ({"scores": _changed(1, 1, 2.0), "labels": LABELS}, "'float' object"),
        ({"scores": _changed(1, 1, np.arange(2)), "labels": LABELS}, "integer"),
        ({"scores": _changed(1, 0, None), "labels": LABELS}, "logits must be arrays of numbers"),
        ({"scores": _changed(1, 0, np.array("a")), "labels": LABELS}, "logits must be arrays"),
        ({"scores": _changed(1, 0, np.array(1.5)), "labels": LABELS}, "logits must be \\(seg"),
        ({"scores": _changed(1, 0, np.zeros((0, 1, 3))), "labels": LABELS}, "logits must be"),
        ({"scores": _changed(1, 0, np.zeros((1, 1, 4))), "labels": LABELS}, "same shape"),
        (
            {"scores": _changed(2, 0, np.array([[[0, np.nan, 0]]])), "labels": LABELS},
            "must be finite numbers, and those of row 2 are not",
        ),
        ({"scores": _changed(1, 0, np.full((1, 1, 3), 1e300)), "labels": LABELS}, "row 1 are not"),
        (
            {"scores": _changed(3, 1, 7), "labels": np.array([0, 2, 1, 7])},
            "between 0 and 2, and that of row 3 is 7",
        ),
        (
            {"scores": _objects(SCORES)[:0], "labels": LABELS[:0]},
            "at least one array|need at least",
        ),
        (
            {"scores": _objects(SCORES), "labels": LABELS, "names": np.array(["a"])},
            "names must be 4",
        ),
    ],
)
def test_files_of_other_things_are_refused(
    arrays: dict[str, np.ndarray], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=said) as caught:
        read_scores(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert ";" in str(caught.value)


class _Call:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def _with_pickle(path: Path, shape: tuple[int, ...], content: bytes) -> None:
    """Writes a score file whose array of objects is this pickle."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "|O", "fortran_order": False, "shape": shape}
    )
    np.savez(path, labels=LABELS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("scores.npy", file.getvalue() + content)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_is_not_run(protocol: int, tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "a.npz"
    call = _Call(subprocess.getoutput, f"touch {victim}")
    for item in (call, _changed(1, 0, call), _changed(1, 1, call)):
        _with_pickle(path, (4, 2), pickle.dumps(item, protocol))
        with pytest.raises(InputError, match=r"asks for \w+\.getoutput, which could run"):
            read_scores(path)
        assert not victim.exists()


@pytest.mark.parametrize("content", [b"", b"hello", pickle.dumps([1]), pickle.dumps(np.eye(2))])
def test_other_pickles_are_refused(content: bytes, tmp_path: Path) -> None:
    _with_pickle(tmp_path / "a.npz", (4, 2), content)
    with pytest.raises(InputError, match=r"a\.npz: "):
        read_scores(tmp_path / "a.npz")


def test_a_header_of_another_shape_is_refused(tmp_path: Path) -> None:
    _with_pickle(tmp_path / "a.npz", (2, 4), pickle.dumps(_objects(SCORES)))
    with pytest.raises(InputError, match="another shape than its header says"):
        read_scores(tmp_path / "a.npz")


def test_more_than_a_published_file_holds_is_not_unpacked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_scores(tmp_path / "a.npz", SCORES)
    monkeypatch.setattr(array_file, "LARGEST_PICKLE", 100)
    with pytest.raises(InputError, match=r"a\.npz: .* in the array 'scores'"):
        read_scores(tmp_path / "a.npz")


def test_a_cut_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    whole = PYTHON_2.read_bytes()
    path = tmp_path / "a.npz"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"a\.npz: is damaged or not an \.npz file"):
            read_scores(path)


def test_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "a.npz"
    write_scores(path, SCORES)
    whole = path.read_bytes()
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(len(damaged))] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            found = read_scores(path)
        except InputError as error:
            assert str(error).startswith(f"{path}: ")
        else:
            assert np.array_equal(found.logits, SCORES.logits)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"logits": np.zeros((2, 3))}, r"logits must be float32 \(N, C\), not float64 \(2, 3\)"),
        ({"logits": np.zeros((2, 0), np.float32)}, "logits must be"),
        ({"labels": np.zeros(2, np.int32)}, "labels must be int64"),
        ({"labels": np.array([0, -1])}, "that of row 1 is -1"),
        ({"names": ("a",)}, "names must be 2, not 1"),
    ],
)
def test_fields_are_checked(fields: dict[str, Any], said: str) -> None:
    good = {"logits": np.zeros((2, 3), np.float32), "labels": np.zeros(2, np.int64)}
    with pytest.raises(ValueError, match=said):
        Scores(**{**good, **fields})
