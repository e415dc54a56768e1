"""The table of published data sets, and how their files are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from data import InputError, recognition_set
from data.published_labels import READERS
from data.recognition_sets import SETS


@pytest.mark.parametrize(
    ("name", "classes", "rgb", "flow"),
    [
        ("ucf101", 101, "img_{:05d}.jpg", "flow_{}_{:05d}.jpg"),
        ("hmdb51", 51, "img_{:05d}.jpg", "flow_{}_{:05d}.jpg"),
        ("kinetics", 400, "img_{:05d}.jpg", None),
        ("kinetics200", 200, "img_{:05d}.jpg", None),
        ("kinetics400", 400, "img_{:05d}.jpg", None),
        ("kinetics600", 600, "img_{:05d}.jpg", None),
        ("kinetics700", 700, "img_{:05d}.jpg", None),
        ("something", 174, "{:05d}.jpg", "{:06d}-{}_{:05d}.jpg"),
        ("somethingv2", 174, "{:06d}.jpg", "{:06d}.jpg"),
        ("jester", 27, "{:05d}.jpg", None),
        ("moments", 339, "img_{:05d}.jpg", None),
        ("hacs", 200, None, None),
        ("diving48", 48, None, None),
        ("own", None, None, None),
    ],
)
def test_table(name: str, classes: int | None, rgb: str | None, flow: str | None) -> None:
    found = recognition_set(name)
    assert found.classes == classes
    assert (found.rgb_names and found.rgb_names.template) == rgb
    assert (found.flow_names and found.flow_names.template) == flow
    # TSM: the names that contain one of these words.
    assert found.mirroring_keeps_labels == ("something" not in name and "jester" not in name)
    assert found.flow_rule == ("halved" if name == "something" else "listed")


def test_all_that_lists_are_made_for_is_in_the_table() -> None:
    assert set(READERS) | {"moments", "hacs", "diving48", "own"} == set(SETS)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"data set 'ucf': is not known; take one of ucf101, hmdb"):
        recognition_set("ucf")


def test_lists_are_found(tmp_path: Path) -> None:
    ucf, own = recognition_set("ucf101"), recognition_set("own")
    with pytest.raises(
        InputError,
        match=r"no list labels/ucf101_split2_val.csv or ucf101_rgb_val_split_2.txt or "
        "val_videofolder.txt of UCF101; put",
    ):
        ucf.list_file(tmp_path, "val", split=2)
    for name in ("val_videofolder.txt", "ucf101_flow_val_split_2.txt", "val.csv"):
        (tmp_path / name).write_text("")
    assert ucf.list_file(tmp_path, "val", split=2) == tmp_path / "val_videofolder.txt"
    (tmp_path / "ucf101_rgb_val_split_2.txt").write_text("")
    assert ucf.list_file(tmp_path, "val", split=2).name == "ucf101_rgb_val_split_2.txt"
    assert ucf.list_file(tmp_path, "val", "RGBDiff", 2).name == "ucf101_rgb_val_split_2.txt"
    assert ucf.list_file(tmp_path, "val", "Flow", 2).name == "ucf101_flow_val_split_2.txt"
    assert own.list_file(tmp_path, "val").name == "val.csv"


@pytest.mark.parametrize(
    ("name", "listed", "folder", "time_slices"),
    [
        ("ucf101", "ucf101_split1_val.csv", "UCF101_videos", False),
        ("hmdb51", "hmdb_split1_val.csv", "HMDB51_videos", False),
        ("kinetics", "kinetics-400_val.csv", "Kinetics_videos", True),
        ("kinetics200", "kinetics-200_val.csv", "Kinetics_videos", True),
        ("kinetics600", "kinetics-600_val.csv", "Kinetics_videos", True),
        ("kinetics700", "kinetics-700_val.csv", "Kinetics_videos", True),
        ("diving48", "diving48_val.csv", "Diving48_videos", False),
        ("moments", "Moments_in_Time_val.csv", "Moments_in_Time_videos", False),
        ("hacs", "HACS_clips_v1.1_val.csv", "HACS_videos", True),
    ],
)
def test_folders_of_srtg(
    tmp_path: Path, name: str, listed: str, folder: str, time_slices: bool
) -> None:
    found = recognition_set(name)
    (tmp_path / "labels").mkdir()
    for file in ("val_videofolder.txt", f"labels/{listed}"):
        (tmp_path / file).write_text("")
    assert found.list_file(tmp_path, "val") == tmp_path / "labels" / listed
    assert found.labels is not None
    assert found.labels.classes_root("root") == Path("root/data", folder, "jpg")
    assert found.labels.time_slices == time_slices
    if found.flow_names is None:
        # Its frames are RGB.
        assert found.list_file(tmp_path, "val", "Flow") == tmp_path / "val_videofolder.txt"


def test_class_names_are_found(tmp_path: Path) -> None:
    ucf, own = recognition_set("ucf101"), recognition_set("own")
    assert ucf.class_names(tmp_path) == own.class_names(tmp_path) == ()
    (tmp_path / "category.txt").write_text("walk\nrun\n")
    assert own.class_names(tmp_path) == ("walk", "run")
    with pytest.raises(
        InputError, match=r"category.txt: names 2 classes, and UCF101 has 101; give"
    ):
        ucf.class_names(tmp_path)
    (tmp_path / "classInd.txt").write_text("".join(f"{n} c{n}\r\n" for n in range(1, 102)))
    assert ucf.class_names(tmp_path) == tuple(f"c{n}" for n in range(1, 102))


def test_only_sets_whose_classes_have_sides_are_not_mirrored() -> None:
    sided = {name for name, known in SETS.items() if not known.mirroring_keeps_labels}
    assert sided == {"something", "somethingv2", "jester"}
