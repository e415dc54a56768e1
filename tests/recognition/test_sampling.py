"""Which frames are read: the published numbers, and what holds for every video."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognition import sampling
from recognition.sampling import MODES, SegmentSampling
from tests import reference_cases

PUBLISHED, _ = reference_cases.read_case("recognition2d", "sampling")
LSNET, _ = reference_cases.read_case("recognition2d", "lsnet_sampling")
IN_ORDER = ("random", "centre", "twice", "sorted")

videos = st.integers(1, 400)
segment_counts = st.integers(1, 32)
lengths = st.integers(1, 8)
seeds = st.integers(0, 2**32)


def first_frames(mode, row, seed=0):
    chosen = SegmentSampling(mode, row["num_segments"], row["new_length"])
    return chosen.first_frames(row["num_frames"], np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("rows", "mode", "key"),
    [
        ("val", "centre", "indices"),
        ("test", "test", "indices"),
        ("test_twice", "twice", "indices"),
        ("test_dense", "dense-test", "clips"),
    ],
)
def test_published_numbers(rows, mode, key):
    assert PUBLISHED[rows]
    for row in PUBLISHED[rows]:
        found = first_frames(mode, row)
        assert np.array_equal(found.ravel() + 1, np.ravel(row[key])), row


def test_published_ranges_of_training():
    for row in PUBLISHED["train_ranges"]:
        drawn = np.stack([first_frames("random", row, seed)[0] for seed in range(60)]) + 1
        assert np.all(np.diff(drawn, axis=1) >= 0)
        if "indices" in row:
            assert np.all(drawn == row["indices"])
        elif "rule" in row:
            assert row["first_possible"] <= drawn.min() and drawn.max() <= row["last_possible"]
        else:
            assert np.all(drawn >= row["first"]) and np.all(drawn <= row["last"])
            if row["average_duration"] <= 8:  # every place is drawn
                assert np.array_equal(drawn.min(axis=0), row["first"])
                assert np.array_equal(drawn.max(axis=0), row["last"])


def test_published_windows():
    for row in PUBLISHED["loaded"]:
        chosen = SegmentSampling("test", row["num_segments"], row["new_length"])
        found = chosen.frames_to_read(row["num_frames"], np.random.default_rng(0))
        # The published loader reads the first frame where there is none of a number.
        assert np.array_equal(found.ravel() + 1, np.maximum(row["frames"], 1)), row


def test_published_tests_of_seqvlad():
    for row in PUBLISHED["seqvlad_test_segments_25"]:
        size, frames = (row["timesteps"], row["new_length"]), row["num_frames_used"]
        random = np.random.default_rng(0)
        sequences = SegmentSampling("sequences", *size).first_frames(frames, random)
        assert np.array_equal(sequences + 1, row["segments"])
        single = SegmentSampling("test", *size).first_frames(frames, random)
        assert np.array_equal(single[0] + 1, row["test_segments_1"])


def test_published_grey_stacks():
    modes = {"val": "centre", "test": "test", "test_dense": "dense-test"}
    for row in LSNET["cases"]:
        size, interval = row["num_frame"], row["interval"]
        chosen = SegmentSampling(modes[row["mode"]], row["num_segments"], size, interval)
        found = chosen.frames_to_read(row["num_frames"], np.random.default_rng(0))
        read = np.array(row["indices"])
        # As the published loader does with numbers of no frame.
        read[(read < 1) | (read > row["num_frames"])] = 1
        assert np.array_equal(found.ravel() + 1, read), row


def test_grey_stacks_of_video_files():
    # The number of a frame, counted from 1, serves as an index: one frame later.
    def stacks(centres, **rule):
        return sampling.grey_stacks(np.array(centres), 3, 0, 20, video_file=True, **rule).tolist()

    assert stacks([5]) == [[5, 6, 7]]
    assert stacks([5], dense=True) == [[4, 5, 6]]
    assert stacks([18]) == [[16, 17, 18]]
    assert stacks([0], dense=True) == [[0, 1, 2]]


@given(st.sampled_from(MODES), videos, segment_counts, lengths, st.booleans(), seeds)
def test_frames_to_read_lie_in_the_video(mode, frames, segments, length, stacked, seed):
    for video_file in {False, stacked}:
        chosen = SegmentSampling(mode, segments, length, 1 if stacked else None, video_file)
        random = np.random.default_rng(seed)
        found = chosen.frames_to_read(frames, random)
        assert found.shape == (chosen.clips, segments, length)
        assert found.dtype == np.int64
        assert found.min() >= 0 and found.max() < frames


@given(st.sampled_from(IN_ORDER), videos, segment_counts, lengths, seeds)
def test_segments_are_in_order(mode, frames, segments, length, seed):
    random = np.random.default_rng(seed)
    found = SegmentSampling(mode, segments, length).first_frames(frames, random)
    if mode != "twice" or frames >= length:
        assert np.all(np.diff(found, axis=1) >= 0)


@given(videos, segment_counts, lengths, seeds)
def test_random_segments_fit_where_there_are_frames_enough(frames, segments, length, seed):
    found = sampling.random_segments(frames, segments, length, np.random.default_rng(seed))
    assert found.min() >= 0 and found.max() <= max(frames - length, 0)


@given(videos, segment_counts, seeds)
def test_dense_clips_are_steps_of_one_width_round_the_video(frames, segments, seed):
    found = sampling.dense_segments(frames, segments, np.random.default_rng(seed))
    assert np.all(np.diff(found) % frames == (64 // segments) % frames)
    if frames > 64:
        assert found[0] < frames - 64


@given(st.integers(-10, 30), lengths, st.integers(1, 20))
def test_window_goes_on_until_the_last_frame(first, length, frames):
    found = sampling.window(np.array(first), length, frames)
    wanted = [min(max(first + k, 0), frames - 1) for k in range(length)]
    assert found.tolist() == wanted


def test_too_few_frames_for_a_segment_give_the_first_frame():
    # The published program ends with an error here.
    found = sampling.random_segments(4, 3, 5, np.random.default_rng(0))
    assert found.tolist() == [0, 0, 0]


def test_half_of_the_reversible_clips_run_backwards():
    random = np.random.default_rng(0)
    clips = [sampling.sorted_draws(100, 25, random, reverse=True) for _ in range(1000)]
    backwards = sum(clip[0] > clip[-1] for clip in clips)
    assert 440 < backwards < 560
    assert all(np.all(np.diff(clip) >= 0) or np.all(np.diff(clip) <= 0) for clip in clips)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("every", 3), "mode must be one of random"),
        (("random", 0), "must be positive"),
        (("random", 3, 0), "must be positive"),
        (("random", 3, 3, -1), "interval not negative"),
    ],
)
def test_what_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        SegmentSampling(*settings)
