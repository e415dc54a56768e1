"""Online trimming: against its plain reading, against the offline result, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import Detections
from tests.tubes.strategies import detections
from tests.tubes.test_linker import linked
from tubes import FinishedTube, TubeSettings, TubeStream, build_tubes


def stream_of(video: Detections, chosen: TubeSettings, look_back: int | None) -> TubeStream:
    size = video.width, video.height
    return TubeStream(len(video.classes), *size, chosen, look_back=look_back)


def streamed(video: Detections, chosen: TubeSettings, look_back: int | None) -> list[FinishedTube]:
    stream = stream_of(video, chosen, look_back)
    tubes = []
    for frame in range(video.frames):
        tubes += stream.update(*video.frame(frame))
    return [*tubes, *stream.finish()]


def gains(scores: np.ndarray, label: int, trimming: str) -> np.ndarray:
    """What each label gains in each frame; the own class is the first."""
    if trimming == "none":
        return np.zeros((len(scores), 1))
    own = scores[:, label]
    if trimming == "background":
        return np.stack([own, 1 - own], axis=1).astype(np.float64)
    shifted = (scores[:, :-1] + np.float32(20)).astype(np.float64)
    return shifted


def plain_online_labels(
    gains: np.ndarray, own: int, alpha: float, look_back: int
) -> tuple[list[bool], list[list[bool]]]:
    """Whole labellings are kept for every label; those that disagree when a frame settles go."""
    labels = range(gains.shape[1])
    values = np.zeros(len(labels))
    survivors: list[list[int]] = [[] for _ in labels]
    settled: list[bool] = []
    told = []
    for frame, gain in enumerate(gains):
        if frame:
            options = values[None, :] - alpha * (1 - np.eye(len(labels)))
            choices = options.argmax(axis=1)
            values = options.max(axis=1)
            survivors = [survivors[choice] for choice in choices]
        values = values + gain
        survivors = [[*survivors[label], label] for label in labels]
        best = int(values.argmax())
        told.append([label == own for label in survivors[best]])
        if frame + 1 - len(settled) > look_back:
            decided = told[-1][len(settled)]
            for label in labels:
                if (survivors[label][len(settled)] == own) != decided:
                    values[label] = -np.inf
            settled.append(decided)
    return settled + told[-1][len(settled) :], told


def runs_of(marked: list[bool]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff([0, *map(int, marked), 0]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


CHOSEN = st.builds(
    TubeSettings,
    trimming=st.sampled_from(["labels", "background", "none"]),
    alpha=st.sampled_from([0.0, 0.1, 0.5, 2.0]),
    min_frames=st.integers(1, 6),
    min_found=st.just(1),
    score_topk=st.sampled_from([2, 40]),
)


@settings(max_examples=150, deadline=None)
@given(detections(), CHOSEN, st.sampled_from([0, 1, 2, 5, 20]))
def test_finished_tubes_are_those_of_the_plain_reading(video, chosen, look_back):
    expected = []
    for path in linked(video, min_found=1):
        gain = gains(path.scores, path.label, chosen.trimming)
        own = path.label if chosen.trimming == "labels" else 0
        labels, _ = plain_online_labels(gain, own, chosen.alpha, look_back)
        for start, end in runs_of(labels):
            scores = np.sort(path.scores[start:end, path.label])[::-1][: chosen.score_topk]
            if end - start >= chosen.min_frames and scores.mean() > 0:
                where = path.start + start, path.start + end
                expected.append((path.id, path.label, *where, scores.mean()))
    tubes = streamed(video, chosen, look_back)
    actual = sorted((t.path, t.label, t.start, t.end, t.score) for t in tubes)
    assert [tube[:4] for tube in actual] == [tube[:4] for tube in sorted(expected)]
    np.testing.assert_allclose([t[4] for t in actual], [t[4] for t in sorted(expected)], rtol=1e-6)
    assert len({tube.id for tube in tubes}) == len(tubes)


@settings(max_examples=100, deadline=None)
@given(detections(), CHOSEN, st.sampled_from([None, 60, 1000]))
def test_with_enough_look_back_it_is_the_offline_result(video, chosen, look_back):
    online = streamed(video, chosen, look_back)
    offline = build_tubes(video, chosen).tubes
    fields = [(tube.label, tube.start, tube.end, tube.score) for tube in online]
    assert sorted(fields) == sorted((t.label, t.start, t.end, t.score) for t in offline)


@settings(max_examples=60, deadline=None)
@given(detections(max_frames=40), CHOSEN, st.sampled_from([1, 3, 10, None]))
def test_live_tubes_are_the_last_runs_of_the_best_labelling(video, chosen, look_back):
    stream = stream_of(video, chosen, look_back)
    numbers: dict[int, int] = {}
    finished: set[int] = set()
    for frame in range(video.frames):
        finished |= {tube.id for tube in stream.update(*video.frame(frame))}
        live = stream.live()
        seen = Detections(
            video=video.video,
            boxes=video.boxes[: video.offsets[frame + 1]],
            scores=video.scores[: video.offsets[frame + 1]],
            offsets=video.offsets[: frame + 2],
            width=video.width,
            height=video.height,
            frame_rate=25,
            classes=video.classes,
            model="random",
        )
        expected = set()
        for path in linked(seen, min_found=1):
            if path.missed >= 3:
                continue
            gain = gains(path.scores, path.label, chosen.trimming)
            own = path.label if chosen.trimming == "labels" else 0
            depth = 1000 if look_back is None else look_back
            _, told = plain_online_labels(gain, own, chosen.alpha, depth)
            settled = max(len(path) - depth, 0)
            *_, (start, end) = [(0, 0), *runs_of(told[-1])]
            if end - start >= chosen.min_frames and end >= settled:
                ends = -1 if end == len(path) else path.start + end
                expected.add((path.id, path.label, path.start + start, ends, path.missed))
        columns = live.paths, live.labels, live.starts, live.ends, live.unseen
        assert set(zip(*(column.tolist() for column in columns), strict=True)) == expected
        for number, path in zip(live.ids.tolist(), live.paths.tolist(), strict=True):
            assert numbers.setdefault(number, path) == path  # a number stays with its path ...
            assert number not in finished  # ... and is not used again


def actor(scores: list[float], look_back: int | None, **options: float) -> list[list[object]]:
    """What is said of an actor that stands still, frame by frame: live, then finished."""
    chosen = TubeSettings(trimming="background", min_frames=3, **options)
    stream = TubeStream(1, 100, 80, chosen, look_back=look_back)
    said = []
    for score in scores:
        finished = stream.update([[10, 10, 30, 30]], [[score, 1 - score]])
        live = stream.live()
        said.append(
            [
                list(zip(live.ids.tolist(), live.starts.tolist(), live.ends.tolist(), strict=True)),
                [(tube.id, tube.start, tube.end) for tube in finished],
            ]
        )
    return said


def test_start_and_end_are_announced_while_the_stream_runs():
    said = actor([0.1] * 4 + [0.9] * 8 + [0.1] * 8, look_back=4, alpha=1)
    live = [each[0] for each in said]
    finished = [each[1] for each in said]
    # It begins at frame 4, is long enough after three frames and sure after two.
    assert live[:8] == [[], [], [], [], [], [], [(1, 4, -1)], [(1, 4, -1)]]
    # It ends before frame 12, which costs 1 and pays after two frames; four frames later it is
    # settled.
    assert live[12:17] == [[(1, 4, -1)], [(1, 4, 12)], [(1, 4, 12)], [(1, 4, 12)], []]
    assert [frame for frame, tubes in enumerate(finished) if tubes] == [16]
    assert finished[16] == [(1, 4, 12)]


def test_memory_does_not_grow_with_the_stream():
    stream = TubeStream(1, 100, 80, TubeSettings(trimming="background"), look_back=5)

    def size() -> int:
        return sum(array.nbytes for array in (*stream._state, *stream._linker.state))

    before = size()
    for frame in range(3000):
        score = 0.9 if frame % 50 < 40 else 0.1
        stream.update([[10, 10, 30, 30]], [[score, 1 - score]])
    assert size() == before
    assert sum(len(rows) for rows in stream._linker._boxes) == 0


def test_wrong_arguments():
    with pytest.raises(ValueError, match="look_back must be a whole number of at least 0, not -1"):
        TubeStream(1, 10, 10, look_back=-1)
    with pytest.raises(ValueError, match="look_back must be a whole number"):
        TubeStream(1, 10, 10, look_back=2.5)
    with pytest.raises(ValueError, match="linking must be 'class'"):
        TubeStream(1, 10, 10, TubeSettings(linking="agnostic"))
    with pytest.raises(ValueError, match="alphas must be one for each of 2 classes"):
        TubeStream(2, 10, 10, TubeSettings(alphas=(1.0,)))


def test_a_stream_that_has_ended_takes_no_more():
    stream = TubeStream(1, 9, 9)
    stream.update([[0, 0, 5, 5]], [[0.5, 0.5]])
    stream.finish()
    with pytest.raises(ValueError, match=r"has ended with finish\(\); make a new one"):
        stream.update([[0, 0, 5, 5]], [[0.5, 0.5]])
