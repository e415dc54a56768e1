"""`python data/check.py`: everything wrong at once, and a count of what is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data import (
    Annotations,
    Detections,
    InputError,
    Tube,
    VideoAnnotation,
    VideoTubes,
    save_annotations,
    save_tubes,
)
from data.check import main
from data.tube_arrays import save_tube_arrays
from tests.data.media import write_video
from tests.data.test_frame_database import jpeg, write_database

ROOT = Path(__file__).parents[2]
CLASSES = ("run", "walk")
TUBE = Tube.ground_truth(3, [[0, 0, 16, 12], [1, 1, 2, 2]], 1, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file of each kind, and files of others."""
    clip = VideoAnnotation("clip", 10, 16, 12, (TUBE, TUBE))
    save_annotations(
        tmp_path / "annotations.json", Annotations(CLASSES, {"clip": clip}, {"all": ("clip",)}), {}
    )
    save_tubes(
        tmp_path / "deep" / "tubes.json",
        [VideoTubes("clip", 10, 16, 12, 25, (*CLASSES, "jump"), (TUBE,), "detector")],
    )
    Detections.from_frames(
        "clip",
        [(np.zeros((5, 4)), np.zeros((5, 3)))],
        width=16,
        height=12,
        frame_rate=25,
        classes=CLASSES,
        model="detector",
    ).save(tmp_path / "clip.npz")
    (tmp_path / "notes.txt").write_text("not ours")
    (tmp_path / ".left over.tmp.json").write_text("not whole")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("annotations.json", "1 video, 2 tubes, 4 boxes, 2 classes"),
        ("deep/tubes.json", "1 video, 1 tube, 2 boxes, 3 classes"),
        ("clip.npz", "1 video, 0 tubes, 5 boxes, 2 classes"),
    ],
)
def test_one_file_is_counted(
    folder: Path, name: str, counts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not main([str(folder / name)])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "note:" not in line] == [f"{folder / name}: {counts}"]


def test_tubes_as_arrays_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = VideoTubes("clip", 10, 16, 12, 25, CLASSES, (TUBE, TUBE), "detector")
    save_tube_arrays(tmp_path / "tubes.npz", [video])
    assert not main([str(tmp_path)])
    assert (
        capsys.readouterr().out == f"{tmp_path}/tubes.npz: 1 video, 2 tubes, 4 boxes, 2 classes\n"
    )


def test_every_reversed_box_of_detections_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [([[0, 0, 5, 5], [9, 0, 5, 5]], np.zeros((2, 3))), ([[0, 6, 5, 5]], np.zeros((1, 3)))]
    Detections.from_frames(
        "v", frames, width=16, height=12, frame_rate=25, classes=CLASSES, model="m"
    ).save(tmp_path / "v.npz")
    with pytest.raises(InputError, match="2 problems in 1 of 1 file"):
        main([str(tmp_path / "v.npz")])
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"{tmp_path}/v.npz: frame {frame}: the corners of the box {box} are reversed; "
        "write x1, y1, x2, y2 with x1 <= x2 and y1 <= y2"
        for frame, box in enumerate(([9.0, 0.0, 5.0, 5.0], [0.0, 6.0, 5.0, 5.0]))
    ]


def test_every_frame_of_databases_is_decoded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = write_database(tmp_path / "whole", range(1, 9))
    (tmp_path / "other.db").write_text("no database of ours")
    assert not main([str(tmp_path)])
    assert capsys.readouterr().out == f"{whole}/frames.db: 1 video, 0 tubes, 0 boxes, 0 classes\n"
    contents = [jpeg(number) for number in range(1, 9)]
    contents[4] = contents[4][:-20]
    damaged = write_database(tmp_path / "damaged", range(1, 9), contents)
    with pytest.raises(InputError, match="1 problem in 1 of 2 files"):
        main([str(tmp_path)])
    assert (
        f"{damaged}/frames.db: frame 5: the image is damaged or not an image; convert the video "
        "again\n"
    ) in capsys.readouterr().out


def test_a_folder_is_counted_file_by_file_and_in_all(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not main([str(folder)])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "note:" not in line] == [
        f"{folder}/annotations.json: 1 video, 2 tubes, 4 boxes, 2 classes",
        f"{folder}/clip.npz: 1 video, 0 tubes, 5 boxes, 2 classes",
        f"{folder}/deep/tubes.json: 1 video, 1 tube, 2 boxes, 3 classes",
        "3 files: 3 videos, 3 tubes, 11 boxes, 3 classes",
    ]


def test_json_of_others_is_said_not_to_be_checked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "run.json").write_text('{"options": {}}')
    assert not main([str(folder)])
    assert f"{folder}/run.json: not checked" in capsys.readouterr().out


def test_every_wrong_file_line_and_field_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    annotations = folder / "annotations.json"
    text = annotations.read_text(encoding="utf-8")
    annotations.write_text(
        text.replace('"walk",\n', '"fly",\n', 1).replace("16.0", "17.0", 1), encoding="utf-8"
    )
    tubes = folder / "deep" / "tubes.json"
    tubes.write_text(tubes.read_text(encoding="utf-8").replace("25.0", "0", 1), encoding="utf-8")
    detections = folder / "clip.npz"
    detections.write_bytes(detections.read_bytes()[:-30])
    (folder / "half.json").write_text('{"format":\n')
    with pytest.raises(InputError) as caught:
        main([str(folder)])
    assert str(caught.value) == (
        f"{folder}: 5 problems in 4 of 4 files; correct what is named above"
    )
    output = capsys.readouterr().out
    for problem in [
        f"{annotations}:16: videos.clip.tubes[0].label must be one of the classes, not 'fly'",
        f"{annotations}:19: videos.clip.tubes[0].boxes[0] reaches out of the frame",
        f"{tubes}:12: videos[0].frame_rate must be above 0, not 0",
        f"{detections}: is damaged",
        f"{folder}/half.json:2: is not valid JSON",
    ]:
        assert problem in output
    # What is wrong is counted all the same.
    assert f"{annotations}: 1 video, 2 tubes, 4 boxes, 2 classes" in output
    assert "half.json: 0 videos" not in output


def _write_annotation(path: Path, splits: dict[str, list[str]], **media: str | None) -> None:
    """An annotation of videos of 30 frames of 64x48, in which somebody walks."""
    tube = {"label": "walk", "start": 0, "boxes": [[0, 0, 10, 10]]}
    videos = {
        name: {"file": file, "frames": 30, "width": 64, "height": 48, "tubes": [tube]}
        for name, file in media.items()
    }
    content = {"classes": ["run", "walk"], "splits": splits, "videos": videos}
    path.write_text(
        json.dumps({"format": "action-tubes/annotations", "version": 1, **content}, indent=1),
        encoding="utf-8",
    )


def test_videos_are_read_from_beginning_to_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(tmp_path / "whole.mp4")
    write_video(tmp_path / "short.mp4", frames=28)
    write_video(tmp_path / "large.mp4", width=80)
    cut = write_video(tmp_path / "cut.mp4", index_first=True)
    cut.write_bytes(cut.read_bytes()[:-4000])
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "images").mkdir()
    path = tmp_path / "a.json"
    names = ("whole", "short", "large", "cut", "empty", "missing")
    media = {name: f"{name}.mp4" for name in names}
    _write_annotation(path, {}, **media, images="images", none=None)
    with pytest.raises(InputError, match="6 problems in 1 of 1 file"):
        main([str(path)])
    problems = [line for line in capsys.readouterr().out.splitlines() if "videos." in line]
    for problem, told in zip(
        problems,
        [
            "videos.short.frames must be that of the video, 28, not 30; correct it",
            "videos.large.width must be that of the video, 80, not 64; correct it",
            "cut.mp4 is cut short or damaged",
            "the file is empty",
            "videos.missing.file is not there",
            "videos.images.file: ",
        ],
        strict=True,
    ):
        assert told in problem and problem.startswith(f"{path}:")
    _write_annotation(path, {}, whole="whole.mp4", again="whole.mp4")
    assert not main([str(path)])


def test_classes_that_are_not_used_are_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.json"
    _write_annotation(path, {"train": [], "test": ["clip"]}, clip=None)
    assert not main([str(path)])
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"note: {path}: no tube has the class 'run'; leave it out if none will",
        f"note: {path}: no video of split 'train' has the class 'walk', so it is not learned",
    ]


@pytest.mark.parametrize(
    "root",
    [
        {"classes": 3, "videos": 3},
        {"classes": [[], {}], "videos": [3, {"tubes": 3}, {"tubes": [3, {"boxes": 3}]}]},
        {"videos": {"clip": {"tubes": {}}}},
    ],
)
@pytest.mark.parametrize("kind", ["action-tubes/annotations", "action-tubes/tubes"])
def test_anything_can_be_counted(tmp_path: Path, kind: str, root: dict[str, object]) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"format": kind, "version": 1, **root}), encoding="utf-8")
    with pytest.raises(InputError, match=r"problem.* in 1 of 1 file;"):
        main([str(path)])


def test_what_holds_nothing_to_check_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    for path, error in [
        (tmp_path, "holds no annotations, tubes, detections or frame databases"),
        (tmp_path / "a.json", "holds no annotations, tubes, detections or frame databases"),
        (tmp_path / "none", "no such file or folder"),
    ]:
        with pytest.raises(InputError, match=f"{path}: {error}"):
            main([str(path)])


@pytest.mark.parametrize("command", [["data/check.py"], ["-m", "data.check"]])
def test_the_command_exits_with_2_and_one_sentence(folder: Path, command: list[str]) -> None:
    def check(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command, *arguments], cwd=ROOT, capture_output=True, text=True
        )

    good = check(str(folder))
    assert (good.returncode, good.stderr) == (0, "")
    (folder / "clip.npz").write_bytes(b"")
    bad = check(str(folder))
    assert (bad.returncode, bad.stderr.count("\n")) == (2, 1)
    assert bad.stderr.startswith(f"error: {folder}: 1 problem in 1 of 3 files;")
    assert check("--help").stdout.count("example: ") == 1
