"""How fast a set of tubes as large as the test list of UCF24 is evaluated, beside plain NumPy.

910 videos of 159,289 frames with 1,315 true tubes and 12,307 found ones in memory, 11 thresholds of
the IoU, one core. The tubes are made up from a fixed seed. The reference, `numpy_evaluation.py`,
takes one threshold after the other, as the original programs do. Both take turns, the best time of
each counts, and their results are asserted to be the same.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy_evaluation import ThresholdFigures, evaluate_at

from data import Tube, VideoAnnotation
from evaluation import THRESHOLDS, evaluate_tubes

VIDEOS, FRAMES, TRUE_TUBES, TUBES = 910, 159_289, 1_315, 12_307
CLASSES = tuple(f"class {label}" for label in range(24))
WIDTH, HEIGHT = 320, 240
# Of the tubes that ROAD's rules make of the reference detections, so many have the class of their
# video; these are 64 frames long in the mean, the others 20, and true ones 118.
RIGHT_CLASS = 0.32
ROUNDS = 5


def main() -> None:
    """Prints seconds, ratio and memory."""
    random = np.random.default_rng(0)
    truth = _make_truth(random)
    tubes = _make_tubes(random, truth)
    _check_sizes(truth, tubes)
    before = _peak()
    evaluate_tubes(tubes, truth, CLASSES)  # compiles, or loads what was compiled
    after = _peak()
    _compare(truth, tubes)
    own, others = [], []
    # In turns, since the speed of a machine changes while it runs.
    for _ in range(ROUNDS):
        others.append(_seconds(lambda: _reference(truth, tubes)))
        own += [_seconds(lambda: evaluate_tubes(tubes, truth, CLASSES)) for _ in range(9)]
    print(f"{VIDEOS} videos, {FRAMES} frames, {TUBES} tubes, {len(THRESHOLDS)} thresholds")
    print(f"evaluate_tubes  {min(own):8.4f} s   (median {statistics.median(own):.4f} s)")
    print(f"plain NumPy     {min(others):8.4f} s   (median {statistics.median(others):.4f} s)")
    print(f"ratio           {min(others) / min(own):8.1f}")
    print(f"peak memory     {after:8.0f} MiB, {after - before:.0f} of them in evaluating")


def _reference(
    truth: list[VideoAnnotation], tubes: dict[str, list[Tube]]
) -> list[ThresholdFigures]:
    """One pass for each threshold, since the original programs share nothing between them."""
    return [evaluate_at(tubes, truth, len(CLASSES), threshold) for threshold in THRESHOLDS]


def _compare(truth: list[VideoAnnotation], tubes: dict[str, list[Tube]]) -> None:
    """Asserts that the reference gives what we do."""
    actual = evaluate_tubes(tubes, truth, CLASSES)
    for row, expected in enumerate(_reference(truth, tubes)):
        np.testing.assert_allclose(actual.average_precisions[row], expected.average_precisions)
        np.testing.assert_allclose(actual.class_ious[row], expected.class_ious)
        assert actual.accuracy == expected.accuracy
    assert 0.01 < actual.mean_average_precision(0.5) < 0.99


def _make_truth(random: np.random.Generator) -> list[VideoAnnotation]:
    """Videos of 35 to 900 frames; two in nine have several true tubes, all of the same class."""
    lengths = np.clip(random.lognormal(5.05, 0.45, VIDEOS), 35, 900)
    lengths = np.diff(np.round(np.cumsum(lengths) / lengths.sum() * FRAMES).astype(int), prepend=0)
    counts = np.ones(VIDEOS, int)
    several = random.permutation(VIDEOS)[:204]
    np.add.at(counts, random.choice(several, TRUE_TUBES - VIDEOS), 1)
    videos = []
    for number, (frames, count) in enumerate(zip(lengths.tolist(), counts.tolist(), strict=True)):
        label = number % len(CLASSES)
        tubes = [_true_tube(random, frames, label, own) for own in range(count)]
        videos.append(VideoAnnotation(f"video {number}", frames, WIDTH, HEIGHT, tuple(tubes)))
    return videos


def _true_tube(random: np.random.Generator, frames: int, label: int, number: int) -> Tube:
    """A box that drifts through most of the video."""
    length = max(10, int(frames * random.uniform(0.4, 1)))
    start = int(random.integers(0, frames - length + 1))
    size = random.uniform([30, 60], [110, 160])
    path = random.uniform([0, 0], [WIDTH, HEIGHT] - size) + np.cumsum(
        random.normal(0, 0.7, (length, 2)), axis=0
    )
    corner = np.clip(path, 0, [WIDTH, HEIGHT] - size)
    boxes = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
    return Tube.ground_truth(
        start, np.minimum(boxes, [WIDTH, HEIGHT, WIDTH, HEIGHT]), label, number
    )


def _make_tubes(random: np.random.Generator, truth: list[VideoAnnotation]) -> dict[str, list[Tube]]:
    """Parts of true tubes, moved and jittered, a third of them with their class."""
    tubes: dict[str, list[Tube]] = {video.name: [] for video in truth}
    # Video by video, as tubes come from a file or from the linker.
    for number in np.sort(random.integers(0, VIDEOS, TUBES)).tolist():
        video = truth[number]
        true = video.tubes[int(random.integers(len(video.tubes)))]
        right = random.random() < RIGHT_CLASS
        length = max(10, int(len(true) * (random.beta(2, 1.7) if right else 0.16)))
        first = int(random.integers(0, len(true) - length + 1))
        boxes = true.boxes[first : first + length] + random.normal(0, 6 if right else 25, 4)
        boxes = np.clip(boxes + random.normal(0, 2, boxes.shape), 0, [WIDTH, HEIGHT] * 2)
        boxes[:, 2:] = np.maximum(boxes[:, :2], boxes[:, 2:])
        score = float(random.beta(5, 2) if right else random.beta(2, 4))
        label = true.label if right else int(random.integers(len(CLASSES)))
        scores = np.full(length, score, np.float32)
        own = tubes[video.name]
        own.append(
            Tube(true.start + first, boxes.astype(np.float32), scores, label, score, len(own))
        )
    return tubes


def _check_sizes(truth: list[VideoAnnotation], tubes: dict[str, list[Tube]]) -> None:
    assert len(truth) == VIDEOS
    assert sum(video.frames for video in truth) == FRAMES
    assert sum(len(video.tubes) for video in truth) == TRUE_TUBES
    assert sum(map(len, tubes.values())) == TUBES


def _seconds(work: Callable[[], object]) -> float:
    """Processor time."""
    started = time.process_time()
    work()
    return time.process_time() - started


def _peak() -> float:
    """Most memory that the process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
