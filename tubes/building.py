"""Builds the tubes of many videos: in several processes, and again only where something changed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from data import InputError, ProgressBar, VideoTubes, progress
from data.interchange.files import video_path
from data.tube_arrays import load_tube_arrays, made_from, save_tube_arrays
from tubes.settings import TubeSettings
from tubes.tube_builder import build_tubes
from tubes.video_streams import VideoStreams, fused

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Building:
    """How the tubes of a video are built, and where they are kept.

    Attributes:
        fusion: How two streams are joined, a name of `tubes.FUSIONS`.
        settings: Settings of linking and trimming.
        folder: For a file of tubes for each video.
        overwrite: Whether tubes are built anew that are up to date.
    """

    fusion: str
    settings: TubeSettings
    folder: Path
    overwrite: bool

    def __call__(self, streams: VideoStreams) -> VideoTubes:
        """Builds the tubes of a video and writes them, or reads those that are up to date.

        Raises:
            InputError: A file is wrong, or the streams do not fit.
        """
        target = video_path(self.folder, streams.name, ".npz")
        said = self.made_from(streams)
        if not self.overwrite and target.exists() and made_from(target) == said:
            return load_tube_arrays(target)[0]
        loaded = streams.load()
        try:
            video = build_tubes(fused(loaded, self.fusion, self.settings), self.settings)
        except ValueError as error:
            raise InputError(f"{streams}: {error}") from None
        save_tube_arrays(target, [video], said)
        return video

    def made_from(self, streams: VideoStreams) -> str:
        """Everything that decides what the tubes are; tubes that say the same are up to date."""
        fusion = self.fusion if len(streams.places) > 1 else None
        program = version("action-tubes")
        return json.dumps([program, streams.origin(), fusion, asdict(self.settings)])


def in_processes(
    work: Callable[[ItemT], ResultT], videos: Iterable[ItemT], workers: int
) -> Iterator[ResultT]:
    """Yields what becomes of each video, in order, with a progress bar.

    Args:
        work: What to do; something that can be pickled.
        videos: Are asked for as they are needed.
        workers: In how many processes; 1 stands for this one.
    """
    bar: ProgressBar[ItemT] = progress(
        total=len(videos) if isinstance(videos, Sized) else None, description="videos", unit="video"
    )
    with bar:
        if workers == 1:
            for video in videos:
                yield work(video)
                bar.update()
            return
        # A started process is clean: one that is forked inherits threads that do not run in it.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, initializer=_follow_parent) as pool:
            waiting: deque[Future[ResultT]] = deque()
            try:
                for video in videos:
                    waiting.append(pool.submit(work, video))
                    # Detections are large: no more of them are held than keep everybody busy.
                    if len(waiting) > 2 * workers:
                        yield waiting.popleft().result()
                        bar.update()
                while waiting:
                    yield waiting.popleft().result()
                    bar.update()
            finally:
                pool.shutdown(cancel_futures=True)


def _follow_parent() -> None:
    """Ends this process when the one that started it is gone: killed, it can tell nobody."""
    # Ctrl-C reaches all processes of a terminal; the one that started this one sees to it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
