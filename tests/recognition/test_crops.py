"""Crops: the published places, and what holds for every image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognition import crops
from tests import reference_cases

PUBLISHED, _ = reference_cases.read_case("recognition2d", "transforms")

sides = st.integers(1, 700)


def places(found):
    return [[crop.left, crop.top] for crop in found]


def test_published_scaled_sizes():
    for row in PUBLISHED["resize_shorter_side"]:
        assert list(crops.scaled_size(*row["in"], row["size"])) == row["out"]


@pytest.mark.parametrize(
    ("rows", "count", "step"),
    [
        ("ten_crop_offsets", 10, 2),
        ("ten_crop_offsets", 5, 1),
        ("full_res_three_crop_offsets", 3, 1),
    ],
)
def test_published_places_of_tests(rows, count, step):
    for row in PUBLISHED[rows]:
        found = crops.evaluation_crops(*row["image"], row["crop"], count)
        assert places(found[::step]) == row["offsets_xy"]
        if count == 10:
            assert found[1::2] == [crop._replace(mirrored=True) for crop in found[::2]]


def test_published_centre():
    for row in PUBLISHED["center_crop"]:
        assert places(crops.evaluation_crops(*row["image"], row["crop"], 1)) == [row["offset_xy"]]


def test_published_multi_scale_crops():
    for row in PUBLISHED["multi_scale_crop"]:
        sizes = crops.multi_scale_sizes(*row["image"], 224, row["scales"])
        assert sizes == [tuple(size) for size in row["crop_wh_pairs"]]
        found = crops.fixed_places(tuple(row["image"]), sizes[0])
        assert places(found) == row["offsets_xy_for_first_pair"]


def test_a_size_near_that_of_the_network_becomes_it_if_it_fits():
    assert crops.multi_scale_sizes(300, 226, 224, [1]) == [(224, 224)]
    assert crops.multi_scale_sizes(300, 227, 224, [1]) == [(227, 227)]
    assert crops.multi_scale_sizes(300, 223, 224, [1]) == [(223, 223)]


@given(sides, sides, st.integers(0, 2**32))
def test_crops_of_training_lie_in_the_image(width, height, seed):
    crop = crops.draw_crop(width, height, 224, (1, 0.875, 0.75, 0.66), np.random.default_rng(seed))
    assert crop.left >= 0 and crop.left + crop.width <= width
    assert crop.top >= 0 and crop.top + crop.height <= height
    assert min(crop.width, crop.height) >= 1


@given(sides, sides, st.sampled_from(crops.TEST_CROPS), st.sampled_from([224, 256]))
def test_crops_of_tests_lie_in_the_scaled_image(width, height, count, size):
    across, down = crops.scaled_size(width, height, 256)
    assert min(across, down) == 256
    found = crops.evaluation_crops(across, down, size, count)
    assert len(found) == count
    for crop in found:
        assert 0 <= crop.left <= across - size and 0 <= crop.top <= down - size


def test_every_size_and_place_is_drawn_and_half_are_mirrored():
    random = np.random.default_rng(0)
    drawn = [crops.draw_crop(340, 256, 224, (1, 0.875), random) for _ in range(2000)]
    sizes = crops.multi_scale_sizes(340, 256, 224, (1, 0.875))
    wanted = {crop for size in sizes for crop in crops.fixed_places((340, 256), size)}
    assert {crop._replace(mirrored=False) for crop in drawn} == wanted
    assert 900 < sum(crop.mirrored for crop in drawn) < 1100
    unmirrored = [crops.draw_crop(340, 256, 224, (1,), random, mirror=False) for _ in range(20)]
    assert not any(crop.mirrored for crop in unmirrored)


def test_mirroring_twice_gives_the_image_back():
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    whole = crops.Crop(0, 0, 5, 4, mirrored=True)
    assert not np.array_equal(whole.of(image), image)
    assert np.array_equal(whole.of(whole.of(image)), image)


def test_there_are_no_four_crops():
    with pytest.raises(ValueError, match="one of"):
        crops.evaluation_crops(340, 256, 224, 4)
