"""The commands that evaluate: what they print, and what they say about bad input."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
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
from evaluation import frame_map, video_map

CLASSES = ("jump", "run")
ROOT = Path(__file__).parents[2]
BOXES = np.tile(np.array([5, 5, 25, 35], np.float32), (20, 1))
TUBE = Tube(3, BOXES, np.full(20, 0.5, np.float32), 1, 0.5, 1)
VIDEO = VideoTubes("b/a", 30, 64, 48, 25.0, CLASSES, (TUBE,), "model")


@pytest.fixture
def truth(tmp_path) -> Path:
    """An annotation of two videos, one of them in the split `test`."""
    videos = {
        name: VideoAnnotation(name, 30, 64, 48, (Tube.ground_truth(3, BOXES, 1, 0),))
        for name in ("b/a", "c")
    }
    annotations = Annotations(CLASSES, videos, {"test": ("b/a",), "all": ("b/a", "c")})
    save_annotations(tmp_path / "truth.json", annotations, {})
    return tmp_path / "truth.json"


@pytest.fixture
def detections(tmp_path) -> Path:
    shown = [
        ([[5, 5, 25, 35]], [[0.1, 0.8, 0.1]]) if 3 <= frame < 23 else (np.zeros((0, 4)), [])
        for frame in range(30)
    ]
    shown = [(boxes, np.reshape(scores, (-1, 3))) for boxes, scores in shown]
    size = {"width": 64, "height": 48, "frame_rate": 25.0}
    found = Detections.from_frames("b/a", shown, **size, classes=CLASSES, model="model")
    found.save(tmp_path / "detections" / "b" / "a.npz")
    return tmp_path / "detections"


def write(path: Path, *videos: VideoTubes) -> str:
    save_tubes(path, videos)
    return str(path)


def test_video_map(tmp_path, truth, capsys):
    tubes = write(tmp_path / "tubes.json", VIDEO)
    video_map.main([tubes, "--dataset", str(truth)])
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = [line.split() for line in printed.out.splitlines()]
    assert ["run", "1", "1.0000", "1.0000", "1.0000", "1.0000"] in lines
    assert ["jump", "0", "0.0000", "0.0000", "0.0000", "0.0000"] in lines
    assert ["0.5:0.95", "0.5000", "0.5000"] in lines
    assert ["video", "accuracy", "1.0000"] in lines
    video_map.main([tubes, "--dataset", str(truth), "--split", "all", "--protocol", "ucf_sports"])
    printed = capsys.readouterr()
    assert "1 of 2 videos" in printed.err and "count as missed: c" in printed.err
    assert "video accuracy                0.5000" in printed.out


def test_classes_of_tubes_are_matched_by_name(tmp_path, truth, capsys):
    turned = VideoTubes("b/a", 30, 64, 48, 25.0, ("run", "x"), (replace(TUBE, label=0),), "m")
    video_map.main([write(tmp_path / "turned.json", turned), "--dataset", str(truth)])
    assert "video accuracy                1.0000" in capsys.readouterr().out
    unknown = VideoTubes("b/a", 30, 64, 48, 25.0, ("run", "x"), (TUBE,), "m")
    with pytest.raises(InputError, match="label 'x' is no class of the ground truth"):
        video_map.main([write(tmp_path / "unknown.json", unknown), "--dataset", str(truth)])


def test_frame_map(detections, truth, capsys):
    frame_map.main([str(detections), "--dataset", str(truth)])
    printed = capsys.readouterr().out
    assert ["run", "20", "20", "1.0000"] in [line.split() for line in printed.splitlines()]
    assert "frame-mAP at IoU 0.5: 0.5000" in printed
    one = detections / "b" / "a.npz"
    frame_map.main([str(one), "--dataset", str(truth), "--conf_thresh", "0.9"])
    assert "frame-mAP at IoU 0.5: 0.0000" in capsys.readouterr().out


def test_videos_that_are_not_asked_for(tmp_path, truth, capsys):
    tubes = write(tmp_path / "tubes.json", VIDEO, replace(VIDEO, video="c"))
    video_map.main([tubes, "--dataset", str(truth)])
    assert "left out 1 of 2 videos" in capsys.readouterr().err
    stranger = write(tmp_path / "stranger.json", replace(VIDEO, video="stranger"))
    with pytest.raises(InputError, match=r"none of the videos \(stranger\) is in the ground truth"):
        video_map.main([stranger, "--dataset", str(truth)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing"], "missing: no such file or folder"),
        (["."], "holds no .npz file of detections"),
        (["detections", "detections/b/a.npz"], "holds video 'b/a' as"),
        (["truth.json"], "truth.json"),
        (["detections", "--topk", "0"], "topk must be at least 1, not 0; give another --topk"),
        (["detections", "--topk", "many"], "invalid int value: 'many'"),
        (["detections", "--split", "trial"], "split 'trial' is unknown"),
        (["detections", "--dataset", "nowhere.json"], "nowhere.json"),
    ],
)
def test_bad_input(tmp_path, truth, detections, monkeypatch, arguments, message):
    if arguments == ["."]:
        (detections / "b" / "a.npz").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        frame_map.main(["--dataset", "truth.json", *arguments])
    assert message in str(caught.value)


@pytest.mark.parametrize("command", ["evaluation/frame_map.py", "evaluation/video_map.py"])
@pytest.mark.parametrize("as_module", [False, True])
def test_run_from_the_shell(command, as_module, tmp_path):
    module = command.removesuffix(".py").replace("/", ".")
    call = ["-m", module] if as_module else [str(ROOT / command)]
    folder = tmp_path if as_module else ROOT
    done = subprocess.run(
        [sys.executable, *call, "nowhere", "--dataset", "nowhere.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
