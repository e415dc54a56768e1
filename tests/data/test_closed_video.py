"""Videos that are kept closed give the frames of open ones."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import FlowVideo, Frame, closed_video, flow_estimator, open_video, read_frames, video_file
from data.closed_video import ClosedVideo
from tests.data.codings import CODINGS
from tests.data.media import FRAMES, image, write_video

# Of those whose frames are found without decoding: packets that are in pieces in the file.
IN_PIECES = ("H.264 mpeg-ts", "interlaced", "MPEG-2 mpeg-ts")


def _kept(path: Path) -> ClosedVideo:
    kept = open_video(path).kept_closed()
    assert isinstance(kept, ClosedVideo)
    return kept


@pytest.mark.parametrize("kind", CODINGS)
@given(chosen=st.lists(st.lists(st.integers(0, FRAMES + 1), max_size=4), min_size=1, max_size=4))
@settings(max_examples=10)
def test_selected_frames_are_those_of_iteration(
    kind: str,
    chosen: list[list[int]],
    coded: Callable[[str], tuple[Path, list[Frame]]],
) -> None:
    path, every = coded(kind)
    with open_video(path) as video:
        size = video.width, video.height, video.frames, video.frame_rate
    kept = _kept(path)
    assert (kept.width, kept.height, kept.frames, kept.frame_rate) == size
    for indices in chosen:
        wanted = [every[index] for index in sorted(set(indices)) if index < FRAMES]
        assert list(kept.select(indices)) == wanted
    assert list(kept) == every


@pytest.mark.parametrize("kind", CODINGS)
def test_where_the_container_is_not_needed(
    kind: str,
    coded: Callable[[str], tuple[Path, list[Frame]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, every = coded(kind)
    kept = _kept(path)
    opened = []
    open_container = video_file.open_container
    monkeypatch.setattr(
        video_file, "open_container", lambda path: opened.append(path) or open_container(path)
    )
    for indices in ([FRAMES - 1], [0], [3, 4], [9, 10, 25]):
        assert list(kept.select(indices)) == [every[index] for index in indices]
    assert (not opened) is (CODINGS[kind][2] and kind not in IN_PIECES)


def test_many_videos_in_turns(tmp_path: Path) -> None:
    """More kinds than decoders are kept."""
    sizes = [(32 + 2 * number, 48) for number in range(closed_video._MOST_DECODERS + 3)]
    paths = [
        write_video(tmp_path / f"{number}.mp4", width=width, height=height, frames=8)
        for number, (width, height) in enumerate(sizes)
    ]
    videos = [_kept(path) for path in [*paths, *paths]]
    for index in (5, 2, 7):
        for video, path in zip(videos, [*paths, *paths], strict=True):
            assert (read_frames(video, [index])[0] == read_frames(path, [index])[0]).all()
    assert len(closed_video._decoders) == closed_video._MOST_DECODERS


def test_another_file_in_its_place(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=8)
    kept = _kept(path)
    other = write_video(tmp_path / "b.mp4", frames=20)
    os.replace(other, path)
    with open_video(path) as video:
        wanted = list(video.select([12]))
    assert len(wanted) == 1 and list(kept.select([12])) == wanted


def test_a_damaged_middle_costs_what_it_costs_an_open_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", index_first=True)
    with open_video(path) as video:
        every = list(video)
    content = bytearray(path.read_bytes())
    middle = (content.index(b"mdat") + len(content)) // 2
    content[middle : middle + 40] = bytes(40)
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = _kept(path)
        for index in range(FRAMES):
            with open_video(path) as video:
                broken = list(video.select([index]))
            whole = [every[index]]
            # A key frame every 10 frames: others are not touched.
            assert list(kept.select([index])) == (broken if 10 <= index < 20 else whole)


def test_flow_of_a_closed_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=12)
    with FlowVideo(open_video(path), flow_estimator("fastOF")) as video:
        every = list(video)
    kept = FlowVideo(open_video(path), flow_estimator("fastOF")).kept_closed()
    for indices in ([0], [5, 6], [11]):
        assert list(kept.select(indices)) == [every[index] for index in indices]


def test_a_folder_is_closed_anyway(tmp_path: Path) -> None:
    import cv2

    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), image(index))
    folder = open_video(tmp_path)
    assert folder.kept_closed() is folder


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
def test_a_reader_that_was_used_before_a_fork(tmp_path: Path) -> None:
    """Threads that convert colours are not in the process that is forked."""
    path = write_video(tmp_path / "a.mp4", width=340, height=256, frames=12)
    video = open_video(path).kept_closed()
    (before,) = read_frames(video, [3])
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    process = context.Process(target=lambda: results.put(read_frames(video, [3])[0]), daemon=True)
    process.start()
    try:
        assert np.array_equal(results.get(timeout=30), before)
    finally:
        process.kill()
    assert np.array_equal(read_frames(video, [3])[0], before)
