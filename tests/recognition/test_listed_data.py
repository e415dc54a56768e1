"""The videos of files of labels as SRTG has them, from the options to scores."""

from __future__ import annotations

import shutil

import pytest

import data
from recognition import test as testing
from recognition import train
from recognition.listed_data import listed_data, numbered_classes
from recognition.score_files import read_scores
from recognition.train_options import parse_options
from tests.data.test_frame_database import write_database

HACS = "label,youtube_id,time_start,time_end,split\n"
SMALL = [
    *("--arch=resnet18", "--num_segments=2", "--input_size=32", "--npb", "--init_weights=none"),
    *("--batch_size=2", "--num_workers=0", "--epochs=1", "--eval_freq=1"),
]


def _write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def _write_videos(root, names):
    for name in names:
        write_database(root / name, range(1, 7))
        (root / name / "n_frames").write_text("6")


@pytest.fixture(scope="module")
def hacs(tmp_path_factory):
    """A folder of HACS, of which a video for training and one for validation are missing."""
    root = tmp_path_factory.mktemp("hacs")
    rows = "run,a,12.7,14.7,training\nrun,gone,3,5,training\n wave,b,3.0,5.0,training\n"
    _write(root / "labels/HACS_clips_v1.1_train.csv", HACS + rows)
    rows = "jump,c,0,2,validation\n wave,b,7,9,validation\nrun,gone,7,9,validation\n"
    _write(root / "labels/HACS_clips_v1.1_val.csv", HACS + rows)
    names = ("run/a_000012_000014", " wave/b_000003_000005")
    _write_videos(root / "data/HACS_videos/jpg", names)
    names = ("jump/c_000000_000002", " wave/b_000007_000009")
    _write_videos(root / "data/HACS_videos/jpg", names)
    return root


def _listed(*options, classes=(), **given):
    lists = {part: given.get(part) for part in ("train", "val")}
    return listed_data(parse_options(list(options)), lists, "RGB", classes=classes)


def test_a_folder_of_srtg(hacs, capsys):
    listed = _listed("--dataset=hacs", f"--data_root={hacs}")
    assert listed.classes == ("run", " wave", "jump") and listed.mirror
    assert {part: [video.name for video in videos] for part, videos in listed.videos.items()} == {
        "train": ["run/a_000012_000014", " wave/b_000003_000005"],
        "val": ["jump/c_000000_000002", " wave/b_000007_000009"],
    }
    assert [video.label for video in listed.videos["val"]] == [2, 1]
    assert all(len(listed.frames.read(video, [5])) == 1 for video in listed.videos["val"])
    first, second = capsys.readouterr().err.splitlines()
    folder = hacs / "data/HACS_videos/jpg/run/gone_000003_000005"
    train_list = hacs / "labels/HACS_clips_v1.1_train.csv"
    assert first == (
        "note: train: 1 of 3 listed videos left out, which are not there, such as "
        f"{train_list}:3: {folder}"
    )
    assert second.startswith("note: val: 1 of 3 listed videos left out")


def test_training_and_testing(hacs, tmp_path, capsys):
    root = shutil.copytree(hacs, tmp_path / "hacs")
    options = [f"--data_root={root}", f"--save_root={tmp_path}", "--dataset=hacs"]
    train.main([*SMALL, *options])
    (folder,) = (tmp_path / "recognition").iterdir()
    # The numbers are those of the network, whatever is beside the list by now.
    _write(root / "labels/HACS_clips_v1.1_dictionary.json", '{"jump": 0, " wave": 1, "run": 2}')
    (root / "labels/HACS_clips_v1.1_train.csv").unlink()
    capsys.readouterr()
    testing.main([str(folder / "last.safetensors"), *options, "--num_workers=0"])
    assert "note: val: 1 of 3 listed videos left out" in capsys.readouterr().err
    scores = read_scores(tmp_path / "tested" / f"{folder.name}_last_hacs" / "scores.npz")
    assert scores.names == ("jump/c_000000_000002", " wave/b_000007_000009")
    assert scores.labels.tolist() == [2, 1] and scores.logits.shape == (2, 3)


def test_classes_that_a_network_has_learned(hacs):
    options = ("--dataset=hacs", f"--data_root={hacs}")
    learned = (" wave", "sit", "jump", "run")
    listed = _listed(*options, classes=learned)
    assert listed.classes == learned
    assert [video.label for video in listed.videos["val"]] == [2, 0]
    with pytest.raises(data.InputError, match=r"_train.csv:2: the label 'run' is none of the 2 c"):
        _listed(*options, classes=learned[:2])
    # Where only their numbers are known, the lists have the names.
    assert _listed(*options, classes=numbered_classes(5)).classes == ("run", " wave", "jump")


def test_it_comes_before_other_lists(hacs, tmp_path):
    """Frames are not looked for by the names that they have beside those."""
    root = tmp_path
    _write_videos(root / "data/UCF101_videos/jpg", ("run/v_1", "run/v_2"))
    _write(root / "labels/ucf101_split2_train.csv", "id,label,split\nv_1 ,run,train\n")
    _write(root / "labels/ucf101_split2_val.csv", "id,label,split\nv_2,run,val\n")
    for part in ("train", "val"):
        _write(root / f"{part}_videofolder.txt", "run/v_3 9 100\n")
    (root / "category.txt").write_text("walk\n")
    listed = _listed("--dataset=ucf101", "--split=2", f"--data_root={root}")
    assert [video.name for video in listed.videos["train"]] == ["run/v_1"]
    assert listed.classes == ("run",)
    checked = data.check_listed_videos(listed.videos["val"], listed.frames, 1)
    assert checked.usable(skip_bad=False) == listed.videos["val"]


def test_lists_that_are_named(hacs, tmp_path):
    labels, jpg = hacs / "labels", hacs / "data/HACS_videos/jpg"
    lists = {part: labels / f"HACS_clips_v1.1_{part}.csv" for part in ("train", "val")}
    expected = _listed("--dataset=hacs", f"--data_root={hacs}").videos
    # The data are where the lists are, unless another place is given.
    assert _listed("--dataset=hacs", **lists).videos == expected
    assert _listed("--dataset=own", f"--data_root={jpg}", **lists).videos == expected
    root = f"--root_path={jpg}"
    with pytest.raises(data.InputError, match=r"none of its 3 videos .*run/a; name"):
        _listed("--dataset=ucf101", root, **lists)  # which has no times
    assert _listed("--dataset=kinetics", root, **lists).videos == expected
    with pytest.raises(data.InputError, match=r"train.csv: none of its 3 videos is there, such"):
        _listed("--dataset=kinetics", f"--data_root={hacs}", **lists)
    beside = shutil.copytree(jpg, tmp_path / "own")
    copied = {part: beside / f"{part}.csv" for part in lists}
    for part, path in lists.items():
        shutil.copy(path, copied[part])
    found = _listed("--dataset=own", **copied).videos["val"]
    assert [video.path for video in found] == [beside / video.name for video in expected["val"]]


def test_two_kinds_of_lists(hacs, tmp_path):
    own = _write(tmp_path / "own.csv", "video,start,end,label\na.mp4,,,run\n")
    given = {"train": hacs / "labels/HACS_clips_v1.1_train.csv", "val": own}
    with pytest.raises(
        data.InputError, match=r"own.csv: is a list of another kind than .*_train.csv, which has"
    ):
        _listed("--dataset=hacs", **given)
