"""What holds of every evaluation, whatever the tubes and boxes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import Tube, VideoAnnotation
from evaluation import (
    FRAME_PROTOCOLS,
    PROTOCOLS,
    BoxConvention,
    analyse_frame_errors,
    analyse_tube_errors,
    boxes_of_tubes,
    evaluate_frame_boxes,
    evaluate_tubes,
    frame_recall,
    tube_confusion,
    tube_ious,
    tube_recall,
    video_confusion,
)

CLASSES = ("jump", "run", "sit")
FRAMES, SIDE = 40, 60
PLACES = st.tuples(
    st.integers(0, FRAMES - 1), st.integers(1, 25), st.integers(0, 40), st.integers(4, 20)
)
LABELS = st.integers(0, len(CLASSES) - 1)
# Compilation falls into the first example.
examples = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
protocols = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
frame_protocols = pytest.mark.parametrize(
    "protocol", FRAME_PROTOCOLS.values(), ids=list(FRAME_PROTOCOLS)
)


def make_tube(
    place: tuple[int, int, int, int], label: int, score: float = 1.0, number: int = 0
) -> Tube:
    """A box that moves by a pixel every second frame, within the video."""
    start, length, x, size = place
    frames = np.arange(start, min(start + length, FRAMES))
    left = np.minimum(x + (frames - start) // 2, SIDE - size)
    boxes = np.stack([left, left, left + size, left + size], axis=1).astype(np.float32)
    return Tube(start, boxes, np.full(len(frames), score, np.float32), label, score, number)


def present(positives: np.ndarray) -> np.ndarray:
    """1 for classes that there are, 0 for the others."""
    return (positives > 0).astype(float)


@st.composite
def true_videos(draw: st.DrawFn) -> list[VideoAnnotation]:
    videos = []
    for number in range(draw(st.integers(1, 4))):
        tubes = draw(st.lists(st.builds(make_tube, PLACES, LABELS), max_size=4))
        videos.append(VideoAnnotation(f"video {number}", FRAMES, SIDE, SIDE, tuple(tubes)))
    return videos


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[VideoAnnotation], dict[str, list[Tube]]]:
    """True tubes, and found ones of which no two have the same score."""
    truth = draw(true_videos())
    drawn = [draw(st.lists(st.tuples(PLACES, LABELS), max_size=8)) for _ in truth]
    count = sum(map(len, drawn))
    scores = iter(draw(st.permutations(range(1, count + 1))))
    tubes = {
        video.name: [
            make_tube(*found, next(scores) / (count + 1), number)
            for number, found in enumerate(own)
        ]
        for video, own in zip(truth, drawn, strict=True)
    }
    return truth, tubes


@protocols
@examples
@given(case=cases(), data=st.data())
def test_order_of_videos_and_tubes_does_not_matter(protocol, case, data):
    truth, tubes = case
    expected = evaluate_tubes(tubes, truth, CLASSES, protocol=protocol)
    turned = {name: data.draw(st.permutations(own)) for name, own in tubes.items()}
    videos = data.draw(st.permutations(truth))
    actual = evaluate_tubes(turned, videos, CLASSES, protocol=protocol)
    np.testing.assert_allclose(actual.average_precisions, expected.average_precisions, atol=1e-12)
    np.testing.assert_allclose(actual.class_ious, expected.class_ious, atol=1e-12)
    assert actual.accuracy == pytest.approx(expected.accuracy, nan_ok=True)


@protocols
@examples
@given(truth=true_videos())
def test_perfect_tubes_have_an_average_precision_of_1(protocol, truth):
    # Without the NMS, which may drop one of two true tubes in the same place, and without tubes of
    # a single frame or in the same place, which need not find themselves.
    protocol = replace(protocol, tube_nms=None)
    truth = [replace(video, tubes=distinct(video.tubes)) for video in truth]
    tubes = {video.name: video.tubes for video in truth}
    result = evaluate_tubes(tubes, truth, CLASSES, protocol=protocol)
    # YOWO's recall stays a little below 1.
    for row in result.average_precisions:
        assert row == pytest.approx(present(result.positives), abs=2e-5)
    assert result.accuracy == 1 or not any(tubes.values())
    assert (
        tube_recall(tubes, truth, CLASSES, protocol=protocol).recalls[-1] == 1
    ).all() or not any(tubes.values())
    errors = analyse_tube_errors(tubes, truth, CLASSES, protocol=protocol)
    assert errors.false_positives.max() == 0
    assert errors.missed.max() == 0
    confused = tube_confusion(tubes, truth, CLASSES, protocol=protocol).counts
    assert confused[:-1, :-1].trace() == confused.sum() == result.positives.sum()


def distinct(tubes: tuple[Tube, ...]) -> tuple[Tube, ...]:
    kept: list[Tube] = []
    for tube in tubes:
        if len(tube) > 1 and not (kept and tube_ious([tube], kept).max() > 0):
            kept.append(tube)
    # ... and a video is of one class.
    return tuple(replace(tube, label=kept[0].label) for tube in kept)


@protocols
@examples
@given(case=cases())
def test_figures_lie_between_0_and_1(protocol, case):
    truth, tubes = case
    result = evaluate_tubes(tubes, truth, CLASSES, protocol=protocol)
    assert (result.average_precisions >= 0).all()
    assert (result.average_precisions <= 1 + 1e-12).all()
    errors = analyse_tube_errors(tubes, truth, CLASSES, protocol=protocol)
    shares = errors.average_precisions + errors.false_positives.sum(axis=0) + errors.missed
    assert shares == pytest.approx(present(result.positives))
    if protocol.method == "trapezoid":
        own = result.average_precisions[result.thresholds.index(0.5)]
        assert errors.average_precisions == pytest.approx(own)
    # The higher the threshold, the less is found.
    hits = (result.overlaps >= 0).sum(axis=1)
    assert (np.diff(hits) <= 0).all()
    curves = tube_recall(tubes, truth, CLASSES, protocol=protocol)
    assert (np.diff(curves.recalls, axis=0) >= 0).all()
    assert (np.diff(curves.recalls, axis=1) <= 0).all()
    assert (curves.recalls <= 1).all()


@examples
@given(case=cases())
def test_the_whole_set_counts_in_confusion_matrices(case):
    truth, tubes = case
    counts = tube_confusion(tubes, truth, CLASSES).counts
    assert counts[:, :-1].sum() == sum(map(len, tubes.values()))
    assert counts[:-1].sum() == sum(len(video.tubes) for video in truth)
    of_videos = video_confusion(tubes, truth, CLASSES).counts
    assert of_videos.sum() == sum(bool(video.tubes) for video in truth)
    if of_videos.sum():
        accuracy = evaluate_tubes(tubes, truth, CLASSES).accuracy
        assert of_videos.trace() / of_videos.sum() == pytest.approx(accuracy)


@examples
@given(first=st.builds(make_tube, PLACES, LABELS), second=st.builds(make_tube, PLACES, LABELS))
def test_tube_iou_is_symmetric_and_blind_to_where_tubes_are(first, second):
    iou = tube_ious([first], [second])[0, 0]
    assert 0 <= iou <= 1
    assert tube_ious([second], [first])[0, 0] == pytest.approx(iou)
    assert tube_ious([first], [first])[0, 0] == pytest.approx(1)
    moved = BoxConvention("moved", truth=(5, 7, 5, 7), tube=(5, 7, 5, 7))
    assert tube_ious([first], [second], moved)[0, 0] == pytest.approx(iou)
    later = [replace(tube, start=tube.start + 9) for tube in (first, second)]
    assert tube_ious(later[:1], later[1:])[0, 0] == pytest.approx(iou)


@frame_protocols
@examples
@given(case=cases(), annotated_only=st.booleans())
def test_frames(protocol, case, annotated_only):
    truth, tubes = case
    found = [boxes_of_tubes(name, own) for name, own in tubes.items()]
    rules = {"protocol": protocol, "annotated_only": annotated_only}
    result = evaluate_frame_boxes(found, truth, CLASSES, **rules)
    assert 0 <= result.mean_average_precision <= 1 + 1e-12
    # Equal scores stand in order of the frames of a tube, so only videos can be turned round.
    turned = evaluate_frame_boxes(found[::-1], truth[::-1], CLASSES, **rules)
    np.testing.assert_allclose(turned.average_precisions, result.average_precisions, atol=1e-12)
    errors = analyse_frame_errors(found, truth, CLASSES, **rules)
    shares = errors.average_precisions + errors.false_positives.sum(axis=0) + errors.missed
    assert shares == pytest.approx(present(result.positives))
    # Recall does not depend on frames without true boxes.
    curves = frame_recall(found, truth, CLASSES, thresholds=(0.5,), protocol=protocol)
    if result.positives.sum():
        recall = result.hits.sum() / result.positives.sum()
        assert curves.recalls[-1, 0] == pytest.approx(recall)


@frame_protocols
@examples
@given(truth=true_videos())
def test_perfect_boxes_have_an_average_precision_of_1(protocol, truth):
    truth = [replace(video, tubes=distinct(video.tubes)) for video in truth]
    found = [boxes_of_tubes(video.name, video.tubes) for video in truth]
    result = evaluate_frame_boxes(found, truth, CLASSES, protocol=protocol)
    assert result.average_precisions == pytest.approx(present(result.positives))
    errors = analyse_frame_errors(found, truth, CLASSES, protocol=protocol)
    assert errors.false_positives.max() == 0
    assert errors.missed.max() == 0
