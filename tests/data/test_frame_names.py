"""Templates of the names of frames."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import FrameNames, InputError

FOLDER = Path("frames/012")


@pytest.mark.parametrize(
    ("template", "files"),
    [
        ("img_{:05d}.jpg", ["012/img_00008.jpg"]),
        ("{:06d}.jpg", ["012/000008.jpg"]),
        ("{}.png", ["012/8.png"]),
        ("{{a}} {:d}.jpg", ["012/{a} 8.jpg"]),
        ("flow_{}_{:05d}.jpg", ["012/flow_x_00008.jpg", "012/flow_y_00008.jpg"]),
        ("{:06d}-{}_{:05d}.jpg", ["000012/000012-x_00008.jpg", "000012/000012-y_00008.jpg"]),
    ],
)
def test_files_of_a_frame(template: str, files: list[str]) -> None:
    names = FrameNames(template)
    assert names.files(FOLDER, 7) == [Path("frames", file) for file in files]
    assert names.has_axes == (len(files) == 2)


@pytest.mark.parametrize(
    "template",
    ["", "img.jpg", "{:5d}.jpg", "{:.3f}.jpg", "{name}.jpg", "{0}.jpg", "{!r}.jpg", "{:05d", "}",
     "a/{:05d}.jpg", "{:05d}_{:05d}.jpg", "{}_{}_{}_{}.jpg", "{:s}.jpg", "{:{}}.jpg"],
)  # fmt: skip
def test_other_templates_are_refused(template: str) -> None:
    with pytest.raises(InputError, match="is not the name of a frame; write the number as in img_"):
        FrameNames(template)


@given(st.text(max_size=12))
def test_any_template_is_taken_or_refused(template: str) -> None:
    try:
        names = FrameNames(template)
    except InputError:
        return
    assert names.files(Path("1"), 0)


def test_a_folder_without_a_number_is_refused() -> None:
    with pytest.raises(InputError, match=r"a/run: its name is not a number, which '\{:06d\}-"):
        FrameNames("{:06d}-{}_{:05d}.jpg").files(Path("a/run"), 0)


def test_names_have_numbers() -> None:
    names = FrameNames("a+{{_{:05d}.jpg")
    assert names.number("a+{_00012.jpg") == 12
    assert names.number("a+{_123456.jpg") == 123456
    for other in (
        "a+{_12.jpg",
        "a+{_000012.jpg",
        "aa{_00012.jpg",
        "a+{_00012xjpg",
        "a+{_00000.jpg",
    ):
        assert names.number(other) is None
