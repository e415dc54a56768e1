"""SRTG's files of labels: its numbers of classes, its folders, and what is wrong with a file."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data import (
    ClipFrames,
    InputError,
    ListedVideo,
    check_listed_videos,
    is_label_csv,
    label_csv_classes,
    read_label_csv,
)
from data.errors import InputErrors
from tests.data.frame_folders import write_frames
from tests.data.media import write_video
from tests.data.test_frame_database import write_database
from tests.reference_cases import read_case

HACS = "label,youtube_id,time_start,time_end,split\n"
# What a folder can be called.
names = st.text(
    st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"), exclude_characters="/"),
    min_size=1,
    max_size=20,
).filter(lambda name: name.strip() not in ("", ".", ".."))
ids = names.filter(lambda name: name == name.strip())


def written(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of labels and the folders of the case; the folders have no frames."""
    case, _ = read_case("recognition_srtg", "label_csv")
    root = tmp_path_factory.mktemp("published")
    for name, content in case["label_files"].items():
        written(root / name, content)
    for name, frames in case["present_video_folders"].items():
        folder = root / "jpg" / name
        folder.mkdir(parents=True)
        written(folder / "n_frames", str(frames))
    return root


def test_the_published_videos(published: Path) -> None:
    case, _ = read_case("recognition_srtg", "label_csv")
    for loaded in case["loaded_in_order"]:
        path = published / loaded["csv"]
        prefix = loaded["csv"].partition("train")[0].partition("val")[0]
        files = [published / f"{prefix}{part}.csv" for part in ("train", "val")]
        classes = label_csv_classes([file for file in files if file.exists()])
        # The program has the classes of the file for training in its dictionary.
        dictionary = case["label_dictionaries_written"][f"{prefix}dictionary.json"]
        assert {name: classes.index(name) for name in dictionary} == dictionary
        assert label_csv_classes(files[:1]) == tuple(dictionary)
        # A file for validation by itself is numbered by the one for training beside it.
        assert label_csv_classes([path]) == (tuple(dictionary) if "train" in path.name else classes)

        found = read_label_csv(
            path, published / "jpg", classes, time_slices=loaded["include_timeslices"]
        )
        entries = [
            [
                number,
                number,
                video.label,
                video.path.relative_to(published).as_posix(),
                video.frames,
            ]
            for number, video in enumerate(found.videos, loaded["keys_start_at"])
        ]
        assert entries == loaded["entries"]
        assert len(found.videos) == loaded["length"]
        assert all(video.path.match(video.name) for video in found.videos)
        # Whether there are time slices, the columns tell as well.
        assert read_label_csv(path, published / "jpg", classes) == found
    assert not list(published.glob("*.json"))


def test_what_is_not_there_is_told(published: Path) -> None:
    path = published / "HACS_clips_v1.1_train.csv"
    found = read_label_csv(path, published / "jpg", label_csv_classes([path]))
    assert [video.place for video in found.missing] == [f"{path}:4"]
    folder = published / "jpg" / "Archery" / "missing0001_000003_000005"
    assert found.notes() == [
        f"1 of 4 listed videos left out, which are not there, such as {path}:4: {folder}"
    ]
    assert [video.place[-2:] for video in found.videos] == [":2", ":3", ":5"]
    path = published / "ucf101_split1_train.csv"
    assert read_label_csv(path, published / "jpg", label_csv_classes([path])).notes() == []
    with pytest.raises(
        InputError,
        match=r"train.csv: none of its 2 videos is there, such as .*v_A_g01_c01; .* --root_path",
    ):
        read_label_csv(path, published, label_csv_classes([path]))


def test_a_dictionary_decides(tmp_path: Path) -> None:
    train = written(tmp_path / "hacs_train.csv", "id,label\nx,Archery\ny,BMX\n")
    val = written(tmp_path / "hacs_val.csv", "id,label\nz,BMX\n")
    other = written(tmp_path / "test.csv", "id,label\nz,Diving\nz,BMX\n")
    assert label_csv_classes([train, val]) == label_csv_classes([val]) == ("Archery", "BMX")
    assert label_csv_classes([other]) == ("Diving", "BMX")
    assert label_csv_classes([val, other]) == ("Archery", "BMX", "Diving")
    written(tmp_path / "hacs_dictionary.json", '{"BMX": 1, "Diving": 0, "Archery": 2}')
    assert label_csv_classes([train, val]) == label_csv_classes([val]) == label_csv_classes([train])
    assert label_csv_classes([val]) == ("Diving", "BMX", "Archery")
    assert label_csv_classes([other, val]) == ("Diving", "BMX")


def test_words_in_folders_move_no_dictionary(tmp_path: Path) -> None:
    folder = tmp_path / "training of valid tests"
    folder.mkdir()
    train = written(folder / "x_train_2.csv", "id,label\nx,Archery\ny,BMX\n")
    written(folder / "x_dictionary.json", '{"BMX": 0, "Archery": 1}')
    written(tmp_path / "dictionary.json", '{"Archery": 0, "BMX": 1}')
    assert label_csv_classes([train]) == ("BMX", "Archery")


@given(
    st.lists(
        st.tuples(names, ids, st.none() | st.tuples(st.floats(0, 99999), st.floats(0, 99999))),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
    st.booleans(),
)
@example([("Hitting a piñata, twice", 'say "hello"', (12.7, 14.7))], "\r\n", "\ufeff", True)
@example([(" blanks stay ", "a b", None)], "\n", "", False)
def test_odd_labels_and_ids(
    rows: list[tuple[str, str, tuple[float, float] | None]],
    line_end: str,
    start: str,
    slices: bool,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, path = Path(folder, "jpg"), Path(folder, "list_train.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(start)
            writer = csv.writer(file, lineterminator=line_end)
            writer.writerow(["split", "Label", "youtube_id", "time_start", "time_end"])
            for label, identity, times in rows:
                # Ids lose the blanks around them.
                writer.writerow(["train", label, f" {identity} ", *(times or (3, 5))])
        videos = []
        classes = list(dict.fromkeys(label for label, *_ in rows))
        for label, identity, times in rows:
            first, last = times or (3, 5)
            name = f"{identity}_{int(first):06d}_{int(last):06d}" if slices else identity
            video = ListedVideo(f"{label}/{name}", root / label / name, classes.index(label))
            video.path.mkdir(parents=True, exist_ok=True)
            videos.append(video)
        assert is_label_csv(path)
        assert label_csv_classes([path]) == tuple(classes)
        found = read_label_csv(path, root, classes, time_slices=slices)
    assert found.videos == videos and found.missing == []


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", HACS, True),
        ("a.CSV", '\ufeff\r\n"ID" , LABEL\r\n', True),
        # A column is missing, which is told when the file is read.
        ("a.csv", "youtube_id,time_start,time_end,split\n", True),
        ("a.csv", "label,time_start,time_end\n", True),
        # Lists of our own, with a header or without.
        ("a.csv", "video,start,end,label,id\n", False),
        ("a.csv", "label,,,3\n", False),
        ("a.csv", "", False),
        ("a.txt", HACS, False),
    ],
)
def test_they_are_told_by_their_first_line(
    tmp_path: Path, name: str, content: str, expected: bool
) -> None:
    assert is_label_csv(written(tmp_path / name, content)) == expected


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "_train.csv: lists no videos; write one a line"),
        (HACS, "_train.csv: lists no videos; write one a line"),
        ("youtube_id,time_start,time_end\na,1,2\n", "_train.csv: its first line names no column l"),
        ("a,b,c,d\n", "_train.csv: its first line names no column label, which has the classes; a"),
        ("label,time_start,time_end\nrun,1,2\n", "names no column youtube_id or id, from which"),
        ("label,id,time_start\nrun,a,1\n", "its first line names no column time_end, from which"),
        (HACS + "run,a,1,2\n", "_train.csv:2: has 4 columns and not the 5 of label,youtube_id,"),
        (HACS + "run, ,1,2,x\n", "_train.csv:2: names no video; write its id into .* youtube_id"),
        (HACS + " ,a,1,2,x\n", "_train.csv:2: names no class; write it into the column label"),
        (HACS + "\nrun,a,,2,x\n", "_train.csv:3: time_start must be a number of seconds, .* ''"),
        (HACS + "run,a,1,nan,x\n", "_train.csv:2: time_end must be .* not 'nan'; correct it"),
        (HACS + "run,a,1,1e400,x\n", "_train.csv:2: time_end must be .* not '1e400'"),
        (HACS + "run,a,-1,2,x\n", "_train.csv:2: time_start must be .* not '-1'"),
        (HACS + "swim,a,1,2,x\n", "_train.csv:2: the label 'swim' is none of the 2 classes that"),
        (HACS + "Run,a,1,2,x\n", "_train.csv:2: the label 'Run' is none of the 2 classes that"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str, told: str) -> None:
    path = written(tmp_path / "hacs_train.csv", content)
    with pytest.raises(InputError, match=told) as caught:
        read_label_csv(path, tmp_path, ("run", "walk"), time_slices=True)
    assert not isinstance(caught.value, InputErrors)
    assert str(path) in str(caught.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "hacs_train.csv", HACS + "run,a,x,2,x\nrun,a,1,2,x\nswim,a,1,2,x\n")
    with pytest.raises(InputErrors) as caught:
        read_label_csv(path, tmp_path, ("run", "walk"), time_slices=True)
    first, second = caught.value.errors
    assert f"{path}:2: " in str(first) and f"{path}:4: " in str(second)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "x_dictionary.json:1: is not valid JSON"),
        ("[0, 1]", "x_dictionary.json:1: the file must be an object"),
        ('{"a": 0, "a": 1}', "x_dictionary.json:1: a is there twice; remove or rename one"),
        ('{"a": 1, "b": 2}', "x_dictionary.json: must give each class a number, from 0 without g"),
        ('{"a": 0, "b": 0}', "x_dictionary.json: must give each class a number, from 0 without g"),
        ('{"a": "0"}', "x_dictionary.json: must give each class a number, .*; correct it, or rem"),
        ('{"a": false}', "x_dictionary.json: must give each class a number"),
    ],
)
def test_wrong_dictionaries(tmp_path: Path, content: str, told: str) -> None:
    written(tmp_path / "x_dictionary.json", content)
    with pytest.raises(InputError, match=told):
        label_csv_classes([written(tmp_path / "x_train.csv", "id,label\nv,a\n")])


@given(st.binary(max_size=120))
@example(b"\xe9")
@example(b'label,id\n"a,1\n')
@example(b"label,id\na\0,1\n")
@example(b"label,id\na,b\0\n")
@example(b"label,id\n" + 300 * b"a" + b"," + 300 * b"b")
@example(b"label,id\n" + 140_000 * b"a" + b",b\n")
def test_any_bytes_are_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x_train.csv")
        for start in (b"", b"label,id\n"):
            path.write_bytes(start + content)
            is_label_csv(path)
            with pytest.raises(InputError) as caught:
                read_label_csv(path, Path(folder, "jpg"), label_csv_classes([path]))
            assert str(path) in str(caught.value)


def test_images_and_video_files_in_place_of_databases(tmp_path: Path) -> None:
    root = tmp_path / "jpg"
    write_database(root / "run" / "database", range(1, 13))
    written(root / "run" / "database" / "n_frames", "12\n")
    write_database(root / "run" / "without count", range(1, 9))
    write_frames(root / "run" / "images", 7)
    write_video(root / "run" / "file.v2.mp4")
    written(write_frames(root / "run" / "both", 5) / "n_frames", "5")
    write_video(root / "run" / "both.mp4")
    listed = ["database", "without count", "images", "file.v2", "both"]
    path = written(
        tmp_path / "x_train.csv", "label,id\n" + "".join(f"run,{name}\n" for name in listed)
    )
    found = read_label_csv(path, root, ("run",))
    assert [video.frames for video in found.videos] == [12, None, None, None, 5]
    assert [video.path.name for video in found.videos] == [*listed[:3], "file.v2.mp4", "both"]
    assert [video.name for video in found.videos] == [f"run/{name}" for name in listed]
    frames = ClipFrames()
    checked = check_listed_videos(found.videos, frames, 1)
    assert checked.good == found.videos and checked.notes() == []
    assert [frames.count(video) for video in found.videos] == [12, 8, 7, 30, 5]
    assert all(frames.read(video, [4])[0].shape == (48, 64, 3) for video in found.videos)


def test_what_is_damaged_is_left_to_the_check(tmp_path: Path) -> None:
    root = tmp_path / "jpg"
    for name, count in (("good", "8"), ("count", "9"), ("text", "eight"), ("none", "0")):
        written(write_database(root / "run" / name, range(1, 9)) / "n_frames", count)
    written(root / "run" / "text" / "frames.db", "no database")
    (root / "run" / "empty").mkdir()
    path = written(tmp_path / "x_train.csv", "label,id\nrun,good\nrun,count\nrun,text\n")
    path.write_text(path.read_text() + "run,none\nrun,empty\n")
    found = read_label_csv(path, root, ("run",))
    assert found.missing == []
    checked = check_listed_videos(found.videos, ClipFrames(), 1)
    assert [video.place for video in checked.good] == [f"{path}:2"]
    kinds = [problem.kind for _, problems in checked.bad for problem in problems]
    assert kinds == ["damaged", "damaged", "empty", "empty"]
