"""`python data/flow.py`: what it stores, and that no interruption leaves half of it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from data import (
    Annotations,
    InputError,
    VideoAnnotation,
    flow_images,
    open_dataset,
    open_input,
    open_video,
    save_annotations,
)
from data.files import lock
from data.flow import main
from data.flow_images import RECORD
from tests.data.media import FRAMES, write_video

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    """The files below a folder, hidden ones included."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_images_are_stored_as_published(capsys: pytest.CaptureFixture[str]) -> None:
    path = write_video(Path("a.mp4"))
    main(["a.mp4"])
    assert "fastOF: 30 images of 1 video; 0 videos done before" in capsys.readouterr().out
    folder = Path("runs/fastOF-images/a")
    names = [f"{number:05d}.jpg" for number in range(1, FRAMES + 1)]
    assert sorted(path.name for path in folder.iterdir()) == [*names, "flow.json"]
    with open_input(path, "fastOF") as video:
        for name, flow in zip(names, video, strict=True):
            # As OpenCV writes them by default: AMTNet's reader takes red, green, blue for x, y,
            # magnitude.
            assert cv2.imwrite("expected.jpg", flow.image[..., ::-1])
            assert (folder / name).read_bytes() == Path("expected.jpg").read_bytes()
    main(["a.mp4"])
    assert "fastOF: 0 images of 0 videos; 1 video done before" in capsys.readouterr().out


def test_stored_images_are_found_beside_the_video() -> None:
    write_video(Path("a.mp4"))
    main(["a.mp4", "--save_root", "."])
    with open_input("a.mp4", "fastOF") as video, open_video("fastOF-images/a") as stored:
        assert video.path == stored.path.absolute()


def test_images_of_a_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["Run/a", "Run/b", "Jump/c", "Jump/away"]
    for seed, name in enumerate(names[:3]):
        folder = Path("set/rgb-images", name)
        folder.mkdir(parents=True)
        for index in range(3):
            noise = np.random.default_rng(seed).integers(0, 255, (20, 24, 3), np.uint8)
            cv2.imwrite(str(folder / f"{index + 1:05d}.jpg"), np.roll(noise, index, 1))
    videos = {name: VideoAnnotation(name, 3, 24, 20, ()) for name in names}
    save_annotations("set/own.json", Annotations(("Run",), videos, {}), {})
    main(["--dataset", "set/own.json", "--workers", "2"])
    told = capsys.readouterr()
    assert "fastOF: 9 images of 3 videos" in told.out
    assert "note: 1 video of 4 not there, such as Jump/away" in told.err
    dataset = open_dataset("set/own.json")
    for name in names[:3]:
        assert (Path("set/fastOF-images") / name / "00003.jpg").exists()
        with dataset.open_input(name, "fastOF") as video:
            assert len(list(video)) == 3
            assert video.path == Path("set/fastOF-images") / name


def test_a_killed_run_loses_no_more_than_an_image(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames=200)
    main(["a.mp4", "--save_root", "whole"])
    command = [sys.executable, str(ROOT / "data" / "flow.py"), str(tmp_path / "a.mp4")]
    part = tmp_path / "runs" / "fastOF-images" / ".a.part"
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    limit = time.monotonic() + 60
    while not (part / "00005.jpg").exists() and run.poll() is None:
        assert time.monotonic() < limit
    run.kill()
    run.wait()
    assert not (part.parent / "a").exists()
    # As if it had been killed in the middle of a file.
    written = sorted(part.glob("*.jpg"))
    assert 5 <= len(written) < 200
    written[-1].write_bytes(written[-1].read_bytes()[:100])
    times = {path: path.stat().st_mtime_ns for path in written[:-1]}
    with (part / RECORD).open("rb") as at_work:
        assert lock(at_work)
        with pytest.raises(InputError, match="another run is computing these images"):
            main(["a.mp4"])
    main(["a.mp4"])
    assert contents(part.parent) == contents(tmp_path / "whole" / "fastOF-images")
    for path, changed in times.items():
        assert (part.parent / "a" / path.name).stat().st_mtime_ns == changed


@pytest.mark.parametrize("images", [0, 1, FRAMES - 1, FRAMES])
def test_a_run_goes_on_wherever_it_was_stopped(images: int) -> None:
    write_video(Path("a.mp4"))
    main(["a.mp4"])
    folder = Path("runs/fastOF-images")
    whole = contents(folder)
    for path in sorted((folder / "a").glob("*.jpg"))[images:]:
        path.unlink()
    (folder / "a").rename(folder / ".a.part")
    main(["a.mp4"])
    assert contents(folder) == whole


def test_images_made_otherwise_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_video(Path("a.mp4"), frames=3)
    main(["a.mp4"])
    folder = Path("runs/fastOF-images/a")
    before = contents(folder)
    with monkeypatch.context() as patch:
        patch.setitem(flow_images.ESTIMATORS, "fastOF", "another")
        with pytest.raises(InputError, match=r"fastOF-images/a: .*\(DIS, .*\); add --overwrite"):
            main(["a.mp4"])
        assert contents(folder) == before
        main(["a.mp4", "--overwrite"])
        assert b"another" in (folder / "flow.json").read_bytes()
    write_video(Path("a.mp4"), frames=5)  # another video of that name
    with pytest.raises(InputError, match="add --overwrite"):
        main(["a.mp4"])
    main(["a.mp4", "--overwrite"])
    assert (folder / "00005.jpg").exists()
    (folder / "flow.json").unlink()  # images of another program
    with pytest.raises(InputError, match="did not make"):
        main(["a.mp4"])


def test_a_part_that_was_made_otherwise_is_not_gone_on_with() -> None:
    write_video(Path("a.mp4"), frames=3)
    part = Path("runs/fastOF-images/.a.part")
    part.mkdir(parents=True)
    (part / "00001.jpg").write_bytes(b"of another video")
    (part / "flow.json").write_text('{"estimator": "another"}')
    main(["a.mp4"])
    with open_video("runs/fastOF-images/a") as video:
        assert len(list(video)) == 3


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "name either videos or a data set"),
        (["a.mp4", "--dataset", "embedded"], "name either videos or a data set"),
        (["a.mp4", "--input_type", "brox"], "only for CUDA .* published brox-images"),
        (["a.mp4", "--input_type", "rgb"], "choose fastOF or raft"),
        (["a.mp4", "--workers", "0"], "--workers 0: must be at least 1"),
        (["none.mp4"], "none.mp4: no such file"),
        (["none.mp4", "a.mp4", "b"], "none.mp4: no such file.*; b: is a folder of videos"),
        (["b"], "b: is a folder of videos; name the videos in it, such as b/a.mp4"),
        (["a.mp4", "b/a.mp4"], "b/a.mp4: has the name of a.mp4"),
        (["--dataset", "none.json"], "none.json: neither"),
        (["a.mp4", "--save_root", "a.mp4"], "cannot be written there"),
    ],
)
def test_what_is_wrong_is_said_before_the_work(options: list[str], told: str) -> None:
    Path("b").mkdir()
    write_video(Path("a.mp4"), frames=2)
    write_video(Path("b/a.mp4"), frames=2)
    with pytest.raises(InputError, match=told):
        main(options)
    assert not Path("runs").exists()
