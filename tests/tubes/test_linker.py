"""The linker: against a plain one, frame by frame against all at once, and at the border."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data import Detections
from data.class_filter import frame_picks
from tests.tubes.plain_linker import filled_rows, iou, link
from tests.tubes.strategies import HEIGHT, WIDTH, detections
from tubes import LinkedPaths, LinkSettings, LivePaths, OnlineLinker

ARRAYS = [name for name in LinkedPaths.__dataclass_fields__]
ALL_PATHS = LinkSettings(min_found=1)


def linker_for(video: Detections, **options: Any) -> OnlineLinker:
    return OnlineLinker(len(video.classes), video.width, video.height, LinkSettings(**options))


def linked(video: Detections, **options: Any) -> LinkedPaths:
    linker = linker_for(video, **options)
    for frame in range(video.frames):
        linker.update(*video.frame(frame))
    return linker.finish()


def assert_same(paths: LinkedPaths, others: LinkedPaths) -> None:
    for name in ARRAYS:
        values, other_values = getattr(paths, name), getattr(others, name)
        assert values.dtype == other_values.dtype
        assert values.tobytes() == other_values.tobytes(), name


@settings(max_examples=150, deadline=None)
@given(detections(), st.integers(1, 4), st.sampled_from([0.1, 0.3]))
def test_links_as_the_plain_linker_does(video, jump_gap, iou_threshold):
    paths = linked(video, jump_gap=jump_gap, iou_thresh=iou_threshold, min_found=jump_gap + 1)
    expected = []
    for label in range(len(video.classes)):
        frames = []
        for number in range(video.frames):
            boxes, scores = video.frame(number)
            frames.append((boxes.tolist(), scores[:, label].tolist()))
        expected += link(frames, label, WIDTH, HEIGHT, iou_threshold, jump_gap)
    assert [path.label for path in paths] == [path.label for path in expected]
    assert [path.found.tolist() for path in paths] == [path.frames for path in expected]
    assert [path.rows.tolist() for path in paths] == [filled_rows(path) for path in expected]
    assert [path.missed for path in paths] == [path.missed for path in expected]
    np.testing.assert_allclose(paths.path_scores, [sum(path.scores) for path in expected])


@settings(max_examples=50, deadline=None)
@given(detections(), st.data())
def test_finish_changes_nothing(video, data):
    # What was asked for in between is what a linker gives that never saw more, and the end is the
    # same as without asking: streaming is batch, bit for bit.
    stops = data.draw(st.sets(st.integers(0, max(video.frames - 1, 0)), max_size=3))
    linker = linker_for(video)
    for frame in range(video.frames):
        linker.update(*video.frame(frame))
        if frame in stops:
            shorter = linker_for(video)
            for earlier in range(frame + 1):
                shorter.update(*video.frame(earlier))
            assert_same(linker.finish(), shorter.finish())
    assert_same(linker.finish(), linked(video))


@settings(max_examples=50, deadline=None)
@given(
    detections(),
    st.sampled_from(["class", "agnostic"]),
    st.sampled_from(["score", "scrSim", "scrMinusSim"]),
    st.sampled_from(["road", "road-display"]),
)
def test_all_at_once_is_frame_by_frame(video, linking, cost, ordering):
    options = {"linking": linking, "cost": cost, "ordering": ordering}
    at_once = linker_for(video, **options)
    at_once.update_all(video)
    assert_same(at_once.finish(), linked(video, **options))


@settings(max_examples=50, deadline=None)
@given(detections())
def test_the_history_changes_nothing(video):
    linker = linker_for(video)
    bounded = OnlineLinker(len(video.classes), WIDTH, HEIGHT, keep_history=False)
    for frame in range(video.frames):
        linker.update(*video.frame(frame))
        bounded.update(*video.frame(frame))
        for name in LivePaths.__dataclass_fields__:
            value, other = getattr(linker.live(), name), getattr(bounded.live(), name)
            assert value.tobytes() == other.tobytes()
    with pytest.raises(ValueError, match="keep_history must be True"):
        bounded.finish()


@settings(max_examples=50, deadline=None)
@given(detections(), st.integers(1, 3))
def test_live_paths_are_those_found_lately(video, jump_gap):
    linker = linker_for(video, jump_gap=jump_gap, min_found=1)
    for frame in range(video.frames):
        linker.update(*video.frame(frame))
        paths = {path.id: path for path in linker.finish()}
        live = linker.live()
        assert (live.unseen < jump_gap).all()
        assert set(live.ids) == {i for i, path in paths.items() if path.end > frame + 1 - jump_gap}
        for index, number in enumerate(live.ids):
            path = paths[number]
            assert live.labels[index] == path.label
            assert live.starts[index] == path.start
            assert live.found[index] == len(path.found)
            assert live.unseen[index] == path.missed == frame + 1 - path.end
            assert live.boxes[index].tolist() == path.boxes[-1].tolist()
            assert live.scores[index] == path.scores[-1, path.label]


def one_minus_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.array([[1 - iou(tuple(a), tuple(b), 1) for b in others] for a in boxes])


@settings(max_examples=50, deadline=None)
@given(detections(max_frames=20), st.sampled_from([0.1, 0.3]))
def test_the_default_distance_given_as_a_function(video, iou_threshold):
    chosen = LinkSettings(iou_thresh=iou_threshold)
    linker = OnlineLinker(
        len(video.classes),
        WIDTH,
        HEIGHT,
        chosen,
        distance=one_minus_iou,
        max_distance=1 - iou_threshold + 1e-6,
    )
    linker.update_all(video)
    assert_same(linker.finish(), linked(video, iou_thresh=iou_threshold))


def test_a_distance_can_link_what_does_not_overlap():
    def centres_apart(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
        return np.abs(boxes[:, None, 0] - others[None, :, 0])

    linker = OnlineLinker(1, 100, 100, ALL_PATHS, distance=centres_apart, max_distance=30)
    for x in (10, 35, 75):
        linker.update([[x, 10, x + 10, 30]], [[0.5, 0.5]])
    assert sorted(path.found.tolist() for path in linker.finish()) == [[0, 1], [2]]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"distance": lambda a, b: 0.0}, ValueError, r"must return the shape \(1, 1\), not \(\)"),
        ({"distance": 5}, TypeError, "distance must be a function, not 5"),
        ({"distance": np.subtract, "max_distance": -1}, ValueError, "0 or more.*, not -1"),
        ({"distance": np.subtract, "max_distance": np.nan}, ValueError, "0 or more.*, not nan"),
        ({"max_distance": 1}, ValueError, "of a distance, not 1"),
    ],
)
def test_wrong_distances(options, error, message):
    def feed() -> None:
        linker = OnlineLinker(1, 100, 100, **options)
        for _ in range(2):
            linker.update([[0, 0, 9, 9]], [[0.5, 0.5]])

    with pytest.raises(error, match=message):
        feed()


@settings(max_examples=50, deadline=None)
@given(detections())
def test_detections_that_were_filtered_before(video):
    linker = linker_for(video)
    for frame in range(video.frames):
        boxes, scores = video.frame(frame)
        clipped = np.clip(boxes, [0, 0, -np.inf, -np.inf], [np.inf, np.inf, WIDTH - 1, HEIGHT - 1])
        rows, starts = frame_picks(
            clipped.astype(np.float32) + np.float32(1),
            scores,
            len(video.classes),
            np.float32(0.001),
            50,
            np.float32(0.45),
            10,
        )
        linker.update_picked(boxes[rows], scores[rows], starts)
    picked_paths, paths = linker.finish(), linked(video)
    for name in ("ids", "labels", "starts", "missed", "path_scores", "row_ptr", "found"):
        assert getattr(picked_paths, name).tobytes() == getattr(paths, name).tobytes()
    for path, other in zip(picked_paths, paths, strict=True):
        assert path.boxes.tobytes() == other.boxes.tobytes()
        assert path.scores.tobytes() == other.scores.tobytes()


def test_agnostic_paths_follow_the_motion():
    linker = OnlineLinker(2, 200, 100, LinkSettings(linking="agnostic", min_found=1))
    # After a gap the box lies where its motion has taken it, away from where it was last.
    for x in (0, 12, 24, None, 48):
        seen = x is not None
        boxes = np.array([[x, 10, x + 20, 30]] if seen else np.zeros((0, 4)))
        linker.update(boxes, np.full((int(seen), 3), [0.5, 0.3, 0.2]))
    (path,) = linker.finish()
    assert path.found.tolist() == [0, 1, 2, 4]
    assert path.path_score == pytest.approx(4 * 0.8)  # linked by 1 - background


@settings(max_examples=30, deadline=None)
@given(detections())
@example(Detections("v", np.zeros((0, 4)), np.zeros((0, 2)), [0], 1, 1, 25.0, ("a",), "m"))
def test_paths_are_consistent(video):
    paths = linked(video, min_found=1)
    used = set()
    for path in paths:
        assert len(path) == path.end - path.start == len(path.boxes) == len(path.scores)
        assert path.found[0] == path.start and path.found[-1] == path.end - 1
        limits = np.array([WIDTH - 1, HEIGHT - 1])
        assert (path.boxes[:, :2] >= 0).all() and (path.boxes[:, 2:] <= limits).all()
        own = {(path.label, int(row)) for row in path.rows}
        assert not own & used  # a detection is in one path of its class
        used |= own


def box_frames(*places: float | None, score: float = 0.5) -> LinkedPaths:
    """Links frames of one class that show one box at x, or none."""
    linker = OnlineLinker(1, 100, 100, ALL_PATHS)
    for x in places:
        seen = x is not None
        boxes = np.array([[x, 10, x + 20, 30]] if seen else np.zeros((0, 4)))
        linker.update(boxes, np.full((int(seen), 2), score))
    return linker.finish()


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ([10, 12, 14], [[0, 1, 2]]),
        ([10, None, None, 14], [[0, 3]]),  # two misses are a gap
        ([10, None, None, None, 14], [[0], [4]]),  # three are an end
        ([None, None, 10], [[2]]),
        ([10, 60, 10], [[0, 2], [1]]),  # too far away: another path
        ([], []),
        ([None], []),
    ],
)
def test_gaps(places, found):
    assert sorted(path.found.tolist() for path in box_frames(*places)) == found


def test_a_gap_is_filled_with_the_next_box():
    (path,) = box_frames(10, None, None, 16)
    assert path.rows.tolist() == [0, 1, 1, 1]
    assert path.boxes[:, 0].tolist() == [10, 16, 16, 16]
    assert path.path_score == 1.0


def test_the_highest_score_is_taken_and_not_the_best_overlap():
    linker = OnlineLinker(1, 100, 100, ALL_PATHS)
    linker.update([[10, 10, 30, 30]], [[0.9, 0.1]])
    linker.update([[10, 10, 30, 30], [24, 10, 44, 30]], [[0.5, 0.5], [0.6, 0.4]])
    assert linker.finish()[0].rows.tolist() == [0, 2]


def test_the_callers_arrays_are_neither_kept_nor_changed():
    boxes, scores = np.array([[-5, 0, 200, 200]], np.float32), np.array([[0.5, 0.5]], np.float32)
    linker = OnlineLinker(1, 100, 100, ALL_PATHS)
    linker.update(boxes, scores)
    assert boxes.tolist() == [[-5, 0, 200, 200]]
    boxes[:], scores[:] = 7, 0
    (path,) = linker.finish()
    assert path.boxes.tolist() == [[0, 0, 99, 99]]
    assert path.scores.tolist() == [[0.5, 0.5]]


def test_paths_are_a_sequence():
    paths = box_frames(10, 60, 10)
    assert [path.start for path in paths[::-1]] == [paths[1].start, paths[0].start]
    assert paths[-1].start == paths[1].start
    with pytest.raises(IndexError):
        paths[2]
    assert repr(paths) == "LinkedPaths(2 paths, 4 boxes)"


@pytest.mark.parametrize(
    ("boxes", "scores", "message"),
    [
        (
            [[0, 0, 1]],
            [[0.5, 0.5]],
            r"boxes must have the shape \(N, 4\), not \(1, 3\) \(frame 0\)",
        ),
        ([[0, 0, 1, 1]], [[0.5]], r"scores must have the shape \(1, 2\), not \(1, 1\)"),
        ([[0, 0, 1, 1]], [[0.5, 0.5]] * 2, r"scores must have the shape \(1, 2\), not \(2, 2\)"),
        ([[0, 0, np.nan, 1]], [[0.5, 0.5]], r"boxes must be finite numbers \(frame 0\)"),
        ([[-np.inf, 0, 1, 1]], [[0.5, 0.5]], r"boxes must be finite numbers \(frame 0\)"),
        ([[2, 0, 1, 1]], [[0.5, 0.5]], r"boxes must have x1 <= x2 and y1 <= y2 \(frame 0\)"),
        ([[0, 0, 1, 1]], [[np.nan, 0.5]], r"scores must lie between 0 and 1 \(frame 0\)"),
        ([[0, 0, 1, 1]], [[0.5, 1.5]], r"scores must lie between 0 and 1 \(frame 0\)"),
    ],
)
def test_wrong_detections(boxes, scores, message):
    with pytest.raises(ValueError, match=message):
        OnlineLinker(1, 10, 10).update(boxes, scores)


def test_a_wrong_frame_changes_nothing():
    linker = OnlineLinker(1, 100, 100, ALL_PATHS)
    linker.update([[10, 10, 30, 30]], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="finite"):
        linker.update([[10, 10, np.nan, 30]], [[0.5, 0.5]])
    linker.update([[10, 10, 30, 30]], [[0.5, 0.5]])
    (path,) = linker.finish()
    assert path.found.tolist() == [0, 1]


def test_the_wrong_frame_of_many_is_named():
    video = Detections(
        video="v",
        boxes=np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 2, 1, 1]]),
        scores=np.full((3, 2), 0.5),
        offsets=np.array([0, 1, 1, 3]),
        width=9,
        height=9,
        frame_rate=25.0,
        classes=("a",),
        model="m",
    )
    linker = linker_for(video)
    linker.update([[0, 0, 1, 1]], [[0.5, 0.5]])
    with pytest.raises(ValueError, match=r"y1 <= y2 \(frame 3\)"):
        linker.update_all(video)
    assert linker.frames == 1


@pytest.mark.parametrize("name", ["num_classes", "width", "height"])
@pytest.mark.parametrize("value", [0, 2.5, float("nan"), "9", None])
def test_wrong_sizes(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1, not "):
        OnlineLinker(**{"num_classes": 1, "width": 10, "height": 10, name: value})
