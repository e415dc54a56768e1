"""Tube IoU, video-mAP, video accuracy and frame-mAP on examples that can be done by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data import Detections, InputError, Tube, VideoAnnotation
from evaluation import (
    CONTINUOUS,
    FRAME_PROTOCOLS,
    PROTOCOLS,
    ROAD_BOXES,
    UCF_SPORTS,
    FrameSettings,
    evaluate_early,
    evaluate_frames,
    evaluate_tubes,
    first_part,
    predicted_label,
    tube_confusion,
    tube_ious,
    tube_recall,
    video_accuracy,
    video_confusion,
)

CLASSES = ("jump", "run")


def tube(start: int, end: int, x: float = 0, label: int = 0, score: float = 1.0) -> Tube:
    """A box of 10x10 pixels at x, from frame start to before frame end."""
    boxes = np.tile(np.array([x, 0, x + 10, 10], np.float32), (end - start, 1))
    return Tube(start, boxes, np.ones(end - start, np.float32), label, score, 0)


def video(*tubes: Tube, name: str = "a") -> VideoAnnotation:
    return VideoAnnotation(name, 100, 100, 50, tubes)


@pytest.mark.parametrize(
    ("found", "true", "expected"),
    [
        (tube(0, 10), tube(0, 10), 1),
        (tube(0, 10), tube(10, 20), 0),
        (tube(0, 10), tube(5, 20), 5 / 20),
        (tube(0, 10), tube(9, 19), 1 / 19),
        (tube(0, 10), tube(2, 4), 2 / 10),
        (tube(0, 10, x=5), tube(0, 10), 1 / 3),
        (tube(0, 10, x=5), tube(5, 15), 1 / 3 * 5 / 15),
        (tube(0, 10, x=10), tube(0, 10), 0),
    ],
)
def test_tube_iou(found, true, expected):
    assert tube_ious([found], [true])[0, 0] == pytest.approx(expected)
    assert tube_ious([true], [found])[0, 0] == pytest.approx(expected)


def test_one_common_frame_counts_nothing_in_road():
    assert tube_ious([tube(0, 10)], [tube(9, 19)], single_frame_counts=False)[0, 0] == 0
    assert tube_ious([tube(0, 10)], [tube(8, 18)], single_frame_counts=False)[0, 0] > 0


def test_roads_boxes_are_a_pixel_off_and_a_pixel_wider():
    truth = tube(0, 5)
    assert tube_ious([truth], [truth], ROAD_BOXES)[0, 0] == pytest.approx(81 / (100 + 121 - 81))


def test_no_tubes():
    assert tube_ious([], [tube(0, 5)]).shape == (0, 1)
    assert tube_ious([tube(0, 5)], []).shape == (1, 0)


def test_the_surest_tube_takes_the_true_one():
    tubes = {"a": [tube(0, 8, score=0.6), tube(0, 10, score=0.5)]}
    result = evaluate_tubes(tubes, [video(tube(0, 10))], CLASSES)
    # 8 of 10 frames are enough up to 0.75; then the second tube takes it, at half the precision.
    # At 0.8 the strict comparison decides.
    assert result.mean_average_precision(0.75) == pytest.approx(1 / 2)  # mean of two classes
    assert result.mean_average_precision(0.8) == pytest.approx(0.5 / 2)
    loose = evaluate_tubes(tubes, [video(tube(0, 10))], CLASSES, protocol=UCF_SPORTS)
    assert loose.mean_average_precision(0.8) == pytest.approx(1 / 2)
    assert result.positives.tolist() == [1, 0]
    assert result.detections.tolist() == [2, 0]
    assert result.class_ious[0] == pytest.approx([0.8, 0], abs=1e-4)


def test_only_tubes_of_the_same_class_and_video_match():
    truth = [video(tube(0, 10)), video(tube(0, 10, label=1), name="b")]
    crossed = {"a": [tube(0, 10, label=1)], "b": [tube(0, 10)], "c": [tube(0, 10)]}
    result = evaluate_tubes(crossed, truth, CLASSES)
    assert result.average_precisions.max() == 0
    assert result.detections.tolist() == [1, 1]  # video c is not asked for
    assert result.accuracy == 0


def test_a_missed_video_costs_recall():
    truth = [video(tube(0, 10)), video(tube(0, 10), name="b")]
    result = evaluate_tubes({"a": [tube(0, 10)]}, truth, CLASSES)
    assert result.average_precisions[:, 0] == pytest.approx([0.5] * 11)
    assert result.accuracy == 0.5


def test_thresholds_that_were_not_evaluated():
    result = evaluate_tubes({}, [video(tube(0, 10))], CLASSES, thresholds=(0.3,))
    assert result.mean_average_precision(0.3) == 0
    with pytest.raises(ValueError):
        result.mean_average_precision(0.5)


@pytest.mark.parametrize(
    ("name", "strict", "single_frame_counts", "method", "tube_nms", "averaged"),
    [
        ("road", True, False, "envelope", None, 0.95),
        ("act", False, True, "trapezoid", 0.3, 0.95),
        ("moc", False, True, "trapezoid", 0.3, 0.95),
        ("yowo", False, False, "envelope", 0.3, 0.95),
        ("retinanet3d", False, True, "trapezoid", None, 0.9),
        ("ucfsports", False, True, "envelope", None, 0.95),
    ],
)
def test_protocols_of_the_papers(name, strict, single_frame_counts, method, tube_nms, averaged):
    protocol = PROTOCOLS[name]
    assert protocol.name == name
    assert (protocol.strict, protocol.single_frame_counts) == (strict, single_frame_counts)
    assert (protocol.method, protocol.tube_nms) == (method, tube_nms)
    assert (protocol.averaged[0], protocol.averaged[-1]) == (0.5, averaged)
    assert CONTINUOUS.tube == CONTINUOUS.truth == (0, 0, 0, 0)


def test_protocols_evaluate_what_their_programs_print():
    truth = [video(tube(0, 10))]
    for protocol in PROTOCOLS.values():
        result = evaluate_tubes({"a": [tube(0, 10)]}, truth, ["jump"], protocol=protocol)
        assert result.mean_average_precision(*protocol.thresholds) == pytest.approx(1, abs=2e-5)
        assert result.mean_average_precision(*protocol.averaged) == pytest.approx(1, abs=2e-5)
        assert result.protocol is protocol


def test_the_nms_of_tubes_drops_what_covers_a_better_one_of_the_class():
    # IoU of 0.4 with the first, of 4 / 14 with the second.
    tubes = {
        "a": [tube(0, 4, score=0.3), tube(0, 10, score=0.9), tube(0, 4, label=1)],
        "b": [tube(6, 16, score=0.2), tube(0, 10, score=0.9)],
    }
    truth = [video(tube(0, 10)), video(tube(0, 10), name="b")]
    assert evaluate_tubes(tubes, truth, CLASSES).detections.tolist() == [4, 1]
    result = evaluate_tubes(tubes, truth, CLASSES, protocol=PROTOCOLS["act"])
    assert result.detections.tolist() == [3, 1]
    assert result.mean_average_precision(0.5) == pytest.approx(0.5)


def test_a_label_without_a_class():
    with pytest.raises(
        InputError, match=r"video 'b': a tube has the label 7, but there are only 2"
    ):
        evaluate_tubes({"b": [tube(0, 5, label=7)]}, [video(), video(name="b")], CLASSES)


def test_curve():
    tubes = {"a": [tube(0, 10, score=0.9), tube(20, 30, score=0.8), tube(40, 50, score=0.7)]}
    truth = [video(tube(0, 10), tube(40, 50), tube(60, 70))]
    curve = evaluate_tubes(tubes, truth, CLASSES).curve(0, 0.5)
    assert curve.scores.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert curve.precisions.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert curve.recalls.tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert curve.average_precision == pytest.approx(1 / 3 + 2 / 3 / 3)
    nothing = evaluate_tubes(tubes, truth, CLASSES).curve(1, 0.5)
    assert len(nothing.recalls) == 0


def test_recall_of_tubes():
    tubes = {
        "a": [tube(0, 10, score=0.5), tube(50, 60, score=0.9)],
        "b": [tube(0, 6, score=0.5, label=1)],
    }
    truth = [video(tube(0, 10)), video(tube(0, 10, label=1), name="b")]
    curves = tube_recall(tubes, truth, CLASSES, thresholds=(0.5, 0.7), kept=(1, 5))
    # The best tube of `a` is wrong; that of `b` is right up to an IoU of 0.6.
    assert curves.kept == (1, 2)
    assert curves.recalls.tolist() == [[0.5, 0], [1, 0.5]]
    assert tube_recall({}, truth, CLASSES, thresholds=(0.5,)).recalls.tolist() == [[0]]


def test_confusion_of_videos():
    truth = [video(tube(0, 5)), video(tube(0, 5), name="b"), video(tube(0, 5), name="c")]
    tubes = {"a": [tube(0, 5)], "b": [tube(0, 5, label=1)]}
    counts = video_confusion(tubes, truth, CLASSES).counts
    assert counts.tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]


def test_confusion_of_tubes():
    truth = [video(tube(0, 10), tube(20, 30, label=1), tube(40, 50))]
    tubes = {
        "a": [
            tube(0, 10, label=1, score=0.9),  # in place of the next one
            tube(0, 10, score=0.8),
            tube(20, 30, label=1, score=0.7),
            tube(70, 80, score=0.6),
        ]
    }
    counts = tube_confusion(tubes, truth, CLASSES).counts
    assert counts.tolist() == [[0, 1, 1], [0, 1, 0], [2, 0, 0]]


def test_early_prediction():
    shown = frames(*[[(0, 0.9)]] * 5, *[[]] * 5)
    truth = [video(tube(2, 10), tube(60, 100, label=1))]
    asked = []

    def build(fraction: float) -> dict[str, list[Tube]]:
        part = first_part(shown, fraction)
        asked.append(part.frames)
        return {"a": [tube(2, 10 * part.frames)]} if fraction > 0.05 else {}

    result = evaluate_early(build, truth, CLASSES, fractions=(0.05, 0.1, 0.7))
    assert asked == [1, 1, 7]
    # At 0.05 of 100 frames the first tube is 3 frames old, at 0.1 it is over.
    assert [each.positives.tolist() for each in result.evaluations] == [[1, 0], [1, 0], [1, 1]]
    assert result.mean_average_precisions(0.5) == (0, 0.5, 0)
    assert result.accuracies == (0, 0, 0)  # the last tube gives the class, also before it begins
    for wrong in (0, 1.1):
        with pytest.raises(ValueError, match="fractions must be above 0 and at most 1"):
            first_part(shown, wrong)


@pytest.mark.parametrize(("fraction", "seen"), [(0.1, 1), (0.3, 3), (0.31, 4), (1.0, 10)])
def test_first_part(fraction, seen):
    whole = frames(*[[(0, 0.9)]] * 10)
    part = first_part(whole, fraction)
    assert part.frames == seen
    assert len(part.boxes) == len(part.scores) == seen
    assert first_part(whole, 1.0) == whole


@pytest.mark.parametrize(
    ("tubes", "label"),
    [
        ([], None),
        ([tube(0, 5, label=1, score=0.5), tube(0, 5, score=0.4)], 1),
        ([tube(0, 5, label=1, score=0.5), tube(0, 5, score=0.5)], 1),
    ],
)
def test_predicted_label(tubes, label):
    assert predicted_label(tubes) == label


def test_video_accuracy():
    truth = [
        video(tube(0, 5), name="right"),
        video(tube(0, 5, label=1), name="wrong"),
        video(tube(0, 5), name="without tubes"),
        video(tube(0, 5), tube(0, 5, label=1), name="of the last tube's class"),
        video(name="of no class"),
    ]
    tubes = {
        "right": [tube(0, 5)],
        "wrong": [tube(0, 5)],
        "of the last tube's class": [tube(0, 5, label=1)],
        "of no class": [tube(0, 5)],
    }
    assert video_accuracy(tubes, truth) == 2 / 4
    assert np.isnan(video_accuracy(tubes, []))


def frames(*rows: list[tuple[float, float]], classes: tuple[str, ...] = CLASSES) -> Detections:
    """For each frame the boxes as (x, score of the first class)."""
    shown = [
        (
            np.array([[x, 0, x + 10, 10] for x, _ in row], np.float32).reshape(-1, 4),
            np.array([[score, 0, 0] for _, score in row], np.float32).reshape(-1, 3),
        )
        for row in rows
    ]
    size = {"width": 100, "height": 50, "frame_rate": 25.0}
    return Detections.from_frames("a", shown, **size, classes=classes, model="m")


@pytest.mark.parametrize(
    ("rows", "precision"),
    [
        ([[(0, 0.9)], [(0, 0.8)]], 1),
        ([[(0, 0.9)], []], 0.5),
        ([[(0, 0.9)], [(50, 0.8)]], 0.5),
        ([[(50, 0.9)], [(0, 0.8)]], 0.5 * 0.5),
        ([[(0, 0.9), (3, 0.8)], [(0, 0.7)]], 1),  # the NMS drops the second box
        ([[(0, 0.9), (4, 0.8)], [(0, 0.7)]], 0.5 + 0.5 * 2 / 3),  # a box is found once
        ([[(0, 0.01)], [(0, 0.005)]], 0),  # too low
        ([[(-2, 0.9)], [(0, 0.8)]], 1),
        ([[(0, 0.9)], [(0, 0.8)], [(0, 0.7)]], 1),  # a frame after the action
    ],
)
def test_frame_map(rows, precision):
    result = evaluate_frames([frames(*rows)], [video(tube(0, 2))], CLASSES)
    assert result.average_precisions.tolist() == pytest.approx([precision, 0])
    assert result.mean_average_precision == pytest.approx(precision / 2)
    assert result.positives.tolist() == [2, 0]


def test_boxes_are_clipped_to_the_frame():
    outside = Detections.from_frames(
        "a",
        [([[-90, -90, 10, 10]], [[0.9, 0, 0]])],
        width=100,
        height=50,
        frame_rate=25.0,
        classes=CLASSES,
        model="m",
    )
    result = evaluate_frames([outside], [video(tube(0, 1))], CLASSES)
    assert result.average_precisions.tolist() == [1, 0]


def test_classes_are_matched_by_name():
    turned = frames([(0, 0.9)], classes=("run", "jump"))
    result = evaluate_frames([turned], [video(tube(0, 1, label=1))], CLASSES)
    assert result.average_precisions.tolist() == [0, 1]
    with pytest.raises(InputError, match=r"none of the classes of the ground truth \(jump, run\)"):
        evaluate_frames([frames([], classes=("swim", "hop"))], [video(tube(0, 1))], CLASSES)


@pytest.mark.parametrize("protocol", FRAME_PROTOCOLS.values(), ids=list(FRAME_PROTOCOLS))
def test_a_class_that_the_detector_does_not_know_is_missed(protocol):
    truth = [video(tube(0, 1), tube(0, 1, label=1))]
    ours = frames([(0, 0.9)], classes=("run", "hop"))
    result = evaluate_frames([ours], truth, CLASSES, protocol=protocol)
    assert result.average_precisions.tolist() == [0, 1]
    assert result.detections.tolist() == [0, 1]
    lowest = replace(protocol.settings, conf_thresh=0.0)
    result = evaluate_frames([ours], truth, CLASSES, protocol=protocol, settings=lowest)
    assert result.detections.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("topk", 0, "topk must be a whole number of at least 1, not 0"),
        ("iou_thresh", 2, "iou_thresh must lie between 0 and 1, not 2"),
    ],
)
def test_wrong_settings(field, value, message):
    with pytest.raises(ValueError, match=message):
        FrameSettings(**{field: value})
