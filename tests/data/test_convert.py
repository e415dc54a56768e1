"""The command that converts files."""

from __future__ import annotations

from pathlib import Path

import pytest

from data import (
    Annotations,
    Detections,
    InputError,
    Tube,
    VideoAnnotation,
    VideoTubes,
    load_tubes,
    save_annotations,
    save_tubes,
)
from data.convert import main

CLASSES = ("run", "walk")
BOXES = [[0, 0, 320, 240], [8, 8, 16, 16]]
TUBE = Tube.ground_truth(1, BOXES, 1, 0)
VIDEO = VideoAnnotation("walk/clip", 4, 320, 240, (TUBE,))


@pytest.fixture
def dataset(tmp_path: Path) -> str:
    save_annotations(tmp_path / "data.json", Annotations(CLASSES, {VIDEO.name: VIDEO}, {}), {})
    return str(tmp_path / "data.json")


def _write_yowo(folder: Path, line: str = "2 0.75 8 8 16 16") -> str:
    folder.mkdir()
    (folder / "walk_clip_00002.txt").write_text(line + "\n")
    return str(folder)


def test_detections(dataset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = _write_yowo(tmp_path / "yowo"), str(tmp_path / "own")
    main([source, target, "--to", "own", "--dataset", dataset, "--frame_rate", "30"])
    assert capsys.readouterr().out == f"detections of 1 video: {target}\n"
    found = Detections.load(tmp_path / "own" / "walk" / "clip.npz")
    assert (found.frame_rate, found.classes, found.frames) == (30, CLASSES, 4)
    assert found.frame(1)[0].tolist() == [[8, 8, 16, 16]]
    # And back.
    main([target, str(tmp_path / "back"), "--to", "yowo"])
    assert (tmp_path / "back" / "walk_clip_00002.txt").read_text() == "2 0.75 8 8 16 16\n"


def test_tubes(dataset: str, tmp_path: Path) -> None:
    for name, form in [("truth.csv", "ava"), ("truth.json", "coco")]:
        main([dataset, str(tmp_path / name), "--to", form, "--frame_rate", "1"])
        options = ["--to", "own", "--dataset", dataset, "--frame_rate", "1", "--kind", "tubes"]
        again = tmp_path / f"{form}.json"
        main([str(tmp_path / name), str(again), *options])
        (video,) = load_tubes(again)
        assert video == VideoTubes("walk/clip", 4, 320, 240, 1, CLASSES, (TUBE,), form)


def test_what_to_convert(dataset: str, tmp_path: Path) -> None:
    main([dataset, str(tmp_path / "mot"), "--to", "mot"])
    options = [str(tmp_path / "mot"), str(tmp_path / "written"), "--dataset", dataset]
    with pytest.raises(InputError, match="may be read as detections and as tubes; choose with --k"):
        main([*options, "--to", "act"])
    main([*options, "--to", "act", "--kind", "tubes"])
    assert [file.name for file in (tmp_path / "written").rglob("*.pkl")] == ["clip_tubes.pkl"]
    # Here only one of them can be written.
    main([str(tmp_path / "mot"), str(tmp_path / "yowo"), "--dataset", dataset, "--to", "yowo"])
    assert (tmp_path / "yowo" / "walk_clip_00003.txt").read_text() == "2 1.0 8 8 16 16\n"


def test_what_cannot_be_converted(dataset: str, tmp_path: Path) -> None:
    source = _write_yowo(tmp_path / "yowo")
    target = str(tmp_path / "target")
    for options, told in [
        (["--to", "ava", "--kind", "tubes"], "tubes of yowo files cannot be written as ava"),
        (["--to", "cvat"], "invalid choice: 'cvat'"),
        (["--to", "own", "--from", "road"], f"{source}: holds no detections in the format road"),
        (["--to", "own", "--frame_rate", "0"], "--frame_rate must be above 0"),
        (["--to", "own", "--start_time", "nan"], "--start_time must be a finite number"),
    ]:
        with pytest.raises(InputError, match=told):
            main([source, target, *options, "--dataset", dataset])
    with pytest.raises(InputError, match=f"{source}: .* give the names, for instance with --datas"):
        main([source, target, "--to", "own"])
    with pytest.raises(InputError, match=r"no such file or folder; check the path"):
        main([str(tmp_path / "none"), target, "--to", "own"])
    with pytest.raises(InputError, match=f"{dataset}: tubes of own files cannot be written as yo"):
        main([dataset, target, "--to", "yowo"])
    save_tubes(tmp_path / "tubes.json", [])
    with pytest.raises(InputError, match=r"tubes.json: holds no tubes in the format own"):
        main([str(tmp_path / "tubes.json"), target, "--to", "mot"])
    assert not Path(target).exists()


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("own", r"\.json or \.npz; name it .*target\.json"),
        ("coco", r"\.json; name it .*target\.json"),
        ("retinanet3d", r"\.pkl; name it .*target\.pkl"),
        ("ava", r"\.csv; name it .*target\.csv"),
    ],
)
def test_files_have_the_names_by_which_they_are_recognised(
    dataset: str, tmp_path: Path, form: str, told: str
) -> None:
    target = tmp_path / "target"
    with pytest.raises(InputError, match=rf"target: would not be recognised .* end in {told}"):
        main([dataset, str(target), "--to", form, "--frame_rate", "1"])
    assert not target.exists()


def test_frames_without_a_file_are_noted(
    dataset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = _write_yowo(tmp_path / "yowo")
    main([source, str(tmp_path / "own"), "--to", "own", "--dataset", dataset])
    assert capsys.readouterr().err == (
        f"note: {source}: 1 of 1 videos have frames without a file, which count as frames without "
        "detections: walk/clip (3 of 4)\n"
    )


def test_a_file_that_is_there_is_left_alone(dataset: str, tmp_path: Path) -> None:
    before = Path(dataset).read_bytes()
    with pytest.raises(InputError, match=r"data\.json: is already there; remove it or"):
        main([dataset, dataset, "--to", "coco", "--frame_rate", "1"])
    assert Path(dataset).read_bytes() == before


def test_nothing_is_written_when_the_last_video_is_wrong(dataset: str, tmp_path: Path) -> None:
    source = _write_yowo(tmp_path / "yowo")
    (tmp_path / "yowo" / "walk_clip_00004.txt").write_text("2 0.75 8 8 16 nan\n")
    for form in ("own", "road", "act", "retinanet3d", "mot", "coco", "ava"):
        target = tmp_path / ("target.csv" if form == "ava" else "target")
        with pytest.raises(InputError, match=r"walk_clip_00004.txt:1: must be the finite numbers"):
            main([source, str(target), "--to", form, "--dataset", dataset])
        assert not target.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.json", "yowo"]
