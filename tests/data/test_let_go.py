"""Decoders of videos end when the videos are closed, and not when Python collects circles."""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from data import open_video
from data.video_list_check import count_frames
from data.video_reader import VideoReader
from tests.data.media import write_video

THREADS = Path("/proc/self/task")
PATIENCE = 10  # in seconds


def _nothing(video: VideoReader) -> None:
    """It is only opened."""


def _one_frame(video: VideoReader) -> None:
    next(iter(video))


def _some_frames(video: VideoReader) -> None:
    assert len(list(video.select([1, 40]))) == 2


def _some_frames_of_all(video: VideoReader) -> None:
    _one_frame(video)
    _some_frames(video)
    list(video)


def _count(video: VideoReader) -> None:
    assert count_frames(video) == 60


READINGS = [_nothing, _one_frame, _some_frames, _some_frames_of_all, _count]


@pytest.fixture
def nothing_is_collected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos") / "a.mp4"
    return write_video(path, codec="libx264", width=320, height=240, frames=60)


@pytest.mark.usefixtures("nothing_is_collected")
@pytest.mark.parametrize("read", READINGS)
def test_a_closed_video_is_freed(path: Path, read: Callable[[VideoReader], None]) -> None:
    with closing(open_video(path)) as video:
        read(video)
    freed = weakref.ref(video)
    del video
    assert freed() is None


@pytest.mark.skipif(not THREADS.exists(), reason="needs /proc")
@pytest.mark.usefixtures("nothing_is_collected")
@pytest.mark.parametrize("read", READINGS)
def test_no_threads_are_left(path: Path, read: Callable[[VideoReader], None]) -> None:
    def read_once() -> None:
        with closing(open_video(path)) as video:
            read(video)

    read_once()  # what the first reading starts for good is not meant
    known = set(os.listdir(THREADS))
    read_once()
    read_once()
    # For a moment the kernel still lists threads that have ended and were joined.
    deadline = time.monotonic() + PATIENCE
    while set(os.listdir(THREADS)) - known:
        assert time.monotonic() < deadline


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
@pytest.mark.usefixtures("nothing_is_collected")
def test_a_process_that_was_forked_has_nothing_to_collect(path: Path) -> None:
    for _ in range(5):
        with closing(open_video(path)) as video:
            _some_frames(video)
    del video
    process = multiprocessing.get_context("fork").Process(target=gc.collect, daemon=True)
    process.start()
    process.join(timeout=30)
    code = process.exitcode
    process.kill()
    assert code == 0
