"""Fusion of two streams: ROAD's figures, and what must hold of any two streams."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings

from data import Detections
from tests.tubes.cases import (
    CLASSES,
    arrays,
    detections_of,
    needs_cases,
    shipped_or_full,
)
from tests.tubes.strategies import detections
from tests.tubes.test_linker import linked
from tubes import (
    FusedDetections,
    LinkedPaths,
    OnlineLinker,
    TubeSettings,
    build_tubes,
    fuse,
    mean_fusion,
    trim,
)

SINGLES = shipped_or_full("dunk_short", "fencing", "salsa", shipped="dunk_short")
# ROAD's name of the boost.
NAMES = {"mean": "mean", "cat": "cat", "boost-published": "nwsum_plus"}


def fused(base: Detections, top: Detections, fusion: str) -> Detections | FusedDetections:
    return mean_fusion(base, top) if fusion == "mean" else fuse(base, top, fusion)


def linked_streams(streams: Detections | FusedDetections) -> LinkedPaths:
    if isinstance(streams, Detections):
        return linked(streams)
    video = streams.detections
    linker = OnlineLinker(len(video.classes), video.width, video.height)
    for frame in range(video.frames):
        linker.update_picked(*streams.frame(frame))
    return linker.finish()


@cache
def fused_case(name: str, fusion: str) -> Detections | FusedDetections:
    case = arrays(f"single_{name}")
    return fused(detections_of(case), detections_of(case, stream="_flow"), fusion)


@needs_cases
@pytest.mark.parametrize("fusion", NAMES)
@pytest.mark.parametrize("name", SINGLES)
def test_paths_and_runs(name, fusion):
    streams, prefix = fused_case(name, fusion), NAMES[fusion]
    paths, case = linked_streams(streams), arrays(f"fused_{name}")

    def expected(field: str) -> np.ndarray:
        return case[f"{prefix}_{field}"]

    rows, stream = paths.source[paths.rows], np.zeros(len(paths.rows))
    if isinstance(streams, FusedDetections):
        rows, stream = streams.rows[rows], streams.streams[rows]
    assert np.array_equal(paths.labels, expected("path_class"))
    assert np.array_equal(paths.starts + 1, expected("path_start"))
    assert np.array_equal(rows, expected("path_row"))
    assert np.array_equal(stream, expected("path_stream"))
    assert np.array_equal(paths.row_ptr, expected("path_ptr"))
    assert np.array_equal(paths.found + 1, expected("found_at"))
    assert np.array_equal(paths.missed, expected("path_lastfound"))
    # float32 running sums, of boosted scores, which are not exact in float32.
    np.testing.assert_allclose(paths.path_scores, expected("path_score"), rtol=2e-6)
    if fusion == "boost-published":
        own = paths.scores[paths.rows, np.repeat(paths.labels, np.diff(paths.row_ptr))]
        np.testing.assert_allclose(own, expected("path_frame_score"), rtol=0, atol=2e-6)
    for alpha in (3, 5):
        runs = trim(paths, alpha)
        assert np.array_equal(runs.paths, expected(f"a{alpha}_path"))
        assert np.array_equal(runs.starts + 1, expected(f"a{alpha}_ts"))
        assert np.array_equal(runs.ends, expected(f"a{alpha}_te"))
        tubes = build_tubes(streams, TubeSettings(alpha=alpha)).tubes
        assert [tube.label for tube in tubes] == expected(f"a{alpha}_eval_class").tolist()
        assert [tube.start + 1 for tube in tubes] == expected(f"a{alpha}_eval_first").tolist()
        assert [tube.end for tube in tubes] == expected(f"a{alpha}_eval_last").tolist()
        scores = [tube.score for tube in tubes]
        np.testing.assert_allclose(scores, expected(f"a{alpha}_eval_score"), rtol=0, atol=2e-6)


@needs_cases
@pytest.mark.parametrize("fusion", NAMES)
def test_frames_of_one_class(fusion):
    """The boxes of the case are those after ROAD's +1, and never clipped: here they are moved."""
    case, prefix = arrays("unit_fuse"), NAMES[fusion]
    for frame, label in enumerate(case["class_id"]):
        rows = slice(case["ptr"][frame], case["ptr"][frame + 1])

        def stream(name: str, rows: slice = rows) -> Detections:
            scores = case[f"{name}_scores_q"][rows].astype(np.float32) / 65536
            return Detections(
                video="video",
                boxes=case[f"{name}_boxes"][rows] + np.float32(255),
                scores=scores,
                offsets=np.array([0, len(scores)]),
                width=10_000,
                height=10_000,
                frame_rate=25.0,
                classes=CLASSES,
                model=name,
            )

        if fusion == "mean":
            # The class filter comes after the mean: that of the union with nothing.
            mean = mean_fusion(stream("base"), stream("top"))
            nothing = replace(mean, boxes=mean.boxes[:0], scores=mean.scores[:0], offsets=[0, 0])
            result = fuse(mean, nothing, "cat")
        else:
            result = fuse(stream("base"), stream("top"), fusion)
        own = slice(result.starts[label], result.starts[label + 1])
        kept = slice(case[f"{prefix}_ptr"][frame], case[f"{prefix}_ptr"][frame + 1])
        expected = case[f"{prefix}_boxes_score"][kept]
        assert np.array_equal(result.boxes[own] - 255, expected[:, :4])
        np.testing.assert_allclose(result.scores[own, label], expected[:, 4], rtol=0, atol=1e-6)
        all_scores = case[f"{prefix}_all_scores"][kept]
        np.testing.assert_allclose(result.scores[own], all_scores, rtol=0, atol=1e-6)


def solid(video: Detections) -> Detections:
    """Only boxes that are there after clipping: an empty box covers nothing, not even itself."""
    inside = (video.boxes[:, :2] < [video.width - 1, video.height - 1]) & (video.boxes[:, 2:] > 0)
    kept = inside.all(axis=1)
    offsets = np.concatenate([[0], np.cumsum(kept)])[video.offsets]
    return replace(video, boxes=video.boxes[kept], scores=video.scores[kept], offsets=offsets)


@settings(max_examples=50, deadline=None)
@given(detections(max_frames=20))
def test_a_stream_with_itself(video):
    video = solid(video)
    assert mean_fusion(video, video) == video
    nothing = replace(
        video,
        boxes=video.boxes[:0],
        scores=video.scores[:0],
        offsets=np.zeros_like(video.offsets),
    )
    # Equal boxes with equal scores only change places.
    for frame in range(video.frames):
        for result in (fuse(video, video, "cat"), fuse(video, nothing, "boost")):
            alone, union = fuse(video, nothing, "cat").frame(frame), result.frame(frame)
            assert alone[2].tolist() == union[2].tolist()
            for start, end in zip(alone[2], alone[2][1:], strict=False):
                rows = [np.hstack(each[:2])[start:end].tolist() for each in (alone, union)]
                assert sorted(rows[0]) == sorted(rows[1])
    boosted = linked_streams(fuse(video, video, "boost"))
    # Every box is boosted by its equal: doubled, and divided by the sum of the scores.
    for path in boosted:
        np.testing.assert_allclose(path.scores.sum(axis=1), 1, rtol=1e-5)


def stream(*frames: list[tuple[float, float]], classes: tuple[str, ...] = ("a",)) -> Detections:
    """Frames of boxes at x with a score of the only class."""
    return Detections.from_frames(
        "video",
        [
            (
                np.array([[x, 10, x + 20, 30] for x, _ in frame]).reshape(-1, 4),
                np.array([[score, 0.5] for _, score in frame]).reshape(-1, 2),
            )
            for frame in frames
        ],
        width=200,
        height=100,
        frame_rate=25.0,
        classes=classes,
        model="model",
    )


@pytest.mark.parametrize(
    ("fusion", "base", "top", "kept"),
    [
        # (x, stream, whether the score is another than before)
        ("cat", [(10, 0.5)], [(10, 0.25)], [(10, 0, False)]),
        ("cat", [(10, 0.25)], [(10, 0.5)], [(10, 1, False)]),
        ("cat", [(10, 0.25)], [(90, 0.5)], [(90, 1, False), (10, 0, False)]),
        ("boost", [(10, 0.5)], [(10, 0.25)], [(10, 0, True)]),
        ("boost", [(10, 0.25)], [(90, 0.5)], [(90, 1, False), (10, 0, False)]),
        (
            "boost",
            [(10, 0.6), (90, 0.5)],
            [(10, 0.25), (90, 0.25)],
            [(10, 0, True), (90, 0, True)],
        ),
        # Only the first is boosted, and the partner of the second joins the union.
        (
            "boost-published",
            [(10, 0.6), (90, 0.5)],
            [(10, 0.25), (90, 0.75)],
            [(90, 1, False), (10, 0, True)],
        ),
        # Without a boost the top stream is dropped.
        ("boost-published", [(10, 0.25)], [(90, 0.5)], [(10, 0, False)]),
        ("boost-published", [], [(90, 0.5)], []),
        ("boost", [], [(90, 0.5)], [(90, 1, False)]),
    ],
)
def test_what_is_kept(fusion, base, top, kept):
    base, top = stream(base), stream(top)
    result = fuse(base, top, fusion)
    before = [(base, top)[s].scores[r, 0] for s, r in zip(result.streams, result.rows, strict=True)]
    changed = result.scores[:, 0] != before
    columns = result.boxes[:, 0].tolist(), result.streams.tolist(), changed.tolist()
    assert list(zip(*columns, strict=True)) == kept


def test_streams_of_different_lengths():
    base, top = stream([(10, 0.5)], [(10, 0.5)]), stream([(10, 0.25)])
    assert mean_fusion(base, top).scores[:, 0].tolist() == [0.375, 0.5]
    assert fuse(base, top, "boost").detections.frames == 2
    assert fuse(top, base, "cat").detections.frames == 1


@pytest.mark.parametrize("fusion", ["mean", "nope"])
def test_a_fusion_of_boxes_that_is_not_there(fusion):
    base = stream([(10, 0.5)])
    with pytest.raises(ValueError, match=f"fusion must be one of .*'cat'.*, not '{fusion}'"):
        fuse(base, base, fusion)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"video": "other"}, "video is 'video' in the base stream and 'other' in the top one"),
        ({"width": 100}, "width is 200 in the base stream and 100 in the top one"),
        (
            {"classes": ("b",)},
            "'a' of the base stream of video 'video' is not among those of the top",
        ),
        (
            {"classes": ("a", "b"), "scores": [[0.5, 0.25, 0.25]]},
            "'b' of the top stream of video 'video' is not among those of the base",
        ),
    ],
)
def test_streams_that_do_not_fit(change, message):
    base = stream([(10, 0.5)])
    with pytest.raises(ValueError, match=message):
        fuse(base, replace(base, **change), "cat")


def test_the_mean_needs_the_same_prior_boxes():
    with pytest.raises(ValueError, match="frame 1 of video 'video' has 1 boxes in the base"):
        mean_fusion(stream([], [(10, 0.5)]), stream([], [(10, 0.5), (20, 0.5)]))


def test_the_order_of_the_classes_does_not_matter():
    scores = np.array([[0.5, 0.25, 0.125]], np.float32)
    base = replace(stream([(10, 0.5)]), classes=("a", "b"), scores=scores)
    top = replace(base, classes=("b", "a"), scores=scores[:, [1, 0, 2]])
    assert mean_fusion(base, top) == base
