"""Images of every input type: stored, or computed while they are read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import (
    INPUT_TYPES,
    Annotations,
    Dataset,
    FlowVideo,
    InputError,
    VideoAnnotation,
    encode_flow,
    flow_estimator,
    open_dataset,
    open_input,
    open_video,
    read_frames,
    save_annotations,
)
from data.input_images import stored_folder
from tests.data.media import FRAMES, HEIGHT, WIDTH, write_video


def write_images(folder: Path, count: int = 3, value: int = 0) -> Path:
    """Writes a folder of images whose red is their number, from `value` on."""
    folder.mkdir(parents=True)
    for index in range(count):
        image = np.full((20, 24, 3), value + index, np.uint8)
        assert cv2.imwrite(str(folder / f"{index + 1:05d}.png"), image)
    return folder


def test_the_input_types() -> None:
    assert INPUT_TYPES == ("rgb", "brox", "fastOF", "raft")


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("d/rgb-images/Run/a", "d/fastOF-images/Run/a"),
        ("d/rgb-images/a", "d/fastOF-images/a"),
        ("d/rgb-images/Run/a.mp4", "d/fastOF-images/Run/a"),
        ("d/a.mp4", "d/fastOF-images/a"),
        ("d/a.b.mp4", "d/fastOF-images/a.b"),
    ],
)
def test_stored_images_are_looked_for_as_published(path: str, folder: str, tmp_path: Path) -> None:
    assert stored_folder(tmp_path / path, "fastOF") == tmp_path / folder
    images = write_images(tmp_path / "a.b")
    assert stored_folder(images, "raft") == tmp_path / "raft-images" / "a.b"


@pytest.mark.parametrize("input_type", ["brox", "fastOF", "raft"])
def test_stored_images_are_read(input_type: str, tmp_path: Path) -> None:
    path = write_images(tmp_path / "rgb-images" / "Run" / "a")
    write_images(tmp_path / f"{input_type}-images" / "Run" / "a", value=100)
    with open_input(path, input_type) as video:
        assert [frame.image[0, 0, 0] for frame in video] == [100, 101, 102]
    assert read_frames(open_input(path, "rgb"), [1])[0][0, 0, 0] == 1


def test_flow_is_computed_where_it_is_not_stored(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    images = read_frames(path, range(FRAMES))
    estimator = flow_estimator("fastOF")
    pairs = [*pairwise(images), (images[-2], images[-1])]
    with open_input(path, "fastOF") as video, open_video(path) as rgb:
        assert isinstance(video, FlowVideo)
        assert (video.width, video.height, video.path) == (WIDTH, HEIGHT, path)
        flows = list(video)
        assert [(flow.index, flow.time) for flow in flows] == [(f.index, f.time) for f in rgb]
    for flow, pair in zip(flows, pairs, strict=True):
        assert np.array_equal(flow.image, encode_flow(estimator(*pair)))
    # The one that AMTNet's reader takes for the channels: x, y, magnitude, all around 128.
    assert flows[0].image.shape == (HEIGHT, WIDTH, 3)
    assert (flows[0].image[..., 2] >= 128).all()


@given(indices=st.lists(st.integers(0, FRAMES + 3), max_size=6))
@settings(max_examples=30)
def test_selected_flow_is_that_of_iteration(
    indices: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "selected.mp4"
    if not path.exists():
        write_video(path)
    with open_input(path, "fastOF") as video:
        every = {flow.index: flow for flow in video}
        assert list(video.select(indices)) == [every[i] for i in sorted(set(indices)) if i in every]


@pytest.mark.parametrize("after", [-1, 0, 1, FRAMES - 2, FRAMES - 1, FRAMES])
def test_flow_of_the_frames_that_follow(after: int, tmp_path: Path) -> None:
    with FlowVideo(open_video(write_video(tmp_path / "a.mp4")), flow_estimator("fastOF")) as video:
        assert list(video.following(after)) == list(video)[after + 1 :]


def test_a_single_frame_has_no_motion(tmp_path: Path) -> None:
    path = write_images(tmp_path / "a", count=1)
    with open_input(path, "fastOF") as video:
        for flows in (list(video), list(video.select([0, 1]))):
            assert [flow.index for flow in flows] == [0]
            assert (flows[0].image == 128).all()


def test_brox_images_that_are_not_there(tmp_path: Path) -> None:
    path = write_images(tmp_path / "rgb-images" / "Run" / "a")
    with pytest.raises(InputError) as caught:
        open_input(path, "brox")
    assert str(tmp_path / "brox-images" / "Run" / "a") in str(caught.value)
    assert "only for CUDA" in str(caught.value) and "fastOF or raft" in str(caught.value)


def test_what_is_no_input_type_or_no_video(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="input_type must be one of rgb, brox, fastOF, raft"):
        open_input(tmp_path, "flow")
    with pytest.raises(InputError, match="no such file"):
        open_input(tmp_path / "a.mp4", "fastOF")


@pytest.mark.parametrize("media", ["rgb-images/Run/a", "videos/a"])
def test_images_of_a_data_set(media: str, tmp_path: Path) -> None:
    write_images(tmp_path / media)
    write_images(tmp_path / "brox-images" / "Run" / "a", value=100)
    videos = {"Run/a": VideoAnnotation("Run/a", 3, 24, 20, ())}
    annotations = Annotations(("Run",), videos, {})
    save_annotations(tmp_path / "own.json", annotations, {"Run/a": tmp_path / media})
    dataset = open_dataset(tmp_path / "own.json")
    assert read_frames(dataset.open_input("Run/a", "rgb"), [2])[0][0, 0, 0] == 2
    assert read_frames(dataset.open_input("Run/a", "brox"), [2])[0][0, 0, 0] == 102
    with dataset.open_input("Run/a", "fastOF") as video:
        assert isinstance(video, FlowVideo)
    write_images(tmp_path / "fastOF-images" / "Run" / "a", value=50)
    assert read_frames(dataset.open_input("Run/a", "fastOF"), [0])[0][0, 0, 0] == 50


def test_missing_images_of_a_data_set(tmp_path: Path) -> None:
    path = write_images(tmp_path / "videos" / "a")
    videos = {"a": VideoAnnotation("a", 3, 24, 20, ()), "b": VideoAnnotation("b", 3, 24, 20, ())}
    dataset = Dataset("some", Annotations((), videos, {}), {"a": path}, root=tmp_path)
    with pytest.raises(InputError, match=str(tmp_path / "brox-images" / "a")):
        dataset.open_input("a", "brox")
    for input_type in INPUT_TYPES:
        with pytest.raises(InputError, match="the video 'b' of data set 'some' is not there"):
            dataset.open_input("b", input_type)
    # Where the folder of a data set is not known, images are looked for beside the video.
    dataset = Dataset("some", dataset.annotations, {"a": path})
    write_images(tmp_path / "videos" / "raft-images" / "a", value=7)
    assert read_frames(dataset.open_input("a", "raft"), [0])[0][0, 0, 0] == 7
