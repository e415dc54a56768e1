"""The commands that evaluate: what they print, and what they say about bad input."""

from __future__ import annotations

import csv
import json
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
from data.annotation_format import load_annotations
from data.interchange import FORMATS, Context
from evaluation import BOX_CONVENTIONS, frame_map, video_map
from tests.notes import absent_class

CLASSES = ("jump", "run")
ROOT = Path(__file__).parents[2]
BOXES = np.tile(np.array([5, 5, 25, 35], np.float32), (20, 1))
TUBE = Tube(3, BOXES, np.full(20, 0.5, np.float32), 1, 0.5, 1)
ROWS = ("0.2", "0.5", "0.75", "0.5:0.95")
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
    assert printed.err == absent_class(f"{truth}, test")
    lines = [line.split() for line in printed.out.splitlines()]
    assert ["run", "1", "1.0000", "1.0000", "1.0000", "1.0000"] in lines
    assert ["jump", "0", "0.0000", "0.0000", "0.0000", "0.0000"] in lines
    assert ["0.5:0.95", "0.5000", "0.5000"] in lines
    assert ["video", "accuracy", "1.0000"] in lines
    video_map.main([tubes, "--dataset", str(truth), "--split", "all", "--protocol", "ucfsports"])
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


def test_classes_that_the_detector_does_not_know(tmp_path, truth, detections, capsys):
    note = (
        f"note: 1 of 2 classes of {truth}, test are unknown to the results and count as missed, "
        "with an average precision of 0: jump\n"
    ) + absent_class(f"{truth}, test")
    names = ("swim", "run")
    video_map.main(
        [write(tmp_path / "t.json", replace(VIDEO, classes=names)), f"--dataset={truth}"]
    )
    printed = capsys.readouterr()
    assert printed.err == note
    assert ["jump", "0", *["0.0000"] * 4] in [line.split() for line in printed.out.splitlines()]
    ours = Detections.load(detections / "b" / "a.npz")
    replace(ours, classes=names).save(detections / "b" / "a.npz")
    frame_map.main([str(detections), f"--dataset={truth}"])
    printed = capsys.readouterr()
    assert printed.err == note
    lines = [line.split() for line in printed.out.splitlines()]
    assert ["jump", "0", "0", "0.0000"] in lines and ["run", "20", "20", "1.0000"] in lines
    # Where no class is known, the data set is the wrong one.
    replace(ours, classes=("swim", "hop")).save(detections / "b" / "a.npz")
    nothing = write(tmp_path / "t.json", replace(VIDEO, classes=("swim", "hop"), tubes=()))
    for command, path in ((frame_map, str(detections)), (video_map, nothing)):
        with pytest.raises(
            InputError, match=r"none of the classes of the ground truth \(jump, run"
        ):
            command.main([path, f"--dataset={truth}"])


def test_other_lengths_and_sizes_than_annotated(tmp_path, truth, detections, capsys):
    notes = absent_class(f"{truth}, test") + (
        f"note: 1 of 1 videos have another number of frames than in {truth}, test, and frames of "
        "equal numbers are compared; the first is b/a: 31 frames, annotated 30\n"
        f"note: 1 of 1 videos have another frame size than in {truth}, test, and boxes are "
        "compared as they are; the first is b/a: 68x50, annotated 64x48\n"
    )
    longer = replace(VIDEO, frames=31, width=68, height=50)
    video_map.main([write(tmp_path / "t.json", longer), f"--dataset={truth}"])
    printed = capsys.readouterr()
    assert printed.err == notes
    assert "video accuracy                1.0000" in printed.out
    ours = Detections.load(detections / "b" / "a.npz")
    offsets = np.append(ours.offsets, ours.offsets[-1])
    replace(ours, offsets=offsets, width=68, height=50).save(detections / "b" / "a.npz")
    frame_map.main([str(detections), f"--dataset={truth}"])
    printed = capsys.readouterr()
    assert printed.err == notes
    assert "frame-mAP at IoU 0.5: 0.5000" in printed.out


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
        (["empty"], "empty: is in no known format"),
        (["detections", "--format", "mot"], "detections: holds no detections in the format mot"),
        (["detections", "detections/b/a.npz"], "holds video 'b/a' as"),
        (
            ["detections", "--topk", "0"],
            "topk must be a whole number of at least 1, not 0; give another --topk",
        ),
        (["detections", "--topk", "many"], "invalid int value: 'many'"),
        (["detections", "--split", "trial"], "split 'trial' is unknown"),
        (["detections", "--dataset", "nowhere.json"], "nowhere.json"),
    ],
)
def test_bad_input(tmp_path, truth, detections, monkeypatch, arguments, message):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        frame_map.main(["--dataset", "truth.json", *arguments])
    assert message in str(caught.value)


def test_frame_map_of_tubes(tmp_path, truth, capsys):
    # The boxes that trimming left: 17 of 20.
    cut = replace(TUBE, boxes=BOXES[:17], scores=TUBE.scores[:17])
    tubes = write(tmp_path / "tubes.json", replace(VIDEO, tubes=(cut,)))
    frame_map.main([tubes, "--dataset", str(truth)])
    printed = capsys.readouterr().out
    assert ["run", "20", "17", "0.8500"] in [line.split() for line in printed.splitlines()]
    assert "missed 0.1500" in printed


def test_every_figure_names_its_protocol(tmp_path, truth, detections, capsys):
    tubes = write(tmp_path / "tubes.json", VIDEO)
    video_map.main([tubes, "--dataset", str(truth), "--protocol", "yowo"])
    printed = capsys.readouterr().out
    assert "protocol yowo, continuous boxes; all figures are fractions of 1" in printed
    assert [line.split()[0] for line in printed.splitlines()[4:12]] == [
        *("tube", "0.05", "0.1", "0.2", "0.3", "0.5", "0.75", "0.5:0.95")
    ]
    video_map.main([tubes, "--dataset", str(truth), "--protocol", "retinanet3d"])
    assert "\n0.5:0.9 " in capsys.readouterr().out
    frame_map.main(
        [
            *(str(detections), "--dataset", str(truth), "--protocol", "road-matlab"),
            *("--frames", "annotated", "--box_convention", "road-matlab"),
        ]
    )
    printed = capsys.readouterr().out
    assert "protocol road-matlab, annotated frames only, road-matlab boxes" in printed


def test_chosen_thresholds(tmp_path, truth, capsys):
    tubes = write(tmp_path / "tubes.json", VIDEO)
    video_map.main([tubes, "--dataset", str(truth), "--thresholds", "0.3", "0.99"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["class", "true", "tubes", "AP", "0.3", "AP", "0.99"] in lines
    assert ["0.3", "0.5000", "0.5000"] in lines
    assert not any(line[:1] == ["0.5:0.95"] for line in lines)
    with pytest.raises(InputError, match="thresholds must lie between 0 and 1, not 3"):
        video_map.main([tubes, "--dataset", str(truth), "--thresholds", "3"])


def test_reports_of_tubes(tmp_path, truth):
    tubes = write(tmp_path / "tubes.json", VIDEO)
    reports = ["--json", str(tmp_path / "new/f.json"), "--csv", str(tmp_path / "new/f.csv")]
    video_map.main([tubes, "--dataset", str(truth), *reports])
    figures = json.loads((tmp_path / "new/f.json").read_text())
    assert (figures["protocol"], figures["box_convention"]) == ("road", "continuous")
    assert figures["video_map"] == {"0.2": 0.5, "0.5": 0.5, "0.75": 0.5, "0.5:0.95": 0.5}
    assert figures["classes"]["run"]["average_precision"]["0.5:0.95"] == 1
    assert figures["confusion"]["tubes"] == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert figures["errors"]["mean"]["average_precision"] == 1
    assert figures["recall"]["kept"] == [1]
    rows = list(csv.reader((tmp_path / "new/f.csv").open()))
    assert rows[0] == ["class", "protocol", "true tubes", "tubes", *map("AP {}".format, ROWS)]
    assert rows[2] == ["run", "road, continuous boxes", "1", "1", "1.0", "1.0", "1.0", "1.0"]
    assert rows[3][0] == "mean"


def test_reports_of_boxes(tmp_path, truth, detections):
    reports = [f"--{form}={tmp_path / 'f'}.{form}" for form in ("json", "csv", "html")]
    frame_map.main([str(detections), "--dataset", str(truth), "--topk", "7", *reports])
    page = (tmp_path / "f.html").read_text()
    for said in ("<h1>Frame-mAP</h1>", "every frame", "1 of 1 with results", "40 found, 20 true"):
        assert said in page
    for said in ("Confusion of boxes at IoU 0.5", "a score above 0.25", "run as run: 20"):
        assert said in page
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["frame_map"] == 0.5
    assert figures["frames"] == "every frame"
    assert figures["settings"]["topk"] == 7
    assert figures["confusion"] == {
        "boxes": [[0, 0, 0], [0, 20, 0], [0, 0, 0]],
        "iou_thresh": 0.5,
        "min_score": 0.25,
    }
    assert figures["errors"]["classes"]["run"]["average_precision"] == pytest.approx(1)
    assert figures["errors"]["mean"]["missed"] == 0
    rows = list(csv.reader((tmp_path / "f.csv").open()))
    assert rows[2] == ["run", "road, every frame, continuous boxes", "20", "20", "1.0"]


def test_no_report_where_none_can_be_written(tmp_path, truth):
    tubes = write(tmp_path / "tubes.json", VIDEO)
    for form in ("json", "csv", "html"):
        with pytest.raises(InputError, match="is not a regular file"):
            video_map.main([tubes, "--dataset", str(truth), f"--{form}", str(tmp_path)])


@pytest.mark.parametrize("form", ["act", "retinanet3d", "mot"])
def test_tubes_of_other_programs(tmp_path, truth, capsys, form):
    annotations, _ = load_annotations(truth)
    context = Context(CLASSES, annotations.videos)
    FORMATS[form].write_tubes(tmp_path / "tubes", [VIDEO], context)
    video_map.main([str(tmp_path / "tubes"), "--dataset", str(truth), "--format", form])
    printed = capsys.readouterr().out
    convention = form if form in BOX_CONVENTIONS else "continuous"
    assert f"protocol road, {convention} boxes" in printed
    assert "video accuracy                1.0000" in printed


@pytest.mark.parametrize("form", ["road", "act", "yowo", "retinanet3d", "mot", "coco"])
def test_detections_of_other_programs(tmp_path, truth, detections, capsys, form):
    annotations, _ = load_annotations(truth)
    context = Context(CLASSES, annotations.videos)
    found = Detections.load(detections / "b" / "a.npz")
    FORMATS[form].write_detections(tmp_path / "other", [found], context)
    given = [str(tmp_path / "other"), "--dataset", str(truth)]
    # Our own box convention: these boxes are not off by what the programs allow for.
    frame_map.main([*given, "--format", form, "--box_convention", "continuous"])
    printed = capsys.readouterr().out
    assert ["run", "20", "20", "1.0000"] in [line.split() for line in printed.splitlines()]
    frame_map.main([*given, "--protocol", "road-matlab"])
    convention = {"road": "road-matlab"}.get(form, form if form in BOX_CONVENTIONS else "")
    assert (
        f"{convention or 'continuous'} boxes; all figures are fractions of 1"
        in capsys.readouterr().out
    )


def test_files_of_several_programs(tmp_path, truth, detections):
    annotations, _ = load_annotations(truth)
    found = replace(Detections.load(detections / "b" / "a.npz"), video="c", model="road")
    found.save(tmp_path / "c.npz")
    given = [str(detections), str(tmp_path / "c.npz"), "--dataset", str(truth)]
    with pytest.raises(InputError, match=r"\(continuous and road\); choose one"):
        frame_map.main(given)
    frame_map.main([*given, "--box_convention", "continuous"])
    assert annotations.videos.keys() == {"b/a", "c"}


def test_reversed_corners(tmp_path, truth, detections):
    found = Detections.load(detections / "b" / "a.npz")
    boxes = found.boxes.copy()
    boxes[7, [0, 2]] = boxes[7, [2, 0]]
    replace(found, boxes=boxes).save(tmp_path / "wrong.npz")
    with pytest.raises(InputError) as caught:
        frame_map.main([str(tmp_path / "wrong.npz"), "--dataset", str(truth)])
    assert "wrong.npz: video 'b/a', frame 10: the corners of the box [25.0, 5.0, 5.0, 35.0]" in str(
        caught.value
    )
    tube = replace(TUBE, boxes=BOXES[:, [0, 3, 2, 1]])
    wrong = write(tmp_path / "wrong.json", replace(VIDEO, tubes=(tube,)))
    for command in (video_map, frame_map):
        with pytest.raises(InputError, match=r"wrong.json: video 'b/a', tube 1, frame 3: the cor"):
            command.main([wrong, "--dataset", str(truth)])


def test_boxes_beyond_the_edge_as_roads_clipping_leaves_them(tmp_path, truth, capsys):
    """Of a frame of 64x48, ROAD sets a right edge above 63 to 63 and leaves the left one."""
    boxes = BOXES.copy()
    boxes[0], boxes[1], boxes[2] = [63.5, 5, 63, 35], [0, 0, 20, -3], [5, 47.2, 25, 47]
    tubes = write(tmp_path / "tubes.json", replace(VIDEO, tubes=(replace(TUBE, boxes=boxes),)))
    video_map.main([tubes, "--dataset", str(truth)])
    assert ["0.5", "0.5000", "0.4250"] in [
        line.split() for line in capsys.readouterr().out.splitlines()
    ]


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
