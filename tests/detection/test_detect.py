"""The command that detects: which videos, how they are shared, what it writes, and resuming."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

import data
from data import check
from data.class_filter import frame_picks
from data.matlab_file import read_matlab
from detection import detect
from detection.sources import named_sources
from detection.streams import Stream
from evaluation.detection_files import find_detections
from tests.data.test_frame_database import write_database
from tests.detection.small import CLASSES, save_small, small_network, write_images, write_squares


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_squares(tmp_path_factory.mktemp("squares"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_small(tmp_path_factory.mktemp("weights") / "small.safetensors", small_network())


@pytest.fixture
def run(tmp_path, weights):
    """Runs the command in this process."""

    def run(*arguments):
        options = [f"--weights={weights}", f"--save_root={tmp_path}", "--device=cpu"]
        return detect.main([*options, *map(str, arguments)])

    return run


def _found(root):
    return {
        path.relative_to(root / "detections").with_suffix("").as_posix(): data.Detections.load(path)
        for path in find_detections([root / "detections"])
    }


def _close(first, second):
    assert first.keys() == second.keys()
    for name, found in first.items():
        assert np.array_equal(found.offsets, second[name].offsets)
        assert np.allclose(found.boxes, second[name].boxes, atol=1e-2)
        assert np.allclose(found.scores, second[name].scores, atol=1e-4)


def _record(root):
    return json.loads((root / "detections" / "run.json").read_text())


def test_a_data_set_is_detected_once(dataset, run, tmp_path, capsys):
    run("--dataset", dataset, "--split=test")
    printed = capsys.readouterr().out
    assert "12 frames of 1 video, " in printed and "0 videos done before" in printed
    assert f"evaluation/frame_map.py {tmp_path / 'detections'} --dataset {dataset}" in printed
    (found,) = _found(tmp_path).values()
    assert (found.video, found.frames, found.model) == ("left", 12, "small")
    assert found.classes == CLASSES and len(found.boxes) > 12
    assert _record(tmp_path)["figures"] == {"done": True, "videos": 1}
    file = tmp_path / "detections" / "left.npz"
    written = file.stat().st_mtime_ns
    run("--dataset", dataset, "--split=test")
    assert "0 videos, 0 rows; 1 video done before" in capsys.readouterr().out
    for changed in ("--split=train", "--precision=bfloat16", "--save_format=road-mat"):
        with pytest.raises(data.InputError, match=f"other {changed.split('=')[0][2:]};"):
            run("--dataset", dataset, "--split=test", changed)
    assert file.stat().st_mtime_ns == written
    (tmp_path / "detections" / ".killed.npz").touch()
    assert find_detections([tmp_path / "detections"]) == [file]
    run("--dataset", dataset, "--split=train", "--overwrite", "--batch_size=5")
    _close({"left": _found(tmp_path)["left"]}, {"left": found})
    assert set(_found(tmp_path)) == {"left", "right"}


def test_files_folders_and_lists_give_the_same(dataset, run, tmp_path, capsys):
    root = dataset.parent
    listed = tmp_path / "list.txt"
    listed.write_text(f"# two videos\n{root / 'right'}\n\n{root / 'left'}\n")
    results = []
    for arguments in ([root / "left", root / "right"], [root], [listed]):
        run(*arguments, "--overwrite")
        assert "tubes/build.py" in capsys.readouterr().out
        results.append(_found(tmp_path))
    assert set(results[0]) == {"left", "right"}
    assert results[0] == results[1] == results[2]


def test_frame_databases_give_what_their_images_give(dataset, run, tmp_path):
    run(dataset.parent)
    expected = _found(tmp_path)
    for name in ("left", "right"):
        files = sorted((dataset.parent / name).iterdir())
        contents = [file.read_bytes() for file in files]
        write_database(tmp_path / "videos" / name, range(1, len(files) + 1), contents)
    copy = tmp_path / "videos" / dataset.name
    copy.write_text(dataset.read_text())
    for arguments in ([tmp_path / "videos"], ["--dataset", copy, "--split=train"]):
        run(*arguments, "--overwrite")
        assert _found(tmp_path) == {name: expected[name] for name in _found(tmp_path)}
    assert check.main([str(copy)]) is None


def test_names_of_videos_in_folders_and_lists(tmp_path):
    for name in ("Walk/monday/1.jpg", "Walk/tuesday.avi", "brox-images/monday/1.jpg", "Run/a.MP4"):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "videos" / ".hidden.mp4").touch()
    found = named_sources([tmp_path / "videos"])
    assert [source.name for source in found] == ["Run/a", "Walk/monday", "Walk/tuesday"]
    (tmp_path / "one.txt").write_text("videos/Walk\nvideos/Run/a.MP4\n")
    found = named_sources([tmp_path / "one.txt"])
    assert [source.name for source in found] == ["monday", "tuesday", "a"]
    assert found[0].path == tmp_path / "videos" / "Walk" / "monday"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "list.txt: lists no videos"),
        ("a.mp4\nb.mp4\n", r"list.txt:2: .*b.mp4 is not there"),
        ("b.mp4\na.mp4\nc.mp4\n", r"list.txt:1: .*list.txt:3: .*c.mp4 is not there"),
        ("a.mp4\nc/a.mp4\n", "c/a.mp4: has the name of .*a.mp4"),
        ("empty\n", "empty: holds neither images nor videos"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_bad_lists(tmp_path, content, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "c").mkdir()
    for name in ("a.mp4", "c/a.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "list.txt").write_bytes(
        content if isinstance(content, bytes) else content.encode("utf-8")
    )
    with pytest.raises(data.InputError, match=message):
        named_sources([tmp_path / "list.txt"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.mp4"], "nowhere.mp4: no such file"),
        (["a.mp4", "--dataset=embedded"], "not both"),
        (["--dataset=nowhere.json"], "nowhere.json"),
        (["--batch_size=0"], "whole number of at least 1"),
        (["--workers=none"], "whole number of at least 1"),
        (["--save_format=xml"], "save_format"),
        (["--precision=half"], "precision"),
        (["--weights=nowhere.pth"], "nowhere.pth"),
        (["--backend=tensorrt"], "backend"),
        (["--backend=onnx", "--device=cuda"], "--device cuda"),
        (["--backend=onnx", "--precision=bfloat16"], "--precision bfloat16"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(run, tmp_path, arguments, message):
    with pytest.raises(data.InputError, match=message):
        run(*arguments)
    assert not (tmp_path / "detections").exists()


def test_a_damaged_video_is_named_before_the_work_starts(dataset, run, tmp_path):
    (tmp_path / "bad.mp4").write_text("no video")
    with pytest.raises(data.InputError, match=r"bad\.mp4"):
        run(dataset.parent / "left", tmp_path / "bad.mp4")
    (tmp_path / "worse.mp4").write_text("no video")
    with pytest.raises(data.InputError, match=r"bad\.mp4.*worse\.mp4"):
        run(tmp_path / "bad.mp4", dataset.parent / "left", tmp_path / "worse.mp4")
    assert not (tmp_path / "detections").exists()


def test_processes_share_the_videos(dataset, run, tmp_path, monkeypatch, capsys):
    arguments = ("--dataset", dataset, "--split=train")
    run(*arguments)
    alone = _found(tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    stale = tmp_path / "detections" / "of an earlier run.npz"
    stale.write_bytes((tmp_path / "detections" / "left.npz").read_bytes())
    monkeypatch.setenv("RANK", "0")
    run(*arguments, "--overwrite", "--batch_size=2")
    assert not stale.exists()
    first = (tmp_path / "detections" / "right.npz").stat().st_mtime_ns
    monkeypatch.setenv("RANK", "1")
    run(*arguments, "--overwrite", "--batch_size=2")
    assert (tmp_path / "detections" / "right.npz").stat().st_mtime_ns == first
    _close(_found(tmp_path), alone)
    (tmp_path / "detections" / "right.npz").unlink()
    capsys.readouterr()
    run(*arguments)
    assert "0 videos, 0 rows; 1 video done before" in capsys.readouterr().out
    monkeypatch.setenv("RANK", "0")
    run(*arguments)
    assert _record(tmp_path)["figures"] == {"done": True, "videos": 2}
    _close(_found(tmp_path), alone)


def test_it_is_done_when_all_processes_are(dataset, run, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, done in (("0", False), ("1", True)):
        monkeypatch.setenv("RANK", rank)
        run("--dataset", dataset, "--split=train")
        assert _record(tmp_path)["figures"]["done"] is done


def test_matlab_files_are_those_of_road(dataset, run, tmp_path):
    """Raw scores and boxes of all priors, which read back give the same after the class filter."""
    run("--dataset", dataset, "--split=test")
    (ours,) = _found(tmp_path).values()
    run("--dataset", dataset, "--split=test", "--save_format=road-mat", "--overwrite")
    folder = tmp_path / "detections"
    assert not list(folder.rglob("*.npz"))
    files = sorted(path.name for path in (folder / "left").iterdir())
    assert files == [f"{number:05d}.mat" for number in range(1, 13)]
    matrices = read_matlab(folder / "left" / "00001.mat")
    priors = len(small_network().priors)
    assert matrices["loc"].shape == (priors, 4) and matrices["loc"].dtype == np.float32
    assert matrices["scores"].shape == (priors, 3) and matrices["scores"].dtype == np.float32
    assert np.allclose(matrices["scores"].sum(1), 1, atol=1e-5)
    assert np.abs(matrices["loc"]).max() < 10  # fractions of the frame
    (folder / ".right.part").mkdir()  # as a killed run leaves it
    (folder / ".right.part" / "00099.mat").touch()
    opened = data.open_dataset(dataset)
    context = data.Context(CLASSES, opened.annotations.videos)
    (raw,) = data.read_detections(folder, context, "road")
    assert raw.frames == ours.frames and len(raw.boxes) == 12 * priors
    for t in range(raw.frames):
        picked = []
        for boxes, scores in (raw.frame(t), ours.frame(t)):
            rows, starts = frame_picks(boxes, scores, 2, np.float32(0.01), 50, np.float32(0.45), 20)
            picked.append((boxes[rows], scores[rows], starts))
        for from_matlab, from_npz in zip(*picked, strict=True):
            assert np.allclose(from_matlab, from_npz, rtol=1e-5, atol=1e-4)
    written = (folder / "left" / "00001.mat").stat().st_mtime_ns
    run("--dataset", dataset, "--split=test", "--save_format=road-mat")
    assert (folder / "left" / "00001.mat").stat().st_mtime_ns == written


def test_a_killed_matlab_run_leaves_nothing_behind(dataset, run, tmp_path):
    part = tmp_path / "detections" / ".left.part"
    part.mkdir(parents=True)
    (part / "00099.mat").touch()
    run("--dataset", dataset, "--split=test", "--save_format=road-mat")
    assert not part.exists()
    assert len(list((tmp_path / "detections" / "left").iterdir())) == 12


def test_stored_flow_is_read_and_brox_needed(tmp_path, run):
    streams = (Stream(), Stream("brox", 2))
    network = small_network(streams=streams, fusion_type="sum")
    weights = save_small(tmp_path / "flow.safetensors", network)
    video = tmp_path / "rgb-images" / "Walk" / "one"
    write_images(video, 6, 2)
    with pytest.raises(data.InputError, match=r"brox-images.*Brox flow cannot be computed"):
        run(video, "--weights", weights)
    assert not (tmp_path / "detections").exists()
    write_images(tmp_path / "brox-images" / "Walk" / "one", 6, -2)
    run(video, "--weights", weights)
    (found,) = _found(tmp_path).values()
    assert found.frames == 6


def test_flow_is_computed_where_none_is_stored(tmp_path, run):
    weights = save_small(
        tmp_path / "flow.safetensors", small_network(streams=[Stream("fastOF", 2)])
    )
    video = tmp_path / "videos" / "one"
    write_images(video, 6, 2)
    run(video, "--weights", weights)
    (computed,) = _found(tmp_path).values()
    write_images(tmp_path / "videos" / "fastOF-images" / "one", 6, -2)
    run(video, "--weights", weights, "--overwrite")
    (stored,) = _found(tmp_path).values()
    assert computed.frames == stored.frames == 6 and computed != stored


@pytest.mark.slow
def test_published_weights_detect(tmp_path, run):
    """ROAD's layout and single frames, in mixed precision."""
    network = small_network(1, basenet="vgg16")
    state = {k.removeprefix("backbone."): v for k, v in network.state_dict().items()}
    for index, priors in enumerate((4, 6, 6, 6, 4, 4)):
        for kind in ("weight", "bias"):
            value = state.pop(f"heads.{index}.{kind}")
            boxes, scores = value.split([4 * priors, 3 * priors])
            # UCF24 has 24 classes; those that are not there get what the background gets.
            scores = scores.unflatten(0, (priors, 3))
            scores = torch.cat([scores, *[scores[:, :1]] * 22], 1).flatten(0, 1)
            state[f"loc.{index}.{kind}"], state[f"conf.{index}.{kind}"] = boxes.clone(), scores
    path = tmp_path / "rgb-ssd300_ucf24_120000.pth"
    torch.save({f"module.{key}": value for key, value in state.items()}, path)
    write_images(tmp_path / "one", 2, 2)
    run(tmp_path / "one", "--weights", path, "--precision=bfloat16", "--batch_size=2")
    (found,) = _found(tmp_path).values()
    assert found.classes == data.UCF24_CLASSES and found.frames == 2


@pytest.mark.slow
def test_workers_and_a_kill_give_what_one_process_gives(dataset, weights, run, tmp_path):
    videos = [dataset.parent / "left", dataset.parent / "right"]
    for index in range(4):
        videos.append(tmp_path / f"video {index}")
        write_images(videos[-1], 6 + index, 1)
    run(*videos)
    wanted = _found(tmp_path)
    root = tmp_path / "killed"
    command = [sys.executable, "-m", "detection.detect", *map(str, videos), "--workers=2"]
    command += [f"--weights={weights}", f"--save_root={root}", "--device=cpu"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not list(root.glob("detections/[!.]*.npz")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and "0 videos done before" not in done.stdout
    _close(_found(root), wanted)
