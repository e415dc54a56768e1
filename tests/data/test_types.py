"""The constructors of the types: what they take, what they refuse and how they print."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from data import (
    Annotations,
    Detections,
    Frame,
    InputError,
    Tube,
    VideoAnnotation,
    VideoTubes,
)
from tests.data import strategies

NAN = float("nan")
INFINITY = float("inf")
BOXES = np.array([[0, 0, 4, 5], [1, 1, 2, 2]], np.float32)
TRUTH = Tube.ground_truth(3, BOXES, 1, 0)
CLASSES = ("run", "walk")

FRAME = {"image": np.zeros((3, 4, 3), np.uint8), "index": 0, "time": 0.0}
DETECTIONS = {
    "video": "clip",
    "boxes": BOXES,
    "scores": np.full((2, 3), 0.25, np.float32),
    "offsets": np.array([0, 1, 1, 2]),
    "width": 16,
    "height": 12,
    "frame_rate": 25.0,
    "classes": CLASSES,
    "model": "detector",
}
TUBE = {
    "start": 3,
    "boxes": BOXES,
    "scores": np.array([0.5, 0.75], np.float32),
    "label": 1,
    "score": 0.625,
    "id": 7,
}
VIDEO_TUBES = {
    "video": "clip",
    "frames": 10,
    "width": 16,
    "height": 12,
    "frame_rate": 25.0,
    "classes": CLASSES,
    "tubes": (TRUTH,),
    "model": "detector",
}
VIDEO_ANNOTATION = {"name": "clip", "frames": 10, "width": 16, "height": 12, "tubes": (TRUTH,)}
ANNOTATIONS = {
    "classes": CLASSES,
    "videos": {"clip": VideoAnnotation(**VIDEO_ANNOTATION)},
    "splits": {"train": ("clip",)},
}
GOOD: list[tuple[type, dict[str, Any]]] = [
    (Frame, FRAME),
    (Detections, DETECTIONS),
    (Tube, TUBE),
    (VideoTubes, VIDEO_TUBES),
    (VideoAnnotation, VIDEO_ANNOTATION),
    (Annotations, ANNOTATIONS),
]


def _truth(box: list[float], **changes: Any) -> Tube:
    return Tube(
        **{
            "start": 0,
            "boxes": np.array([box]),
            "scores": np.ones(1),
            "label": 0,
            "score": 1.0,
            "id": 0,
            **changes,
        }
    )


WRONG: list[tuple[type, dict[str, Any], dict[str, Any], str]] = [
    (Frame, FRAME, {"image": np.zeros((3, 4, 3))}, r"image must be a uint8 array \(H, W, 3\)"),
    (Frame, FRAME, {"image": np.zeros((3, 4), np.uint8)}, "image must be"),
    (Frame, FRAME, {"image": np.zeros((0, 4, 3), np.uint8)}, "image must be"),
    (Frame, FRAME, {"image": [[[0, 0, 0]]]}, "image must be"),
    (Frame, FRAME, {"index": -1}, "index must be a whole number of at least 0, not -1"),
    (Frame, FRAME, {"index": 1.0}, "index must be"),
    (Frame, FRAME, {"time": NAN}, "time must be a finite number, not nan"),
    (Frame, FRAME, {"time": "now"}, "time must be a finite number, not 'now'"),
    (Detections, DETECTIONS, {"video": b"clip"}, "video must be a string, not b'clip'"),
    (Detections, DETECTIONS, {"boxes": BOXES[0]}, r"boxes must be an array \(N, 4\) of numbers"),
    (Detections, DETECTIONS, {"boxes": BOXES[:, :3]}, r"boxes must have the shape \(N, 4\)"),
    (Detections, DETECTIONS, {"boxes": BOXES.astype(str)}, "boxes must be an array"),
    (Detections, DETECTIONS, {"boxes": BOXES.astype(object)}, "boxes must be an array"),
    (Detections, DETECTIONS, {"boxes": BOXES > 1}, "boxes must be an array"),
    (Detections, DETECTIONS, {"boxes": [[0, 0, 1, 1], [0, 0, 1]]}, "boxes must be an array"),
    (Detections, DETECTIONS, {"boxes": np.full((2, 4), NAN)}, "boxes must hold finite numbers"),
    (Detections, DETECTIONS, {"boxes": np.full((2, 4), 1e39)}, "boxes must hold finite numbers"),
    (Detections, DETECTIONS, {"boxes": BOXES[:1]}, r"scores must have the shape \(1, 3\)"),
    (Detections, DETECTIONS, {"scores": np.zeros((2, 2))}, r"scores must have the shape \(2, 3\)"),
    (Detections, DETECTIONS, {"scores": np.full((2, 3), 1.01)}, "scores must lie between 0 and 1"),
    (Detections, DETECTIONS, {"scores": np.full((2, 3), -0.01)}, "scores must lie between 0 and"),
    (Detections, DETECTIONS, {"scores": np.full((2, 3), NAN)}, "scores must hold finite numbers"),
    (Detections, DETECTIONS, {"offsets": [0.0, 2.0]}, "offsets must be an array"),
    (Detections, DETECTIONS, {"offsets": np.zeros((0,), int)}, "offsets must be an array"),
    (Detections, DETECTIONS, {"offsets": [1, 2]}, "offsets must start at 0"),
    (Detections, DETECTIONS, {"offsets": [0, 2, 1, 2]}, "offsets must start at 0 and never fall"),
    (Detections, DETECTIONS, {"offsets": [0, 1]}, "offsets must end at the number of boxes, 2"),
    (
        Detections,
        DETECTIONS,
        {"offsets": np.array([0, 2**64 - 1, 2], np.uint64)},
        "offsets must start at 0 and never fall",
    ),
    (Detections, DETECTIONS, {"width": 0}, "width must be a whole number of at least 1, not 0"),
    (Detections, DETECTIONS, {"height": True}, "height must be a whole number"),
    (Detections, DETECTIONS, {"height": 10**400}, "height must be .* at most 2147483647"),
    (Detections, DETECTIONS, {"frame_rate": 0}, "frame_rate must be above 0"),
    (Detections, DETECTIONS, {"frame_rate": INFINITY}, "frame_rate must be a finite number"),
    (Detections, DETECTIONS, {"frame_rate": 10**400}, "frame_rate must be a finite number"),
    (Detections, DETECTIONS, {"classes": "ab"}, "classes must be a list of names"),
    (Detections, DETECTIONS, {"classes": ("run", "run")}, "classes must not hold 'run' twice"),
    (Detections, DETECTIONS, {"classes": ("run", "")}, "classes must not hold an empty name"),
    (Detections, DETECTIONS, {"classes": ("run", 1)}, "classes must be a string, not 1"),
    (Detections, DETECTIONS, {"model": None}, "model must be a string, not None"),
    (Detections, DETECTIONS, {"model": None, "width": 0}, "width must be .*; model must be"),
    (Tube, TUBE, {"start": -1}, "start must be a whole number of at least 0"),
    (Tube, TUBE, {"boxes": np.zeros((0, 4)), "scores": np.zeros(0)}, "boxes must hold at least"),
    (Tube, TUBE, {"boxes": [[0, 0, INFINITY, 1]]}, "boxes must hold finite numbers"),
    (Tube, TUBE, {"scores": np.ones(3)}, "scores must be as many as boxes, 2, not 3"),
    (Tube, TUBE, {"scores": np.ones((2, 1))}, r"scores must be an array \(N\)"),
    (Tube, TUBE, {"label": -1}, "label must be a whole number"),
    (Tube, TUBE, {"label": "run"}, "label must be a whole number of at least 0, not 'run'"),
    (Tube, TUBE, {"score": NAN}, "score must be a finite number"),
    (Tube, TUBE, {"id": None}, "id must be a whole number"),
    (VideoTubes, VIDEO_TUBES, {"frames": 4}, "tubes must end within the 4 frames .* not at 5"),
    (VideoTubes, VIDEO_TUBES, {"classes": ("run",)}, "labels below the number of classes, 1"),
    (VideoTubes, VIDEO_TUBES, {"tubes": (1,)}, "tubes must hold tubes, not 1"),
    (VideoTubes, VIDEO_TUBES, {"video": 1}, "video must be a string"),
    (VideoAnnotation, VIDEO_ANNOTATION, {"frames": 0}, "frames must be a whole number of at least"),
    (VideoAnnotation, VIDEO_ANNOTATION, {"frames": 4}, "tubes must end within the 4 frames"),
    (VideoAnnotation, VIDEO_ANNOTATION, {"tubes": [_truth([0, 0, 17, 12])]}, "inside the frame"),
    (VideoAnnotation, VIDEO_ANNOTATION, {"tubes": [_truth([0, 0, 16, 12.01])]}, "in frame 0"),
    (VideoAnnotation, VIDEO_ANNOTATION, {"tubes": [_truth([-0.5, 0, 16, 12])]}, "inside the frame"),
    (VideoAnnotation, VIDEO_ANNOTATION, {"tubes": [_truth([0, -1, 16, 12])]}, "inside the frame"),
    (VideoAnnotation, VIDEO_ANNOTATION, {"tubes": [_truth([5, 0, 5, 12])]}, "larger than nothing"),
    (VideoAnnotation, VIDEO_ANNOTATION, {"tubes": [_truth([0, 9, 5, 8])]}, "larger than nothing"),
    (
        VideoAnnotation,
        VIDEO_ANNOTATION,
        {"tubes": [_truth([0, 0, 5, 8], score=0.5)]},
        "tubes must be ground truth",
    ),
    (Annotations, ANNOTATIONS, {"classes": ("run",)}, "not 1 as in 'clip'"),
    (Annotations, ANNOTATIONS, {"videos": {"clap": ANNOTATIONS["videos"]["clip"]}}, "'clap'"),
    (Annotations, ANNOTATIONS, {"videos": {}}, "'train' names 'clip', which is not annotated"),
    (Annotations, ANNOTATIONS, {"splits": {"x": ("clip", "clip")}}, "'x' names a video twice"),
    (Annotations, ANNOTATIONS, {"splits": {1: ("clip",)}}, "splits must be a string"),
]


@pytest.mark.parametrize(("kind", "fields"), GOOD)
def test_equal_fields_make_equal_objects(kind: type, fields: dict[str, Any]) -> None:
    assert kind(**fields) == kind(**fields)
    assert kind(**fields) != "something else"


@pytest.mark.parametrize(("kind", "fields", "changes", "error"), WRONG)
def test_constructors_name_what_is_wrong(
    kind: type, fields: dict[str, Any], changes: dict[str, Any], error: str
) -> None:
    with pytest.raises(ValueError, match=error) as caught:
        kind(**{**fields, **changes})
    assert not isinstance(caught.value, InputError)


@pytest.mark.parametrize(
    ("kind", "fields", "changes"),
    [
        (Frame, FRAME, {"index": 1}),
        (Frame, FRAME, {"time": 0.5}),
        (Frame, FRAME, {"image": np.ones((3, 4, 3), np.uint8)}),
        (Detections, DETECTIONS, {"video": "other"}),
        (Detections, DETECTIONS, {"boxes": BOXES + 1}),
        (Detections, DETECTIONS, {"scores": np.full((2, 3), 0.5)}),
        (Detections, DETECTIONS, {"offsets": [0, 2]}),
        (Detections, DETECTIONS, {"frame_rate": 24}),
        (Tube, TUBE, {"start": 0}),
        (Tube, TUBE, {"boxes": BOXES + 1}),
        (Tube, TUBE, {"boxes": BOXES[:1], "scores": [0.5]}),
        (Tube, TUBE, {"scores": [0.5, 0.5]}),
        (Tube, TUBE, {"id": 0}),
        (VideoTubes, VIDEO_TUBES, {"tubes": ()}),
        (VideoAnnotation, VIDEO_ANNOTATION, {"tubes": ()}),
        (Annotations, ANNOTATIONS, {"splits": {}}),
    ],
)
def test_a_changed_field_makes_a_different_object(
    kind: type, fields: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert kind(**fields) != kind(**{**fields, **changes})


@pytest.mark.parametrize(
    ("kind", "fields", "text"),
    [
        (Frame, FRAME, "Frame(index=0, time=0.000, 4x3)"),
        (
            Detections,
            DETECTIONS,
            "Detections('clip', boxes=(2, 4), scores=(2, 3), frames=3, 16x12, 25 fps, "
            "model='detector')",
        ),
        (Tube, TUBE, "Tube(id=7, label=1, score=0.625, frames=3:5, boxes=(2, 4))"),
        (
            VideoTubes,
            VIDEO_TUBES,
            "VideoTubes('clip', tubes=1, frames=10, 16x12, 25 fps, classes=2, model='detector')",
        ),
        (VideoAnnotation, VIDEO_ANNOTATION, "VideoAnnotation('clip', tubes=1, frames=10, 16x12)"),
        (Annotations, ANNOTATIONS, "Annotations(classes=2, videos=1, tubes=1, splits: train=1)"),
    ],
)
def test_repr_is_short_and_prints_shapes(kind: type, fields: dict[str, Any], text: str) -> None:
    assert repr(kind(**fields)) == text


def test_arrays_are_converted_and_not_copied_where_they_need_not() -> None:
    wide = Tube(**{**TUBE, "boxes": BOXES.tolist()})
    assert wide.boxes.dtype == np.float32
    assert wide == Tube(**TUBE)
    assert Tube(**TUBE).boxes is BOXES
    offsets = Detections(**{**DETECTIONS, "offsets": np.array([0, 2], np.int32)}).offsets
    assert offsets.dtype == np.int64


def test_numbers_of_other_libraries_become_plain() -> None:
    tube = Tube(**{**TUBE, "start": np.int64(3), "score": np.float32(0.625)})
    assert type(tube.start) is int
    assert type(tube.score) is float
    assert Detections(**{**DETECTIONS, "frame_rate": Fraction(30000, 1001)}).frame_rate == (
        pytest.approx(29.97, abs=0.01)
    )


def test_tube_spans_start_to_end() -> None:
    tube = Tube(**TUBE)
    assert (tube.start, tube.end, len(tube)) == (3, 5, 2)


def test_ground_truth_has_scores_of_one() -> None:
    tube = Tube.ground_truth(2, [[0, 0, 1, 1]] * 3, 1, 4)
    assert (tube.start, tube.end, tube.label, tube.score, tube.id) == (2, 5, 1, 1.0, 4)
    assert tube.scores.tolist() == [1, 1, 1]


def test_frames_of_detections_are_views_of_their_rows() -> None:
    detections = Detections(**DETECTIONS)
    assert detections.frames == 3
    assert [len(detections.frame(t)[0]) for t in range(3)] == [1, 0, 1]
    boxes, scores = detections.frame(2)
    assert np.array_equal(boxes, BOXES[1:])
    assert np.shares_memory(boxes, detections.boxes)
    assert np.shares_memory(scores, detections.scores)
    for t in (-1, 3):
        with pytest.raises(IndexError, match=f"frame {t} of a video of 3 frames"):
            detections.frame(t)


@given(strategies.detections())
def test_detections_are_put_together_from_their_frames(detections: Detections) -> None:
    again = Detections.from_frames(
        detections.video,
        [detections.frame(t) for t in range(detections.frames)],
        width=detections.width,
        height=detections.height,
        frame_rate=detections.frame_rate,
        classes=detections.classes,
        model=detections.model,
    )
    assert again == detections


@pytest.mark.parametrize(
    ("boxes", "scores", "error"),
    [
        (np.zeros((1, 4)), np.zeros((2, 3)), r"scores of frame 1 must have the shape \(1, 3\)"),
        (np.zeros((1, 4)), np.zeros((1, 2)), "scores of frame 1 must have the shape"),
        (np.zeros((1, 5)), np.zeros((1, 3)), "boxes of frame 1 must have the shape"),
        (np.full((1, 4), NAN), np.zeros((1, 3)), "boxes of frame 1 must hold finite numbers"),
    ],
)
def test_from_frames_names_the_frame_that_is_wrong(boxes: Any, scores: Any, error: str) -> None:
    good = (np.zeros((1, 4)), np.zeros((1, 3)))
    with pytest.raises(ValueError, match=error):
        Detections.from_frames(
            "clip",
            [good, (boxes, scores)],
            width=4,
            height=3,
            frame_rate=25,
            classes=CLASSES,
            model="",
        )


def test_split_gives_its_videos_in_order() -> None:
    videos = {name: VideoAnnotation(name, 5, 4, 3, ()) for name in "abc"}
    annotations = Annotations((), videos, {"train": ("c", "a"), "test": ("b",)})
    assert [video.name for video in annotations.split("train")] == ["c", "a"]
    with pytest.raises(InputError, match="split 'tset' is unknown; choose one of: train, test"):
        annotations.split("tset")


def test_data_sets_without_tubes_are_not_trimmed_clips() -> None:
    video = VideoAnnotation("a", 5, 8, 8, ())
    assert not Annotations(("jump",), {"a": video}, {}).trimmed
