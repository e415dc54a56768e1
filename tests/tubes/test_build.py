"""`python tubes/build.py`: which detections it takes, what it writes and prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data import (
    Annotations,
    Detections,
    InputError,
    Tube,
    VideoAnnotation,
    load_tubes,
    save_annotations,
    write_run_record,
)
from data.tube_arrays import load_tube_arrays
from tests.notes import absent_class
from tubes import FUSIONS, build, build_tubes, fuse, mean_fusion

CLASSES = ("jump", "run")
ROOT = Path(__file__).parents[2]


def write_detections(folder: Path, *names: str, model: str = "model", frames: int = 30) -> Path:
    """Detections of one actor that runs from frame 5 on."""
    for name in names:
        shown = []
        for frame in range(frames):
            seen = frame >= 5
            boxes = np.array([[frame, 5, frame + 20, 35]] if seen else np.zeros((0, 4)))
            shown.append((boxes, np.array([[0.1, 0.8, 0.1]] * seen).reshape(-1, 3)))
        size = {"width": 64, "height": 48, "frame_rate": 25.0}
        found = Detections.from_frames(name, shown, **size, classes=CLASSES, model=model)
        found.save(folder / f"{name}.npz")
    return folder


def write_truth(path: Path, *names: str) -> Path:
    boxes = np.array([[frame, 5, frame + 20, 35] for frame in range(5, 30)], np.float32)
    videos = {
        name: VideoAnnotation(name, 30, 64, 48, (Tube.ground_truth(5, boxes, 1, 0),))
        for name in names
    }
    save_annotations(path, Annotations(CLASSES, videos, {"test": names}), {})
    return path


def record(folder: Path, done: bool = True, **options: object) -> None:
    write_run_record(folder, options, {"done": done})


def test_named_detections(tmp_path, capsys):
    folder = write_detections(tmp_path / "found", "a", "b")
    build.main([str(folder), "--save_root", str(tmp_path / "out"), "--alpha", "3"])
    assert capsys.readouterr().out.startswith("2 tubes in 2 videos: ")
    videos = load_tubes(tmp_path / "out" / "tubes" / "tubes.json")
    assert [video.video for video in videos] == ["a", "b"]
    (tube,) = videos[0].tubes
    assert (tube.start, tube.end, tube.label, tube.id) == (5, 30, 1, 1)
    written = json.loads((tmp_path / "out" / "tubes" / "run.json").read_text())
    assert written["options"]["settings"]["alpha"] == 3
    assert written["figures"] == {"videos": 2, "tubes": 2}


def test_the_last_detect_run_with_its_ground_truth(tmp_path, capsys):
    truth = write_truth(tmp_path / "truth.json", "b", "c")
    old = write_detections(tmp_path / "detections", "a")
    new = write_detections(tmp_path / "detections-2", "b", "c")
    record(old, dataset=None)
    record(new, dataset=str(truth), split="test", data_root=None, train_split=1)
    os.utime(old / "run.json", (1, 1))
    build.main(["--save_root", str(tmp_path)])
    printed = capsys.readouterr()
    lines = [line.split() for line in printed.out.splitlines()]
    for threshold in ("0.2", "0.5", "0.75", "0.5:0.95"):
        assert threshold in [line[0] for line in lines]
    assert ["video", "accuracy", "1.0000"] in lines
    assert printed.err == absent_class(f"{truth}, test")
    figures = json.loads((tmp_path / "tubes" / "run.json").read_text())["figures"]
    assert figures["video_map"]["0.5"] == 0.5  # one of two classes is there
    assert figures["video_accuracy"] == 1
    os.utime(new / "run.json", (0, 0))
    build.main(["--save_root", str(tmp_path)])
    assert capsys.readouterr().out.startswith("1 tube in 1 video:")


def test_ground_truth_named_by_hand(tmp_path, capsys):
    truth = write_truth(tmp_path / "truth.json", "a", "b")
    folder = write_detections(tmp_path / "found", "a")
    build.main([str(folder), "--dataset", str(truth), "--save_root", str(tmp_path)])
    printed = capsys.readouterr()
    assert "video accuracy                0.5000" in printed.out
    assert "1 of 2 videos" in printed.err


def test_clips_that_true_tubes_span_are_not_trimmed(tmp_path, capsys):
    """The detector takes the action for another in half of the frames: trimming cuts the tube."""
    shown = []
    for frame in range(30):
        scores = [0.02, 0.9, 0.08] if frame < 15 else [0.9, 0.02, 0.08]
        shown.append((np.array([[5, 5, 25, 35]]), np.array([scores])))
    size = {"width": 64, "height": 48, "frame_rate": 25.0}
    found = Detections.from_frames("a", shown, **size, classes=CLASSES, model="model")
    found.save(tmp_path / "found" / "a.npz")
    boxes = np.tile(np.array([5, 5, 25, 35], np.float32), (30, 1))
    video = VideoAnnotation("a", 30, 64, 48, (Tube.ground_truth(0, boxes, 1, 0),))
    truth = tmp_path / "truth.json"
    save_annotations(truth, Annotations(CLASSES, {"a": video}, {}), {})
    command = [str(tmp_path / "found"), "--dataset", str(truth), "--save_root", str(tmp_path)]

    def spans(*options: str) -> list[tuple[int, int, int]]:
        build.main([*command, *options])
        (built,) = load_tubes(tmp_path / "tubes" / "tubes.json")
        return sorted((tube.label, tube.start, tube.end) for tube in built.tubes)

    assert spans() == [(0, 0, 30), (1, 0, 30)]
    assert "not trimmed" in capsys.readouterr().err
    options = json.loads((tmp_path / "tubes" / "run.json").read_text())["options"]
    assert options["trimming"] == options["settings"]["trimming"] == "none"
    assert spans("--trimming", "labels") == [(0, 15, 30), (1, 0, 15)]
    assert spans("--trimming", "none") == [(0, 0, 30), (1, 0, 30)]
    assert capsys.readouterr().err == absent_class(truth) * 2


def built_times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in sorted(folder.rglob("*.npz"))}


def test_only_what_changed_is_built_again(tmp_path):
    folder = write_detections(tmp_path / "found", "a", "b")
    command = [str(folder), "--save_root", str(tmp_path / "out")]
    videos = tmp_path / "out" / "tubes" / "videos"
    build.main(command)
    first, text = built_times(videos), (tmp_path / "out" / "tubes" / "tubes.json").read_text()
    assert list(first) == ["a.npz", "b.npz"]
    build.main(command)
    assert built_times(videos) == first
    assert (tmp_path / "out" / "tubes" / "tubes.json").read_text() == text
    # Other detections of one video, other settings, and on demand.
    write_detections(folder, "b", frames=40)
    build.main(command)
    second = built_times(videos)
    assert second["a.npz"] == first["a.npz"] and second["b.npz"] != first["b.npz"]
    build.main([*command, "--alpha", "3"])
    third = built_times(videos)
    assert not set(third.values()) & set(second.values())
    build.main([*command, "--alpha", "3", "--overwrite"])
    assert not set(built_times(videos).values()) & set(third.values())
    # A damaged file is made anew.
    (videos / "a.npz").write_bytes(b"PK")
    build.main([*command, "--alpha", "3"])
    assert len(load_tubes(tmp_path / "out" / "tubes" / "tubes.json")) == 2


def test_several_processes_build_the_same(tmp_path):
    folder = write_detections(tmp_path / "found", "a", "b", "c")
    for workers in ("1", "2"):
        build.main([str(folder), "--save_root", str(tmp_path / workers), "--workers", workers])
    one, two = (tmp_path / workers / "tubes" / "tubes.json" for workers in ("1", "2"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_two_streams(tmp_path, fusion):
    rgb, flow = write_detections(tmp_path / "rgb", "a"), write_detections(tmp_path / "flow", "a")
    command = [str(rgb), "--top", str(flow), "--fusion", fusion, "--save_root", str(tmp_path)]
    build.main(command)
    (video,) = load_tubes(tmp_path / "tubes" / "tubes.json")
    base, top = Detections.load(rgb / "a.npz"), Detections.load(flow / "a.npz")
    fused = mean_fusion(base, top) if fusion == "mean" else fuse(base, top, fusion)
    assert video == build_tubes(fused)


def test_big_sets_are_written_as_arrays(tmp_path, monkeypatch):
    folder = write_detections(tmp_path / "found", "a")
    command = [str(folder), "--save_root", str(tmp_path)]
    build.main(command)
    text = load_tubes(tmp_path / "tubes" / "tubes.json")
    monkeypatch.setattr(build, "MOST_BOXES_AS_TEXT", 10)
    build.main(command)
    assert load_tube_arrays(tmp_path / "tubes" / "tubes.npz") == text
    assert not (tmp_path / "tubes" / "tubes.json").exists()


def test_alphas_of_each_class(tmp_path):
    folder = write_detections(tmp_path / "found", "a")
    build.main([str(folder), "--save_root", str(tmp_path), "--alphas", "1,2.5"])
    written = json.loads((tmp_path / "tubes" / "run.json").read_text())
    assert written["options"]["settings"]["alphas"] == [1, 2.5]


def test_ground_truth_that_has_gone(tmp_path, capsys):
    folder = write_detections(tmp_path / "detections", "a")
    record(folder, done=False, dataset="gone.json", split="test")
    build.main(["--save_root", str(tmp_path)])
    printed = capsys.readouterr()
    assert "note: no figures, since the ground truth is not there: gone.json" in printed.err
    assert "has not finished" in printed.err
    assert "1 tube in 1 video:" in printed.out


def test_detections_are_made_where_there_are_none(tmp_path, monkeypatch, capsys):
    calls = []

    def detect(command: list[str], check: bool) -> SimpleNamespace:
        calls.append(command)
        record(write_detections(tmp_path / "detections", "a"), dataset=None)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(build.subprocess, "run", detect)
    build.main(["--save_root", str(tmp_path), "--device", "cpu"])
    (command,) = calls
    assert command[:5] == [sys.executable, "-m", "detection.detect", "--dataset", "embedded"]
    assert command[command.index("--save_root") + 1] == str(tmp_path)
    assert command[command.index("--device") + 1] == "cpu"
    assert "1 tube in 1 video:" in capsys.readouterr().out
    build.main(["--save_root", str(tmp_path)])
    assert len(calls) == 1


def test_detecting_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(build.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=2))
    with pytest.raises(SystemExit) as caught:
        build.main(["--save_root", str(tmp_path)])
    assert caught.value.code == 2
    assert not (tmp_path / "tubes").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (
            ["found", "--min_frames", "0"],
            "min_frames must be a whole number of at least 1, not 0; give another",
        ),
        (["found", "--alpha", "-1"], "alpha must be 0 or more, not -1.0; give another --alpha"),
        (["found", "--dataset", "nowhere.json"], "nowhere.json"),
        (["found", "other"], "video 'b': model is not that of 'a'"),
        (["found", "damaged.npz"], "damaged.npz"),
        (["recorded"], "run.json: is no record of a run"),
        (["found", "--fusion", "mean"], "--fusion mean: joins two streams; name the second with"),
        (["found", "--workers", "0"], "--workers 0: must be at least 1"),
        (["found", "--top", "other"], "other/a.npz: is missing, the second stream of found/a.npz"),
        (["found", "--top", "small"], "found/a.npz and small/a.npz: width is 64 in the base"),
        (["found", "--alphas", "1,2,3"], "alphas must be one for each of 2 classes"),
        (["twice"], "video 'a' occurs twice"),
    ],
)
def test_bad_input(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_detections(tmp_path / "found", "a")
    write_detections(tmp_path / "other", "b", model="another")
    write_detections(tmp_path / "recorded", "a")
    (tmp_path / "recorded" / "run.json").write_text("[]")
    (tmp_path / "damaged.npz").write_bytes(b"PK")
    found = Detections.load(tmp_path / "found" / "a.npz")
    replace(found, width=32).save(tmp_path / "small" / "a.npz")
    for name in ("a", "b"):
        found.save(tmp_path / "twice" / f"{name}.npz")
    (tmp_path / "runs" / "tubes").mkdir(parents=True)
    (tmp_path / "runs" / "tubes" / "tubes.json").write_text("kept")
    with pytest.raises(InputError) as caught:
        build.main(arguments)
    assert message in str(caught.value)
    assert (tmp_path / "runs" / "tubes" / "tubes.json").read_text() == "kept"


def test_reversed_corners(tmp_path):
    folder = write_detections(tmp_path / "found", "a")
    found = Detections.load(folder / "a.npz")
    boxes = found.boxes.copy()
    boxes[7, [1, 3]] = boxes[7, [3, 1]]
    replace(found, boxes=boxes).save(folder / "a.npz")
    for options in ([], ["--top", str(folder), "--fusion", "boost"]):
        with pytest.raises(InputError, match=r"a.npz: video 'a', frame 12: the corners of the box"):
            build.main([str(folder), "--save_root", str(tmp_path), *options])


@pytest.mark.parametrize("as_module", [False, True])
def test_run_from_the_shell(tmp_path, as_module):
    call = ["-m", "tubes.build"] if as_module else [str(ROOT / "tubes" / "build.py")]
    folder = write_detections(tmp_path / "found", "a")
    done = subprocess.run(
        [sys.executable, *call, str(folder), "--save_root", str(tmp_path)],
        cwd=tmp_path if as_module else ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tubes" / "tubes.json").exists()
