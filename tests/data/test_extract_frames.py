"""`python data/extract_frames.py`: what it writes, and that a folder is whole or not there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from data import ClipFrames, FrameNames, InputError, ListedVideo, check_listed_videos, open_video
from data.errors import InputErrors
from data.extract_frames import FOLDER, main
from data.files import lock
from data.image_folder import read_image
from tests.data.frame_folders import RGB, cut
from tests.data.media import FRAMES, number_of, write_video

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.jpg")
    }


def test_frames_of_files_and_of_folders_of_videos(capsys: pytest.CaptureFixture[str]) -> None:
    for path in ("set/run/a.b.mp4", "set/walk fast/b.avi", "set/c.webm", "alone.mp4"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_video(Path(path))
    Path("set/notes.txt").write_text("no video")
    Path("set/._c.mp4").write_bytes(b"")
    main(["set", "alone.mp4", "--save_root", "out", "--workers", "2"])
    printed = capsys.readouterr().out
    assert "120 frames of 4 videos; 0 videos done before; folder: out/rgb-images" in printed
    names = [f"img_{number:05d}.jpg" for number in range(1, FRAMES + 1)]
    for video in ("run/a.b", "walk fast/b", "c", "alone"):
        folder = Path("out", FOLDER, video)
        assert sorted(os.listdir(folder)) == names
        images = ClipFrames("RGB", RGB).read(ListedVideo(video, folder, 0, FRAMES), [0, 7, 29])
        assert [round(number_of(image)) for image in images] == [0, 7, 29]
    # What was stored is the frame, up to what JPEG changes.
    with open_video("alone.mp4") as video:
        for frame in video.select([0, 12]):
            stored = read_image(Path("out", FOLDER, "alone", names[frame.index]))
            assert np.abs(stored.astype(int) - frame.image).mean() < 4
    main(["set", "alone.mp4", "--save_root", "out"])
    assert "0 frames of 0 videos; 4 videos done before" in capsys.readouterr().out


@pytest.mark.parametrize(("height", "size"), [(96, (96, 128)), (25, (25, 33)), (0, (48, 64))])
def test_heights(height: int, size: tuple[int, int]) -> None:
    write_video(Path("12.mp4"), frames=3)
    main(["12.mp4", "--height", str(height), "--template", "{:06d}.jpg"])
    folder = Path("runs", FOLDER, "12")
    images = ClipFrames("RGB", FrameNames("{:06d}.jpg")).read(
        ListedVideo("12", folder, 0, 3), range(3)
    )
    assert [image.shape for image in images] == [(*size, 3)] * 3
    assert [round(number_of(image)) for image in images] == [0, 1, 2]


def test_frames_of_another_height_or_name_are_not_taken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_video(Path("a.mp4"), frames=3)
    main(["a.mp4", "--height", "24"])
    with pytest.raises(
        InputError, match=r"a: its frames have a height of 24 and not 30; add --over"
    ):
        main(["a.mp4", "--height", "30"])
    with pytest.raises(
        InputError, match=r"a: is there, and has no image 000001.jpg; add --overwrite"
    ):
        main(["a.mp4", "--template", "{:06d}.jpg"])
    main(["a.mp4", "--height", "30", "--template", "{:06d}.jpg", "--overwrite"])
    assert "3 frames of 1 video" in capsys.readouterr().out
    folder = Path("runs", FOLDER, "a")
    assert sorted(os.listdir(folder)) == ["000001.jpg", "000002.jpg", "000003.jpg"]
    assert read_image(folder / "000003.jpg").shape == (30, 40, 3)


def test_what_cannot_be_read_is_named_and_the_rest_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("set").mkdir()
    write_video(Path("set/a.mp4"), frames=3)
    Path("set/b.mp4").write_bytes(b"")
    Path("set/c.mp4").write_text("no video")
    with pytest.raises(InputErrors, match=r"b.mp4: the file is empty.*c.mp4: not a video"):
        main(["set"])
    assert "3 frames of 1 video; 0 videos done before" in capsys.readouterr().out
    assert [path.name for path in Path("runs", FOLDER).glob("[!.]*")] == ["a"]


def test_a_killed_run_leaves_whole_folders_and_goes_on(tmp_path: Path) -> None:
    Path("set").mkdir()
    for number in range(8):
        write_video(Path(f"set/{number}.mp4"), frames=150)
    main(["set", "--save_root", "whole", "--workers", "1"])
    whole = contents(Path("whole", FOLDER))
    command = [sys.executable, str(ROOT / "data" / "extract_frames.py"), "set", "--workers", "2"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE)
    limit = time.monotonic() + 60
    root = Path("runs", FOLDER)
    while not (root / "1").exists() and run.poll() is None:
        assert time.monotonic() < limit
    run.kill()
    run.communicate()  # its processes, which write there too, end when they see that it did
    done = [path for path in root.glob("[!.]*")]
    assert 0 < len(done) < 8
    for folder in done:
        assert len(list(folder.iterdir())) == 150
    times = {path: path.stat().st_mtime_ns for folder in done for path in folder.iterdir()}
    # As if it had been killed in the middle of a file.
    part = root / ".7.part"
    part.mkdir(exist_ok=True)
    (part / "img_00001.jpg").write_bytes(whole["7/img_00001.jpg"])
    cut(part / "img_00001.jpg")
    with (root / ".lock").open("rb") as at_work:
        assert lock(at_work)
        with pytest.raises(InputError, match=r"rgb-images: another run is writing frames there"):
            main(["set"])
    main(["set"])
    assert contents(root) == whole
    assert all(path.stat().st_mtime_ns == changed for path, changed in times.items())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["gone.mp4"], r"gone.mp4: no such file or folder"),
        (["empty"], "empty: holds no videos; name videos, or a folder of them"),
        (["a.mp4", "other/a.avi"], r"other/a.avi: has the name of a.mp4"),
        (["a.mp4", "--template", "img.jpg"], "template 'img.jpg': is not the name of a frame"),
        (["a.mp4", "--template", "{}_{:05d}.jpg"], "is not the name of one image a frame"),
        (["a.mp4", "--template", "{:05d}.txt"], "is not the name of one image a frame"),
        (["a.mp4", "--height", "-3"], "--height: must be a whole number of at least 0"),
        (["a.mp4", "--save_root", "a.mp4"], "frames cannot be written there"),
    ],
)
def test_wrong_options(options: list[str], told: str) -> None:
    for folder in ("empty", "other"):
        Path(folder).mkdir()
    write_video(Path("a.mp4"), frames=2)
    write_video(Path("other/a.avi"), frames=2)
    with pytest.raises(InputError, match=told):
        main(options)
    assert not list(Path("runs").rglob("*.jpg"))


def test_what_was_extracted_passes_the_check() -> None:
    write_video(Path("a.mp4"))
    main(["a.mp4"])
    video = ListedVideo("a", Path("runs", FOLDER, "a"), 0, FRAMES)
    checked = check_listed_videos([video], ClipFrames("RGB", RGB), 1, 8)
    assert checked.good == [video] and not checked.longer
