"""Folders of images read as videos."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from data import InputError, open_video, read_frames


def _write(path: Path, value: int, width: int = 12, height: int = 10) -> None:
    picture = np.full((height, width, 3), value, np.uint8)
    picture[:, :, 2] = 200  # red, the last channel for OpenCV
    assert cv2.imwrite(str(path), picture)


def test_images_come_in_natural_order(tmp_path: Path) -> None:
    names = ["frame1.png", "frame2.bmp", "frame9.PNG", "frame10.png", "frame0011.jpg"]
    for value, name in enumerate(names):
        _write(tmp_path / name, 10 * value)
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "._frame1.jpg").write_bytes(b"")
    with open_video(tmp_path) as video:
        frames = list(video)
        assert (video.width, video.height, video.frames, video.frame_rate) == (12, 10, 5, 25.0)
        assert len(list(video)) == 5
        assert [frame.index for frame in video.select([9, 4, 1, 4])] == [1, 4]
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.time for frame in frames] == [index / 25 for index in range(5)]
    assert [round(float(frame.image[:, :, 2].mean(), ), -1) for frame in frames] == [
        0, 10, 20, 30, 40,
    ]  # fmt: skip
    for frame in frames:
        assert np.abs(frame.image[:, :, 0].astype(int) - 200).max() < 5
        assert frame.image.flags.c_contiguous


def test_the_frame_rate_can_be_given(tmp_path: Path) -> None:
    for index in range(3):
        _write(tmp_path / f"{index}.png", 0)
    with open_video(tmp_path, frame_rate=10) as video:
        assert video.frame_rate == 10
        assert [frame.time for frame in video] == [0.0, 0.1, 0.2]


def test_read_frames_of_a_folder(tmp_path: Path) -> None:
    for index in range(3):
        _write(tmp_path / f"{index}.png", index)
    assert [image[0, 0, 2] for image in read_frames(tmp_path, [2, 0, 2])] == [2, 0, 2]
    with pytest.raises(InputError, match="ends before frame 3"):
        read_frames(tmp_path, [3])


def test_grey_and_transparent_images_become_rgb(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.full((4, 5), 7, np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.full((4, 5, 4), 7, np.uint8))
    with open_video(tmp_path) as video:
        assert [frame.image.shape for frame in video] == [(4, 5, 3)] * 2


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("damage", ["cut", "short", "empty", "text"])
def test_a_damaged_image_is_named(suffix: str, damage: str, tmp_path: Path) -> None:
    for index in range(3):
        _write(tmp_path / f"{index}{suffix}", index)
    wrong = tmp_path / f"1{suffix}"
    content = wrong.read_bytes()
    wrong.write_bytes(
        {"cut": content[:-3], "short": content[:40], "empty": b"", "text": b"no image"}[damage]
    )
    with open_video(tmp_path) as video:
        stream = iter(video)
        assert next(stream).index == 0
        with pytest.raises(InputError) as caught:
            next(stream)
    assert str(wrong) in str(caught.value)
    assert "replace the file" in str(caught.value)
    wrong.rename(tmp_path / f"0{suffix}")
    with pytest.raises(InputError, match=f"0{suffix}"):
        open_video(tmp_path)


def test_a_jpeg_with_a_thumbnail_is_whole_only_with_its_own_end(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    content = cv2.imencode(".jpg", picture)[1].tobytes()
    thumbnail = cv2.imencode(".jpg", picture[:8, :8])[1].tobytes()
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    with_thumbnail = content[:2] + segment + content[2:]
    (tmp_path / "1.jpg").write_bytes(with_thumbnail)
    (tmp_path / "2.jpg").write_bytes(with_thumbnail[: len(with_thumbnail) * 2 // 3])
    with open_video(tmp_path) as video:
        stream = iter(video)
        assert next(stream).image.shape == (64, 64, 3)
        with pytest.raises(InputError, match=r"2\.jpg"):
            next(stream)


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    _write(tmp_path / "1.png", 0)
    _write(tmp_path / "2.png", 0, width=13)
    with (
        open_video(tmp_path) as video,
        pytest.raises(InputError, match=r"2\.png: the image is 13x10 .* 12x10; make them one size"),
    ):
        list(video)


@pytest.mark.parametrize("content", [[], ["a.txt"], ["folder.png/"]])
def test_a_folder_without_images_is_refused(content: list[str], tmp_path: Path) -> None:
    for name in content:
        if name.endswith("/"):
            os.mkdir(tmp_path / name)
        else:
            (tmp_path / name).write_text("text")
    with pytest.raises(InputError) as caught:
        open_video(tmp_path)
    assert str(tmp_path) in str(caught.value)
