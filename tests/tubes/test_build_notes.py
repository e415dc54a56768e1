"""What the commands that build tubes say of streams, classes and options that do not fit."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from data import (
    FORMATS,
    Annotations,
    Context,
    Detections,
    InputError,
    Tube,
    VideoAnnotation,
    load_tubes,
    save_annotations,
)
from tests.notes import absent_class
from tests.tubes.test_build import CLASSES, write_detections, write_truth
from tubes import build, predict_early


def lengths_note(differing: str, base: int, top: int) -> str:
    return (
        f"note: {differing} videos have another number of frames in --top than in the first "
        "stream: frames that --top lacks have the detections of the first stream alone, and what "
        f"it has beyond the first stream is left out; the first is b: {base} frames, in --top "
        f"{top}\n"
    )


@pytest.mark.parametrize("fusion", ["mean", "cat"])
def test_streams_of_other_lengths(tmp_path, capsys, fusion):
    whole = write_detections(tmp_path / "rgb", "a", "b", "c")
    other = write_detections(tmp_path / "flow", "a")
    write_detections(other, "b", frames=20)
    write_detections(other, "c", frames=33)
    command = [str(whole), "--top", str(other), "--fusion", fusion, "--save_root", str(tmp_path)]
    build.main(command)
    assert capsys.readouterr().err == lengths_note("2 of 3", 30, 20)
    assert [video.frames for video in load_tubes(tmp_path / "tubes" / "tubes.json")] == [30] * 3
    # Also where the tubes are there already, and in the other command.
    build.main(command)
    assert capsys.readouterr().err == lengths_note("2 of 3", 30, 20)
    truth = write_truth(tmp_path / "truth.json", "a", "b", "c")
    predict_early.main([*command[:-2], "--dataset", str(truth)])
    told = capsys.readouterr().err
    assert told == lengths_note("2 of 3", 30, 20) + absent_class(f"{truth}, test")
    build.main([str(whole), "--top", str(whole), "--save_root", str(tmp_path)])
    assert capsys.readouterr().err == ""


def test_streams_of_two_programs(tmp_path, capsys):
    truth = write_truth(tmp_path / "truth.json", "b")
    found = Detections.load(write_detections(tmp_path / "rgb", "b") / "b.npz")
    FORMATS["coco"].write_detections(tmp_path / "rgb.json", [found], Context(CLASSES, {"b": found}))
    flow = write_detections(tmp_path / "flow", "b", frames=20)
    command = [str(tmp_path / "rgb.json"), "--top", str(flow), "--fusion", "cat"]
    build.main([*command, "--dataset", str(truth), "--save_root", str(tmp_path)])
    told = capsys.readouterr().err
    assert told == lengths_note("1 of 1", 30, 20) + absent_class(f"{truth}, test")


def test_classes_and_shapes_of_the_ground_truth(tmp_path, capsys):
    truth = write_truth(tmp_path / "truth.json", "a")
    folder = write_detections(tmp_path / "found", "a")
    ours = Detections.load(folder / "a.npz")
    replace(ours, classes=("swim", "run"), width=68).save(folder / "a.npz")
    build.main([str(folder), "--dataset", str(truth), "--save_root", str(tmp_path)])
    by_build = capsys.readouterr().err
    predict_early.main([str(folder), "--dataset", str(truth)])
    assert by_build == capsys.readouterr().err
    unknown, absent, size = by_build.splitlines(keepends=True)
    assert absent == absent_class(f"{truth}, test")
    assert "1 of 2 classes" in unknown and "average precision of 0: jump" in unknown
    assert "the first is a: 68x48, annotated 64x48" in size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--trimming", "none", "--alpha", "5"], "--alpha: has no effect with --trimming none"),
        (["--trimming", "none", "--alphas", "1,2"], "--alphas: has no effect with --trimming none"),
        (["--alpha", "5", "--alphas", "1,2"], "--alpha 5: has no effect, since --alphas gives"),
    ],
)
def test_costs_without_effect(tmp_path, options, message):
    folder = write_detections(tmp_path / "found", "a")
    with pytest.raises(InputError, match=message):
        build.main([str(folder), "--save_root", str(tmp_path), *options])
    assert not (tmp_path / "tubes").exists()


def test_costs_where_nothing_is_trimmed_by_default(tmp_path, capsys):
    tube = Tube.ground_truth(0, np.tile(np.array([5, 5, 25, 35], np.float32), (30, 1)), 1, 0)
    clip = VideoAnnotation("a", 30, 64, 48, (tube,))
    truth = tmp_path / "truth.json"
    save_annotations(truth, Annotations(CLASSES, {"a": clip}, {}), {})
    folder = write_detections(tmp_path / "found", "a")
    command = [str(folder), "--dataset", str(truth), "--save_root", str(tmp_path)]
    with pytest.raises(InputError, match="--alpha: has no effect where true tubes span their"):
        build.main([*command, "--alpha", "3"])
    assert capsys.readouterr().err == ""
    build.main([*command, "--alpha", "3", "--trimming", "labels"])
    recorded = json.loads((tmp_path / "tubes" / "run.json").read_text())["options"]
    assert (recorded["alpha"], recorded["settings"]["alpha"]) == (3, 3)
    build.main(command)
    assert "not trimmed" in capsys.readouterr().err
    recorded = json.loads((tmp_path / "tubes" / "run.json").read_text())["options"]
    assert recorded["alpha"] == 5
