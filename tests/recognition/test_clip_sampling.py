"""The frames of 3D networks' clips, and how clips are changed in training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognition import appearance
from recognition.clip_sampling import (
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
