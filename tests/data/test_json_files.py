"""The JSON layer: what is written reads back exactly, and problems know their lines."""

from __future__ import annotations

import json
from pathlib import Path

import hypothesis.extra.numpy as arrays
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data import InputError
from data.json_reader import JsonDocument, field_name
from data.json_writer import shortest_decimals, write_json
from tests.data import strategies

every_float32 = arrays.arrays(
    np.float32, (3, 2), elements=st.floats(allow_nan=False, allow_infinity=False, width=32)
)


@given(every_float32)
@example(np.array([[0.1, -0.0], [3.4028235e38, 1e-45], [16777216, 1 / 3]], np.float32))
def test_decimals_read_back_to_the_same_bits(array: npt.NDArray[np.float32]) -> None:
    text = json.dumps(shortest_decimals(array))
    assert strategies.same_bits(np.array(json.loads(text)).astype(np.float32), array)


def test_decimals_are_as_short_as_can_be() -> None:
    numbers = np.array([[0.1, 12.0, 1 / 3], [1e-8, 319.5, 1e20]], np.float32)
    assert json.dumps(shortest_decimals(numbers)) == (
        "[[0.1, 12.0, 0.33333334], [1e-08, 319.5, 1e+20]]"
    )


def test_layout_has_one_box_a_line(tmp_path: Path) -> None:
    write_json(
        tmp_path / "a.json",
        {"classes": ["a", "ü"], "tubes": [{"boxes": [[1, 2], [3, 4]], "scores": []}], "none": {}},
    )
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == (
        "{\n"
        '  "classes": ["a", "ü"],\n'
        '  "tubes": [\n'
        "    {\n"
        '      "boxes": [\n'
        "        [1, 2],\n"
        "        [3, 4]\n"
        "      ],\n"
        '      "scores": []\n'
        "    }\n"
        "  ],\n"
        '  "none": {}\n'
        "}\n"
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | strategies.finite | strategies.names,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(strategies.names, inner, max_size=4)
    ),
    max_leaves=10,
)


@given(json_values)
def test_values_read_back(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert JsonDocument(path).value == value


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ((), "the file"),
        (("videos",), "videos"),
        (("videos", "clip", "tubes", 0, "boxes", 12), "videos.clip.tubes[0].boxes[12]"),
        (("videos", "a b/c\n", "file"), 'videos["a b/c\\n"].file'),
        (("", 1), '[""][1]'),
    ],
)
def test_field_names(path: tuple[str | int, ...], name: str) -> None:
    assert field_name(path) == name


def _walk(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    paths = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            paths += _walk(item, (*path, key))
    if isinstance(value, list):
        for index, item in enumerate(value):
            paths += _walk(item, (*path, index))
    return paths


@given(json_values, st.sampled_from([None, 0, 2]))
def test_every_value_is_located(
    tmp_path_factory: pytest.TempPathFactory, value: object, indent: int | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "located.json"
    text = json.dumps(value, indent=indent)
    path.write_text(text, encoding="utf-8")
    document = JsonDocument(path)
    paths = _walk(value)
    for place in paths:
        document.problem(place, repr(place))
    problems = document.problems()
    # Values come in the order of the text, so that with an indent their lines never fall.
    assert [problem.split(": ", 1)[1] for problem in problems] == [repr(place) for place in paths]
    lines = [int(problem.removeprefix(f"{path}:").split(":")[0]) for problem in problems]
    assert lines == sorted(lines)
    assert lines[0] == 1 and lines[-1] <= len(text.split("\n"))
    if indent is None:
        assert set(lines) == {1}


def test_lines_are_those_of_the_values(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{\n "a": [1,\n  2, "x\\"]{,\\n"],\r\n "b":\n\n {"c": 3}, "d": [[], {}, 4]\n}')
    document = JsonDocument(path)
    for place in [("a",), ("a", 1), ("a", 2), ("b",), ("b", "c"), ("d", 2)]:
        document.problem(place, field_name(place))
    assert document.problems() == [
        f"{path}:2: a",
        f"{path}:3: a[1]",
        f"{path}:3: a[2]",
        f"{path}:6: b",
        f"{path}:6: b.c",
        f"{path}:6: d[2]",
    ]


def test_keys_that_are_there_twice_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": {"x": 1},\n "b": [{"c": 1,\n "c": 2}],\n "a": {"x": 1}}')
    assert JsonDocument(path).problems() == [
        f"{path}:3: b[0].c is there twice; remove or rename one",
        f"{path}:4: a is there twice; remove or rename one",
    ]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", ":1: is not valid JSON"),
        (b'{"a": 1,\n "b" 2}', r":2: is not valid JSON \(.* at column 6\); correct the syntax"),
        (b'{"a": [1, 2', ":1: is not valid JSON"),
        (b'{\n"a": "\xff"}', ":2: is not UTF-8 text"),
        ('{"a": 1}'.encode("utf-16"), ":1: is not UTF-8 text"),
        (b"[" * 100_000, ": is not usable JSON"),
        (b"1" * 5000, ": is not usable JSON"),
        (b"\x00" * 10, ":1: is not valid JSON"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes, error: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{path}{error}"):
        JsonDocument(path)


def test_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert JsonDocument(tmp_path / "a.json").value == {"a": 1}


def test_a_key_may_be_there_three_times(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": [1],\n "a": [1, 2],\n "a": {"b": 1,\n "b": 2}}')
    assert JsonDocument(path).problems() == [
        f"{path}:2: a is there twice; remove or rename one",
        f"{path}:3: a is there twice; remove or rename one",
    ]
