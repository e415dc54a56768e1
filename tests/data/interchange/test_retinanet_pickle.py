"""3D-RetinaNet's pickles."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import FORMATS, Detections, InputError, load_pickle, read_detections, read_tubes
from tests.data.interchange.samples import CONTEXT

# x1, y1, x2, y2 of an image of 682x512, agentness, three classes.
ROWS = np.array(
    [[0, 0, 682, 512, 0.75, 0.5, 0.25, 0.125], [-341, 64, 341, 640, 0.25, 1, 0, 0.5]], np.float32
)


def _write(folder: Path, content: Any, name: str = "00002.pkl", protocol: int = 4) -> Path:
    file = folder / "walk" / "clip" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pickle.dumps(content, protocol))
    return file


def _read(folder: Path) -> Detections:
    (video,) = read_detections(folder, CONTEXT, "retinanet3d")
    return video


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("content", [ROWS, {"ego": np.zeros(7, np.float32), "main": ROWS}])
def test_detections(content: Any, protocol: int, tmp_path: Path) -> None:
    _write(tmp_path, content, protocol=protocol)
    _write(tmp_path, np.zeros((0, 8), np.float32), "00001.pkl")
    video = _read(tmp_path)
    assert (video.video, video.frames) == ("walk/clip", 9)
    assert video.offsets.tolist() == [0, 0] + [2] * 8
    assert video.boxes.tolist() == [[0, 0, 640, 480], [-320, 60, 320, 600]]
    # The background has what agentness leaves.
    assert video.scores.tolist() == [[0.5, 0.25, 0.125, 0.25], [1, 0, 0.5, 0.75]]


def test_what_is_written(tmp_path: Path) -> None:
    _write(tmp_path / "read", ROWS)
    write = FORMATS["retinanet3d"].write_detections
    assert write
    write(tmp_path / "written", [_read(tmp_path / "read")], CONTEXT)
    content = load_pickle(tmp_path / "written" / "walk" / "clip" / "00002.pkl")
    assert content.dtype == np.float32
    assert content.tolist() == ROWS.tolist()


TUBE = {
    "label_id": np.int64(2),
    "score": np.float32(0.5),
    "scores": np.array([0.25, 0.75], np.float32),
    "frames": np.array([3, 4]),
    "boxes": ROWS[:, :4],
}


def test_tubes(tmp_path: Path) -> None:
    file = _write(tmp_path, {"walk/clip": [TUBE, TUBE | {"label_id": 0}], "run/other": []})
    videos = list(read_tubes(file, CONTEXT))
    assert [video.video for video in videos] == ["walk/clip", "run/other"]
    first, second = videos[0].tubes
    assert (first.id, first.label, first.start, first.score) == (0, 2, 2, 0.5)
    assert first.boxes.tolist() == [[0, 0, 640, 480], [-320, 60, 320, 600]]
    assert first.scores.tolist() == [0.25, 0.75]
    assert (second.id, second.label) == (1, 0)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (ROWS * [[1] * 8, [np.nan] * 8], "row 2: the"),
        (ROWS[:, [2, 1, 0, 3, 4, 5, 6, 7]], "row 1: the corners of the box"),
        (ROWS * [1, 1, 1, 1, 2, 1, 1, 1], "row 1: the score 1.5 is not from 0 to 1"),
        (ROWS[:, :-1], "the detections must be an array of numbers with 8 columns"),
        (ROWS[0], "the detections must be an array of numbers with 8 columns"),
        ({"ego": ROWS}, "the detections must be an array of numbers with 8 columns, not dict"),
    ],
)
def test_wrong_detections(content: Any, told: str, tmp_path: Path) -> None:
    file = _write(tmp_path, content)
    with pytest.raises(InputError) as caught:
        _read(tmp_path)
    assert str(caught.value).startswith(f"{file}: ") and told in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"label_id": 3}, "there is no class 3"),
        ({"label_id": None}, "label_id must be a finite number"),
        ({"score": np.inf}, "score must be a finite number"),
        ({"scores": np.array([0.5, np.nan])}, "scores must hold finite numbers only"),
        ({"scores": np.zeros(3)}, "scores must have the shape (2)"),
        ({"boxes": ROWS[:1, :4]}, "boxes must have the shape (2, 4)"),
        ({"boxes": ROWS[:, [2, 1, 0, 3]]}, "row 1: the corners"),
        ({"frames": np.array([3, 5])}, "row 2: frame 5 must be the one after"),
        ({"frames": np.array([9, 10])}, "row 2: there is no frame 10"),
        ({"frames": [[3], [4]]}, "frames must be an array"),
        ({"frames": [], "boxes": np.zeros((0, 4)), "scores": np.zeros(0)}, "has no boxes"),
    ],
)
def test_wrong_tubes(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    file = _write(tmp_path, {"walk/clip": [TUBE, TUBE | changes]})
    with pytest.raises(InputError) as caught:
        list(read_tubes(file, CONTEXT))
    assert str(caught.value).startswith(f"{file}: tube 2 of 'walk/clip'")
    assert told in str(caught.value)


@pytest.mark.parametrize("content", [[TUBE], {"walk/clip": TUBE}, {"walk/clip": [{}]}, {1: [TUBE]}])
def test_what_are_no_tubes(content: Any, tmp_path: Path) -> None:
    file = _write(tmp_path, content)
    with pytest.raises(InputError, match=f"{file}: must be a dict from videos to lists of tubes"):
        list(read_tubes(file, CONTEXT, "retinanet3d"))
