"""`python data/make_video_list.py`: the lists of each data set as the published tools make them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data import ClipFrames, FrameNames, InputError, check_listed_videos, read_video_list
from data.make_video_list import main
from tests.data.frame_folders import RGB, write_frames
from tests.data.test_frame_database import KEYED, write_database

FIVE, SIX = FrameNames("{:05d}.jpg"), FrameNames("{:06d}.jpg")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("frames").mkdir()


def write(name: str, text: str) -> str:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(text.encode())
    return name


def lines(part: str) -> list[str]:
    return Path(f"out/{part}_videofolder.txt").read_text().splitlines()


def make(*arguments: str) -> None:
    main([*arguments, "--frames", "frames", "--save_root", "out"])


def test_kinetics(capsys: pytest.CaptureFixture[str]) -> None:
    label_map = "abseiling\nskiing (not slalom or crosscountry)\nmassaging person's head\n"
    write("kinetics_label_map.txt", label_map)
    header = "label,youtube_id,time_start,time_end,split\r\n"
    write(
        "kinetics_train.csv",
        f"{header}abseiling,-a_B1,5,15,train\r\nskiing (not slalom or crosscountry),b,100,110,train"
        "\r\nabseiling,gone,1,11,train\r\n",
    )
    write("kinetics_val.csv", f'{header}"massaging person\'s head",c,0,10,val\n')
    write_frames(Path("frames/abseiling/-a_B1_5"), 3)
    write_frames(Path("frames/skiing (not slalom or crosscountry)/b_000100_000110"), 4)
    write_frames(Path("frames/massaging_persons_head/c_0"), 2)
    make("kinetics", "kinetics_label_map.txt", "kinetics_val.csv", "kinetics_train.csv")
    # Labels are lines of the map; other names of folders than the published are found as well.
    assert lines("train") == [
        "abseiling/-a_B1_5 3 0",
        "skiing (not slalom or crosscountry)/b_000100_000110 4 1",
    ]
    assert lines("val") == ["massaging_persons_head/c_0 2 2"]
    assert Path("out/category.txt").read_text().splitlines() == [
        "abseiling",
        "skiing_not_slalom_or_crosscountry",
        "massaging_persons_head",
    ]
    assert lines("missing_train") == ["abseiling/gone_1: is not there"]
    assert not Path("out/missing_val_videofolder.txt").exists()
    told = capsys.readouterr()
    assert "train_videofolder.txt: 2 videos" in told.out
    assert "note: 3 classes, and Kinetics-400 has 400" in told.err
    assert (
        "note: 1 of 3 videos left out, such as abseiling/gone_1, which is not there; all are named "
        "in out/missing_train_videofolder.txt" in told.err
    )
    videos = read_video_list("out/train_videofolder.txt", root="frames")
    assert check_listed_videos(videos, ClipFrames("RGB", RGB), 3).good == videos


def test_kinetics_without_a_label_map_sorts_the_labels() -> None:
    rows = ["skiing crosscountry,a,0,1", "skiing (not slalom),b,0,1"]
    write("train.csv", "label,youtube_id,time_start,time_end\n" + "\n".join(rows))
    write_frames(Path("frames/a_0"), 2)
    make("kinetics600", "train.csv")
    # As the map has them: sorted as they are written, not as folders are called.
    assert Path("out/category.txt").read_text() == "skiing_not_slalom\nskiing_crosscountry\n"
    assert lines("train") == ["a_0 2 1"]


def test_frame_databases_count_as_folders_of_frames() -> None:
    rows = ["jump,a,0,1", "jump,b,0,1", "run,c,0,1"]
    write("train.csv", "label,youtube_id,time_start,time_end\n" + "\n".join(rows))
    write_database(Path("frames/jump/a_0"), [3, 1, 2])
    write_database(Path("frames/jump/b_0"), [1, 3])
    write_database(Path("frames/run/c_0"), range(1, 12), schema=KEYED)
    make("kinetics", "train.csv")
    assert lines("train") == ["jump/a_0 3 0", "run/c_0 11 1"]
    (missing,) = lines("missing_train")
    assert missing.startswith("jump/b_0: holds a damaged database (frames/jump/b_0/frames.db: is")
    videos = read_video_list("out/train_videofolder.txt", root="frames")
    assert check_listed_videos(videos, ClipFrames("RGB", RGB), 2).good == videos


@pytest.mark.parametrize("dataset", ["something", "jester"])
def test_something_v1_and_jester(dataset: str) -> None:
    write("x-labels.csv", "Turning Hand\nNo gesture\nHolding a, b\n")
    write("x-train.csv", "12;No gesture\n34;Turning Hand\n")
    write("x-validation.csv", "56;Holding a, b\r\n")
    for video in ("12", "34", "56"):
        write_frames(Path("frames", video), 2, FIVE)
    make(dataset, "x-labels.csv", "x-train.csv", "x-validation.csv")
    assert Path("out/category.txt").read_text() == "Holding a, b\nNo gesture\nTurning Hand\n"
    assert lines("train") == ["12 2 1", "34 2 2"]
    assert lines("val") == ["56 2 0"]


def test_something_v2() -> None:
    labels = {"Pushing something": "1", "Approaching something": "0"}
    write("something-something-v2-labels.json", json.dumps(labels))
    entries = [
        {"id": "78687", "label": "pushing a cup", "template": "Pushing [something]"},
        {"id": "42326", "label": "approaching", "template": "Approaching [something]"},
    ]
    write("something-something-v2-train.json", json.dumps(entries))
    write("something-something-v2-validation.json", json.dumps(entries[:1]))
    for video in ("78687", "42326"):
        write_frames(Path("frames", video), 3, SIX)
    files = [str(path) for path in Path().glob("*.json")]
    make("somethingv2", *files)
    assert Path("out/category.txt").read_text() == "Approaching something\nPushing something\n"
    assert lines("train") == ["78687 3 1", "42326 3 0"]
    assert lines("val") == ["78687 3 1"]


def test_ucf101() -> None:
    write("classInd.txt", "1 ApplyEyeMakeup\r\n2 Archery\r\n")
    write("trainlist01.txt", "ApplyEyeMakeup/v_A_g08_c01.avi 1\r\nArchery/v_B_g08_c01.avi 2\r\n")
    write("testlist01.txt", "Archery/v_B_g01_c01.avi\r\n")
    write_frames(Path("frames/v_A_g08_c01"), 3)  # as TSN has them
    write_frames(Path("frames/Archery/v_B_g08_c01"), 2)
    write_frames(Path("frames/v_B_g01_c01.avi"), 2)  # as SeqVLAD has them
    make("ucf101", "classInd.txt", "trainlist01.txt", "testlist01.txt")
    assert lines("train") == ["v_A_g08_c01 3 0", "Archery/v_B_g08_c01 2 1"]
    assert lines("val") == ["v_B_g01_c01.avi 2 1"]


def test_hmdb51() -> None:
    write("wave_test_split1.txt", "a_[x]#1.avi 1 \nb.avi 2 \nc.avi 0 \n")
    write("brush_hair_test_split1.txt", "d.avi 1 \n")
    for video in ("wave/a_[x]#1", "wave/b", "brush_hair/d"):
        write_frames(Path("frames", video), 2)
    make("hmdb51", "wave_test_split1.txt", "brush_hair_test_split1.txt")
    assert Path("out/category.txt").read_text() == "brush_hair\nwave\n"
    assert lines("train") == ["wave/a_[x]#1 2 1", "brush_hair/d 2 0"]
    assert lines("val") == ["wave/b 2 1"]


def test_frames_that_are_missing_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    write("x-train.csv", "1;a\n2;a\n3;a\n")
    write_frames(Path("frames/1"), 4, FIVE)
    Path("frames/1/00003.jpg").unlink()
    write_frames(Path("frames/2"), 4, SIX)
    write_frames(Path("frames/3"), 4, FIVE)
    Path("frames/3/notes.txt").write_text("no frame")
    make("jester", "x-train.csv")
    assert lines("train") == ["3 4 0"]
    assert lines("missing_train") == ["1: lacks frame 3", "2: holds no frames such as 00001.jpg"]
    assert "note: 2 of 3 videos left out, such as 1, which lacks frame 3" in capsys.readouterr().err
    write_frames(Path("frames/1"), 4, FIVE)
    write_frames(Path("frames/2"), 4, FIVE)
    make("jester", "x-train.csv")
    assert not Path("out/missing_train_videofolder.txt").exists()


@pytest.mark.parametrize(
    ("dataset", "files", "told"),
    [
        ("jester", {"x-train.csv": "1;a\n2"}, r"x-train.csv:2: must be video;label, not '2'"),
        ("jester", {"x-train.csv": "1;a"}, "there is none of the 1 video for train, such as 1"),
        ("jester", {"labels.csv": "a"}, "no file with videos is named"),
        ("jester", {"x.csv": "1;a"}, r"x.csv: its name does not tell whether"),
        ("jester", {"t-train.csv": "1;a", "labels.csv": "b"}, "the class 'a' of 1 is not among"),
        ("something", {"train.csv": "a\n", "labels.csv": ""}, "must be video;label"),
        ("kinetics", {"train.csv": "a,b\n1,2\n"}, "train.csv: the entry 'label' is missing"),
        (
            "kinetics",
            {"train.csv": "label,youtube_id,time_start,time_end\na,b,x,1"},
            "train.csv: not",
        ),
        ("kinetics", {"train.csv": "label,youtube_id,time_start,time_end\na,b"}, "train.csv: not"),
        (
            "kinetics",
            {"train.csv": "label,youtube_id,time_start,time_end\na,b,inf,1"},
            "not an ann",
        ),
        ("somethingv2", {"train.json": "[]"}, "the file of the labels is not named"),
        ("somethingv2", {"test.json": '[{"id": "1"}]'}, "the entry 'template' is missing"),
        ("somethingv2", {"train.json": "[", "labels.json": "{}"}, "train.json: not an annotation"),
        ("somethingv2", {"train.json": "[]", "labels.json": '{"a": "2"}'}, "not numbered from 0"),
        ("ucf101", {"trainlist01.txt": "a.avi 1\n"}, "trainlist01.txt: not an annotation"),
        ("hmdb51", {"a_test_split1.txt": "b.avi 3\n"}, "a_test_split1.txt: the entry '3' is miss"),
        ("ucf101", {"trainlist01.txt": None}, "trainlist01.txt: no such file"),
    ],
)
def test_files_that_are_wrong(dataset: str, files: dict[str, str | None], told: str) -> None:
    for name, text in files.items():
        if text is not None:
            write(name, text)
    with pytest.raises(InputError, match=told):
        make(dataset, *files)
    assert not Path("out").exists()


def test_wrong_options() -> None:
    write("train.csv", "1;a\n")
    with pytest.raises(InputError, match="elsewhere: no such folder; name the one"):
        main(["jester", "train.csv", "--frames", "elsewhere"])
    with pytest.raises(InputError, match="invalid choice: 'own'"):
        main(["own", "train.csv", "--frames", "frames"])
