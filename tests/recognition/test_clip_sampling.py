"""The frames of 3D networks' clips, and how clips are changed in training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognition import appearance
from recognition.clip_sampling import (
    CLIP_MODES,
    LateTemporalSampling,
    SpreadSampling,
    late_temporal_clip,
    late_temporal_test_clips,
    sequential_clips,
    spread_clip,
)
from tests.reference_cases import read_case


class Fixed:
    """Draws the smallest numbers or the largest, and notes the bounds."""

    def __init__(self, *, highest):
        self.highest, self.bounds = highest, []

    def integers(self, high):
        self.bounds.append([0, high - 1])
        return high - 1 if self.highest else 0


def test_frames_of_late_temporal_modelling():
    description, _ = read_case("recognition_bert", "pipeline/sampling_and_augmentation")
    for row in description["validation"]:
        found = late_temporal_clip(
            row["frames_in_list"], row["clip_length"], segments=row["segments"]
        )
        assert (found + 1).tolist() == row["frame_indices"], row
    for row in description["training"]:
        for highest, name in ((False, "frames_when_low"), (True, "frames_when_high")):
            random = Fixed(highest=highest)
            found = late_temporal_clip(
                row["frames_in_list"], row["clip_length"], random, segments=row["segments"]
            )
            assert (found + 1).tolist() == row[name], row
            assert random.bounds == row["random_inclusive_bounds"]


def test_frames_of_late_temporal_tests():
    description, _ = read_case("recognition_bert", "pipeline/test_protocol")
    for row in description["cases"]:
        frames, length = row["frames_in_video"], row["clip_length"]
        several = row["kind"].startswith("multiple")
        choose = late_temporal_test_clips if several else late_temporal_clip
        assert (choose(frames, length) + 1).ravel().tolist() == row["frame_indices"], row["kind"]


def test_random_frames_of_srtg():
    description, _ = read_case("recognition_srtg", "sampling")
    for row in [*description["random"], description["random_with_length_changes"]]:
        intervals = row["interval"] if isinstance(row["interval"], list) else [row["interval"]]
        random = np.random.RandomState(row["seed"])
        for call in row["calls"]:
            length = call.get("num", row.get("num"))
            found = spread_clip(call["n_frames"], length, intervals, random)
            assert found.tolist() == call["indices"], call


@given(frames=st.integers(1, 300), length=st.integers(1, 20), interval=st.integers(1, 6))
def test_frames_are_in_the_video(frames, length, interval):
    found = [
        late_temporal_clip(frames, length),
        late_temporal_clip(frames, length, np.random.default_rng(0)),
        late_temporal_test_clips(frames, length),
        spread_clip(frames, length, [interval], np.random.RandomState(0)),
        sequential_clips(frames, length, interval),
    ]
    for indices in found:
        assert indices.shape[-1] == length
        assert ((indices >= 0) & (indices < frames)).all()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("gaussian_blur_0.1", lambda image: appearance.blurred(image, 0.1)),
        ("gaussian_blur_0.3", lambda image: appearance.blurred(image, 0.3)),
        ("add_7", lambda image: appearance.brightened(image, [7, 7, 7])),
        ("average_blur_1", lambda image: appearance.averaged(image, 1)),
        ("average_blur_2", lambda image: appearance.averaged(image, 2)),
        ("multiply_1.2", lambda image: appearance.multiplied(image, 1.2)),
        ("gamma_0.85", lambda image: appearance.with_gamma(image, [0.85] * 3)),
        ("hue_sat_plus16", lambda image: appearance.with_hue(image, 16, 16)),
        ("hue_only_plus16", lambda image: appearance.with_hue(image, 16, 0)),
        ("saturation_only_minus16", lambda image: appearance.with_hue(image, 0, -16)),
        ("linear_contrast_0.85", lambda image: appearance.with_contrast(image, 0.85)),
        ("rotate_10", lambda image: appearance.rotated(image, 10)),
    ],
)
def test_changes_are_those_of_imgaug(name, change):
    description, arrays = read_case("recognition_srtg", "augment_ops")
    wanted = arrays[f"out_{name}"].astype(int)
    found = change(arrays["image"])
    assert found.dtype == np.uint8
    assert np.abs(found - wanted).mean() <= description["tolerance_mean_abs"]


@given(seed=st.integers(0, 2**32 - 1), short=st.booleans())
def test_a_drawn_chain_is_the_same_for_all_frames(seed, short):
    chain = appearance.Appearance(0.9, 0.4, short=short).draw(np.random.default_rng(seed))
    image = np.random.default_rng(0).integers(256, size=(24, 32, 3), dtype=np.uint8)
    results = []
    for _ in range(2):
        changed = image
        for change in chain:
            changed = change(changed)
        results.append(changed)
    assert results[0].shape == image.shape and results[0].dtype == np.uint8
    assert np.array_equal(*results)


def test_the_share_of_clips_that_are_changed():
    random = np.random.default_rng(0)
    chains = [appearance.Appearance(0.9, 0.4).draw(random) for _ in range(4000)]
    assert abs(np.mean([len(chain) > 0 for chain in chains]) - 0.9 * (1 - 0.6**8)) < 0.02
    assert abs(np.mean([len(chain) for chain in chains]) - 0.9 * 0.4 * 8) < 0.1


def test_clips_of_srtgs_validation():
    """The published program keeps a shuffled list of the clips of each video."""
    description, _ = read_case("recognition_srtg", "sampling")
    for row in description["sequential"]:
        random, kept = np.random.RandomState(row["seed"]), {}
        for call in row["calls"]:
            clips = sequential_clips(call["n_frames"], row["num"], row["interval"])
            random.choice([row["interval"]])
            video = call["video_id"]
            if video not in kept and len(clips):
                order = clips.tolist()
                if row["shuffle"]:
                    random.shuffle(order)
                kept[video] = [order, 0]
            if not len(clips):
                still = random.choice(call["n_frames"])
                assert call["indices"] == [still] * row["num"]
                continue
            order, place = kept[video]
            assert order[place] == call["indices"], (row, call)
            kept[video][1] = place if row["fix_cursor"] else (place + 1) % len(order)


@given(
    count=st.integers(1, 200),
    frames=st.integers(1, 20),
    intervals=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    mode=st.sampled_from(CLIP_MODES),
    still=st.booleans(),
    seed=st.integers(0, 9),
)
def test_clips_that_networks_see(count, frames, intervals, mode, still, seed):
    random = np.random.default_rng(seed)
    samplings = (
        LateTemporalSampling(mode, frames, intervals[0]),
        SpreadSampling(mode, frames, tuple(intervals), still),
    )
    for sampling in samplings:
        found = sampling.frames_to_read(count, random)
        assert found.ndim == 2 and len(found) >= 1 and (mode == "all" or len(found) == 1)
        assert found.min() >= 0 and found.max() < count
        assert found.shape[1] == frames or found.shape == (1, 1)
    # Clips of a multigrid schedule: of half of the frames, twice as far from each other.
    if frames % 2 == 0 and mode == "random":
        for sampling in samplings:
            shorter = sampling.of(frames // 2, 2).frames_to_read(count, random)
            assert shorter.shape[1] == frames // 2 or shorter.shape == (1, 1)
            assert shorter.max() < count


@given(
    count=st.integers(1, 200),
    frames=st.integers(2, 20),
    stride=st.integers(1, 5),
    mode=st.sampled_from(CLIP_MODES),
    seed=st.integers(0, 9),
)
def test_frames_of_late_temporal_modelling_are_at_one_distance(count, frames, stride, mode, seed):
    random = np.random.default_rng(seed)
    found = LateTemporalSampling(mode, frames, stride).frames_to_read(count, random)
    assert set((np.diff(found) % count).ravel()) == {stride % count}


def test_short_videos_are_seen_whole_or_as_published_still():
    random = np.random.default_rng(0)
    whole = SpreadSampling("one", 4, (3,)).frames_to_read(7, random)
    assert whole.tolist() == [[0, 2, 4, 6]]
    assert SpreadSampling("one", 4, (3,), still=True).frames_to_read(7, random).shape == (1, 1)
    assert np.ptp(SpreadSampling("random", 4, (3,)).frames_to_read(10, random)) == 9
