"""Images as files in memory: their size, and other heights."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data import InputError
from data.still_images import decode_image, encode_image, image_size, of_height
from tests.data.media import image, number_of


@given(
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    orientation=st.integers(1, 8),
    suffix=st.sampled_from(["JPEG", "PNG", "BMP"]),
)
def test_the_size_is_that_of_the_decoded_image(
    width: int, height: int, orientation: int, suffix: str
) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    file = io.BytesIO()
    more = {"exif": exif} if suffix == "JPEG" else {}
    Image.new("RGB", (width, height)).save(file, suffix, **more)
    content = file.getvalue()
    assert image_size(content, "here") == decode_image(content, "here").shape[1::-1]


@pytest.mark.parametrize("content", [b"", b"text", encode_image(image(0), ".jpg", 90)[:20]])
def test_what_is_no_image_has_no_size(content: bytes) -> None:
    with pytest.raises(InputError, match="here: the image is damaged or not an image"):
        image_size(content, "here")


def test_quality() -> None:
    contents = [encode_image(image(3), ".jpg", quality) for quality in (20, 60, 95)]
    assert sorted(contents, key=len) == contents
    decoded = [decode_image(content, "here").astype(int) for content in contents]
    errors = [np.abs(picture - image(3)).mean() for picture in decoded]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 4


@pytest.mark.parametrize("height", [1, 30, 48, 100])
def test_other_heights_keep_the_aspect(height: int) -> None:
    scaled = of_height(image(7), height)
    assert scaled.shape == (height, max(1, round(64 * height / 48)), 3)
    assert height == 1 or round(number_of(scaled)) == 7
    assert cv2.imencode(".jpg", scaled)[0]
