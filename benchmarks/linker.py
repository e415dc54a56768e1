"""How fast detections become paths and tubes, beside the same algorithms read into NumPy.

The detections are actors that walk at random, doubled boxes and clutter, with 24 classes and 8 or
13 rows a frame, as a detector gives them after its own threshold; and 8,732 random rows a frame, of
which 490 a class pass the score threshold, as SSD gives them raw. With REFERENCE_CASES set, the
reference cases `salsa` and `dunk_short` take the place of the first two. Every line compares both
readings on the same detections in one run and on one core, and they must agree.
"""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy_linker import finished, labels_of
from numpy_linker import linked as numpy_linked

from data import Detections
from tubes import ActionPath, LinkedPaths, OnlineLinker, TubeSettings, TubeStream, trim

CLASSES = 24
WIDTH, HEIGHT = 320, 240
ALPHA = 5.0
# Simulated frames of a stream: a day at 30 frames a second.
DAY = 2_600_000


def main() -> None:
    """Prints the figures."""
    random = np.random.default_rng(0)
    # First, so that the memory of nothing else counts.
    _day(_walks(random, frames=1000, rows=8))
    _latency(_walks(random, frames=2000, rows=8))
    for name, video in _videos(random).items():
        _compare(name, video)
    _compare("raw SSD", _raw(random, frames=60), numpy_frames=3)


def _compare(name: str, video: Detections, numpy_frames: int | None = None) -> None:
    """Frames a second of filter and linking, of finishing and of trimming; ratios to NumPy."""
    rows = np.diff(video.offsets).mean()
    print(f"{name}: {video.frames} frames, {rows:.1f} rows a frame, {CLASSES} classes")
    paths = _linked(video)
    seconds = _best(lambda: _fed(video))
    short = _first(video, numpy_frames or video.frames)
    numpy_seconds = _best(lambda: _numpy_paths(short), repeats=3)
    _check(_linked(short), _numpy_paths(short))
    ratio = numpy_seconds / short.frames / (seconds / video.frames)
    print(f"  filter and linking   {video.frames / seconds:>12,.0f} frames/s {ratio:>8.0f} x NumPy")
    linker = _fed(video)
    finishing = _best(linker.finish)
    print(f"  finishing            {video.frames / finishing:>12,.0f} frames/s")
    if len(paths) == 0:
        return
    trimming = _best(lambda: trim(paths, ALPHA))
    some = paths[:200]
    numpy_seconds = _best(lambda: _numpy_labels(some))
    plain = _numpy_labels(some)
    ours = [np.zeros(len(path), bool) for path in some]
    runs = trim(paths, ALPHA)
    for path, start, end in zip(runs.paths, runs.starts, runs.ends, strict=True):
        if path < len(ours):
            ours[path][start:end] = True
    for path, own, labels in zip(some, ours, plain, strict=True):
        assert np.array_equal(own, labels == path.label), "the readings differ"
    speed = len(paths.rows) / trimming
    numpy_speed = sum(map(len, plain)) / numpy_seconds
    print(
        f"  trimming, offline    {speed:>12,.0f} path frames/s {speed / numpy_speed:>8.0f} x NumPy"
    )
    linking = _best(lambda: _streamed(video, None))
    both = _best(lambda: _streamed(video, 25))
    found = _found(video)
    print(f"  trimming, online     {found / (both - linking):>12,.0f} path frames/s")


def _latency(video: Detections) -> None:
    """Time of one `update` of a live stream, of the linker and with online trimming."""
    linker = OnlineLinker(CLASSES, WIDTH, HEIGHT, keep_history=False)
    stream = TubeStream(CLASSES, WIDTH, HEIGHT, look_back=25)
    for name, update in {"linker": linker.update, "linker, trimmer": stream.update}.items():
        times = []
        for frame in range(video.frames):
            boxes, scores = video.frame(frame)
            started = time.perf_counter()
            update(boxes, scores)
            times.append(1e6 * (time.perf_counter() - started))
        median, slowest = statistics.median(times), float(np.percentile(times, 99))
        print(
            f"one update, {name:<16} median {median:>6.1f} us, 99th percentile {slowest:>6.1f} us"
        )


def _day(video: Detections) -> None:
    """A day's stream with online trimming: the memory must not grow."""
    stream = TubeStream(CLASSES, WIDTH, HEIGHT, look_back=30)
    stream.update(*video.frame(0))  # compiled, or read from the cache
    started, memory, tubes = time.process_time(), 0, 0
    for number in range(DAY):
        tubes += len(stream.update(*video.frame(number % video.frames)))
        if number == DAY // 100:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    print(
        f"a day, {DAY:,} frames: {DAY / (time.process_time() - started):,.0f} frames/s, {tubes:,} "
        f"tubes, {memory / 1024:.0f} MB after a hundredth of it, {grown / 1024:.1f} MB more at the "
        "end"
    )


def _best(work: Callable[[], object], repeats: int = 15) -> float:
    """Seconds of processor time of the fastest of some runs."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def _fed(video: Detections) -> OnlineLinker:
    linker = OnlineLinker(CLASSES, video.width, video.height)
    linker.update_all(video)
    return linker


def _linked(video: Detections) -> LinkedPaths:
    return _fed(video).finish()


def _streamed(video: Detections, look_back: int | None) -> None:
    """Feeds a linker, or with a look-back linker and trimmer, frame by frame."""
    stream: OnlineLinker | TubeStream = OnlineLinker(CLASSES, WIDTH, HEIGHT, keep_history=False)
    if look_back is not None:
        stream = TubeStream(CLASSES, WIDTH, HEIGHT, TubeSettings(alpha=ALPHA), look_back=look_back)
    for frame in range(video.frames):
        stream.update(*video.frame(frame))


def _found(video: Detections) -> int:
    """Frames of all paths, gaps included: what the online trimmer labels."""
    linker = OnlineLinker(CLASSES, WIDTH, HEIGHT, TubeSettings(min_found=1))
    linker.update_all(video)
    return len(linker.finish().rows)


def _numpy_paths(video: Detections) -> list[tuple[int, int, list[int]]]:
    """Class, first frame and rows of each path."""
    boxes = np.maximum(video.boxes, [0, 0, -np.inf, -np.inf])
    boxes = np.minimum(boxes, [np.inf, np.inf, WIDTH - 1, HEIGHT - 1]).astype(np.float32) + 1
    listed = []
    for label in range(CLASSES):
        paths = numpy_linked(boxes, video.scores, video.offsets, label)
        for start, rows in finished(paths, video.scores, label):
            listed.append((label, start, rows.tolist()))
    return listed


def _numpy_labels(paths: Sequence[ActionPath]) -> list[np.ndarray]:
    return [labels_of(path.scores[:, :-1], ALPHA) for path in paths]


def _check(paths: LinkedPaths, expected: list[tuple[int, int, list[int]]]) -> None:
    actual = [(path.label, path.start, path.rows.tolist()) for path in paths]
    assert actual == expected, "the readings differ"


def _videos(random: np.random.Generator) -> dict[str, Detections]:
    cases = os.environ.get("REFERENCE_CASES")
    if not cases:
        return {"8 rows": _walks(random, 168, 8), "13 rows": _walks(random, 35, 13)}
    videos = {}
    for name in ("salsa", "dunk_short"):
        with np.load(Path(cases) / "tubes" / f"single_{name}.npz") as case:
            scores = np.roll(case["scores_q"].astype(np.float32) / 65536, -1, axis=1)
            offsets = case["frame_ptr"].astype(np.int64)
            videos[name] = _detections(case["boxes"], scores, offsets)
    return videos


def _walks(random: np.random.Generator, frames: int, rows: int) -> Detections:
    """Actors that walk at random and are of one class most of the time, each seen twice."""
    actors = rows // 2
    steps = random.normal(0, 4, (frames, actors, 2)).cumsum(axis=0)
    centres = np.abs((random.uniform(0, 1, (actors, 2)) * [WIDTH, HEIGHT] + steps) % 600 - 300)
    sizes = random.uniform(20, 90, (actors, 2))
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=2)
    boxes = np.repeat(boxes, 2, axis=1) + random.normal(0, 2, (frames, 2 * actors, 4))
    logits = random.normal(-5, 2, (frames, 2 * actors, CLASSES + 1))
    own = np.repeat(random.integers(0, CLASSES, actors), 2)
    logits[:, np.arange(2 * actors), own] += 5
    scores = np.exp(logits) / (1 + np.exp(logits).sum(axis=2, keepdims=True))
    seen = random.uniform(size=(frames, 2 * actors)) < 0.9
    offsets = np.concatenate([[0], seen.sum(axis=1).cumsum()])
    return _detections(boxes[seen], scores[seen], offsets)


def _raw(
    random: np.random.Generator, frames: int, rows: int = 8732, above: int = 490
) -> Detections:
    """Random boxes, of which so many a class have a score above the threshold."""
    count = frames * rows
    centres = random.uniform(size=(count, 2)) * [WIDTH, HEIGHT]
    sizes = random.uniform(10, 120, (count, 2))
    scores = random.random((count, CLASSES + 1), np.float32)
    low = random.random(scores.shape, np.float32) >= above / rows
    scores[low] *= np.float32(1e-4)
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
    return _detections(boxes, scores, np.arange(frames + 1) * rows)


def _first(video: Detections, frames: int) -> Detections:
    end = int(video.offsets[frames])
    return _detections(video.boxes[:end], video.scores[:end], video.offsets[: frames + 1])


def _detections(boxes: np.ndarray, scores: np.ndarray, offsets: np.ndarray) -> Detections:
    return Detections(
        video="video",
        boxes=np.asarray(boxes, np.float32),
        scores=np.ascontiguousarray(scores, np.float32),
        offsets=offsets,
        width=WIDTH,
        height=HEIGHT,
        frame_rate=25.0,
        classes=tuple(f"class {number}" for number in range(CLASSES)),
        model="benchmark",
    )


if __name__ == "__main__":
    main()
