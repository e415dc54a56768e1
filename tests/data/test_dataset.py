"""Data sets by name, and where their videos are found."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from data import Annotations, Dataset, InputError, VideoAnnotation, open_dataset, read_frames
from data import dataset as dataset_module
from data.media_index import find_media
from tests.data import test_jhmdb, test_ucf24


def _touch(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("videos/Run/a.1.mp4", "videos/Run/a.1.mp4"),
        ("videos/a.1.MKV", "videos/a.1.MKV"),
        ("clips/a.1.avi", "clips/a.1.avi"),
        ("clips/Run/a.1.webm", "clips/Run/a.1.webm"),
        ("Run/a.1.avi", "Run/a.1.avi"),
        ("a.1.avi", "a.1.avi"),
        ("UCF-101/Run/a.1.avi", "UCF-101/Run/a.1.avi"),
        ("ReCompress_Videos/Run/a.1.avi", "ReCompress_Videos/Run/a.1.avi"),
        ("rgb-images/Run/a.1/00001.jpg", "rgb-images/Run/a.1"),
        ("Frames/Run/a.1/00001.png", "Frames/Run/a.1"),
        ("Rename_Images/Run/a.1/00001.png", "Rename_Images/Run/a.1"),
        ("videos/Run/a.1.txt", None),
        ("videos/Run/a.2.mp4", None),
        ("elsewhere/deep/Run/a.1.mp4", None),
    ],
)
def test_media_is_found(file: str, found: str | None, tmp_path: Path) -> None:
    _touch(tmp_path, file)
    media = find_media(tmp_path, ["Run/a.1", "Run/missing"])
    assert media == ({} if found is None else {"Run/a.1": tmp_path / found})


def test_detections_are_no_data_set(tmp_path: Path) -> None:
    path = tmp_path / "clip.npz"
    path.write_bytes(b"PK")
    with pytest.raises(InputError, match=r"clip\.npz: .* is an annotation in JSON .*; name its"):
        open_dataset(path)


def test_images_come_before_videos_and_the_right_class_before_the_bare_name(
    tmp_path: Path,
) -> None:
    _touch(tmp_path, "videos/Run/a.mp4", "videos/Walk/a.mp4", "videos/a.mp4")
    _touch(tmp_path, "rgb-images/Walk/a/00001.jpg")
    assert find_media(tmp_path, ["Run/a", "Walk/a", "Sit/a"]) == {
        "Run/a": tmp_path / "videos/Run/a.mp4",
        "Walk/a": tmp_path / "rgb-images/Walk/a",
        "Sit/a": tmp_path / "videos/a.mp4",
    }


@pytest.mark.parametrize("below", [".", "ucf24"])
def test_ucf24_below_a_folder(below: str, tmp_path: Path) -> None:
    root = tmp_path / below
    root.mkdir(exist_ok=True)
    test_ucf24.write(root)
    (root / "splitfiles").mkdir()
    (root / "splitfiles/testlist02.txt").write_text(test_ucf24.FIRST)
    _touch(root, f"UCF-101/{test_ucf24.FIRST}.avi")
    dataset = open_dataset("ucf24", tmp_path)
    assert dataset.name == "ucf24"
    assert dataset.annotations.splits["test"] == (test_ucf24.SECOND,)
    assert dataset.video_path(test_ucf24.FIRST) == root / f"UCF-101/{test_ucf24.FIRST}.avi"
    assert open_dataset("ucf24", tmp_path, split=2).annotations.splits["test"] == (
        test_ucf24.FIRST,
    )
    with pytest.raises(InputError, match=f"{test_ucf24.SECOND}.*put it beside the annotation"):
        dataset.video_path(test_ucf24.SECOND)
    assert "ucf24" in repr(dataset) and "media=1" in repr(dataset)


def test_jhmdb21_below_a_folder(tmp_path: Path) -> None:
    test_jhmdb.FORMS["ACT"](tmp_path)
    dataset = open_dataset("jhmdb21", str(tmp_path), split=2)
    assert list(dataset.annotations.splits["test"]) == test_jhmdb.TRAIN


def test_the_embedded_data_set_is_rendered_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = dataset_module.render_dataset
    calls = []

    def render_few(root: Path) -> None:
        calls.append(root)
        render(root, train=7, test=7, frames=48)

    monkeypatch.setattr(dataset_module, "render_dataset", render_few)
    monkeypatch.chdir(tmp_path)
    dataset = open_dataset("embedded")
    assert dataset.media.keys() == dataset.annotations.videos.keys()
    assert {name: len(names) for name, names in dataset.annotations.splits.items()} == {
        "train": 7,
        "test": 7,
    }
    video = dataset.annotations.split("test")[0]
    path = dataset.video_path(video.name)
    assert tmp_path / "runs/data/embedded" in path.resolve().parents
    assert read_frames(path, [video.frames - 1])[0].shape == (video.height, video.width, 3)
    stamps = {file: file.stat().st_mtime_ns for file in (tmp_path / "runs").rglob("*")}
    again = open_dataset("embedded", tmp_path / "runs/data")
    assert again.annotations == dataset.annotations
    assert stamps == {file: file.stat().st_mtime_ns for file in (tmp_path / "runs").rglob("*")}
    assert len(calls) == 2


def test_the_embedded_data_set_overwrites_nothing(tmp_path: Path) -> None:
    _touch(tmp_path, "embedded/mine.txt", "file")
    with pytest.raises(InputError, match="another folder"):
        open_dataset("embedded", tmp_path)
    assert [file.name for file in (tmp_path / "embedded").iterdir()] == ["mine.txt"]
    with pytest.raises(InputError, match="another folder"):
        open_dataset("embedded", tmp_path / "file")


def test_an_annotation_file_of_ones_own(tmp_path: Path) -> None:
    videos = {
        name: {"file": file, "frames": 1, "width": 8, "height": 6, "tubes": []}
        for name, file in (("a", "media/a"), ("b", "media/b.mp4"), ("c", None))
    }
    content = {
        "format": "action-tubes/annotations",
        "version": 1,
        "classes": ["run"],
        "splits": {"test": ["a"]},
        "videos": videos,
    }
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(content))
    (tmp_path / "media/a").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "media/a/1.png"), np.zeros((6, 8, 3), np.uint8))
    dataset = open_dataset(path)
    assert (dataset.name, dataset.annotations.classes) == ("mine", ("run",))
    assert dataset.video_path("a") == tmp_path / "media/a"
    for name, told in (("b", "b.mp4"), ("c", "name its file in the annotation"), ("d", "'d'")):
        with pytest.raises(InputError, match=told):
            dataset.video_path(name)
    _touch(tmp_path, "videos/c.mp4", "videos/b.mp4")
    dataset = open_dataset(path)  # looked for where no file is named
    assert dataset.video_path("c") == tmp_path / "videos/c.mp4"
    assert dataset.media["b"] == tmp_path / "media/b.mp4"
    path.write_text("{}")
    with pytest.raises(InputError, match=r"mine\.json"):
        open_dataset(path)


@pytest.mark.parametrize(
    ("name", "root", "told"),
    [
        ("coco", None, "give one of daly, embedded, jhmdb21, ucf24, or the path of a JSON file"),
        ("none.json", None, "neither a data set nor an annotation file"),
        (".", None, "neither a data set nor an annotation file"),
        ("ucf24", None, "--data_root"),
        ("jhmdb21", "none", "no such folder"),
        ("ucf24", ".", "no annotation of UCF24"),
        ("jhmdb21", ".", "no J-HMDB annotation"),
    ],
)
def test_what_is_not_there_is_refused(
    name: str, root: str | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        open_dataset(name, root)
    assert told in str(caught.value)


def test_media_that_went_away_is_named(tmp_path: Path) -> None:
    annotations = Annotations((), {"a": VideoAnnotation("a", 1, 2, 2, ())}, {})
    dataset = Dataset("some", annotations, {"a": tmp_path / "a.mp4"})
    with pytest.raises(InputError, match=r"a\.mp4"):
        dataset.video_path("a")
