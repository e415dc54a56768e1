"""Each reader is the inverse of its writer, up to what the format can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings

from data import FORMATS, Context, Detections, Tube, VideoTubes, find_format
from data.interchange import read_detections, read_tubes
from tests.data.interchange import samples

SUFFIX = {"coco": ".json", "ava": ".csv", "retinanet3d": ".pkl", "own": ".json"}


@contextmanager
def _target(suffix: str = "") -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder) / f"it{suffix}"


def _context(videos: Sequence[Detections] | Sequence[VideoTubes]) -> Context:
    return Context(samples.CLASSES, {video.video: video for video in videos}, 2.0, 0.5)


def _by_class(video: Detections) -> Detections:
    """One row for each box and class above 0.001, as formats with one class a row have it."""
    frames, rows, labels = [], [], []
    for frame in range(video.frames):
        for row in range(video.offsets[frame], video.offsets[frame + 1]):
            for label in range(len(video.classes)):
                if video.scores[row, label] > np.float32(0.001):
                    frames.append(frame)
                    rows.append(row)
                    labels.append(label)
    scores = np.zeros((len(rows), len(video.classes) + 1), np.float32)
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        scores[index, label] = video.scores[row, label]
        scores[index, -1] = 1 - scores[index, label]
    return _with_rows(video, frames, video.boxes[np.array(rows, int)], scores)


def _with_rows(
    video: Detections, frames: Sequence[int], boxes: np.ndarray, scores: np.ndarray
) -> Detections:
    counts = np.bincount(np.array(frames, int), minlength=video.frames)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return replace(video, boxes=boxes, scores=scores, offsets=offsets)


def _act(video: Detections) -> Detections:
    """Rows of a frame are sorted by class."""
    video = _by_class(video)
    frames = np.repeat(np.arange(video.frames), np.diff(video.offsets))
    order = np.lexsort((video.scores[:, :-1].argmax(axis=1), frames))
    return replace(video, boxes=video.boxes[order], scores=video.scores[order])


def _yowo(video: Detections) -> Detections:
    """Corners are whole pixels of an image of 320x240."""
    scale = np.array([video.width / 320, video.height / 240] * 2)
    rounded = np.rint(video.boxes / scale) * scale
    return _by_class(replace(video, boxes=rounded.astype(np.float32)))


def _ava(video: Detections) -> Detections:
    """At 2 frames a second from second 0.5 on, key frames are 1, 3, 5, ..."""
    video = _by_class(video)
    frames = np.repeat(np.arange(video.frames), np.diff(video.offsets))
    kept = frames % 2 == 1
    return _with_rows(video, frames[kept], video.boxes[kept], video.scores[kept])


DETECTIONS: dict[str, Callable[[Detections], Detections]] = {
    "own": lambda video: video,
    "road": lambda video: video,
    "retinanet3d": lambda video: video,
    "act": _act,
    "yowo": _yowo,
    "mot": _by_class,
    "coco": _by_class,
    "ava": _ava,
}


@pytest.mark.parametrize("name", DETECTIONS)
@settings(max_examples=30)
@given(videos=samples.several_detections)
def test_detections(name: str, videos: tuple[Detections, ...]) -> None:
    context = _context(videos)
    write = FORMATS[name].write_detections
    assert write
    with _target(".csv" if name == "ava" else "") as target:
        write(target, videos, context)
        read = {video.video: video for video in read_detections(target, context, name)}
        if any(len(DETECTIONS[name](video).boxes) for video in videos):
            assert find_format(target).name == name
            assert "detections" in FORMATS[name].contents(target)
    assert read.keys() == {video.video for video in videos}
    for video in videos:
        expected, found = DETECTIONS[name](video), read[video.video]
        assert found.video == expected.video
        assert (found.width, found.height) == (expected.width, expected.height)
        assert (found.classes, found.frame_rate) == (expected.classes, expected.frame_rate)
        assert found.offsets.tolist() == expected.offsets.tolist()
        assert np.allclose(found.boxes, expected.boxes, rtol=1e-6, atol=2e-4)
        assert np.allclose(found.scores, expected.scores, rtol=0, atol=1e-7)


def _renumbered(tubes: Sequence[Tube]) -> list[Tube]:
    return [replace(tube, id=number) for number, tube in enumerate(tubes)]


def _mot(tubes: Sequence[Tube]) -> list[Tube]:
    """The score of a tube is the mean of its frames, and the order that of the ids."""
    by_id = sorted(tubes, key=lambda tube: tube.id)
    return [replace(tube, score=float(tube.scores.mean(dtype=float))) for tube in by_id]


def _ava_tubes(tubes: Sequence[Tube]) -> list[Tube]:
    """From the first key frame to the last, with boxes in between interpolated."""
    found = []
    for tube in sorted(tubes, key=lambda tube: tube.id):
        keys = [frame for frame in range(tube.start, tube.end) if frame % 2 == 1]
        if keys:
            boxes = tube.boxes[keys[0] - tube.start : keys[-1] + 1 - tube.start].astype(float)
            boxes[1::2] = (boxes[:-1:2] + boxes[2::2]) / 2
            found.append(Tube.ground_truth(keys[0], boxes.astype(np.float32), tube.label, tube.id))
    return _renumbered(found)


TUBES: dict[str, Callable[[Sequence[Tube]], list[Tube]]] = {
    "own": list,
    "retinanet3d": _renumbered,
    "act": lambda tubes: _renumbered(sorted(tubes, key=lambda tube: tube.label)),
    "mot": _mot,
    "coco": lambda tubes: sorted(tubes, key=lambda tube: tube.id),
    "ava": _ava_tubes,
}


@pytest.mark.parametrize("name", TUBES)
@settings(max_examples=30)
@given(videos=samples.several_tubes)
def test_tubes(name: str, videos: tuple[VideoTubes, ...]) -> None:
    context = _context(videos)
    write = FORMATS[name].write_tubes
    assert write
    with _target(SUFFIX.get(name, "")) as target:
        write(target, videos, context)
        read = {video.video: video for video in read_tubes(target, context, name)}
        if any(TUBES[name](video.tubes) for video in videos):
            assert find_format(target).name == name
            assert "tubes" in FORMATS[name].contents(target)
    assert read.keys() == {video.video for video in videos}
    for video in videos:
        found = read[video.video]
        assert (found.frames, found.width, found.height) == (10, video.width, video.height)
        expected = TUBES[name](video.tubes)
        assert len(found.tubes) == len(expected)
        for tube, again in zip(expected, found.tubes, strict=True):
            assert (tube.start, tube.label, tube.id) == (again.start, again.label, again.id)
            assert again.score == pytest.approx(tube.score, abs=1e-7)
            assert np.allclose(again.boxes, tube.boxes, rtol=1e-6, atol=2e-4)
            assert np.array_equal(again.scores, tube.scores)


def test_every_writer_is_tested() -> None:
    assert set(DETECTIONS) == {name for name, form in FORMATS.items() if form.write_detections}
    assert set(TUBES) == {name for name, form in FORMATS.items() if form.write_tubes}
    for form in FORMATS.values():
        assert bool(form.read_detections) == bool(form.write_detections)
        assert bool(form.read_tubes) == bool(form.write_tubes)
