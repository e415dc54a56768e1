"""Frames of listed videos, from wherever they are."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from data import (
    ClipFrames,
    FrameNames,
    InputError,
    ListedVideo,
    clip_frames,
    open_video,
    read_frames,
)
from data.image_folder import read_grey_image
from tests.data.frame_folders import RGB, write_frames
from tests.data.media import FRAMES, number_of, write_video
from tests.data.reference import needs_samples, sample
from tests.data.test_frame_database import KEYED, SCHEMA, stored, write_database

FLOW = FrameNames("flow_{}_{:05d}.jpg")


def numbers(images: list[npt.NDArray[np.uint8]]) -> list[int]:
    return [round(number_of(image)) for image in images]


def test_files_of_known_names_are_opened_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_frames(tmp_path / "a clip", 12)
    for refused in ("listdir", "scandir", "stat"):
        monkeypatch.delattr(os, refused)
    frames = ClipFrames("RGB", RGB)
    video = ListedVideo("a clip", folder, 0, 12)
    assert frames.count(video) == 12
    images = frames.read(video, np.array([3, 0, 3, 11]))
    assert numbers(images) == [3, 0, 3, 11]
    assert images[0] is images[2]
    assert all(image.shape == (48, 64, 3) and image.dtype == np.uint8 for image in images)
    assert frames.read(video, []) == []


def test_a_part_of_a_video(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "a", 12)
    file = write_video(tmp_path / "a.mp4")
    for names, path, listed in ((RGB, folder, 12), (None, folder, None), (None, file, None)):
        frames = ClipFrames("RGB", names)
        part = ListedVideo("a", path, 0, listed, 4, 9)
        assert frames.count(part) == 5
        assert numbers(frames.read(part, [4, 0])) == [8, 4]
        rest = ListedVideo("a", path, 0, listed, 4)
        assert frames.count(rest) == (FRAMES if path == file else 12) - 4
        with pytest.raises(ValueError, match="counted from 0, got -1"):
            frames.read(part, [0, -1])


@pytest.mark.parametrize("kind", [".mp4", ".webm", ".avi", "folder", "database"])
def test_other_videos(tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        path, total = write_frames(tmp_path / "a", 30, FrameNames("shot {}.png")), 30
    elif kind == "database":
        path, total = write_database(tmp_path / "a", range(1, 13)), 12
    else:
        path, total = write_video(tmp_path / f"a{kind}"), FRAMES
    frames = ClipFrames()
    video = ListedVideo("a", path, 0)
    with open_video(path) as reader:
        whole = [frame.image for frame in reader]
    for _ in range(2):  # the second time with what was kept
        assert frames.count(video) == len(whole) == total
        read = frames.read(video, [7, 2, 7, total - 1])
        assert np.array_equal(read, [whole[7], whole[2], whole[7], whole[-1]])
    with pytest.raises(InputError, match=f"the video ends before frame {total}"):
        frames.read(video, [total])
    copied = pickle.loads(pickle.dumps(frames))
    assert copied.count(video) == total
    assert np.array_equal(copied.read(video, [3]), [whole[3]])


@pytest.mark.parametrize("schema", [SCHEMA, KEYED])
def test_a_database_in_the_place_of_named_images(tmp_path: Path, schema: str) -> None:
    """Lists and options of folders of frames fit databases that were made of them."""
    folder = write_database(tmp_path / "a clip", range(1, 13), schema=schema)
    frames = ClipFrames("RGB", RGB)
    video = ListedVideo("a clip", folder, 0, 12, 2)
    assert frames.count(video) == 10
    assert np.array_equal(frames.read(video, [7, 0, 7]), [stored(10), stored(3), stored(10)])
    with pytest.raises(InputError, match="a clip: the video ends before frame 12"):
        frames.read(video, [10])


def test_the_count_is_that_of_decoding(tmp_path: Path) -> None:
    # VP8 hides packets that are no frames, so its packets do not tell.
    path = write_video(tmp_path / "a.webm", codec="libvpx", frames=23)
    assert ClipFrames().count(ListedVideo("a", path, 0)) == 23


def test_no_more_readers_are_kept_than_memory_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_frames, "_MOST_KEPT", 1)
    frames = ClipFrames()
    for _ in range(2):
        for name in ("a.mp4", "b.mp4"):
            path = tmp_path / name
            if not path.exists():
                write_video(path)
            video = ListedVideo(name, path, 0)
            assert frames.count(video) == FRAMES
            assert numbers(frames.read(video, [20, 1])) == [20, 1]


def test_pairs_of_flow_images(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "7", 5, FLOW)
    frames = ClipFrames("Flow", FLOW)
    images = frames.read(ListedVideo("7", folder, 0, 5), [1, 4])
    assert [image.shape for image in images] == [(48, 64)] * 4
    assert [int(image.mean().round()) for image in images] == [41, 141, 44, 144]
    # Something-Something V1 writes the number of the folder with six digits.
    v1 = FrameNames("{:06d}-{}_{:05d}.jpg")
    write_frames(tmp_path / "7", 5, v1)
    assert (tmp_path / "000007" / "000007-y_00005.jpg").exists()
    images = ClipFrames("Flow", v1).read(ListedVideo("7", tmp_path / "7", 0, 5), [2])
    assert [int(image.mean().round()) for image in images] == [42, 142]


def test_flow_in_red_and_green(tmp_path: Path) -> None:
    names = FrameNames("{:06d}.jpg")
    folder = write_frames(tmp_path / "7", 5, names)
    for frames, listed in ((ClipFrames("Flow", names), 5), (ClipFrames("Flow"), None)):
        video = ListedVideo("7", folder, 0, listed)
        x, y = frames.read(video, [3])
        (colour,) = read_frames(folder, [3])
        assert np.array_equal(x, colour[..., 0]) and np.array_equal(y, colour[..., 1])
        assert x.flags.c_contiguous


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "a", 5)
    frames = ClipFrames("RGB", RGB)
    with pytest.raises(InputError, match=r"a/img_00006.jpg: the image cannot be read \(No such"):
        frames.read(ListedVideo("a", folder, 0, 6), [5])
    write_frames(tmp_path / "b", 1, width=80)
    (tmp_path / "b" / "img_00001.jpg").rename(folder / "img_00002.jpg")
    with pytest.raises(InputError, match=r"a: has frames of (64x48 and of 80|80x48 and of 64)x48"):
        frames.read(ListedVideo("a", folder, 0, 5), [0, 1])
    with pytest.raises(InputError, match=r"'flow_\{\}_\{:05d\}.jpg': names x and y images"):
        ClipFrames("RGB", FLOW)


def jpegs(picture: npt.NDArray[np.uint8]) -> list[bytes]:
    """As tools write it: samplings of colour, qualities, progressive, grey."""
    colour = Image.fromarray(picture)
    written = []
    for options in (
        {"quality": 95},
        {"quality": 75, "subsampling": 0},
        {"quality": 90, "subsampling": 1},
        {"quality": 85, "subsampling": 2, "progressive": True},
    ):
        for pillow in (colour, colour.convert("L")):
            file = io.BytesIO()
            pillow.save(file, "JPEG", **options)
            written.append(file.getvalue())
    return written


def assert_pixels_of_pillow(tmp_path: Path, picture: npt.NDArray[np.uint8]) -> None:
    frames = ClipFrames("RGB", RGB)
    for content in jpegs(picture):
        file = tmp_path / "img_00001.jpg"
        file.write_bytes(content)
        with Image.open(file) as pillow:
            (read,) = frames.read(ListedVideo("a", tmp_path, 0, 1), [0])
            assert np.array_equal(read, np.asarray(pillow.convert("RGB")))
            assert np.array_equal(read_grey_image(file), np.asarray(pillow.convert("L")))


def test_jpeg_has_the_pixels_of_pillow(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (51, 67, 3), np.uint8)
    assert_pixels_of_pillow(tmp_path, noise)
    assert_pixels_of_pillow(tmp_path, cv2.GaussianBlur(noise, (0, 0), 3).astype(np.uint8))


@needs_samples
@pytest.mark.parametrize(
    "name", ["WUzgd7C1pWA.mp4", "TrumanShow_wave_f_nm_np1_fr_med_26.avi", "SOX5yA1l24A.mp4"]
)
def test_real_frames_have_the_pixels_of_pillow(tmp_path: Path, name: str) -> None:
    for picture in read_frames(sample(f"clips/torchvision_assets/{name}"), [0, 20]):
        assert_pixels_of_pillow(tmp_path, picture)


def test_grey_images(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for shape, kind in (((9, 7), np.uint8), ((9, 7, 3), np.uint8), ((9, 7), np.uint16)):
        stored = random.integers(0, np.iinfo(kind).max, shape, kind)
        cv2.imwrite(str(tmp_path / "1.png"), stored)
        read = read_grey_image(tmp_path / "1.png")
        assert read.shape == (9, 7) and read.dtype == np.uint8
        if shape == (9, 7) and kind == np.uint8:
            assert np.array_equal(read, stored)
    (tmp_path / "1.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"1.png: the image is damaged or not an image"):
        read_grey_image(tmp_path / "1.png")
