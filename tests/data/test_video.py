"""Video files of many kinds, whole and broken, as `open_video` and `read_frames` see them."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import Frame, InputError, open_video, read_frames
from data.video_file import VideoFile
from tests.data.codings import CODINGS, UNEVEN
from tests.data.media import FRAMES, HEIGHT, RATE, WIDTH, number_of, write_video

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "mp4": ("a.mp4", {}),
    "mov": ("a.mov", {}),
    "mkv": ("a.mkv", {}),
    "webm": ("a.webm", {}),
    "avi": ("a.avi", {}),
    "avi with reordered frames": ("a.avi", {"codec": "libx264"}),
    "mpeg-ts": ("a.ts", {}),
    "flv": ("a.flv", {}),
    "bare H.264": ("a.h264", {}),
    "wrong suffix": ("a.mkv", {}),
    "longer sound": ("a.mkv", {"sound": True}),
}


@pytest.fixture(autouse=True)
def _no_warnings() -> Any:
    """A whole file is read without warnings; tests of broken ones catch theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("kind", KINDS)
def test_every_container_gives_every_frame(kind: str, tmp_path: Path) -> None:
    name, options = KINDS[kind]
    path = write_video(tmp_path / name, **options)
    if kind == "wrong suffix":
        path = path.rename(tmp_path / "a.mp4")
    with open_video(path) as video:
        frames = list(video)
        assert (video.width, video.height, video.frame_rate) == (WIDTH, HEIGHT, RATE)
        assert video.path == path
        if "sound" not in options:
            assert video.frames is None or abs(video.frames - FRAMES) <= 2
    assert [frame.index for frame in frames] == list(range(FRAMES))
    assert np.allclose([frame.time for frame in frames], np.arange(FRAMES) / RATE, atol=6e-4)
    for frame in frames:
        assert frame.image.shape == (HEIGHT, WIDTH, 3)
        assert frame.image.flags.c_contiguous and frame.image.flags.writeable
        assert abs(number_of(frame.image) - frame.index) < 0.5
    left_top, right_bottom = frames[0].image[5, 5], frames[0].image[-5, -5]
    assert np.abs(left_top.astype(int) - (200, 200, 20)).max() < 50
    assert np.abs(right_bottom.astype(int) - 20).max() < 50


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_times_of_a_variable_rate_are_kept(suffix: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / f"a{suffix}", times=UNEVEN)
    with open_video(path) as video:
        times = [frame.time for frame in video]
    assert np.allclose(times, np.array(UNEVEN) / 1000, atol=1e-3)


@pytest.mark.parametrize("size", [(63, 47), (1, 1), (427, 241)])
def test_odd_sizes(size: tuple[int, int], tmp_path: Path) -> None:
    width, height = size
    path = write_video(
        tmp_path / "a.mkv", frames=3, width=width, height=height, codec="ffv1", pixels="bgr0"
    )
    with open_video(path) as video:
        assert (video.width, video.height) == size
        assert [frame.image.shape for frame in video] == [(height, width, 3)] * 3


@pytest.mark.parametrize(
    ("rotation", "size", "red_and_green"),
    [
        (0, (WIDTH, HEIGHT), (5, 5)),
        (90, (HEIGHT, WIDTH), (-5, 5)),  # a quarter turn to the left
        (180, (WIDTH, HEIGHT), (-5, -5)),
        (-90, (HEIGHT, WIDTH), (5, -5)),
    ],
)
def test_rotation_is_applied(
    rotation: int, size: tuple[int, int], red_and_green: tuple[int, int], tmp_path: Path
) -> None:
    path = write_video(tmp_path / "a.mp4", frames=3, rotation=rotation)
    with open_video(path) as video:
        frame = next(iter(video))
        assert (video.width, video.height) == size
    assert frame.image.shape == (size[1], size[0], 3)
    assert frame.image.flags.c_contiguous
    assert frame.image[red_and_green].min() < 80 < 150 < frame.image[red_and_green][:2].min()


def test_reading_again_starts_again(tmp_path: Path) -> None:
    with open_video(write_video(tmp_path / "a.mp4")) as video:
        stream = iter(video)
        assert [next(stream).index for _ in range(3)] == [0, 1, 2]
        assert [frame.index for frame in video] == list(range(FRAMES))
        assert [frame.index for frame in video.select([7, 3, 3])] == [3, 7]
        assert [frame.index for frame in video.select([])] == []
        assert [frame.index for frame in video.select([28, 99])] == [28]


@pytest.mark.parametrize("name", ["a:b.mp4", "50%d.mp4", "ünï 中.mp4", "-a.mp4", "a.mp4.MKV"])
def test_any_file_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (write_video(tmp_path / "plain.mp4", frames=2)).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with open_video(name) as video:
        assert len(list(video)) == 2


def test_metadata_that_is_not_utf8(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi")
    content = path.read_bytes()
    place = content.index(b"ISFT") + 8
    path.write_bytes(content[:place] + b"\xff\xfe\xe9" + content[place + 3 :])
    with open_video(path) as video:
        assert len(list(video)) == FRAMES


TRUNCATED = {
    "mp4": ("a.mp4", {"index_first": True}),
    "mkv": ("a.mkv", {}),
    "mkv with sound": ("a.mkv", {"sound": True}),
    "webm": ("a.webm", {}),
    "avi": ("a.avi", {}),
}


@pytest.mark.parametrize("part", [0.4, 0.7, 0.97])
@pytest.mark.parametrize("kind", TRUNCATED)
def test_truncated_files_give_what_is_there_and_warn_once(
    kind: str, part: float, tmp_path: Path
) -> None:
    name, options = TRUNCATED[kind]
    path = write_video(tmp_path / name, **options)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with open_video(path) as video:
            frames = list(video)
            assert [frame.index for frame in video] == [frame.index for frame in frames]
            chosen = [len(frames) - 1, len(frames) // 2]
            assert list(video.select(chosen)) == [frames[chosen[1]], frames[chosen[0]]]
    assert 0 < len(frames) <= FRAMES
    for frame in frames[:-1]:  # the last one may be decoded from half its data
        assert abs(number_of(frame.image) - frame.index) < 0.5
    assert len(caught) == 1
    message = str(caught[0].message)
    assert str(path) in message
    number = int(message.split(" near frame ")[1].split(":")[0])
    assert len(frames) - 1 <= number <= len(frames)


def test_a_damaged_middle_costs_only_the_damaged_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", index_first=True)
    content = bytearray(path.read_bytes())
    middle = (content.index(b"mdat") + len(content)) // 2
    content[middle : middle + 40] = bytes(40)
    path.write_bytes(content)
    with (
        pytest.warns(UserWarning, match=f"{path} is cut short or damaged near frame 1[0-9]"),
        open_video(path) as video,
    ):
        frames = list(video)
    assert FRAMES - 10 <= len(frames) <= FRAMES
    assert abs(number_of(frames[0].image)) < 0.5


@pytest.mark.parametrize("kind", CODINGS)
@given(chosen=st.lists(st.lists(st.integers(0, FRAMES + 1), max_size=4), min_size=1, max_size=4))
@settings(max_examples=10)
def test_selected_frames_are_those_of_iteration(
    kind: str,
    chosen: list[list[int]],
    coded: Callable[[str], tuple[Path, list[Frame]]],
) -> None:
    path, every = coded(kind)
    assert len(every) == FRAMES
    with open_video(path) as video:
        for indices in chosen:
            wanted = [every[index] for index in sorted(set(indices)) if index < FRAMES]
            assert list(video.select(indices)) == wanted
        assert list(video) == every


@pytest.mark.parametrize("kind", CODINGS)
def test_where_frames_are_found_without_decoding_those_before(
    kind: str, coded: Callable[[str], tuple[Path, list[Frame]]]
) -> None:
    path, every = coded(kind)
    with open_video(path) as video:
        assert isinstance(video, VideoFile)
        assert list(video.select(range(FRAMES - 1, FRAMES))) == every[-1:]
        assert (video._index is not None) is CODINGS[kind][2]


def test_selecting_decodes_from_the_nearest_key_frame_only(tmp_path: Path) -> None:
    # A key frame every 10 frames; what is before and between those needed is destroyed.
    path = write_video(tmp_path / "a.avi", frames=60)
    with open_video(path) as video:
        (expected,) = video.select([45])
    content = bytearray(path.read_bytes())
    chunks = [place.start() for place in re.finditer(b"00dc", content[: content.rindex(b"idx1")])]
    for frame in (2, 5, 33, 57):
        content[chunks[frame] + 8 : chunks[frame] + 200] = bytes(192)
    path.write_bytes(content)
    with open_video(path) as video:  # without the warning of a damaged video
        assert list(video.select([45])) == [expected]
        assert [frame.index for frame in video.select([21, 45])] == [21, 45]


def test_another_reading_ends_the_one_before(tmp_path: Path) -> None:
    with open_video(write_video(tmp_path / "a.mp4")) as video:
        first, second = iter(video), video.select([3, 25])
        next(first)
        next(second)
        with pytest.raises(RuntimeError, match=r"a\.mp4: the video was closed or is read anew"):
            next(first)
    with pytest.raises(RuntimeError, match="closed"):
        next(second)


def _refused(path: Path, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        open_video(path)
    message = str(caught.value)
    assert str(path) in message and remedy in message and "\n" not in message


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("a.mp4", b"", "make or download it again"),
        ("a.mp4", b"no video at all\n" * 50, "convert it to mp4"),
        ("a.txt", b"no video at all\n" * 50, "give a video file"),
        ("a.mp4", bytes(range(256)) * 40, "convert it to mp4"),
        ("a.avi", b"RIFF\x00\x10\x00\x00AVI ", "convert it to mp4"),
        ("a.mkv", b"\x1a\x45\xdf\xa3", "convert it to mp4"),
        ("a.mkv", b"\x1a\x45\xdf\xa3\xff", "convert it to mp4"),
        ("a.mp4", b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2", "convert it to mp4"),
    ],
)
def test_what_is_no_video_is_refused(
    name: str, content: bytes, remedy: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    _refused(path, remedy)


def test_an_mp4_without_its_index_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:-400])
    _refused(path, "give a whole video file")


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    _refused(path, "no video stream")


def test_a_single_picture_is_refused(tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    _refused(path, "folder of pictures")


def test_missing_and_special_files_are_refused(tmp_path: Path) -> None:
    _refused(tmp_path / "none.mp4", "check the path")
    _refused(tmp_path / ("n" * 300), "check the path")
    os.mkfifo(tmp_path / "pipe.mp4")
    _refused(tmp_path / "pipe.mp4", "give a video file")


@pytest.mark.parametrize("indices", [[], [0], [29], [5, 3, 3, 20], np.array([1, 2])])
def test_read_frames_in_the_order_asked_for(indices: list[int], tmp_path: Path) -> None:
    images = read_frames(write_video(tmp_path / "a.mp4"), indices)
    assert [round(number_of(image)) for image in images] == list(indices)


def test_read_frames_stops_after_the_last(tmp_path: Path) -> None:
    # The rest of the file is damaged, which a reader that goes on would warn about.
    path = write_video(tmp_path / "a.avi")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.7)])
    assert len(read_frames(path, [0, 5])) == 2


def test_read_frames_refuses_frames_that_are_not_there(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    with pytest.raises(InputError, match=r"a\.mp4: the video ends before frame 30; .*annotation"):
        read_frames(path, [3, 31, 30])
    with pytest.raises(ValueError, match="indices"):
        read_frames(path, [-1])
