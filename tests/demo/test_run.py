"""The command of the demo, with a detector that finds the bright square of a small video."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from data import Frame, InputError, VideoWriter, load_tubes, open_video, run_command
from demo import run
from demo.pipeline import TubePipeline
from detection import detect_video
from detection.streams import Stream
from tubes import build_tubes

WIDTH, HEIGHT, FRAMES = 160, 120, 30


class SquareDetector:
    """Finds what is bright, a frame late as micro-tubes do, and is surest of class 1."""

    classes = ("stand", "move right")
    name = "square"

    network = SimpleNamespace(streams=(Stream(),))

    def stream(self, batch_size: int = 1) -> "SquareStream":
        return SquareStream()


class SquareStream:
    def __init__(self) -> None:
        self.waiting: list[tuple[np.ndarray, np.ndarray]] = []

    def update(self, frame: Frame) -> list[tuple[np.ndarray, np.ndarray]]:
        return self.update_images([frame.image])

    def update_images(self, images: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        ready, self.waiting = self.waiting, [_rows(images[0])]
        return ready

    def finish(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return self.waiting


def _rows(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ys, xs = np.nonzero(image.min(axis=2) > 150)
    if len(xs) == 0:
        return np.zeros((0, 4), np.float32), np.zeros((0, 3), np.float32)
    box = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    return np.array([box], np.float32), np.array([[0.2, 0.7, 0.1]], np.float32)


@pytest.fixture(autouse=True)
def detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.Detector, "load", lambda weights, device, backend: SquareDetector())


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "square.safetensors"
    path.write_bytes(b"stands for a checkpoint")
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return _write_clip(tmp_path / "clip.mp4", visible=range(5, 25))


def _write_clip(path: Path, visible: range) -> Path:
    with VideoWriter(path, WIDTH, HEIGHT, 25) as writer:
        for index in range(FRAMES):
            image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
            if index in visible:
                image[40:80, 20 + 2 * index : 60 + 2 * index] = 220
            writer.write(image)
    return path


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_writes_tubes_overlay_report_and_record(
    clip: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "results"
    run.main([str(clip), "--weights", str(weights), "--save_root", str(root)])
    folder = root / "demo" / "clip"
    assert sorted(path.name for path in folder.iterdir()) == [
        "overlay.mp4",
        "report.html",
        "run.json",
        "tubes.json",
    ]
    (video,) = load_tubes(folder / "tubes.json")
    (tube,) = video.tubes
    assert (video.video, video.frames, video.width, video.height) == ("clip", 30, WIDTH, HEIGHT)
    assert (tube.start, tube.end, video.classes[tube.label]) == (5, 25, "move right")
    with open_video(folder / "overlay.mp4") as overlay:
        drawn = list(overlay)
    assert len(drawn) == FRAMES
    assert drawn[0].image.shape == (360, 480, 3)
    # Orange is the first colour; nothing is drawn before the tube starts.
    assert np.ptp(drawn[10].image.astype(int), axis=2).max() > 150
    assert np.ptp(drawn[2].image.astype(int), axis=2).max() < 40
    assert "move right" in (folder / "report.html").read_text(encoding="utf-8")
    figures = json.loads((folder / "run.json").read_text(encoding="utf-8"))["figures"]
    assert (figures["frames"], figures["tubes_shown"]) == (FRAMES, 1)
    printed = capsys.readouterr().out
    assert "move right" in printed
    assert str(folder / "report.html") in printed


def test_video_without_tubes_gives_all_files(tmp_path: Path, weights: Path) -> None:
    clip = _write_clip(tmp_path / "dark.mp4", visible=range(0))
    run.main([str(clip), "--weights", str(weights), "--save_root", str(tmp_path)])
    folder = tmp_path / "demo" / "dark"
    assert load_tubes(folder / "tubes.json")[0].tubes == ()
    assert "No tubes to show" in (folder / "report.html").read_text(encoding="utf-8")
    with open_video(folder / "overlay.mp4") as overlay:
        assert len(list(overlay)) == FRAMES


def test_min_score_leaves_tubes_out(
    clip: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--weights", str(weights), "--save_root", str(tmp_path), "--min_score", "0.75"]
    run.main([str(clip), *options])
    assert load_tubes(tmp_path / "demo" / "clip" / "tubes.json")[0].tubes == ()
    assert "best: 0.700" in capsys.readouterr().out


def test_done_work_is_not_done_again(
    clip: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [str(clip), "--weights", str(weights), "--save_root", str(tmp_path)]
    report = tmp_path / "demo" / "clip" / "report.html"
    run.main(options)
    report.write_text("touched")
    run.main(options)
    assert report.read_text() == "touched"
    assert "--overwrite" in capsys.readouterr().out
    run.main([*options, "--overwrite"])
    assert report.read_text() != "touched"
    report.write_text("touched")
    run.main([*options, "--min_score", "0.31"])
    assert report.read_text() != "touched"


def _bad_videos(folder: Path) -> Iterator[tuple[Path, str]]:
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no video")
    (folder / "nothing").mkdir()
    yield folder / "missing.mp4", "missing.mp4"
    yield folder / "empty.mp4", "empty.mp4"
    yield folder / "text.mp4", "text.mp4"
    yield folder / "nothing", "nothing"


def test_bad_input_is_one_sentence_and_leaves_results_alone(
    clip: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--weights", str(weights), "--save_root", str(tmp_path / "runs")]
    run.main([str(clip), *common])
    folder = tmp_path / "runs" / "demo" / "clip"
    before = _contents(folder)
    capsys.readouterr()
    attempts = [([str(path), *common], named) for path, named in _bad_videos(tmp_path)]
    attempts += [
        ([str(clip), *common, "--min_score", "2"], "--min_score"),
        ([str(clip), *common, "--min_score", "nan"], "--min_score"),
        ([str(clip), *common, "--weights", str(tmp_path / "no.safetensors")], "no.safetensors"),
        ([str(clip), *common, "--weigths", "x"], "--weigths"),
        ([str(clip), *common, "--backend", "onnx", "--device", "cuda"], "--device cuda"),
    ]
    for arguments, named in attempts:
        with pytest.raises(SystemExit) as stop:
            run_command(run.main, arguments)
        assert stop.value.code == 2
        error = capsys.readouterr().err
        assert named in error
        assert error.startswith("error: ")
        assert error.count("\n") == 1
    assert _contents(folder) == before
    assert [path.name for path in (tmp_path / "runs" / "demo").iterdir()] == ["clip"]


def test_failure_while_drawing_leaves_results_alone(
    clip: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [str(clip), "--weights", str(weights), "--save_root", str(tmp_path)]
    run.main(options)
    before = _contents(tmp_path / "demo" / "clip")

    def fail(*_: object) -> None:
        raise InputError("no room")

    monkeypatch.setattr(run.Overlay, "draw", fail)
    with pytest.raises(InputError):
        run.main([*options, "--overwrite"])
    assert _contents(tmp_path / "demo" / "clip") == before


def test_folder_of_images_is_a_video(tmp_path: Path, weights: Path, clip: Path) -> None:
    folder = tmp_path / "some.frames"
    folder.mkdir()
    with open_video(clip) as video:
        for frame in video:
            cv2.imwrite(str(folder / f"{frame.index}.png"), frame.image)
    run.main([str(folder), "--weights", str(weights), "--save_root", str(tmp_path / "runs")])
    (video_tubes,) = load_tubes(tmp_path / "runs" / "demo" / "some.frames" / "tubes.json")
    assert [(tube.start, tube.end) for tube in video_tubes.tubes] == [(5, 25)]


def test_streaming_equals_batch(clip: Path) -> None:
    detector = SquareDetector()
    pipeline = TubePipeline(detector, "clip", WIDTH, HEIGHT, 25.0)
    with open_video(clip) as video:
        for frame in video:
            pipeline.update(frame)
    assert pipeline.finish() == build_tubes(detect_video(detector, clip, "clip"))
