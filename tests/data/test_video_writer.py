"""Written videos are read back; failures leave nothing behind and old files alone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from data import InputError, VideoWriter, open_video
from tests.data.media import image, number_of

BLACK = np.zeros((48, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "size", "rate", "rate_read"),
    [
        ("a.mp4", (64, 48), 25, 25.0),
        ("a.MOV", (64, 48), 29.97002997002997, 30000 / 1001),
        ("a.mp4", (63, 47), Fraction(359, 12), 359 / 12),
        ("new/folder/a.mp4", (1, 1), np.float32(0.5), 0.5),
        ("a.mp4", (427, 240), 11.583011583011583, 11.583011583011583),
    ],
)
def test_what_is_written_is_read(
    name: str, size: tuple[int, int], rate: Any, rate_read: float, tmp_path: Path
) -> None:
    width, height = size
    pictures = [image(index, width, height) for index in range(12)]
    with VideoWriter(tmp_path / name, width, height, rate) as writer:
        for picture in pictures:
            writer.write(picture)
    with open_video(tmp_path / name) as video:
        frames = list(video)
        assert (video.width, video.height) == (width + width % 2, height + height % 2)
        assert video.frame_rate == pytest.approx(rate_read, rel=1e-6)
    assert len(frames) == 12
    assert np.allclose([frame.time for frame in frames], np.arange(12) / rate_read, atol=2e-3)
    if width > 1:
        for frame, picture in zip(frames, pictures, strict=True):
            inner = frame.image[:height, :width].astype(int)
            assert np.abs(inner - picture).mean() < 9  # noise is lost
            assert np.abs((inner - picture).mean(axis=(0, 1))).max() < 3  # no tint
            assert abs(number_of(inner) - frame.index) < 0.5
            # The row and column added to odd sizes repeat the last ones.
            assert np.abs(frame.image[-1].astype(int) - frame.image[-2]).mean() < 12


def test_browsers_can_play_it(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as writer:
        for _ in range(3):
            writer.write(BLACK)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("old", [None, b"an older file"])
def test_a_failure_leaves_nothing_and_the_old_file_alone(old: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    if old is not None:
        path.write_bytes(old)
    with (
        pytest.raises(KeyboardInterrupt),
        VideoWriter(path, 64, 48, 25) as writer,
    ):
        writer.write(BLACK)
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="no frame"), VideoWriter(path, 64, 48, 25):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ([] if old is None else ["a.mp4"])
    assert old is None or path.read_bytes() == old


@pytest.mark.parametrize(
    "wrong", [BLACK[:, :-1], BLACK[:, :, 0], BLACK.astype(np.float32), BLACK.astype(np.int8)]
)
def test_images_of_another_shape_or_type_are_refused(wrong: Any, tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"image must be uint8 \(48, 64, 3\)"),
        VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as writer,
    ):
        writer.write(wrong)


def test_strided_images_are_written(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 32, 24, 25) as writer:
        writer.write(image(3)[::2, ::-2])
    with open_video(tmp_path / "a.mp4") as video:
        assert abs(number_of(next(iter(video)).image) - 3) < 0.5


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), Fraction(-1, 2)])
def test_wrong_rates_are_refused(rate: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frame_rate"):
        VideoWriter(tmp_path / "a.mp4", 64, 48, rate)


def test_wrong_sizes_and_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="width and height"):
        VideoWriter(tmp_path / "a.mp4", 0, 48, 25)
    with pytest.raises(InputError, match=r"a\.gif: .*\.mp4"):
        VideoWriter(tmp_path / "a.gif", 64, 48, 25)
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(InputError, match=r"a\.mp4"),
        VideoWriter(tmp_path / "file" / "a.mp4", 64, 48, 25),
    ):
        pass
