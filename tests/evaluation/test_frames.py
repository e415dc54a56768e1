"""Protocols of single frames, kinds of errors and recall on examples that can be done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from data import Detections, InputError, Tube, VideoAnnotation
from evaluation import (
    BOX_CONVENTIONS,
    FRAME_PROTOCOLS,
    BoxConvention,
    FrameBoxes,
    FrameSettings,
    analyse_frame_errors,
    boxes_of_detections,
    boxes_of_tubes,
    evaluate_frame_boxes,
    evaluate_frames,
    frame_confusion,
    frame_recall,
)
from evaluation.box_convention import choose_convention

CLASSES = ("jump", "run")


def box(x: float, width: float = 10) -> list[float]:
    """A box of 10 pixels height at x."""
    return [x, 0, x + width, 10]


def tube(start: int, end: int, x: float = 0, label: int = 0) -> Tube:
    return Tube.ground_truth(
        start, np.tile(np.array(box(x), np.float32), (end - start, 1)), label, 0
    )


def video(*tubes: Tube, name: str = "a") -> VideoAnnotation:
    return VideoAnnotation(name, 100, 100, 50, tubes)


def found(*rows: tuple[int, int, float, float], name: str = "a") -> FrameBoxes:
    """Boxes as frame, label, x and score."""
    return FrameBoxes(
        name,
        np.array([frame for frame, *_ in rows], np.int64),
        np.array([label for _, label, *_ in rows], np.int64),
        np.array([box(x) for *_, x, _ in rows], np.float32).reshape(-1, 4),
        np.array([score for *_, score in rows], np.float32),
    )


def one_frame(*rows: tuple[float, list[float]]) -> Detections:
    """A frame of boxes as x and scores, the background last."""
    boxes, scores = [box(x) for x, _ in rows], [own for _, own in rows]
    size = {"width": 100, "height": 50, "frame_rate": 25.0}
    return Detections.from_frames("a", [(boxes, scores)], **size, classes=CLASSES, model="m")


def chosen(detections: Detections, name: str) -> list[tuple[int, float, float]]:
    """What a protocol chooses, as label, x and score."""
    protocol = FRAME_PROTOCOLS[name]
    boxes = boxes_of_detections(detections, [0, 1], protocol, protocol.settings)
    assert boxes.frames.tolist() == [0] * len(boxes.labels)
    return [
        (label, x, pytest.approx(score, abs=1e-6))
        for label, x, score in zip(
            boxes.labels.tolist(), boxes.boxes[:, 0].tolist(), boxes.scores.tolist(), strict=True
        )
    ]


# IoUs with the first box: 8 / 12, 7 / 13 and 5 / 15.
CLOSE = [(0, [0.9, 0.02, 0.08]), (2, [0.8, 0.005, 0.195]), (3, [0.6, 0.3, 0.1]), (5, [0.5, 0, 0.5])]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("road", [(0, 0, 0.9), (0, 5, 0.5), (1, 3, 0.3)]),
        ("road-matlab", [(0, 0, 0.9), (0, 5, 0.5), (1, 3, 0.3)]),
        ("act", [(0, 0, 0.9), (1, 3, 0.3)]),
        (
            "moc",  # what it suppresses follows the suppressor
            [
                *((0, 0, 0.9), (0, 2, 0.8 * 4 / 12), (0, 3, 0.6), (0, 5, 0.5 * 4 / 12)),
                *((1, 3, 0.3), (1, 0, 0.02)),
            ],
        ),
        # In order of 1 minus the background.
        ("yowo", [(0, 0, 0.9 * 0.92), (0, 3, 0.6 * 0.9), (0, 2, 0.8 * 0.805), (0, 5, 0.25)]),
        ("retinanet3d", [(0, 0, 0.9), (0, 2, 0.8), (0, 3, 0.6), (1, 3, 0.3), (0, 5, 0.5)]),
    ],
)
def test_boxes_that_protocols_choose(name, expected):
    assert chosen(one_frame(*CLOSE), name) == expected


def test_moc_takes_what_it_suppresses_out_of_further_comparisons():
    # The second box overlaps the first and the third by 0.8; the third is not touched by it.
    rows = [(0, [0.9, 0, 0.1]), (10 / 9, [0.8, 0, 0.2]), (20 / 9, [0.7, 0, 0.3])]
    wide = one_frame(*rows)
    assert chosen(wide, "moc")[0] == (0, 0, 0.9)
    scores = dict((round(x, 3), score) for _, x, score in chosen(wide, "moc"))
    assert scores[1.111] == pytest.approx(0.8 * 0.2, abs=1e-6)
    # 70 / 110 with the first: beyond 0.6 too.
    assert scores[2.222] == pytest.approx(0.7 * (1 - 70 / 110), abs=1e-6)


def test_classes_that_the_truth_lacks_are_of_no_use():
    detections = one_frame((0, [0.1, 0.9, 0]), (50, [0.9, 0.1, 0]))
    protocol = FRAME_PROTOCOLS["yowo"]
    boxes = boxes_of_detections(detections, [1], protocol, protocol.settings)
    assert (boxes.labels.tolist(), boxes.boxes[:, 0].tolist()) == ([0], [0])


def test_all_that_the_nms_leaves_or_only_the_best():
    apart = one_frame(*((12 * place, [0.9, 0.05, 0.05]) for place in range(8)))
    for settings, count in [
        (FrameSettings(), 8),
        (FrameSettings(topk=5), 5),
        (FrameSettings(keep=3), 3),
    ]:
        boxes = boxes_of_detections(apart, [0], FRAME_PROTOCOLS["road"], settings)
        assert len(boxes.frames) == count


def test_an_nms_of_all_classes_where_it_is_asked_for():
    protocol = FRAME_PROTOCOLS["yowo"]
    settings = FrameSettings(conf_thresh=0.005, nms_thresh=0.4)
    boxes = boxes_of_detections(one_frame(*CLOSE), [0, 1], protocol, settings)
    # By 1 minus the background: 0.92, 0.9 and the rest.
    assert boxes.boxes[:, 0].tolist() == [0, 5]


def test_yowo_asks_for_the_best_true_box_also_if_it_is_taken():
    truth = [video(tube(0, 1), tube(0, 1, x=4))]
    boxes = [found((0, 0, 0, 0.9), (0, 0, 1, 0.8))]
    free = evaluate_frame_boxes(boxes, truth, ["jump"], iou_thresh=0.3)
    assert free.hits.tolist() == [True, True]
    best = evaluate_frame_boxes(
        boxes, truth, ["jump"], iou_thresh=0.3, protocol=FRAME_PROTOCOLS["yowo"]
    )
    assert best.hits.tolist() == [True, False]


def test_classes_without_true_boxes():
    boxes, truth = [found((0, 0, 0, 0.9))], [video(tube(0, 1))]
    assert evaluate_frame_boxes(boxes, truth, CLASSES).mean_average_precision == 0.5
    yowo = evaluate_frame_boxes(boxes, truth, CLASSES, protocol=FRAME_PROTOCOLS["yowo"])
    assert yowo.mean_average_precision == 1
    nothing = evaluate_frame_boxes([], [video()], CLASSES, protocol=FRAME_PROTOCOLS["yowo"])
    assert nothing.mean_average_precision == 0


def test_every_frame_or_only_those_with_true_boxes():
    boxes = [found((1, 0, 0, 0.9), (50, 0, 0, 0.95), (1, 1, 50, 0.99), (2, 0, 0, 0.5))]
    truth = [video(tube(1, 2), tube(2, 3, label=1))]
    every = evaluate_frame_boxes(boxes, truth, CLASSES)
    assert every.average_precisions.tolist() == [0.5, 0]
    assert every.detections.tolist() == [3, 1]
    only = evaluate_frame_boxes(boxes, truth, CLASSES, annotated_only=True)
    assert only.average_precisions.tolist() == [1, 0]
    # A frame counts that has a true box of any class.
    assert only.detections.tolist() == [2, 1]


def test_frames_of_one_video_are_none_of_the_next():
    # There is no frame 100 in `a`.
    truth = [video(name="a"), video(tube(0, 1), name="b")]
    result = evaluate_frame_boxes([found((100, 0, 0, 0.9))], truth, ["jump"])
    assert result.average_precisions.tolist() == [0]


def test_videos_that_are_not_asked_for_and_labels_without_a_class():
    result = evaluate_frame_boxes([found((0, 0, 0, 0.9), name="x")], [video(tube(0, 1))], CLASSES)
    assert result.detections.tolist() == [0, 0]
    with pytest.raises(InputError, match="video 'a': a box has the label 2, but there are only 2"):
        evaluate_frame_boxes([found((0, 2, 0, 0.9))], [video()], CLASSES)


def test_boxes_of_tubes():
    boxes = boxes_of_tubes("a", [tube(3, 5, label=1), tube(4, 5)])
    assert boxes.frames.tolist() == [3, 4, 4]
    assert boxes.labels.tolist() == [1, 1, 0]
    truth = [video(tube(3, 5, label=1), tube(4, 5))]
    assert evaluate_frame_boxes([boxes], truth, CLASSES).mean_average_precision == 1
    assert len(boxes_of_tubes("a", []).frames) == 0


def test_curve():
    result = evaluate_frame_boxes(
        [found((0, 0, 0, 0.7), (0, 0, 50, 0.9), (0, 1, 50, 0.8))], [video(tube(0, 2))], CLASSES
    )
    curve = result.curve(0)
    assert curve.scores.tolist() == pytest.approx([0.9, 0.7])
    assert curve.precisions.tolist() == [0, 0.5]
    assert curve.recalls.tolist() == [0, 0.5]
    assert curve.average_precision == result.average_precisions[0] == 0.25
    assert result.curve(1).recalls.tolist() == [0]


def test_kinds_of_errors():
    truth = [video(tube(0, 4), tube(10, 12, x=20, label=1)), video(name="b")]
    boxes = [
        found(
            (0, 0, 0, 0.9),  # right
            (0, 0, 0, 0.8),  # found before: localisation
            (1, 0, 8, 0.8),  # localisation
            (10, 0, 20, 0.8),  # the box of another class: classification
            (10, 0, 60, 0.8),  # beside it: other
            (50, 0, 0, 0.8),  # an empty frame of the video: timing
            (1, 0, 0, 0.7),
        ),
        found((3, 0, 0, 0.8), name="b"),  # a video without the class: other
    ]
    errors = analyse_frame_errors(boxes, truth, CLASSES)
    # Recall goes from 0 to 1 / 4 at precision 1, and to 2 / 4 from 1 / 7 to 2 / 8.
    step, rates = 1 / 4, np.array([1 / 7 + 2 / 8, *np.array([2, 1, 1, 2]) * (1 / 7 + 1 / 8)]) / 2
    expected = [step + step * rates[0], *(step * rates[1:]), 1 / 2]
    actual = [errors.average_precisions[0], *errors.false_positives[:, 0], errors.missed[0]]
    assert actual == pytest.approx(expected)
    assert sum(actual) == pytest.approx(1)
    assert list(errors.shares()) == [
        *("average_precision", "localisation", "classification", "timing", "other", "missed")
    ]
    # All boxes of `run` are missed.
    assert errors.missed.tolist() == [0.5, 1]
    assert errors.shares()["missed"] == 0.75


def test_errors_of_a_class_without_true_boxes_do_not_count():
    errors = analyse_frame_errors([found((0, 1, 0, 0.9))], [video(tube(0, 2))], CLASSES)
    assert errors.missed.tolist() == [1, 0]
    assert errors.shares()["missed"] == 1
    assert set(analyse_frame_errors([], [video()], CLASSES).shares().values()) == {0}


def test_recall_of_boxes():
    truth = [video(tube(0, 1), tube(0, 1, x=40), tube(1, 2, label=1))]
    boxes = [
        found(
            *((0, 0, 2, 0.9), (0, 1, 0, 0.8), (0, 0, 40, 0.7)),  # the second is of another class
            *((1, 1, 0, 0.3), (60, 0, 0, 0.9)),
        )
    ]
    curves = frame_recall(boxes, truth, CLASSES, thresholds=(0.5, 0.8), kept=(1, 2, 9))
    assert curves.kept == (1, 2, 3)
    expected = np.array([[2, 1], [2, 1], [3, 2]]) / 3
    np.testing.assert_allclose(curves.recalls, expected)


@pytest.mark.parametrize(
    ("name", "models", "protocol", "expected"),
    [
        (None, ["ssd"], "road", "continuous"),
        (None, [], "road", "continuous"),
        (None, ["road"], "road", "road"),
        (None, ["road"], "road-matlab", "road-matlab"),
        (None, ["act"], "road", "act"),
        (None, ["ssd"], "road-matlab", "continuous"),
        ("continuous", ["road"], "road", "continuous"),
        ("yowo", ["road", "act"], "road", "yowo"),
    ],
)
def test_box_convention_of_files(name, models, protocol, expected):
    assert choose_convention(name, models, protocol) is BOX_CONVENTIONS[expected]


def test_what_conventions_add():
    shifted = BoxConvention("shifted", frame_truth=(0, 0, 10, 0))
    truth, boxes = [video(tube(0, 1))], [found((0, 0, 0, 0.9))]
    assert evaluate_frame_boxes(boxes, truth, ["jump"], iou_thresh=0.6).hits.all()
    moved = evaluate_frame_boxes(boxes, truth, ["jump"], iou_thresh=0.6, convention=shifted)
    assert not moved.hits.any()


def test_frames_are_clipped_to_pixels_from_1_in_road_matlab():
    # [92, 100) of 100 pixels: to the 99th in the Matlab program.
    detections = one_frame((92, [0.9, 0, 0.1]))
    truth = [VideoAnnotation("a", 1, 100, 50, (tube(0, 1, x=90),))]
    rules = {"protocol": FRAME_PROTOCOLS["road-matlab"]}
    result = evaluate_frames(
        [detections], truth, CLASSES, **rules, convention=BOX_CONVENTIONS["road-matlab"]
    )
    assert result.hits.tolist() == [True]
    boxes = boxes_of_detections(
        detections, [0, 1], FRAME_PROTOCOLS["road-matlab"], FrameSettings(), edge=1
    )
    assert boxes.boxes.tolist() == [[92, 0, 99, 10]]


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ([], [[0, 0, 2], [0, 0, 1], [0, 0, 0]]),
        ([(0, 0, 0, 0.9), (0, 1, 40, 0.9), (1, 0, 0, 0.9)], [[2, 0, 0], [0, 1, 0], [0, 0, 0]]),
        # The surest box takes the true one, whatever its class; the other finds nothing there.
        ([(0, 0, 0, 0.8), (0, 1, 0, 0.9)], [[0, 1, 1], [0, 0, 1], [1, 0, 0]]),
        ([(0, 0, 0, 0.9), (0, 1, 0, 0.8)], [[1, 0, 1], [0, 0, 1], [0, 1, 0]]),
        ([(0, 0, 20, 0.9), (5, 1, 0, 0.9)], [[0, 0, 2], [0, 0, 1], [1, 1, 0]]),
        # At the threshold of the IoU, and below it.
        ([(0, 0, 10 / 3, 0.9), (1, 0, 3.4, 0.9)], [[1, 0, 1], [0, 0, 1], [1, 0, 0]]),
        # Weak boxes are not looked at.
        ([(0, 0, 0, 0.25), (1, 0, 0, 0.26)], [[1, 0, 1], [0, 0, 1], [0, 0, 0]]),
    ],
)
def test_confusion_of_boxes(rows, counts):
    truth = [video(tube(0, 2), tube(0, 1, x=40, label=1)), video(name="b")]
    matrix = frame_confusion([found(*rows), found((0, 0, 0, 0.9), name="c")], truth, CLASSES)
    assert matrix.counts.tolist() == counts


def test_confusion_of_boxes_in_annotated_frames():
    matrix = frame_confusion(
        [found((1, 0, 20, 0.9), (2, 0, 20, 0.9))], [video(tube(0, 2))], CLASSES, annotated_only=True
    )
    assert matrix.counts.tolist() == [[0, 0, 2], [0, 0, 0], [1, 0, 0]]
    loose = frame_confusion(
        [found((1, 0, 5, 0.2))], [video(tube(0, 2))], CLASSES, iou_thresh=0.3, min_score=0.1
    )
    assert loose.counts.tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]
