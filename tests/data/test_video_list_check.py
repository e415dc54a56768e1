"""What is wrong with listed videos is named and counted before training starts."""

from __future__ import annotations

import shutil
import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest

from data import (
    ClipFrames,
    FrameNames,
    InputError,
    ListedVideo,
    check_listed_videos,
    frame_database,
    open_video,
    read_video_list,
)
from data.errors import InputErrors
from tests.data.frame_folders import RGB, cut, write_frames
from tests.data.media import FRAMES, write_video
from tests.data.test_frame_database import KEYED, SCHEMA, jpeg, write_database

BY_NAME = ClipFrames("RGB", RGB)


def told(checked_error: InputError) -> list[str]:
    assert isinstance(checked_error, InputErrors)
    return [str(error) for error in checked_error.errors]


@pytest.fixture
def listed(tmp_path: Path) -> list[ListedVideo]:
    """A list of good videos and of all that can be wrong with others."""
    root = tmp_path / "frames"
    for name in ("good 1", "good 2", "good 3", "label", "cut first", "cut last", "empty"):
        write_frames(root / name, 8)
    write_frames(root / "few", 6)
    write_frames(root / "short", 2)
    write_frames(root / "longer", 9)
    cut(root / "cut first" / "img_00001.jpg")
    cut(root / "cut last" / "img_00008.jpg")
    (root / "empty" / "img_00008.jpg").write_bytes(b"")
    (root / "no frames").mkdir()
    lines = [
        "good 1 8 0",
        "gone 8 0",
        "few 8 1",
        "good 2 8 2",
        "label 8 3",
        "label 8 -1",
        "cut first 8 0",
        "cut last 8 0",
        "",
        "empty 8 0",
        "no frames 8 0",
        "nothing 0 0",
        "short 2 1",
        "longer 8 1",
        "good 3 8 1",
        "gone 8 7",
    ]
    path = tmp_path / "list.txt"
    path.write_bytes("\r\n".join(lines).encode())
    return read_video_list(path, root=root)


@pytest.mark.parametrize("frames", [BY_NAME, ClipFrames()])
def test_all_is_named_and_counted(listed: list[ListedVideo], frames: ClipFrames) -> None:
    checked = check_listed_videos(listed, frames, classes=3, segments=3)
    good = ["good 1", "good 2", "longer", "good 3"]
    assert [video.name for video in checked.good] == good
    with pytest.raises(InputErrors) as caught:
        checked.usable(skip_bad=False)
    summary, *errors = told(caught.value)
    assert summary.startswith("11 of 15 listed videos cannot be used (")
    assert summary.endswith("; put them right, or add --skip_bad_videos")
    for line, reason in [
        (2, "not there" if frames is BY_NAME else "no such file or folder"),
        (3, "8 frames listed" if frames is BY_NAME else "has 6 frames, and 8 are listed"),
        (5, "label: the label is 3, and the 3 classes are counted from 0"),
        (6, "the label is -1"),
        (7, "img_00001.jpg: the image is damaged"),
        (8, "img_00008.jpg: the image is damaged"),
        (10, "img_00008.jpg"),
        (11, "is not there, and 8 frames listed" if frames is BY_NAME else "holds no images"),
        (12, "nothing"),
        (13, "has 2 frames, fewer than the 3 segments"),
        (16, "gone"),
        (16, "the label is 7"),
    ]:
        place = f"list.txt:{line}: "
        assert any(place in error and reason in error for error in errors), (line, reason, errors)
    assert len(errors) == 12
    # Good ones are left, and what was left out is told.
    assert [video.name for video in checked.usable(skip_bad=True)] == good
    first, second = checked.notes()
    assert first.startswith("11 of 15 listed videos cannot be used (")
    assert "and left out, such as " in first and "list.txt:2: " in first
    assert second.startswith("1 video with more frames than listed, such as ")
    assert "list.txt:14: " in second


def test_kinds_are_counted(listed: list[ListedVideo]) -> None:
    checked = check_listed_videos(listed, BY_NAME, classes=3, segments=3)
    (note, _) = checked.notes()
    inside = note[note.index("(") + 1 : note.index(")")]
    assert set(inside.split(", ")) == {
        "3 label out of range",
        "2 missing",
        "2 damaged",
        "2 empty",
        "2 wrong count",
        "1 too short",
    }


def test_nothing_to_tell(listed: list[ListedVideo]) -> None:
    checked = check_listed_videos(listed[:1] + listed[3:4], BY_NAME, classes=3)
    assert checked.usable(skip_bad=False) == [listed[0], listed[3]]
    assert checked.notes() == []


def test_nothing_left(listed: list[ListedVideo]) -> None:
    checked = check_listed_videos([listed[1]], BY_NAME, classes=3)
    with pytest.raises(InputErrors, match=r"1 of 1 listed video cannot be used \(1 missing\); put"):
        checked.usable(skip_bad=True)


def test_flow_needs_both_images(tmp_path: Path) -> None:
    names = FrameNames("flow_{}_{:05d}.jpg")
    folder = write_frames(tmp_path / "a", 4, names)
    video = ListedVideo("a", folder, 0, 4)
    frames = ClipFrames("Flow", names)
    assert check_listed_videos([video], frames, 1).good == [video]
    (folder / "flow_y_00004.jpg").unlink()
    (_, (problem,)) = check_listed_videos([video], frames, 1).bad[0]
    assert problem.kind == "wrong count" and "flow_y_00004.jpg is not there" in str(problem.error)


def test_counts_that_are_none(tmp_path: Path) -> None:
    """Also where more frames are there than listed."""
    write_frames(tmp_path / "a", 8)
    path = tmp_path / "list.txt"
    path.write_text("a 0 0\na -5 0\na 2 0\na 3 0\n")
    for frames in (BY_NAME, ClipFrames()):
        checked = check_listed_videos(read_video_list(path, root=tmp_path), frames, 1, segments=3)
        problems = [problem.kind for _, found in checked.bad for problem in found]
        assert problems == ["empty", "empty", "too short"]
        assert [video.frames for video in checked.good] == [3]


def test_what_is_listed_twice_is_told(tmp_path: Path) -> None:
    write_frames(tmp_path / "a", 8)
    path = tmp_path / "list.csv"
    path.write_text("a,0,4,0\na,4,8,0\na,0,4,1\n")
    checked = check_listed_videos(read_video_list(path), ClipFrames(), 2)
    assert len(checked.good) == 3
    (note,) = checked.notes()
    assert note.startswith(f"1 video listed more than once, such as {path}:3: a; ")


def test_folders_with_gaps_are_told(tmp_path: Path) -> None:
    for name, numbers in {
        "whole": range(3, 9),
        "gap": (1, 2, 3, 6, 7),
        "every second": range(0, 12, 2),
    }.items():
        folder = write_frames(tmp_path / name, 1)
        (image,) = folder.iterdir()
        for number in numbers:
            shutil.copy(image, folder / f"img_{number:03d}{image.suffix}")
        image.unlink()
    path = tmp_path / "list.csv"
    path.write_text("whole,,,0\ngap,,,0\nevery second,,,0\n")
    checked = check_listed_videos(read_video_list(path), ClipFrames(), 1)
    assert len(checked.good) == 3
    (note,) = checked.notes()
    assert note.startswith("1 folder in which images are left out, such as ")
    assert "gap between img_003" in note and " and img_006" in note


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".webm"])
def test_files_that_are_cut_short(tmp_path: Path, suffix: str) -> None:
    path = write_container(tmp_path / f"a{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with closing(open_video(path)) as reader, warnings.catch_warnings(action="ignore"):
        there = sum(1 for _ in reader)
    assert 5 < there < FRAMES
    lines = tmp_path / "list.csv"
    lines.write_text(f"{path.name},,,0\n{path.name},0,5,0\n{path.name},0,{FRAMES},0\n")
    checked = check_listed_videos(read_video_list(lines), ClipFrames(), 1)
    assert [problem.kind for _, found in checked.bad for problem in found] == ["wrong range"]
    assert [video.place[-1] for video in checked.good] == ["1", "2"]
    assert any(note.startswith("2 video files cut short, such as ") for note in checked.notes())


def write_container(path: Path) -> Path:
    """Writes a video that decodes picture by picture."""
    codec, format_of_pixels = (
        ("libvpx", "yuv420p")
        if path.suffix == ".webm"
        else (
            "mjpeg",
            "yuvj420p",
        )
    )
    noise = np.random.default_rng(0)
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, format_of_pixels
        for _ in range(FRAMES):
            image = noise.integers(256, size=(48, 64, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame.reformat(format=format_of_pixels)))
        container.mux(stream.encode())
    return path


def test_video_files_and_databases(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("no video")
    write_database(tmp_path / "b", range(1, 13))
    write_database(tmp_path / "broken", [1, 3])
    (tmp_path / "folder").mkdir()
    rows = [
        ("a.mp4", "", "", ""),
        ("a.mp4", 0, FRAMES, ""),
        ("a.mp4", 20, FRAMES + 1, "wrong range"),
        ("a.mp4", FRAMES, "", "wrong range"),
        ("a.mp4", 10, 12, "too short"),
        ("a.mp4", FRAMES - 2, "", "too short"),
        ("empty.mp4", "", "", "empty"),
        ("text.mp4", "", "", "damaged"),
        ("gone.mp4", "", "", "missing"),
        ("b", "", "", ""),
        ("b", 5, 12, ""),
        ("b", 5, 13, "wrong range"),
        ("broken", "", "", "damaged"),
        ("folder", "", "", "empty"),
    ]
    path = tmp_path / "own.csv"
    path.write_text("".join(f"{name},{start},{end},0\n" for name, start, end, _ in rows))
    videos = read_video_list(path)
    checked = check_listed_videos(videos, ClipFrames(), 1, segments=3)
    problems = {video.place: [problem.kind for problem in found] for video, found in checked.bad}
    for line, (name, start, end, kind) in enumerate(rows, 1):
        found = problems.get(f"{path}:{line}", [])
        assert found == ([kind] if kind else []), (name, start, end)
    (_, (problem,)) = checked.bad[0]
    assert f"has {FRAMES} frames, and the part from 20 to {FRAMES + 1} is listed" in str(
        problem.error
    )


def listed_databases(root: Path) -> list[ListedVideo]:
    """A list of two whole databases, and one for each kind of damage."""
    contents = [jpeg(number) for number in range(1, 9)]
    cut_in_half = [content[: len(content) // 2] for content in contents]
    write_database(root / "whole", range(1, 9), contents, SCHEMA)
    write_database(root / "keyed", range(1, 9), contents, KEYED)
    write_database(root / "hole", [1, 2, 3, 5, 6, 7, 8], contents[1:], KEYED)
    write_database(root / "first", range(1, 9), cut_in_half[:1] + contents[1:], KEYED)
    write_database(root / "last", range(1, 9), contents[:-1] + cut_in_half[-1:], SCHEMA)
    write_database(root / "middle", range(1, 9), [*contents[:3], b"", *contents[4:]], KEYED)
    cut(write_database(root / "half", range(1, 9), contents, KEYED) / "frames.db")
    (write_database(root / "text", range(1, 9)) / "frames.db").write_text("no database" * 999)
    write_database(root / "count", range(1, 9), contents, KEYED)
    (root / "count" / "n_frames").write_text("9")
    write_database(root / "locked", range(1, 9), contents, KEYED)
    names = ["whole", "hole", "keyed", "first", "last", "middle", "half", "text", "count", "locked"]
    (root / "list.txt").write_text("".join(f"{name} 8 0\n" for name in names))
    return read_video_list(root / "list.txt", root=root)


@pytest.mark.parametrize("frames", [BY_NAME, ClipFrames()])
def test_damage_to_databases_is_named_and_counted(
    tmp_path: Path, frames: ClipFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = listed_databases(tmp_path)
    monkeypatch.setattr(frame_database, "PATIENCE", 0.1)
    with closing(sqlite3.connect(tmp_path / "locked" / "frames.db")) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        checked = check_listed_videos(listed, frames, classes=1, segments=3)
    # What is damaged in the middle, nothing cheap would tell.
    good = ["whole", "keyed", "middle"]
    assert [video.name for video in checked.usable(skip_bad=True)] == good
    kinds = {video.name: [problem.kind for problem in found] for video, found in checked.bad}
    assert kinds.pop("locked") == ["locked"]
    damaged = ("hole", "first", "last", "half", "text", "count")
    assert kinds == {name: ["damaged"] for name in damaged}
    with pytest.raises(InputErrors) as caught:
        checked.usable(skip_bad=False)
    summary, *errors = told(caught.value)
    assert summary.startswith("7 of 10 listed videos cannot be used (6 damaged, 1 locked); put")
    for name, reason in [
        ("hole", "(frame 4 is missing)"),
        ("first", "frame 1: the image is damaged"),
        ("last", "frame 8: the image is damaged"),
        ("half", "(database disk image is malformed)"),
        ("text", "(file is not a database)"),
        ("count", "it holds 8 frames, and"),
        ("locked", "another process has been writing to this frame database for 0.1 seconds"),
    ]:
        assert any(f"{name}/frames.db" in error and reason in error for error in errors), errors


def test_databases_of_another_length_than_listed(tmp_path: Path) -> None:
    write_database(tmp_path / "a", range(1, 9), schema=KEYED)
    (tmp_path / "list.txt").write_text("a 9 0\na 7 0\n")
    listed = read_video_list(tmp_path / "list.txt", root=tmp_path)
    checked = check_listed_videos(listed, BY_NAME, 1)
    ((_, (problem,)),) = checked.bad
    assert problem.kind == "wrong count" and "has 8 frames, and 9 are listed" in str(problem.error)
    assert checked.good == checked.longer == listed[1:]
