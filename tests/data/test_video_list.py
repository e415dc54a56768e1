"""Lists of videos: the published layouts, CSV, class names, and what is wrong with them."""

from __future__ import annotations

import csv
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data import (
    InputError,
    ListedVideo,
    csv_class_names,
    read_class_names,
    read_video_list,
    write_video_list,
)
from data.errors import InputErrors
from tests.data.reference import needs_samples

# What a line of text can hold, without white space at its ends.
names = st.text(
    st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")), min_size=1, max_size=20
).filter(lambda name: name == name.strip())
numbers = st.integers(0, 10**9 - 1)


def written(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path


@given(st.lists(st.tuples(names, numbers, numbers), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_what_was_written_is_read(rows: list[tuple[str, int, int]], line_end: str) -> None:
    videos = [ListedVideo(name, Path("root") / name, label, frames) for name, frames, label in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list.txt")
        write_video_list(path, videos)
        path.write_bytes(path.read_bytes().replace(b"\n", line_end.encode()))
        found = read_video_list(path, root="root")
    assert found == videos
    assert [video.place for video in found] == [f"{path}:{i + 1}" for i in range(len(rows))]


@given(
    st.lists(
        st.tuples(
            names, st.one_of(st.none(), st.integers(0, 99)), st.integers(0, 9), st.integers(0, 3)
        ),
        min_size=1,
    ),
    st.booleans(),
)
def test_csv_that_was_written_is_read(
    rows: list[tuple[str, int | None, int, int]], header: bool
) -> None:
    classes = ["walk", "run, fast", "1", 'say "hello"']
    videos = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if header:
                writer.writerow(["video", "start", "end", "label"])
            for name, start, length, label in rows:
                end = None if start is None else start + length + 1
                writer.writerow([name, start, end, classes[label]])
                videos.append(ListedVideo(name, Path(folder) / name, label, None, start or 0, end))
        if not header and {"video", "label"} <= {str(value).lower() for value in rows[0]}:
            return
        assert read_video_list(path, classes=classes) == videos
        used = {classes[label] for *_, label in rows}
        assert set(csv_class_names(path)) == (set() if used == {"1"} else used)


@given(
    st.binary(max_size=200), st.sampled_from([".txt", ".csv"]), st.sampled_from(["image", "video"])
)
@example(b"a 99999999999999999999 1\n", ".txt", "image")
@example(b"a \xef\xbc\x91 2\n", ".txt", "image")  # a digit of another script
@example(b"a\0 1 2\n", ".txt", "image")
@example(b'"a,1\n', ".csv", "image")
@example(b"a\0,,,1\n", ".csv", "image")
@example(b"x" * 140_000 + b",,,1\n", ".csv", "image")
def test_any_bytes_are_a_list_or_refused(content: bytes, suffix: str, data_type: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"list{suffix}")
        path.write_bytes(content)
        for read in (
            lambda: read_video_list(path, data_type=data_type),  # type: ignore[arg-type]
            lambda: read_class_names(path),
            lambda: csv_class_names(path),
        ):
            try:
                read()
            except InputError as error:
                assert str(path) in str(error)


def test_a_published_list(tmp_path: Path) -> None:
    text = "\ufeffv_a.avi 120 0\r\n\r\n  playing guitar/a b\t77  5 \r\n/elsewhere/c 3 1"
    path = written(tmp_path / "list.txt", text)
    first, second, third = read_video_list(path)
    assert first == ListedVideo("v_a.avi", Path("v_a.avi"), 0, 120)
    assert second == ListedVideo("playing guitar/a b", Path("playing guitar/a b"), 5, 77)
    assert second.place == f"{path}:3"
    assert third.path == Path("/elsewhere/c")
    first, second, third = read_video_list(path, root="frames")
    assert (first.name, first.path) == ("v_a.avi", Path("frames/v_a.avi"))
    assert third.path == Path("/elsewhere/c")  # as os.path.join has it


def test_flow_of_the_published_loaders(tmp_path: Path) -> None:
    path = written(tmp_path / "list.txt", "v_a.avi 120 0\nv_b 77 5\nv_c 0 1\n")
    halved = read_video_list(path, root="r", flow_rule="halved")
    assert [(video.name, video.frames) for video in halved] == [
        ("v_a.avi", 60),
        ("v_b", 38),
        ("v_c", 0),
    ]
    flow = read_video_list(path, root="r", flow_rule="seqvlad")
    assert [(video.name, video.path, video.frames) for video in flow] == [
        ("v_a", Path("r/v_a"), 119),
        ("v_b", Path("r/v_b"), 76),
        ("v_c", Path("r/v_c"), 0),
    ]


def test_video_files_of_lsnet(tmp_path: Path) -> None:
    path = written(tmp_path / "list.txt", "my clips/a.mp4 1\nb 2.avi 27\n")
    found = read_video_list(path, root="videos", data_type="video")
    assert found == [
        ListedVideo("my clips/a.mp4", Path("videos/my clips/a.mp4"), 0),
        ListedVideo("b 2.avi", Path("videos/b 2.avi"), 26),
    ]
    written(path, "a.mp4 0\n")
    with pytest.raises(
        InputError, match=r"list.txt:1: the label is 0, and lists .* count .* from 1"
    ):
        read_video_list(path, data_type="video")


def test_csv(tmp_path: Path) -> None:
    path = written(
        tmp_path / "own.CSV",
        '\ufefflabel,Video,end,start,notes\r\n"run, fast",a.mp4,,,x\r\n\r\n1,b.mp4,30,10,\r\n',
    )
    assert csv_class_names(path) == ("1", "run, fast")
    found = read_video_list(path, classes=("walk", "run, fast"))
    assert found == [
        ListedVideo("a.mp4", tmp_path / "a.mp4", 1),
        ListedVideo("b.mp4", tmp_path / "b.mp4", 1, None, 10, 30),
    ]
    assert found[1].place == f"{path}:4"
    assert read_video_list(path, classes=("run, fast",), root="x")[0].path == Path("x/a.mp4")
    assert csv_class_names(written(tmp_path / "numbers.csv", "a,,,3\nb,,,0\n")) == ()


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("a.txt", "folder 3", r"must be folder, number of frames and label, not 'folder 3'"),
        ("a.txt", "a b c", "must be folder, number of frames and label"),
        ("a.txt", "a 1_0 3", "must be folder, number of frames and label"),
        ("a.txt", "a 1.5 3", "must be folder, number of frames and label"),
        ("a.csv", "a.mp4,0,1", r"has 3 columns and not the 4 of video,start,end,label"),
        ("a.csv", ",0,1,2", "names no video"),
        ("a.csv", "a.mp4,0.5,1,2", r"start must be the number of a frame.*not '0.5'; of seconds"),
        (
            "a.csv",
            "a.mp4,5,5,2",
            "ends at frame 5 and begins at 5; write as the end the frame after",
        ),
        ("a.csv", "a.mp4,,-1,2", "end must be the number of a frame"),
        (
            "a.csv",
            "a.mp4,,,swim",
            "the label 'swim' is neither a number nor one of 2 classes, such",
        ),
        ("a.csv", "a.mp4,,,", "the label '' is neither a number nor one of 2 classes"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, name: str, line: str, told: str) -> None:
    right = "b,,,0" if name == "a.csv" else "b 2 0"
    path = written(tmp_path / name, f"{right}\n{line}\n")
    with pytest.raises(InputError, match=rf"{name}:2: {told}") as caught:
        read_video_list(path, classes=("walk", "run"))
    assert not isinstance(caught.value, InputErrors)
    written(path, f"{line}\n{right}\n{line}\n")
    with pytest.raises(InputErrors) as all_errors:
        read_video_list(path, classes=("walk", "run"))
    first, second = all_errors.value.errors
    assert f"{name}:1: " in str(first) and f"{name}:3: " in str(second)


def test_files_that_are_no_lists(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.txt: no such file"):
        read_video_list(tmp_path / "gone.txt")
    for empty in ("", "\n \r\n", "\ufeff"):
        for name in ("list.txt", "list.csv"):
            with pytest.raises(InputError, match="lists no videos"):
                read_video_list(written(tmp_path / name, empty))
    with pytest.raises(InputError, match="lists no videos"):
        read_video_list(written(tmp_path / "list.csv", "video,start,end,label\n"))
    (tmp_path / "latin.txt").write_bytes(b"a 1 2\n\xe9 1 2\n")
    with pytest.raises(InputError, match=r"latin.txt:2: is not UTF-8"):
        read_video_list(tmp_path / "latin.txt")


@pytest.mark.parametrize(
    ("content", "classes"),
    [
        ("1 ApplyEyeMakeup\r\n2 Archery\r\n\r\n", ("ApplyEyeMakeup", "Archery")),
        ("clapping,0\nplaying+music,1\n", ("clapping", "playing+music")),
        ("Doing other things\nNo gesture \n", ("Doing other things", "No gesture")),
        # Only where all lines are numbered in order are the numbers none of the name.
        ("1 Archery\n3 Diving\n", ("1 Archery", "3 Diving")),
        ("Holding a, b,0\nHolding\n", ("Holding a, b,0", "Holding")),
        ("0 a\n1 b\n", ("a", "b")),
    ],
)
def test_class_names(tmp_path: Path, content: str, classes: tuple[str, ...]) -> None:
    assert read_class_names(written(tmp_path / "classes.txt", content)) == classes


def test_wrong_class_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"classes.txt: names 'a' twice; remove one"):
        read_class_names(written(tmp_path / "classes.txt", "a\nb\na\n"))
    with pytest.raises(InputError, match=r"classes.txt: names no classes"):
        read_class_names(written(tmp_path / "classes.txt", "\n"))


@needs_samples
def test_the_published_lists_of_hmdb51() -> None:
    lists = Path(os.environ["REFERENCE_CASES"]) / "recognition2d" / "logits" / "hmdb51" / "lists"
    for split in (1, 2, 3):
        videos = read_video_list(lists / f"test_split{split}.txt", root="frames")
        assert len(videos) == 1530
        assert {video.label for video in videos} == set(range(51))
        assert all(video.frames and video.path == Path("frames", video.name) for video in videos)
    assert len(read_class_names(lists / "actions.txt")) == 51
