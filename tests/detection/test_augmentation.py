"""The augmentation keeps its statistics, shares its draws between frames, and cuts what it says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import data
from detection.augmentation import ColourDistortion, Sample, Window, augment, draw_expansion

RUNS = 1200


@pytest.fixture(scope="module")
def runs():
    """Augmented copies of the sample of the published statistics."""
    import json
    from pathlib import Path

    figures = Path(__file__).parent.parent / "reference" / "detection" / "augmentation_stats.json"
    description = json.loads(figures.read_text())
    boxes = np.array(description["sample"]["boxes_normalised_tube_major"], np.float32)
    tubes = boxes.reshape(-1, 2, 4) * np.array([320, 240, 320, 240], np.float32)
    # Columns and rows are numbered, so that a result tells where it comes from.
    image = np.zeros((240, 320, 3), np.uint8)
    rng = np.random.default_rng(0)
    samples = [
        augment(Sample([image, image], tubes, np.arange(len(tubes))), rng) for _ in range(RUNS)
    ]
    return description, samples


def _compare_means(values, wanted, runs):
    error = wanted["std"] * np.sqrt(1 / len(values) + 1 / runs)
    assert abs(np.mean(values) - wanted["mean"]) < 4 * error


def test_boxes_follow_the_published_statistics(runs):
    description, samples = runs
    boxes = {"width": [], "height": [], "area": [], "centre_x": [], "centre_y": []}
    for sample in samples:
        height, width = sample.images[0].shape[:2]
        corners = sample.tubes.reshape(-1, 4) / [width, height, width, height]
        w, h = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
        boxes["width"].append(w.mean())
        boxes["height"].append(h.mean())
        boxes["area"].append((w * h).mean())
        boxes["centre_x"].append((corners[:, 0] + w / 2).mean())
        boxes["centre_y"].append((corners[:, 1] + h / 2).mean())
    for name, values in boxes.items():
        _compare_means(values, description[f"mean_box_{name}"], description["runs"])


def test_tubes_are_dropped_as_often_as_published(runs):
    description, samples = runs
    kept = np.mean([len(sample.tubes) == 1 for sample in samples])
    wanted = description["micro_tubes_kept"]["1"]
    error = np.sqrt(wanted * (1 - wanted) * (1 / RUNS + 1 / description["runs"]))
    assert abs(kept - wanted) < 4 * error


def test_expansion_is_uniform():
    rng = np.random.default_rng(1)
    ratios = [draw_expansion(320, 240, rng, 4.0).width / 320 for _ in range(RUNS)]
    assert abs(np.mean(ratios) - 2.5) < 4 * 0.866 / np.sqrt(RUNS)
    assert min(ratios) >= 1 and max(ratios) < 4


def test_colours_follow_the_published_statistics(case):
    description, _ = case("augmentation_stats")
    wanted = description["photometric_first_2000_runs"]
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)
    # The published image has channel means near 126.5; mirror it so that ours has just those.
    image = np.concatenate([image, 253 - np.minimum(image, 253)])
    means = np.array([ColourDistortion.draw(rng).apply(image).mean((0, 1)) for _ in range(RUNS)])
    for channel in range(3):
        spread = wanted["output_channel_mean_std"][channel]
        error = spread * np.sqrt(1 / RUNS + 1 / 2000)
        shift = abs(means[:, channel].mean() - wanted["output_channel_mean_average"][channel])
        assert shift < 4 * error


@given(
    left=st.integers(-40, 40),
    top=st.integers(-30, 30),
    width=st.integers(1, 90),
    height=st.integers(1, 70),
)
@settings(deadline=None)
def test_window_equals_cutting_a_padded_image(left, top, width, height):
    image = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    padded = cv2.copyMakeBorder(image, 80, 80, 80, 80, cv2.BORDER_CONSTANT, value=(104, 117, 123))
    wanted = padded[80 + top : 80 + top + height, 80 + left : 80 + left + width]
    found = Window(left, top, width, height).cut(image, ColourDistortion())
    assert np.array_equal(found[: wanted.shape[0], : wanted.shape[1]], wanted)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_boxes_stay_on_what_they_mark(seed):
    """A bright square on black is found again where the augmented box says."""
    image = np.zeros((120, 160, 3), np.uint8)
    image[40:80, 60:90] = 255
    tubes = np.array([[[60, 40, 90, 80]] * 2], np.float32)
    sample = augment(Sample([image, image], tubes, np.array([3])), np.random.default_rng(seed))
    assert np.array_equal(sample.images[0], sample.images[1])
    assert len(sample.tubes) == 1 and sample.labels.tolist() == [3]
    height, width = sample.images[0].shape[:2]
    x1, y1, x2, y2 = sample.tubes[0, 0].astype(int)
    assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
    inside = sample.images[0][y1:y2, x1:x2]
    assert np.ptp(inside, axis=(0, 1)).max() < 1e-3
    outside = sample.images[0].max(2) >= inside.max() - 1e-3
    outside[y1:y2, x1:x2] = False
    assert not outside.any() or inside.max() <= 127  # darkened below the fill colour


def test_flow_keeps_what_it_says_of_motion():
    """A square moves to the right and down on still ground, and after mirroring to the left."""
    flow = np.zeros((120, 160, 2), np.float32)
    flow[40:80, 60:90] = 3, 1
    flow_image = cv2.cvtColor(data.encode_flow(flow), cv2.COLOR_RGB2BGR)
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[:, :75] = 255
    tubes = np.array([[[60, 40, 90, 80]]], np.float32)
    original = Sample([picture, flow_image], tubes, np.array([0]), motion=[False, True])
    ways = set()
    for seed in range(60):
        sample = augment(original, np.random.default_rng(seed), max_expansion=2.0)
        x1, y1, x2, y2 = sample.tubes[0, 0].astype(int)
        seen, found = sample.images
        blue, green, red = found[(y1 + y2) // 2, (x1 + x2) // 2]
        assert blue == round(128 + 16 * 10**0.5) and green == 128 + 16
        assert abs(red - 128) == 3 * 16
        still = np.ones(found.shape[:2], bool)
        still[max(y1 - 1, 0) : y2 + 1, max(x1 - 1, 0) : x2 + 1] = False
        assert (found[still] == 128).all()
        if x2 - x1 == 30:  # whole
            bright_left = seen[y1 + 1, x1 + 1].sum() > seen[y1 + 1, x2 - 2].sum()
            assert bright_left == (red > 128)
            ways.add(bright_left)
    assert len(ways) == 2


def test_flow_is_like_any_picture_as_published():
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    tubes = np.array([[[10, 10, 50, 50]]], np.float32)
    for seed in range(20):
        sample = augment(Sample([image, image], tubes, np.array([0])), np.random.default_rng(seed))
        assert np.array_equal(sample.images[0], sample.images[1])
