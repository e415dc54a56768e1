"""`python tubes/predict_early.py`: figures after the first 10 %, 20 %, ... of each video."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from data import (
    Annotations,
    Context,
    Detections,
    InputError,
    Tube,
    VideoAnnotation,
    save_annotations,
)
from data.interchange import FORMATS
from tubes import build, predict_early

CLASSES = ("jump", "run")
PARTS = [f"{tenth}0%" for tenth in range(1, 11)]


@pytest.fixture
def found(tmp_path) -> Path:
    """One actor of 100 frames, who is taken for a runner after half of them, and rightly."""
    shown = []
    for frame in range(100):
        scores = [0.7, 0.2, 0.1] if frame < 50 else [0.05, 0.9, 0.05]
        shown.append((np.array([[5, 5, 25, 35]]), np.array([scores])))
    size = {"width": 64, "height": 48, "frame_rate": 25.0}
    for name in ("a", "b"):
        made = Detections.from_frames(name, shown, **size, classes=CLASSES, model="model")
        made.save(tmp_path / "found" / f"{name}.npz")
    return tmp_path / "found"


@pytest.fixture
def truth(tmp_path) -> Path:
    boxes = np.tile(np.array([5, 5, 25, 35], np.float32), (80, 1))
    tube = Tube.ground_truth(20, boxes, 1, 0)
    videos = {name: VideoAnnotation(name, 100, 64, 48, (tube,)) for name in ("a", "b")}
    save_annotations(tmp_path / "truth.json", Annotations(CLASSES, videos, {}), {})
    return tmp_path / "truth.json"


def rows(printed: str) -> dict[str, list[float]]:
    """Figures by the part that was seen."""
    found = (line.split() for line in printed.splitlines() if line.split()[0].endswith("%"))
    return {seen: [float(value) for value in values] for seen, *values in found}


def test_figures_after_each_part(found, truth, capsys):
    predict_early.main([str(found), "--dataset", str(truth)])
    printed = capsys.readouterr().out
    assert "protocol road, continuous boxes; all figures are fractions of 1" in printed
    heads = ["accuracy", "0.2", "0.5", "0.75", "0.5:0.95"]
    assert printed.split()[: 3 + 2 * 4 : 2] == ["seen", *heads]
    figures = rows(printed)
    assert list(figures) == PARTS
    # The runner is known once the path's frames as such have paid the change of label.
    accuracies = [values[0] for values in figures.values()]
    assert accuracies[:5] == [0] * 5 and accuracies[-1] == 1
    # Nothing of the true tubes was seen in the first two parts.
    assert figures["10%"][1:] == figures["20%"][1:] == [0] * 4
    assert figures["100%"][1] == 0.5  # one of two classes is there


def test_the_last_part_is_the_whole(found, truth, tmp_path, capsys):
    options = ["--dataset", str(truth), "--trimming", "background", "--alpha", "1"]
    options += ["--protocol", "ucfsports", "--box_convention", "road"]
    build.main([str(found), *options, "--save_root", str(tmp_path)])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    whole = {line[0]: float(line[1]) for line in lines if line[0] in ("0.2", "0.5", "0.5:0.95")}
    (accuracy,) = [float(line[2]) for line in lines if line[:2] == ["video", "accuracy"]]
    predict_early.main([str(found), *options])
    printed = capsys.readouterr().out
    assert rows(printed)["100%"] == [accuracy, *whole.values()]
    assert "protocol ucfsports, road boxes" in printed


def test_reports(found, truth, tmp_path):
    reports = [f"--{form}={tmp_path / 'new' / 'f'}.{form}" for form in ("json", "csv", "html")]
    predict_early.main([str(found), "--dataset", str(truth), "--alpha", "2", *reports])
    figures = json.loads((tmp_path / "new" / "f.json").read_text())
    assert (figures["protocol"], figures["box_convention"]) == ("road", "continuous")
    assert figures["seen"] == [tenth / 10 for tenth in range(1, 11)]
    assert figures["settings"]["alpha"] == 2
    assert figures["true_tubes"] == [0, 0, *[2] * 8]
    table = list(csv.reader((tmp_path / "new" / "f.csv").open()))
    assert table[0][:4] == ["seen", "protocol", "video accuracy", "video-mAP 0.2"]
    assert [float(row[2]) for row in table[1:]] == figures["video accuracy"]
    page = (tmp_path / "new" / "f.html").read_text()
    for said in ("Early prediction", "2 of 2 with results", "video-mAP 0.5:0.95", ">100%<"):
        assert said in page


def test_streams_of_another_program(found, truth, tmp_path, capsys):
    videos = [Detections.load(path) for path in sorted(found.glob("*.npz"))]
    context = Context(CLASSES, {video.video: video for video in videos})
    FORMATS["yowo"].write_detections(tmp_path / "yowo", videos, context)
    command = ["--dataset", str(truth), "--box_convention", "continuous", "--fusion", "cat"]
    predict_early.main([str(tmp_path / "yowo"), *command, "--top", str(tmp_path / "yowo")])
    one = capsys.readouterr().out
    predict_early.main(
        [str(tmp_path / "yowo"), *command, "--top", str(tmp_path / "yowo"), "--workers", "2"]
    )
    assert capsys.readouterr().out == one
    assert list(rows(one)) == PARTS


def test_clips_that_true_tubes_span_are_not_trimmed(found, tmp_path, capsys):
    boxes = np.tile(np.array([5, 5, 25, 35], np.float32), (100, 1))
    video = VideoAnnotation("a", 100, 64, 48, (Tube.ground_truth(0, boxes, 0, 0),))
    save_annotations(tmp_path / "clips.json", Annotations(CLASSES, {"a": video}, {}), {})
    command = [str(found), "--dataset", str(tmp_path / "clips.json")]
    predict_early.main(command)
    printed = capsys.readouterr()
    assert printed.err.count("not trimmed") == 1
    assert "left out 1 of 2 videos" in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--dataset", "truth.json"], "nowhere: no such file or folder"),
        (["found"], "--dataset"),
        (["--dataset", "truth.json"], "DETECTIONS"),
        (
            ["found", "--dataset", "truth.json", "--min_found", "0"],
            "min_found must be a whole number of at least 1",
        ),
        (["found", "--dataset", "truth.json", "--alphas", "1,2,3"], "alphas must be one for each"),
        (["found", "--dataset", "truth.json", "--html", "found"], "is not a regular file"),
    ],
)
def test_bad_input(found, truth, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        predict_early.main(arguments)
    assert message in str(caught.value)
