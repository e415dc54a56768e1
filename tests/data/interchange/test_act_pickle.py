"""Tubelets and tubes of ACT and MOC."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import (
    FORMATS,
    Detections,
    InputError,
    VideoTubes,
    load_pickle,
    read_detections,
    read_tubes,
)
from tests.data.interchange.samples import CONTEXT

EMPTY = np.zeros((0, 9), np.float32)
# Two frames: inclusive pixels, so that a whole frame is 0, 0, 639, 479.
TUBELETS = np.array(
    [[0, 0, 639, 479, 10, 20, 29, 39, 0.75], [1, 2, 3, 4, 5, 6, 7, 8, 0.25]], np.float32
)
MOC = {1: EMPTY, 2: TUBELETS, 3: TUBELETS[:1]}
ACT = (
    np.column_stack([[1, 1, 2], TUBELETS[[0, 1, 0], -1], TUBELETS[[0, 1, 0], :-1]]),
    np.zeros((1, 12)),
)
FRAME_1 = [[0, 0, 640, 480], [1, 2, 4, 5], [0, 0, 640, 480]]
FRAME_2 = [[10, 20, 30, 40], [5, 6, 8, 9], [10, 20, 30, 40]]


def _python_2(array: np.ndarray) -> bytes:
    """What Python 2 writes of a float32 array within a pickle of protocol 2."""
    content = array.astype("<f4").tobytes()
    rows, columns = array.shape
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
        + b"K"
        + bytes([rows])
        + b"K"
        + bytes([columns])
        + b"\x86cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89"
        + b"T"
        + len(content).to_bytes(4, "little")
        + content
        + b"tb"
    )


def _pickle_python_2() -> bytes:
    first, second = ACT
    return b"\x80\x02" + _python_2(first) + _python_2(second) + b"\x86."


def _write(folder: Path, content: bytes, name: str = "00001.pkl") -> Path:
    file = folder / "walk" / "clip" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def _read(folder: Path) -> Detections:
    (video,) = read_detections(folder, CONTEXT)
    return video


@pytest.mark.parametrize(
    "content",
    [
        *(pickle.dumps(MOC, protocol) for protocol in (2, 3, 4, 5)),
        # Labels may count from 0 as well; that all are there tells which it is.
        pickle.dumps({label - 1: rows for label, rows in MOC.items()}, 4),
        pickle.dumps({np.int64(label): rows for label, rows in MOC.items()}, 4),
        pickle.dumps(ACT, 2),
        pickle.dumps((ACT[0].astype(np.float32), ACT[1]), 2).replace(b"numpy._core", b"numpy.core"),
        _pickle_python_2(),
    ],
)
def test_each_frame_of_a_tubelet_gets_its_box(content: bytes, tmp_path: Path) -> None:
    _write(tmp_path, content)
    video = _read(tmp_path)
    assert video.offsets.tolist() == [0, 3] + [6] * 8
    assert video.boxes.tolist() == FRAME_1 + FRAME_2
    # Class, and the background with what is left.
    assert video.scores[:3].tolist() == [[0, 0.75, 0, 0.25], [0, 0.25, 0, 0.75], [0, 0, 0.75, 0.25]]
    assert np.array_equal(video.scores[3:], video.scores[:3])


def test_tubelets_that_overlap_are_all_kept(tmp_path: Path) -> None:
    _write(tmp_path, pickle.dumps(MOC))
    _write(tmp_path, pickle.dumps(MOC | {2: EMPTY}), "00002.pkl")
    video = _read(tmp_path)
    assert np.diff(video.offsets).tolist() == [3, 4, 1] + [0] * 6
    # Those of earlier tubelets come first.
    assert video.frame(1)[0].tolist() == [*FRAME_2, FRAME_1[0]]


TUBE = np.array([[3, 0, 0, 639, 479, 0.5], [4, 1, 1, 2, 2, 0.25]], np.float32)


def test_tubes(tmp_path: Path) -> None:
    content = {0: [[TUBE, np.float32(0.5)]], 1: [], 2: [(TUBE[1:], 0.125), [TUBE, -3.5]]}
    (tmp_path / "walk").mkdir()
    (tmp_path / "walk" / "clip_tubes.pkl").write_bytes(pickle.dumps(content, 2))
    (video,) = read_tubes(tmp_path, CONTEXT)
    assert isinstance(video, VideoTubes) and video.video == "walk/clip"
    assert [(tube.id, tube.label, tube.start, tube.score) for tube in video.tubes] == [
        (0, 0, 2, 0.5),
        (1, 2, 3, 0.125),
        (2, 2, 2, -3.5),
    ]
    assert video.tubes[0].boxes.tolist() == [[0, 0, 640, 480], [1, 1, 3, 3]]
    assert video.tubes[0].scores.tolist() == [0.5, 0.25]


def test_what_is_written_is_readable_by_old_programs(tmp_path: Path) -> None:
    _write(tmp_path / "read", pickle.dumps(MOC))
    write = FORMATS["act"].write_detections
    assert write
    write(tmp_path / "written", [_read(tmp_path / "read")], CONTEXT)
    file = tmp_path / "written" / "walk" / "clip" / "00002.pkl"
    assert file.read_bytes()[:2] == b"\x80\x02" and b"numpy._core" not in file.read_bytes()
    for content in (pickle.loads(file.read_bytes()), load_pickle(file)):
        assert list(content) == [1, 2, 3]
        assert content[1].shape == (0, 5)
        assert content[2].dtype == np.float32
        assert content[2].tolist() == [[10, 20, 29, 39, 0.75], [5, 6, 7, 8, 0.25]]


def _spoiled(row: int, column: int, value: float) -> dict[int, np.ndarray]:
    rows = TUBELETS.copy()
    rows[row, column] = value
    return MOC | {2: rows}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (_spoiled(1, 5, np.inf), "tubelet 2, box 2: the box [5.0, inf"),
        (_spoiled(0, 0, 641), "tubelet 1, box 1: the corners of the box"),
        (_spoiled(1, 8, np.nan), "tubelet 2: the score nan"),
        (_spoiled(1, 8, -0.5), "tubelet 2: the score -0.5 is not from 0 to 1"),
        (MOC | {4: TUBELETS}, "there is no class 4"),
        ({1: TUBELETS, 2: TUBELETS}, "from 0 or from 1"),
        (MOC | {2: TUBELETS[:, :5]}, "4K + 1 columns"),
        ({1: EMPTY[:, :1]}, "4K + 1 columns"),
        ({10**30: EMPTY}, "4K + 1 columns"),
        ({}, "4K + 1 columns"),
        ({1: "text"}, "label 1 must be an array of numbers with any columns, not str"),
        ((ACT[0][:, :-1], ACT[1]), "2 + 4K columns"),
        ((ACT[0] + 0.5, ACT[1]), "there is no class 1.5"),
        ([1, 2, 3], "must be a dict from labels"),
    ],
)
def test_wrong_tubelets(content: Any, told: str, tmp_path: Path) -> None:
    file = _write(tmp_path, pickle.dumps(content))
    with pytest.raises(InputError) as caught:
        list(read_detections(tmp_path, CONTEXT, "act"))
    assert str(caught.value).startswith(str(file.parent)) and told in str(caught.value)


def test_tubelets_past_the_end(tmp_path: Path) -> None:
    file = _write(tmp_path, pickle.dumps(MOC), "00009.pkl")
    with pytest.raises(InputError, match=f"{file}: there is no frame 10"):
        _read(tmp_path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({0: [[TUBE[::-1], 1.0]]}, "tube 1, row 2: frame 3 must be the one after"),
        ({0: [[TUBE[[0, 0]], 1.0]]}, "tube 1, row 2: frame 3 must be the one after"),
        ({0: [[TUBE[:0], 1.0]]}, "the tube has no boxes"),
        ({0: [[TUBE + 7, 1.0]]}, "tube 1, row 1: there is no frame 10"),
        ({0: [[TUBE * [1, 1, 1, 1, 1, np.nan], 1.0]]}, "tube 1, row 1: the score nan"),
        ({0: [[TUBE * [1, 1, 1, np.inf, 1, 1], 1.0]]}, "tube 1, row 1: the box"),
        ({0: [[TUBE, np.nan]]}, "tube 1: score must be a finite number"),
        ({0: [[TUBE, "high"]]}, "tube 1: score must be a finite number"),
        ({0: [TUBE]}, "a list of pairs"),
        ({0: [[TUBE[:, 1:], 1.0]]}, "tube 1 must be an array of numbers with 6 columns"),
        ({0: [], 3: [[TUBE, 1.0]]}, "there is no class 3"),
        ([TUBE], "must be a dict from labels to tubes"),
    ],
)
def test_wrong_tubes(content: Any, told: str, tmp_path: Path) -> None:
    file = _write(tmp_path, pickle.dumps(content)).parent.parent / "clip_tubes.pkl"
    (file.parent / "clip" / "00001.pkl").rename(file)
    with pytest.raises(InputError) as caught:
        list(read_tubes(tmp_path, CONTEXT, "act"))
    assert str(caught.value).startswith(f"{file}: ") and told in str(caught.value)


def test_code_is_not_run(tmp_path: Path) -> None:
    file = _write(tmp_path, b"cos\nsystem\n(S'touch hostile'\ntR.")
    with pytest.raises(InputError, match=f"{file}: the pickle asks for os.system"):
        list(read_detections(tmp_path, CONTEXT, "act"))
