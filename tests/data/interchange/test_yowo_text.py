"""YOWO's text files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data import FORMATS, Context, Detections, InputError, read_detections
from tests.data.interchange.samples import CLASSES, CLIP, CONTEXT

# As its test() prints: str() of int, float and the results of round().
LINES = "2 0.9031752347946167 -3 20 160 240\n1 1.2e-05 10 10 10 10\n"


def _write(folder: Path, text: str, name: str = "walk_clip_00002.txt") -> Path:
    (folder / name).write_text(text)
    return folder / name


def _read(folder: Path, context: Context = CONTEXT) -> Detections:
    (video,) = read_detections(folder, context, "yowo")
    return video


def test_lines(tmp_path: Path) -> None:
    _write(tmp_path, LINES)
    _write(tmp_path, "", "walk_clip_00001.txt")
    video = _read(tmp_path)
    assert (video.video, video.frames) == ("walk/clip", 9)
    assert video.offsets.tolist() == [0, 0] + [2] * 8
    # The files have pixels of 320x240, the video has 640x480.
    assert video.boxes.tolist() == [[-6, 40, 320, 480], [20, 20, 20, 20]]
    score = np.float32(0.9031752347946167)
    assert video.scores[0].tolist() == [0, score, 0, np.float32(1) - score]


def test_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "read").mkdir()
    _write(tmp_path / "read", "2 0.5 1 2 3 4\n3 0.25 1 2 3 4\n1 0.0009 1 2 3 4\n")
    write = FORMATS["yowo"].write_detections
    assert write
    write(tmp_path / "written", [_read(tmp_path / "read")], CONTEXT)
    texts = {file.name: file.read_text() for file in (tmp_path / "written").iterdir()}
    assert texts.pop("walk_clip_00002.txt") == "2 0.5 1 2 3 4\n3 0.25 1 2 3 4\n"
    assert texts == {f"walk_clip_{frame:05d}.txt": "" for frame in (1, *range(3, 10))}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1 nan 1 2 3 4", "must be the finite numbers class, score"),
        ("1 0.5 1 2 inf 4", "must be the finite numbers class, score"),
        ("1 0.5 1 2 3", "must be the finite numbers class, score"),
        ("run 0.5 1 2 3 4", "must be the finite numbers class, score"),
        ("1,0.5,1,2,3,4", "must be the finite numbers class, score"),
        ("1 1.5 1 2 3 4", "the score 1.5 is not from 0 to 1"),
        ("1 0.5 3 2 1 4", "the corners of the box"),
        ("0 0.5 1 2 3 4", "there is no class 0, the 3 classes are numbered from 1 to 3"),
        ("4 0.5 1 2 3 4", "there is no class 4"),
        ("1.5 0.5 1 2 3 4", "there is no class 1.5"),
        ("1 0.5 1 2 3e38 4e38", "is not finite"),
        ("\udcff", "is not UTF-8 text"),
    ],
)
def test_wrong_lines(line: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "walk_clip_00002.txt"
    file.write_bytes(f"\n{LINES}{line}\n".encode(errors="surrogateescape"))
    with pytest.raises(InputError) as caught:
        _read(tmp_path)
    assert str(caught.value).startswith(f"{file}:4: ") and told in str(caught.value)


def test_wrong_files(tmp_path: Path) -> None:
    _write(tmp_path, LINES, "walk_clip_00010.txt")
    with pytest.raises(InputError, match=r"walk_clip_00010.txt: there is no frame 10"):
        _read(tmp_path)
    _write(tmp_path, LINES, "walk_clip_000010.txt")
    with pytest.raises(InputError, match="frame 10 is there twice"):
        _read(tmp_path)
    videos = {"walk/clip": CLIP, "walk_clip": CLIP}
    with pytest.raises(InputError, match="have the same name in files of YOWO"):
        _read(tmp_path, Context(CLASSES, videos))
