"""`python tubes/build.py` with detections of other programs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data import (
    Detections,
    InputError,
    VideoTubes,
    load_annotations,
    load_tubes,
    read_detections,
    save_annotations,
)
from data.interchange import FORMATS, Context
from evaluation import BOX_CONVENTIONS
from tests.tubes.test_build import CLASSES, built_times, write_detections, write_truth
from tubes import build, build_tubes, fuse

OTHER_FORMATS = ("road", "act", "yowo", "retinanet3d", "mot", "coco")


def write_format(form: str, folder: Path, own: Path, truth: Path) -> Path:
    """The detections of a folder of ours as another program writes them."""
    annotations, _ = load_annotations(truth)
    context = Context(annotations.classes, annotations.videos)
    found = [Detections.load(path) for path in sorted(own.rglob("*.npz"))]
    FORMATS[form].write_detections(folder, found, context)
    return folder


def built(folder: Path) -> list[VideoTubes]:
    return load_tubes(folder / "tubes" / "tubes.json")


@pytest.mark.parametrize("form", OTHER_FORMATS)
def test_detections_of_other_programs(tmp_path, capsys, form):
    truth = write_truth(tmp_path / "truth.json", "a", "b")
    own = write_detections(tmp_path / "own", "a", "b")
    other = write_format(form, tmp_path / form, own, truth)
    command = [str(other), "--dataset", str(truth), "--save_root", str(tmp_path)]
    build.main(command)
    printed = capsys.readouterr().out
    assert "video accuracy                1.0000" in printed
    # Boxes are compared as the program does, as evaluation/video_map.py compares them.
    assert f"{form if form in BOX_CONVENTIONS else 'continuous'} boxes" in printed
    context = Context(CLASSES, load_annotations(truth)[0].videos)
    assert built(tmp_path) == [build_tubes(video) for video in read_detections(other, context)]
    first = built_times(tmp_path / "tubes" / "videos")
    assert list(first) == ["a.npz", "b.npz"]
    build.main([*command, "--format", form])
    assert built_times(tmp_path / "tubes" / "videos") == first
    wrong = "retinanet3d" if form == "act" else "act"
    with pytest.raises(InputError, match=f"(in the format {wrong}|{form})"):
        build.main([*command, "--format", wrong])
    with pytest.raises(InputError, match="give the"):
        build.main([str(other), "--save_root", str(tmp_path)])


def test_only_what_changed_of_another_program_is_built_again(tmp_path):
    truth = write_truth(tmp_path / "truth.json", "a", "b")
    other = write_format(
        "yowo", tmp_path / "y", write_detections(tmp_path / "own", "a", "b"), truth
    )
    command = [str(other), "--dataset", str(truth), "--save_root", str(tmp_path)]
    videos = tmp_path / "tubes" / "videos"
    build.main(command)
    first = built_times(videos)
    times = (other / "b_00010.txt").stat()
    text = (other / "b_00010.txt").read_text()
    assert "0.8" in text
    # Not even the size of the file and its time tell.
    (other / "b_00010.txt").write_text(text.replace("0.8", "0.7"))
    os.utime(other / "b_00010.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    build.main(command)
    second = built_times(videos)
    assert second["a.npz"] == first["a.npz"] and second["b.npz"] != first["b.npz"]
    assert built(tmp_path)[1].tubes[-1].scores[4] == np.float32(0.7)
    # The annotation says how large the boxes are.
    annotations, media = load_annotations(truth)
    larger = {name: replace(video, width=128) for name, video in annotations.videos.items()}
    save_annotations(truth, replace(annotations, videos=larger), media)
    build.main(command)
    assert not set(built_times(videos).values()) & set(second.values())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_streams_of_other_programs(tmp_path, workers):
    truth = write_truth(tmp_path / "truth.json", "a", "b", "c")
    own = write_detections(tmp_path / "own", "a", "b", "c")
    rgb = write_format("act", tmp_path / "rgb", own, truth)
    # The second stream names its videos in another order, and one more.
    flow = write_format("coco", tmp_path / "flow", own, truth)
    less = write_format("act", tmp_path / "less", write_detections(tmp_path / "2", "c", "a"), truth)
    command = ["--dataset", str(truth), "--save_root", str(tmp_path), "--workers", workers]
    build.main([str(less), "--top", str(flow), "--fusion", "cat", *command])
    assert [video.video for video in built(tmp_path)] == ["a", "c"]
    context = Context(CLASSES, load_annotations(truth)[0].videos)
    base, top = (next(iter(read_detections(path, context))) for path in (less, flow))
    assert built(tmp_path)[0] == build_tubes(fuse(base, top, "cat"))
    # Ours beside another's.
    build.main([str(own), "--top", str(flow), "--fusion", "cat", *command])
    assert len(built(tmp_path)) == 3
    with pytest.raises(InputError, match=r"less: holds no video 'b', the second stream of that in"):
        build.main([str(rgb), "--top", str(less), "--fusion", "cat", *command])


def test_key_frames_of_ava(tmp_path):
    truth = write_truth(tmp_path / "truth.json", "a")
    found = Detections.load(write_detections(tmp_path / "own", "a") / "a.npz")
    context = Context(CLASSES, load_annotations(truth)[0].videos, frame_rate=1.0)
    slow = replace(found, frame_rate=1.0)
    FORMATS["ava"].write_detections(tmp_path / "ava.csv", [slow], context)
    command = [str(tmp_path / "ava.csv"), "--dataset", str(truth), "--save_root", str(tmp_path)]
    with pytest.raises(InputError, match="the file counts in seconds; give the frame rate"):
        build.main(command)
    with pytest.raises(InputError, match="--frame_rate must be above 0"):
        build.main([*command, "--frame_rate", "0"])
    build.main([*command, "--frame_rate", "1"])
    assert [tube.start for tube in built(tmp_path)[0].tubes] == [5, 5]


def test_what_is_wrong_in_files_of_other_programs(tmp_path):
    truth = write_truth(tmp_path / "truth.json", "a")
    other = write_format("yowo", tmp_path / "y", write_detections(tmp_path / "own", "a"), truth)
    command = [str(other), "--dataset", str(truth), "--save_root", str(tmp_path)]
    for line, message in {
        "2 nan 1 2 3 4\n": r"a_00010.txt:1: must be the finite numbers",
        "2 0.5 30 2 3 40\n": r"a_00010.txt:1: the corners of the box .* are reversed",
        "2 1.5 1 2 3 4\n": r"a_00010.txt:1: the score 1.5 is not from 0 to 1",
        "3 0.5 1 2 3 4\n": r"a_00010.txt:1: there is no class 3",
    }.items():
        (other / "a_00010.txt").write_text(line)
        with pytest.raises(InputError, match=message):
            build.main(command)
    assert not (tmp_path / "tubes" / "tubes.json").exists()
