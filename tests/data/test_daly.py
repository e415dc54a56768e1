"""DALY's annotation, made small in the form that AMTNet has it in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data import DALY_CLASSES, LIRIS_CLASSES, InputError, open_dataset, read_daly
from tests.data.media import write_video


def _content() -> dict[str, Any]:
    drinking = {
        "class": 4,
        "sf": 2,
        "ef": 12,
        "frames": [4, 8],
        "bboxes": [[0.1, 0.1, 0.5, 0.9], [0.3, 0.1, 0.7, 0.9]],
    }
    phoning = {
        "class": "Phoning",
        "sf": 9,
        "ef": 9,
        "frames": [9],
        "bboxes": [[-0.1, 0, 0.5, 1.1]],
    }
    return {
        "annots": {
            "b": {"numf": 20, "annotations": [drinking, phoning]},
            "a": {"numf": 30, "annotations": []},
        },
        "vidList": ["b", "a"],
        "testvideos": ["a"],
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The annotation, the images of one video and the file of the other."""
    (tmp_path / "rgb-images/b").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "rgb-images/b/00001.jpg"), np.zeros((30, 40, 3), np.uint8))
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos/a.mp4")
    _write(tmp_path, _content())
    return tmp_path


def _write(root: Path, content: Any) -> None:
    (root / "finalAnnots.json").write_text(json.dumps(content))


def test_boxes_between_key_frames_are_interpolated(root: Path) -> None:
    annotations, key_frames = read_daly(root)
    assert annotations.classes == DALY_CLASSES
    assert annotations.splits == {"train": ("b",), "test": ("a",)}
    assert key_frames == {"b": ((4, 8), (9,)), "a": ()}
    video = annotations.videos["b"]
    assert (video.frames, video.width, video.height) == (20, 40, 30)
    first, second = video.tubes
    assert (first.label, first.start, first.end) == (4, 2, 12)
    expected = [4, 4, 4, 6, 8, 10, 12, 12, 12, 12]
    assert np.allclose(first.boxes[:, 0], expected)
    assert np.allclose(first.boxes[2], [4, 3, 20, 27])
    assert (second.label, second.start, second.end) == (7, 9, 10)
    assert second.boxes.tolist() == [[0, 0, 20, 30]]
    assert (annotations.videos["a"].width, annotations.videos["a"].height) == (64, 48)


def test_it_is_a_data_set(root: Path) -> None:
    dataset = open_dataset("daly", root)
    assert dataset.key_frames["b"] == ((4, 8), (9,))
    assert dataset.video_path("a") == root / "videos/a.mp4"


def _changed(**changes: Any) -> dict[str, Any]:
    content = _content()
    content["annots"]["b"]["annotations"][0].update(changes)
    return content


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (_changed(bboxes=[]), "0 boxes for 2 key frames"),
        (_changed(frames=[4, 4]), "a key frame twice"),
        (_changed(frames=[4, 25]), "within the 20 frames"),
        (_changed(**{"class": 10}), "no class 10"),
        (_changed(**{"class": "Sleeping"}), "not in tuple"),
        ({**_content(), "vidList": ["c"]}, "the video 'c' is not there"),
        ({"annots": {}}, "'vidList' is missing"),
        ([], "not the annotation of DALY"),
    ],
)
def test_wrong_content_is_refused(root: Path, content: Any, told: str) -> None:
    _write(root, content)
    with pytest.raises(InputError, match=told) as caught:
        read_daly(root)
    assert str(root / "finalAnnots.json") in str(caught.value)


def test_missing_and_damaged_files_are_refused(root: Path) -> None:
    (root / "finalAnnots.json").write_text("{")
    with pytest.raises(InputError, match="not a JSON file"):
        read_daly(root)
    (root / "finalAnnots.json").unlink()
    with pytest.raises(InputError, match="no annotation of DALY"):
        read_daly(root)


def test_liris_has_ten_classes() -> None:
    assert len(set(LIRIS_CLASSES)) == 10
    assert LIRIS_CLASSES[7] == "handshaking"
