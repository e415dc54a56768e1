"""ROAD's and AMTNet's Matlab files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from data import FORMATS, Context, Detections, InputError, find_format, read_detections
from tests.data.interchange.samples import CONTEXT
from tests.tubes.cases import arrays, detections_of, shipped_or_full

# Background first, as the networks give it.
SCORES = np.array([[0.7, 0.1, 0.15, 0.05], [0.25, 0.5, 0.125, 0.125]], np.float32)
CORNERS = np.array([[0.25, 0.5, 0.75, 1.125], [-0.5, 0, 0.125, 0.0625]], np.float32)


def _write(folder: Path, name: str = "00002.mat", **changes: object) -> Path:
    file = folder / "walk" / "clip" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    savemat(file, {"scores": SCORES, "loc": CORNERS} | changes)
    return file


def _read(folder: Path) -> Detections:
    (video,) = read_detections(folder, CONTEXT, "road")
    return video


def test_road(tmp_path: Path) -> None:
    _write(tmp_path)
    _write(tmp_path, "00009.mat", scores=np.zeros((0, 4), np.float32), loc=np.zeros((0, 4)))
    assert find_format(tmp_path).name == "road"
    video = _read(tmp_path)
    assert (video.video, video.frames, video.width, video.height) == ("walk/clip", 9, 640, 480)
    # The number of a frame is that of the file, not its place among the files.
    assert video.offsets.tolist() == [0, 0] + [2] * 8
    assert video.boxes.tolist() == [[160, 240, 480, 540], [-320, 0, 80, 30]]
    assert np.array_equal(video.scores, SCORES[:, [1, 2, 3, 0]])


def test_amtnet(tmp_path: Path) -> None:
    _write(tmp_path, "000003.mat", loc=np.hstack([CORNERS, CORNERS + 9]))
    video = _read(tmp_path)
    assert video.offsets.tolist() == [0, 0, 0] + [2] * 7
    assert video.boxes.tolist() == [[160, 240, 480, 540], [-320, 0, 80, 30]]


def test_what_is_written(tmp_path: Path) -> None:
    _write(tmp_path / "read")
    write = FORMATS["road"].write_detections
    assert write
    write(tmp_path / "written", [_read(tmp_path / "read")], CONTEXT)
    files = sorted((tmp_path / "written").rglob("*.mat"))
    assert [file.name for file in files] == [f"{frame:05d}.mat" for frame in range(1, 10)]
    content = loadmat(files[1])
    assert content["scores"].dtype == content["loc"].dtype == np.float32
    assert np.array_equal(content["scores"], SCORES)
    assert np.array_equal(content["loc"], CORNERS)
    assert loadmat(files[0])["scores"].shape == (0, 4)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"loc": CORNERS * [[np.nan], [1]]}, "row 1: the box"),
        ({"loc": CORNERS[:, [0, 1, 0, 3]] - [[0] * 4, [0, 0, 1, 0]]}, "row 2: the corners"),
        ({"loc": CORNERS * np.float32(3e38)}, "is not finite"),
        ({"loc": CORNERS[:, :3]}, "four columns"),
        ({"loc": CORNERS[:1]}, "a row for each"),
        ({"loc": "text"}, "loc must be an array of numbers"),
        ({"scores": SCORES[:, :3]}, "scores must be an array of numbers with 4 columns"),
        ({"scores": SCORES * [[1], [np.nan]]}, "row 2: the score nan is not from 0 to 1"),
        ({"scores": SCORES * 2}, "row 1: the score 1.4 is not from 0 to 1"),
    ],
)
def test_wrong_arrays(changes: dict[str, object], told: str, tmp_path: Path) -> None:
    file = _write(tmp_path, **changes)
    with pytest.raises(InputError) as caught:
        _read(tmp_path)
    assert str(caught.value).startswith(f"{file}: ") and told in str(caught.value)


def test_wrong_files(tmp_path: Path) -> None:
    _write(tmp_path)
    twice = _write(tmp_path, "000002.mat")
    with pytest.raises(InputError, match="frame 2 is there twice, the other is 000002"):
        _read(tmp_path)
    twice.unlink()
    for number in (0, 10):
        late = _write(tmp_path, f"{number:05d}.mat")
        with pytest.raises(InputError, match=f"{late}: there is no frame {number} .* from 1 to 9"):
            _read(tmp_path)
        late.unlink()
    damaged = _write(tmp_path, "00001.mat")
    damaged.write_bytes(damaged.read_bytes()[:200])
    with pytest.raises(InputError, match=f"{damaged}: "):
        list(read_detections(tmp_path, CONTEXT, "road"))


@pytest.mark.parametrize("name", shipped_or_full("single_dunk_short", shipped="single_dunk_short"))
def test_a_reference_case_comes_back_exactly(name: str, tmp_path: Path) -> None:
    case = arrays(name)
    expected = detections_of(case, "Class/video")
    folder = tmp_path / "Class" / "video"
    folder.mkdir(parents=True)
    for frame in range(expected.frames):
        rows = slice(case["frame_ptr"][frame], case["frame_ptr"][frame + 1])
        scores = case["scores_q"][rows].astype(np.float32) / 65536
        loc = case["boxes"][rows] / np.array([320, 240] * 2, np.float32)
        savemat(folder / f"{frame + 1:05d}.mat", {"scores": scores, "loc": loc})
    context = Context(expected.classes, {"Class/video": expected}, 25.0)
    (found,) = read_detections(tmp_path, context)
    assert found == replace(expected, model="road")
