"""Clips of ground-truth tubes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import data
from recognition.tube_clips import TubeClip, TubeFrames, _square, tube_clips
from tests.detection.small import write_squares


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return data.open_dataset(write_squares(tmp_path_factory.mktemp("squares")))


def test_each_tube_is_a_clip(dataset):
    clips = tube_clips(dataset, "train")
    videos = dataset.annotations.split("train")
    tubes = [tube for video in videos for tube in video.tubes]
    assert len(clips) == len(tubes) > 0
    frames = TubeFrames()
    for clip, tube in zip(clips, tubes, strict=True):
        assert isinstance(clip, TubeClip) and clip.label == tube.label
        assert frames.count(clip) == tube.end - tube.start
        left, top, side = clip.region
        assert left <= tube.boxes[:, 0].min() and tube.boxes[:, 2].max() <= left + side
        assert top <= tube.boxes[:, 1].min() and tube.boxes[:, 3].max() <= top + side


def test_what_is_seen_is_around_the_tube(dataset):
    clip = tube_clips(dataset, "test")[0]
    images = TubeFrames().read(clip, [0, 2, 0])
    left, top, side = clip.region
    assert [image.shape for image in images] == [(side, side, 3)] * 3
    assert np.array_equal(images[0], images[2])
    whole = data.read_frames(clip.path, [clip.start])[0]
    height, width = whole.shape[:2]
    row, column = np.clip(np.arange(side) + top, 0, height - 1), np.arange(side) + left
    wanted = whole[row][:, np.clip(column, 0, width - 1)]
    assert np.array_equal(images[0], wanted)


@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    left=st.integers(-15, 19),
    top=st.integers(-15, 19),
    side=st.integers(1, 30),
)
def test_outside_of_the_frame_its_border_goes_on(height, width, left, top, side):
    left, top = max(left, 1 - side), max(top, 1 - side)
    left, top = min(left, width - 1), min(top, height - 1)
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    assert np.array_equal(_square(image, left, top, side), image[rows][:, columns])
