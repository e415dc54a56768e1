"""The tensors of clips: the published pipelines, bit for bit, and what holds for every clip."""

from __future__ import annotations

import pickle
import zlib

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data.image_folder import luminance
from recognition.crops import Crop, draw_crop, evaluation_crops, scaled_size
from recognition.input_format import InputFormat, stack_crops
from recognition.resize import resize
from recognition.transforms import (
    RGB_SCALES,
    evaluation_transform,
    training_transform,
    validation_transform,
)
from tests import reference_cases
from tests.recognition import plain_transforms as plain

PUBLISHED, CORNERS = reference_cases.read_case("recognition2d", "transforms")
IMAGENET = InputFormat()
CAFFE = InputFormat(mean=(104, 117, 128), std=(1,), divide=False, bgr=True)
VALUES = InputFormat(mean=(), std=(), divide=False)


def noise(name, *shape):
    return np.floor(reference_cases.make_input(name, shape, low=0, high=256)).astype(np.uint8)


def clip(name, *shape, images=4):
    return [noise(f"{name} {number}", *shape) for number in range(images)]


def random(seed=0):
    return np.random.default_rng(seed)


def stacked_as_published(number, wanted):
    """The images of a pipeline, scaled, cut and stacked."""
    row = PUBLISHED["pipelines"][number]
    (width, height), flow = row["size"], row.get("mode") == "L"
    shape = (height, width) if flow else (height, width, 3)
    size = scaled_size(width, height, 256)
    images = [noise(f"image{number}_{k}", *shape) for k in range(row["images"])]
    side = 256 if row["crops"].endswith("full") else 224
    crops = evaluation_crops(*size, side, int(row["crops"].removesuffix("full")))
    scaled = [resize(image, *size) for image in images]
    return stack_crops(scaled, crops, wanted, flow=flow).numpy()


@pytest.mark.parametrize("number", range(len(PUBLISHED["pipelines"])))
def test_published_pipelines(number):
    row = PUBLISHED["pipelines"][number]
    values = InputFormat(mean=(), std=(), divide=False, bgr=row["roll"])
    stacked = stacked_as_published(number, values).astype(np.uint8)
    bytes_ = np.ascontiguousarray(stacked.transpose(1, 2, 0)).tobytes()
    assert zlib.crc32(bytes_) == row["stacked_hwc_uint8_crc32"]

    wanted = InputFormat(
        mean=tuple(row["mean"]), std=tuple(row["std"]), divide=row["div"], bgr=row["roll"]
    )
    found = stacked_as_published(number, wanted).astype(np.float64)
    assert list(found.shape) == row["output_shape_chw"]
    assert found.mean() == pytest.approx(row["output"]["mean"], abs=1e-6)
    assert found.std() == pytest.approx(row["output"]["std"], abs=1e-6)
    means = row["channel_means"]
    assert found.mean(axis=(1, 2))[: len(means)] == pytest.approx(means, abs=1e-6)
    corner = CORNERS[f"pipeline{number}"]
    # At most 60 channels, of which at most 30 are stored.
    few = found[:60]
    chosen = few[:: -(-len(few) // 30)] if len(corner) > 20 else few[:: len(few) // len(corner)]
    assert np.array_equal(chosen[:, :6, :6], corner)


@given(
    st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.booleans()
)
def test_resizing_is_pillows(width, height, new_width, new_height, grey):
    image = noise("resize", height, width, *(() if grey else (3,)))
    wanted = plain.resized(PIL.Image.fromarray(image), (new_width, new_height))
    assert np.array_equal(resize(image, new_width, new_height), np.asarray(wanted))


@pytest.mark.parametrize("size", [(340, 256), (171, 224), (1280, 720)])
def test_resizing_photograph_sizes_is_pillows(size):
    image = noise("resize", 240, 320, 3)
    image.flags.writeable = False
    wanted = plain.resized(PIL.Image.fromarray(image), size)
    assert np.array_equal(resize(image, *size), np.asarray(wanted))
    # Parts of images and turned channels do not lie in memory in one piece.
    part = image[7:, 5:300, ::-1]
    wanted = plain.resized(PIL.Image.fromarray(np.ascontiguousarray(part)), size)
    assert np.array_equal(resize(part, *size), np.asarray(wanted))


@pytest.mark.parametrize(
    ("modality", "grey"), [("RGB", False), ("RGB", True), ("Flow", False), ("RGBDiff", False)]
)
@pytest.mark.parametrize("wanted", [IMAGENET, CAFFE])
def test_training_is_what_pillow_makes(modality, grey, wanted):
    flow = modality == "Flow"
    images = clip("training", 120, 160, *(() if flow else (3,)))
    transform = training_transform(wanted, modality, grey=grey)
    derived = wanted.of_modality(modality)
    if modality == "RGBDiff":
        derived = derived.without_normalisation()
    mirrored = set()
    for seed in range(8):
        crop = draw_crop(160, 120, 224, transform.scales, random(seed))
        mirrored.add(crop.mirrored)
        expected = plain.train(images, crop, derived, grey=grey, flow=flow)
        assert torch.equal(transform(images, random(seed)), expected)
    assert mirrored == {False, True}


@pytest.mark.parametrize("modality", ["RGB", "Flow", "RGBDiff"])
@pytest.mark.parametrize(
    ("crops", "full"), [(1, False), (1, True), (3, True), (5, False), (10, False)]
)
def test_tests_are_what_pillow_makes(modality, crops, full):
    flow = modality == "Flow"
    images = clip("tests", 120, 160, *(() if flow else (3,)), images=2)
    transform = evaluation_transform(CAFFE, modality, crops=crops, full_resolution=full)
    size = scaled_size(160, 120, 256)
    expected = plain.test(
        images,
        size,
        evaluation_crops(*size, 256 if full else 224, crops),
        CAFFE.of_modality(modality),
        grey="",
        flow=flow,
    )
    assert torch.equal(transform(images, random()), expected)


def test_grey_comes_before_scaling_in_validation_and_after_it_in_tests():
    images = clip("grey", 120, 160, 3, images=3)
    size = scaled_size(160, 120, 256)
    crops = evaluation_crops(*size, 224, 1)
    found = [
        transform(images, random())
        for transform in (
            validation_transform(IMAGENET, grey=True),
            evaluation_transform(IMAGENET, grey=True),
        )
    ]
    for tensor, when in zip(found, ("first", "last"), strict=True):
        expected = plain.test(images, size, crops, IMAGENET, grey=when, flow=False)
        assert torch.equal(tensor, expected)
    assert not torch.equal(*found)


def test_differences_are_normalised_in_tests_only():
    images = clip("differences", 256, 256, 3, images=6)
    validated = validation_transform(IMAGENET, "RGBDiff")(images, random())
    tested = evaluation_transform(IMAGENET, "RGBDiff")(images, random())
    mean = torch.tensor([0.485, 0.456, 0.406, *[0.0] * 15])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225, *[0.452] * 15])[:, None, None]
    assert validated.min() >= 0 and validated.max() <= 1
    torch.testing.assert_close(tested, (validated - mean) / std)


def test_formats_of_other_images():
    assert IMAGENET.of_modality("RGB") == IMAGENET
    flow = IMAGENET.of_modality("Flow")
    assert flow.mean == (0.5,) and flow.std == pytest.approx((0.226,))
    assert CAFFE.of_modality("Flow").mean == (128,)
    assert InputFormat(crop_size=299).scale_size == 341
    with pytest.raises(ValueError, match="modality"):
        IMAGENET.of_modality("sound")


def test_a_clip_is_mirrored_as_a_whole_and_flow_to_the_left_goes_to_the_right():
    images = clip("flow", 224, 224, images=4)
    upright, mirrored = (
        stack_crops(images, [Crop(0, 0, 224, 224, side)], VALUES, flow=True) for side in (0, 1)
    )
    assert torch.equal(mirrored[1::2], upright[1::2].flip(-1))
    assert torch.equal(mirrored[::2], 255 - upright[::2].flip(-1))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_all_images_of_a_clip_share_their_crop(width, height, seed):
    image = noise("shared", height, width, 3)
    found = training_transform(InputFormat(crop_size=32))([image] * 3, random(seed))
    assert found.shape == (9, 32, 32) and found.dtype == torch.float32
    assert torch.equal(found[:3], found[3:6]) and torch.equal(found[:3], found[6:])


def test_clips_that_are_not_to_be_mirrored_are_not():
    images = [noise("sided", 64, 64, 3)]
    transform = training_transform(VALUES, mirror=False)
    for seed in range(10):
        crop = draw_crop(64, 64, 224, RGB_SCALES, random(seed), mirror=False)
        expected = plain.train(images, crop, VALUES, grey=False, flow=False)
        assert torch.equal(transform(images, random(seed)), expected)


def test_grey_is_pillows():
    image = noise("grey", 50, 60, 3)
    red, green, blue = image.astype(np.int64).transpose(2, 0, 1)
    wanted = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
    assert np.array_equal(luminance(image), wanted)


def test_transforms_travel_to_loading_processes():
    for transform in (
        training_transform(IMAGENET),
        validation_transform(IMAGENET),
        evaluation_transform(IMAGENET, crops=10),
    ):
        assert pickle.loads(pickle.dumps(transform)) == transform


@pytest.mark.parametrize(
    "images",
    [
        [],
        [np.zeros((4, 5, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)],
        [np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.uint8)],
        [np.zeros((4, 5, 3), np.float32)],
        [np.zeros((4, 5, 4), np.uint8)],
        [np.zeros((0, 5, 3), np.uint8)],
        [np.zeros(5, np.uint8)],
    ],
)
@pytest.mark.parametrize("make", [training_transform, validation_transform, evaluation_transform])
def test_what_is_no_clip(make, images):
    with pytest.raises(ValueError, match="images"):
        make(IMAGENET)(images, random())


def test_there_are_no_four_crops():
    with pytest.raises(ValueError, match="crops must be one of"):
        evaluation_transform(IMAGENET, crops=4)
