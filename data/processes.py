"""Work on many videos in several processes."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing.synchronize import Lock
from typing import TypeVar

from data.command import ProgressBar, progress, tell_of_compiling, warn_in_sentences

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _NEVER = -1, -4, -1

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def in_processes(
    work: Callable[[ItemT], ResultT], videos: Iterable[ItemT], workers: int
) -> Iterator[ResultT]:
    """Yields what becomes of each video, in order, with a progress bar.

    Several processes use one thread each.

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
        told = context.Lock()
        with ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(told,)) as pool:
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


def keep_freed_memory() -> None:
    """Has this process keep the memory that it frees, for what it needs next.

    glibc gives large blocks back to the system at once. A training step frees gigabytes and needs
    them again at the next: to have them cleared anew each time is up to two fifths of its time.
    Elsewhere than on Linux with glibc nothing changes.
    """
    with suppress(OSError, AttributeError, TypeError):
        c_library = ctypes.CDLL(None)
        c_library.mallopt(_M_MMAP_MAX, 0)
        c_library.mallopt(_M_TRIM_THRESHOLD, _NEVER)


def _begin(told: Lock) -> None:
    """Begins a process, one of those that share the lock."""
    tell_of_compiling(told.acquire)
    warn_in_sentences()
    _use_one_thread()
    _follow_parent()


def _use_one_thread() -> None:
    """The processes share the cores; threads of each would only wait for one another."""
    import cv2

    cv2.setNumThreads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # of libraries that are not loaded yet
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


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
