"""Tubes from detections: streaming equals batch, and the rules for what becomes a tube."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tubes.strategies import detections
from tubes import TubeBuilder, TubeSettings, build_tubes

LENIENT = TubeSettings(min_frames=1, alpha=0.5)


@settings(max_examples=100, deadline=None)
@given(detections(), st.sampled_from([LENIENT, TubeSettings()]), st.data())
def test_streaming_equals_batch(video, chosen, data):
    builder = TubeBuilder(len(video.classes), video.width, video.height, chosen)
    asks = data.draw(st.sets(st.integers(0, max(video.frames - 1, 0)), max_size=2))
    for frame in range(video.frames):
        builder.update(*video.frame(frame))
        if frame in asks:
            builder.finish()
    assert builder.frames == video.frames
    batch = build_tubes(video, chosen).tubes
    assert builder.finish() == batch
    for tube, other in zip(builder.finish(), batch, strict=True):
        assert tube.boxes.tobytes() == other.boxes.tobytes()
        assert tube.scores.tobytes() == other.scores.tobytes()


@settings(max_examples=50, deadline=None)
@given(detections())
def test_tubes_are_numbered_from_one_by_their_start(video):
    tubes = build_tubes(video, LENIENT).tubes
    numbered = sorted(tubes, key=lambda tube: tube.id)
    assert [tube.id for tube in numbered] == list(range(1, len(tubes) + 1))
    assert [tube.start for tube in numbered] == sorted(tube.start for tube in tubes)


def still_actor(frames: int, settings: TubeSettings | None = None, start: int = 0):
    """Tubes of an actor that does not move, with rising scores."""
    builder = TubeBuilder(1, 100, 80, settings)
    for _ in range(start):
        builder.update(np.zeros((0, 4)), np.zeros((0, 2)))
    for frame in range(frames):
        builder.update([[10, 10, 30, 30]], [[(frame + 1) / 100, 0]])
    return builder.finish()


def test_what_is_in_a_tube():
    (tube,) = still_actor(50, start=7)
    assert (tube.start, tube.end, tube.label, tube.id) == (7, 57, 0, 1)
    assert tube.boxes.tolist() == [[10, 10, 30, 30]] * 50
    np.testing.assert_allclose(tube.scores, np.arange(1, 51) / 100, rtol=1e-6)
    assert tube.score == pytest.approx(np.arange(11, 51).mean() / 100)  # the best 40 of 50


@pytest.mark.parametrize(
    ("frames", "settings", "tubes"),
    [
        (9, None, 0),
        (10, None, 1),
        (9, TubeSettings(min_frames=9), 1),
        (3, TubeSettings(min_frames=1), 0),  # not more frames than the linker's jump gap
        (20, TubeSettings(min_score=0.2), 0),
        (20, TubeSettings(min_score=0.1), 1),
        (20, TubeSettings(min_score=0.15, score_topk=5), 1),
        (20, TubeSettings(conf_thresh=0.2), 0),
        (20, TubeSettings(conf_thresh=0.1), 1),
    ],
)
def test_what_becomes_a_tube(frames, settings, tubes):
    assert len(still_actor(frames, settings)) == tubes


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("trimming", "off", "trimming must be one of .*, not 'off'"),
        ("alpha", -1, "alpha must be 0 or more, not -1"),
        ("alpha", float("nan"), "alpha must be 0 or more, not nan"),
        ("topk", 0, "topk must be a whole number of at least 1, not 0"),
        ("min_frames", 0, "min_frames must be a whole number of at least 1, not 0"),
        ("nms_thresh", 1.5, "nms_thresh must lie between 0 and 1, not 1.5"),
        ("conf_thresh", -0.1, "conf_thresh must lie between 0 and 1, not -0.1"),
    ],
)
def test_wrong_settings(field, value, message):
    with pytest.raises(ValueError, match=message):
        TubeSettings(**{field: value})
