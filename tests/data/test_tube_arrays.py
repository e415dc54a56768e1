"""Tubes as arrays: nothing is lost, and what is wrong is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from data import InputError, VideoTubes
from data.tube_arrays import load_tube_arrays, made_from, save_tube_arrays
from tests.data import strategies
from tests.data.test_tube_format import VIDEO


@given(strategies.video_tubes())
def test_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, videos: list[VideoTubes]
) -> None:
    path = tmp_path_factory.getbasetemp() / "tubes.npz"
    save_tube_arrays(path, videos)
    loaded = load_tube_arrays(path)
    assert loaded == videos
    for video, again in zip(videos, loaded, strict=True):
        for tube, tube_again in zip(video.tubes, again.tubes, strict=True):
            assert strategies.same_bits(tube.boxes, tube_again.boxes)
            assert strategies.same_bits(tube.scores, tube_again.scores)


def test_what_it_was_made_from(tmp_path: Path) -> None:
    path = tmp_path / "tubes.npz"
    save_tube_arrays(path, [VIDEO], "these settings")
    assert made_from(path) == "these settings"
    path.write_bytes(path.read_bytes()[:100])
    assert made_from(path) is None
    assert made_from(tmp_path / "nothing.npz") is None


@pytest.mark.parametrize(
    ("array", "value", "message"),
    [
        ("boxes", np.zeros((1, 4), np.float32), "boxes"),
        ("tubes", np.array([[1, 3, 1, 7]]), "tubes must belong to one of 1 videos, not to 1"),
        ("tubes", np.array([[0, 3, 2, 7]]), "tubes must have labels below the number of classes"),
        ("tubes", np.array([[0, 9, 1, 7]]), "tubes must end within the 10 frames"),
        ("tubes", np.zeros((0, 4), int), "tubes, tube_scores and offsets must be equally many"),
        ("scores", np.array([0.5, np.nan], np.float32), "tube 7: scores must hold finite"),
        ("metadata", np.array("{}"), "metadata is not that of action-tubes/tube-arrays"),
    ],
)
def test_what_is_wrong(tmp_path: Path, array: str, value: np.ndarray, message: str) -> None:
    path = tmp_path / "tubes.npz"
    save_tube_arrays(path, [VIDEO])
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {array: value})
    with pytest.raises(InputError) as caught:
        load_tube_arrays(path)
    assert str(caught.value).startswith(str(path)) and message in str(caught.value)


def test_a_missing_field(tmp_path: Path) -> None:
    path = tmp_path / "tubes.npz"
    save_tube_arrays(path, [VIDEO])
    with np.load(path) as file:
        arrays = dict(file)
    metadata = json.loads(str(arrays["metadata"]))
    del metadata["videos"][0]["width"]
    np.savez(path, **arrays | {"metadata": np.array(json.dumps(metadata))})
    with pytest.raises(InputError, match="width"):
        load_tube_arrays(path)
