"""The annotation format: nothing is lost, and users learn of every mistake with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import (
    Annotations,
    InputError,
    Tube,
    VideoAnnotation,
    find_problems,
    load_annotations,
    save_annotations,
)
from tests.data import strategies

ANNOTATIONS = Annotations(
    classes=("run", "walk"),
    videos={
        "clip": VideoAnnotation(
            "clip", 10, 16, 12, (Tube.ground_truth(3, [[0.5, 0, 16, 12], [1, 1, 2, 2]], 1, 0),)
        )
    },
    splits={"train": ("clip",), "test": ()},
)
TEXT = """\
{
  "format": "action-tubes/annotations",
  "version": 1,
  "classes": ["run", "walk"],
  "splits": {
    "train": ["clip"],
    "test": []
  },
  "videos": {
    "clip": {
      "file": "videos/clip.mp4",
      "frames": 10,
      "width": 16,
      "height": 12,
      "tubes": [
        {
          "label": "walk",
          "start": 3,
          "boxes": [
            [0.5, 0.0, 16.0, 12.0],
            [1.0, 1.0, 2.0, 2.0]
          ]
        }
      ]
    }
  }
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "annotations.json"
    file.write_text(TEXT, encoding="utf-8")
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "clip.mp4").touch()
    return file


def test_the_file_is_written_as_documented(path: Path, tmp_path: Path) -> None:
    written = tmp_path / "written.json"
    save_annotations(written, ANNOTATIONS, {"clip": tmp_path / "videos" / "clip.mp4"})
    assert written.read_text(encoding="utf-8") == TEXT


def test_the_file_is_read(path: Path, tmp_path: Path) -> None:
    annotations, media = load_annotations(path)
    assert annotations == ANNOTATIONS
    assert media == {"clip": tmp_path / "videos" / "clip.mp4"}
    assert find_problems(path) == []


@given(strategies.annotations())
def test_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, annotations: Annotations
) -> None:
    path = tmp_path_factory.getbasetemp() / "annotations.json"
    save_annotations(path, annotations, {})
    loaded, media = load_annotations(path)
    assert loaded == annotations
    assert list(loaded.videos) == list(annotations.videos)
    assert media == {}
    assert find_problems(path) == []


def test_media_are_found_from_where_the_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "film.mp4").touch()
    monkeypatch.chdir(tmp_path)
    save_annotations("sub/annotations.json", ANNOTATIONS, {"clip": "film.mp4"})
    document = json.loads(Path("sub/annotations.json").read_text(encoding="utf-8"))
    assert document["videos"]["clip"]["file"] == "../film.mp4"
    assert find_problems("sub/annotations.json") == []
    monkeypatch.chdir("sub")
    assert load_annotations("annotations.json")[1]["clip"].exists()


def test_missing_videos_are_a_problem_of_the_file_but_do_not_prevent_reading(path: Path) -> None:
    (path.parent / "videos" / "clip.mp4").unlink()
    assert load_annotations(path)[0] == ANNOTATIONS
    assert find_problems(path) == [
        f"{path}:11: videos.clip.file is not there ({path.parent}/videos/clip.mp4); "
        "correct the path or write null"
    ]


CLIP = r"videos\.clip"
TUBE = CLIP + r"\.tubes\[0\]"
BOX = "[1.0, 1.0, 2.0, 2.0]"
WRONG = [
    ('"action-tubes/annotations"', "7", 2, 'format must be "action-tubes/annotations", not 7'),
    ('"version": 1', '"version": 3', 3, "version must be 1, not 3"),
    ('"version": 1,', "", 1, "version must be 1, not None"),
    ('["run", "walk"]', '["walk", "run", "walk"]', 4, "classes must not hold 'walk' twice"),
    ('["run", "walk"]', '["walk", 1]', 4, "classes must be a string, not 1"),
    ('["run", "walk"]', '["walk", ""]', 4, "classes must not hold an empty name"),
    ('["run", "walk"]', '"walk"', 4, "classes must be a list in brackets, not 'walk'"),
    ('"splits"', '"split"', 1, "the file lacks the field 'splits'"),
    ('["clip"]', '["clap"]', 6, r"splits\.train\[0\] must be the name of a video .* not 'clap'"),
    ('["clip"]', '["clip", "clip"]', 6, r"splits\.train\[1\] 'clip' is there twice; remove one"),
    ('["clip"]', "[[]]", 6, r"splits\.train\[0\] must be the name of a video in videos, not \[\]"),
    ('["clip"]', '"clip"', 6, r"splits\.train must be a list in brackets, not 'clip'"),
    ('"clip": {', '"clip": [], "clop": {', 10, f"{CLIP} must be an object in braces"),
    ('"file"', '"path"', 10, f"{CLIP} lacks the field 'file'; add it"),
    ('"videos/clip.mp4"', "[]", 11, rf"{CLIP}\.file must be the path of a video or null"),
    ('"videos/clip.mp4"', '""', 11, rf"{CLIP}\.file must be the path of a video or null"),
    ('"frames": 10', '"frames": 0', 12, rf"{CLIP}\.frames must be a whole number of at least 1"),
    ('"frames": 10', '"frames": "10"', 12, rf"{CLIP}\.frames must be .* not '10'"),
    ('"frames": 10', '"frames": 4', 21, rf"{TUBE}\.boxes must end with the video, .* 4 frames"),
    ('"width": 16', '"width": 16.0', 13, rf"{CLIP}\.width must be a whole number"),
    ('"height": 12', '"height": null', 14, rf"{CLIP}\.height must be a whole number"),
    ('"tubes": [', '"tubes": [1,', 15, rf"{TUBE} must be an object in braces, not 1"),
    (
        '"label": "walk"',
        '"label": "Walk"',
        17,
        rf"{TUBE}\.label must be one of the classes, not 'W",
    ),
    ('"label": "walk"', '"label": 1', 17, rf"{TUBE}\.label must be a string, not 1"),
    ('"label"', '"class"', 16, rf"{TUBE} lacks the field 'label'"),
    ('"start": 3', '"start": -3', 18, rf"{TUBE}\.start must be a whole number of at least 0"),
    ('"start": 3', '"start": 9', 21, rf"{TUBE}\.boxes must end .* remove the boxes past the end"),
    ('"start": 3', '"start": 3, "id": "a"', 18, rf"{TUBE}\.id must be a whole number"),
    (BOX, "[1, 1, 2]", 21, rf"{TUBE}\.boxes\[1\] must be four finite numbers x1, y1, x2, y2, not"),
    (BOX, "[1, 1, 2, NaN]", 21, rf"{TUBE}\.boxes\[1\] must be four finite numbers"),
    (BOX, "[1, 1, 2, null]", 21, rf"{TUBE}\.boxes\[1\] must be four finite numbers"),
    (BOX, "[2, 1, 1, 2]", 21, rf"{TUBE}\.boxes\[1\] has no positive width and height: \[2.0, 1.0,"),
    (BOX, "[1, 2, 2, 1]", 21, rf"{TUBE}\.boxes\[1\] has no positive width .* with x1 < x2 and y1"),
    (BOX, "[1, 1, 1, 2]", 21, rf"{TUBE}\.boxes\[1\] has no positive width"),
    (BOX, "[-0.01, 1, 2, 2]", 21, rf"{TUBE}\.boxes\[1\] reaches out of the frame: \[-0.01, 1.0,"),
    (BOX, "[1, -1, 2, 2]", 21, rf"{TUBE}\.boxes\[1\] reaches out of the frame"),
    (BOX, "[1, 1, 16.001, 2]", 21, rf"{TUBE}\.boxes\[1\] reaches .* clip it to 0, 0, 16, 12$"),
    (BOX, "[1, 1, 2, 13]", 21, rf"{TUBE}\.boxes\[1\] reaches out of the frame"),
    (BOX, "[1e30, 1, 2e30, 2]", 21, rf"{TUBE}\.boxes\[1\] reaches out of the frame"),
    ('"height": 12', '"height": 12, "width": 16', 14, rf"{CLIP}\.width is there twice"),
    ("}\n  }\n}", '},\n"clip": null}}', 26, f"{CLIP} is there twice"),
]


@pytest.mark.parametrize(("old", "new", "line", "error"), WRONG)
def test_what_is_wrong_is_named_with_its_line(
    path: Path, old: str, new: str, line: int, error: str
) -> None:
    assert old in TEXT
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=f"{path}:{line}: {error}") as caught:
        load_annotations(path)
    assert "; " in str(caught.value)  # a remedy
    assert find_problems(path)[0].startswith(f"{path}:{line}: ")


def test_everything_is_named_at_once(path: Path) -> None:
    text = TEXT
    for old, new in [
        ('["clip"]', '["clap"]'),
        ("videos/clip.mp4", "nowhere.mp4"),
        ('"width": 16', '"width": -16'),
        ('"label": "walk"', '"label": "fly"'),
        ("[0.5, 0.0, 16.0, 12.0]", "[0.5, 0.0, 1.0]"),
        (BOX, f"{BOX},\n            [5, 1, 2, 2],\n            [1, 1, 2, 99]"),
        ('"frames": 10', '"frames": 5'),
    ]:
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    problems = find_problems(path)
    assert [problem.removeprefix(f"{path}:").split(" ")[:2] for problem in problems] == [
        ["6:", "splits.train[0]"],
        ["11:", "videos.clip.file"],
        ["13:", "videos.clip.width"],
        ["17:", "videos.clip.tubes[0].label"],
        ["20:", "videos.clip.tubes[0].boxes[0]"],
        ["22:", "videos.clip.tubes[0].boxes"],
        ["22:", "videos.clip.tubes[0].boxes[2]"],
        ["23:", "videos.clip.tubes[0].boxes[3]"],
    ]
    with pytest.raises(InputError) as caught:
        load_annotations(path)
    # The missing video is found by the checker only.
    assert str(caught.value) == (
        f"{problems[0]} (and 6 more: `python data/check.py {path}` names them all)"
    )


def test_labels_cannot_be_judged_without_classes(path: Path) -> None:
    path.write_text(TEXT.replace('["run", "walk"]', "null"), encoding="utf-8")
    assert len(find_problems(path)) == 1


@pytest.mark.parametrize("name", ["none.json", "."])
def test_what_is_no_file_is_one_problem(tmp_path: Path, name: str) -> None:
    assert len(find_problems(tmp_path / name)) == 1
    with pytest.raises(InputError, match=str(tmp_path)):
        load_annotations(tmp_path / name)


@given(data=st.data())
def test_a_changed_file_is_refused_or_right(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.json"
    document: Any = json.loads(TEXT)
    for _ in range(data.draw(st.integers(1, 3), "changes")):
        document = strategies.replaced(data.draw, document)
    path.write_text(json.dumps(document), encoding="utf-8")
    problems = find_problems(path)
    assert all(problem.startswith(f"{path}:") for problem in problems)
    content_problems = [problem for problem in problems if ".file is not there" not in problem]
    if content_problems:
        with pytest.raises(InputError) as caught:
            load_annotations(path)
        assert str(caught.value).startswith(content_problems[0])
    else:
        load_annotations(path)


def test_failure_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("data.files.os.replace", fail)
    with pytest.raises(OSError, match="No space left"):
        save_annotations(path, ANNOTATIONS, {})
    assert path.read_text(encoding="utf-8") == TEXT
    assert sorted(file.name for file in path.parent.iterdir()) == ["annotations.json", "videos"]
