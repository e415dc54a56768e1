"""Tubes as JSON: nothing is lost, and everything that is wrong is named with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import InputError, Tube, VideoTubes, load_tubes, save_tubes
from data.json_reader import JsonDocument
from data.tube_format import tube_problems
from tests.data import strategies

TUBE = Tube(
    start=3,
    boxes=np.array([[0.1, 0, 4, 5], [1, 1, 2, 2]], np.float32),
    scores=np.array([0.3, 0.7], np.float32),
    label=1,
    score=0.5,
    id=7,
)
VIDEO = VideoTubes("clip", 10, 16, 12, 25.0, ("run", "walk"), (TUBE,), "detector")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "tubes.json"
    save_tubes(file, [VIDEO])
    return file


@given(strategies.video_tubes())
def test_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, videos: list[VideoTubes]
) -> None:
    path = tmp_path_factory.getbasetemp() / "tubes.json"
    save_tubes(path, videos)
    loaded = load_tubes(path)
    assert loaded == videos
    for video, again in zip(videos, loaded, strict=True):
        for tube, tube_again in zip(video.tubes, again.tubes, strict=True):
            assert strategies.same_bits(tube.boxes, tube_again.boxes)
            assert strategies.same_bits(tube.scores, tube_again.scores)


def test_the_file_reads_as_documented(path: Path) -> None:
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "format": "action-tubes/tubes",
        "version": 1,
        "classes": ["run", "walk"],
        "model": "detector",
        "videos": [
            {
                "video": "clip",
                "frames": 10,
                "width": 16,
                "height": 12,
                "frame_rate": 25.0,
                "tubes": [
                    {
                        "id": 7,
                        "label": "walk",
                        "score": 0.5,
                        "start": 3,
                        "boxes": [[0.1, 0, 4, 5], [1, 1, 2, 2]],
                        "scores": [0.3, 0.7],
                    }
                ],
            }
        ],
    }
    assert "          [0.1, 0.0, 4.0, 5.0],\n" in path.read_text(encoding="utf-8")


def test_no_videos_at_all(tmp_path: Path) -> None:
    save_tubes(tmp_path / "tubes.json", [])
    assert load_tubes(tmp_path / "tubes.json") == []


def test_what_does_not_fit_into_one_file_is_refused(path: Path) -> None:
    before = path.read_bytes()
    other = VideoTubes("other", 10, 16, 12, 25.0, ("run", "jump"), (), "detector")
    for videos, error in [([VIDEO, other], "same classes and model"), ([VIDEO] * 2, "different")]:
        with pytest.raises(ValueError, match=f"videos must have .*{error}"):
            save_tubes(path, videos)
    assert path.read_bytes() == before


VIDEO_0 = r"videos\[0\]"
TUBE_0 = VIDEO_0 + r"\.tubes\[0\]"
BOX_1 = "[1.0, 1.0, 2.0, 2.0]"
WRONG = [
    ('"action-tubes/tubes"', '"tubes"', 2, "format must be \"action-tubes/tubes\", not 'tubes'"),
    ('"format"', '"fromat"', 1, 'format must be "action-tubes/tubes", not None'),
    ('"version": 1', '"version": 2', 3, "version must be 1, not 2"),
    ('"version": 1', '"version": true', 3, "version must be 1, not True"),
    ('"version": 1', '"version": "1"', 3, "version must be 1, not '1'"),
    ('"classes"', '"clases"', 1, "the file lacks the field 'classes'; add it"),
    ('["run", "walk"]', '{"run": 0}', 4, "classes must be a list in brackets"),
    ('["run", "walk"]', '["walk", "walk"]', 4, "classes must not hold 'walk' twice"),
    ('"detector"', "null", 5, "model must be a string, not None"),
    ('"videos": [', '"videos": [3,', 6, rf"{VIDEO_0} must be an object in braces, not 3"),
    ('"video":', '"name":', 7, rf"{VIDEO_0} lacks the field 'video'; add it"),
    ('"frames": 10', '"frames": 10.5', 9, rf"{VIDEO_0}\.frames must be a whole number"),
    ('"frames": 10', '"frames": 4', 21, rf"{TUBE_0}\.boxes must end with .* which has 4 frames"),
    ('"width": 16', '"width": 0', 10, rf"{VIDEO_0}\.width must be a whole number of at least 1"),
    ('"height": 12', '"height": "12"', 11, rf"{VIDEO_0}\.height must be .* not '12'"),
    ("25.0", "0", 12, rf"{VIDEO_0}\.frame_rate must be above 0"),
    ("25.0", "NaN", 12, rf"{VIDEO_0}\.frame_rate must be a finite number, not nan"),
    ('"tubes": [', '"tubes": [[],', 13, rf"{TUBE_0} must be an object in braces"),
    ('"id": 7', '"id": -1', 15, rf"{TUBE_0}\.id must be a whole number of at least 0"),
    ('"walk",\n', '"wlak",\n', 16, rf"{TUBE_0}\.label must be one of the classes, not 'wlak'"),
    ('"walk",\n', "1,\n", 16, rf"{TUBE_0}\.label must be a string, not 1"),
    ("0.5", "-Infinity", 17, rf"{TUBE_0}\.score must be a finite number, not -inf"),
    ("0.5", "1" + 400 * "0", 17, rf"{TUBE_0}\.score must be a finite number"),
    ('"start": 3', '"start": false', 18, rf"{TUBE_0}\.start must be a whole number"),
    ('"start": 3', '"start": 9', 21, rf"{TUBE_0}\.boxes must end .* not at frame 11 \(start 9 and"),
    ('"start": 3', '"start": 99', 20, rf"{TUBE_0}\.boxes must end .* not at frame 101"),
    (BOX_1, "[1.0, 1.0, 2.0]", 21, rf"{TUBE_0}\.boxes\[1\] must be four finite numbers"),
    (BOX_1, '[1.0, 1.0, 2.0, "2.0"]', 21, rf"{TUBE_0}\.boxes\[1\] must be four finite numbers"),
    (BOX_1, "[1.0, 1.0, 2.0, true]", 21, rf"{TUBE_0}\.boxes\[1\] must be four finite numbers"),
    (BOX_1, "[1.0, 1.0, 2.0, NaN]", 21, rf"{TUBE_0}\.boxes\[1\] must be four finite numbers"),
    (BOX_1, "[1.0, 1.0, 2.0, 1e39]", 21, rf"{TUBE_0}\.boxes\[1\] must be four finite numbers"),
    (BOX_1, '"box"', 21, rf"{TUBE_0}\.boxes\[1\] must be four .* not 'box'"),
    ("0.3, 0.7", "0.3", 23, rf"{TUBE_0}\.scores must hold one number for each of the 2 boxes"),
    ("0.3, 0.7", "0.3, null", 23, rf"{TUBE_0}\.scores\[1\] must be a finite number, not None"),
    ("[0.3, 0.7]", "0.3", 23, rf"{TUBE_0}\.scores must be a list in brackets, not 0.3"),
    ('"score": 0.5', '"score": 0.5,\n"id": 7', 18, rf"{TUBE_0}\.id is there twice"),
]


@pytest.mark.parametrize(("old", "new", "line", "error"), WRONG)
def test_what_is_wrong_is_named_with_its_line(
    path: Path, old: str, new: str, line: int, error: str
) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=f"{path}:{line}: {error}") as caught:
        load_tubes(path)
    assert "; " in str(caught.value)  # a remedy


def test_boxes_must_not_be_none_at_all(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    document["videos"][0]["tubes"][0] |= {"boxes": [], "scores": []}
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(
        InputError, match=rf"{path}:1: {TUBE_0}\.boxes must hold at least one box; "
    ):
        load_tubes(path)


def test_a_video_must_not_be_there_twice(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    document["videos"] *= 2
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError, match=r"videos\[1\]\.video 'clip' is there twice; remove one"):
        load_tubes(path)


def test_all_problems_are_named_and_the_first_is_raised(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in [('"walk",\n', '"wlak",\n'), ("0.5", "null"), ("[1.0, 1.0", "[1.0, {}")]:
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    problems = tube_problems(JsonDocument(path))
    assert [problem.split(" ")[:2] for problem in problems] == [
        [f"{path}:16:", "videos[0].tubes[0].label"],
        [f"{path}:17:", "videos[0].tubes[0].score"],
        [f"{path}:21:", "videos[0].tubes[0].boxes[1]"],
    ]
    with pytest.raises(InputError) as caught:
        load_tubes(path)
    assert str(caught.value) == (
        f"{problems[0]} (and 2 more: `python data/check.py {path}` names them all)"
    )


@given(data=st.data())
def test_a_changed_file_is_refused_or_right(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.json"
    save_tubes(path, [VIDEO])
    document: Any = json.loads(path.read_text(encoding="utf-8"))
    for _ in range(data.draw(st.integers(1, 3), "changes")):
        document = strategies.replaced(data.draw, document)
    path.write_text(json.dumps(document), encoding="utf-8")
    try:
        load_tubes(path)
    except InputError as error:
        assert str(error).startswith(f"{path}:")


@given(cut=st.integers(0, 600))
def test_a_truncated_file_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.getbasetemp() / "truncated.json"
    save_tubes(path, [VIDEO])
    content = path.read_bytes().rstrip()
    path.write_bytes(content[: min(cut, len(content) - 1)])
    with pytest.raises(InputError, match=f"{path}:[0-9]+: is not valid JSON"):
        load_tubes(path)
