"""Damaged exports are refused in one sentence, or read."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import InputError, load_annotations
from data.import_annotations import main
from tests.data.annotation_tools.exports import (
    VIA_ATTRIBUTES,
    coco_export,
    cvat_task,
    cvat_track,
    cvat_xml,
    via_metadata,
    via_project,
    via_video_project,
)
from tests.data.annotation_tools.importing import PERSON, all_frames

# What may stand in the place of anything in an export.
JUNK = st.sampled_from([None, "", "x", "9", -1, 10**12, 1.5, [], [[]], {}, {"a": 1}, True])


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the values of a JSON document are."""
    children: Any = ()
    if isinstance(value, (dict, list)):
        children = value.items() if isinstance(value, dict) else enumerate(value)
    inner = [place for key, child in children for place in _places(child, (*path, key))]
    return [path, *inner] if path else inner


def _with_junk(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    """A copy of the document with something else in one place."""
    copy = json.loads(json.dumps(value))
    parent = copy
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = junk
    return copy


def _json_exports() -> list[Any]:
    images = [{"id": t, "video_id": 4, "frame_id": t} for t in range(2)]
    boxes = [{"image_id": 1, "category_id": 1, "bbox": [1, 5, 10, 20], "track_id": 9}]
    whole = {
        "videos": [{"id": 1, "file_names": ["frames/000000.jpg", "frames/000001.jpg"]}],
        "categories": [{"id": 1, "name": "walk"}],
        "annotations": [{"id": 1, "video_id": 1, "category_id": 1, "bboxes": [None, [1, 2, 3, 4]]}],
    }
    checked = {"action": {"walk": True}, "track": "a"}
    regions = [((2, 5, 10, 20), {"action": "walk"}), ((2, 5, 10, 20), checked)]
    return [
        coco_export(images, boxes, videos=[{"id": 4, "name": "clip"}]),
        whole,
        via_project(via_metadata({"frames/000003.jpg": regions})),
        via_video_project(
            [((0.2, 0.6), (), {"1": "0"}), ((0.24,), (2, 10, 5, 20, 35), {"3": "a"})],
            VIA_ATTRIBUTES,
        ),
    ]


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(choice=st.data())
def test_damaged_json_is_refused_or_read(clips: Path, choice: st.DataObject) -> None:
    export = choice.draw(st.sampled_from(_json_exports()))
    path = choice.draw(st.sampled_from(_places(export)))
    _refused_or_read(clips, json.dumps(_with_junk(export, path, choice.draw(JUNK))))


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(choice=st.data())
def test_damaged_xml_is_refused_or_read(clips: Path, choice: st.DataObject) -> None:
    export = cvat_xml([cvat_task(PERSON)], [cvat_track(0, "person", all_frames(0, 3))])
    tokens = re.split(r"(<[^>]*>|\w+)", export)
    place = choice.draw(st.integers(0, len(tokens) - 1))
    tokens[place] = choice.draw(st.sampled_from(["", "-1", "nan", "1e999", "é", "9" * 20]))
    _refused_or_read(clips, "".join(tokens))


def _refused_or_read(clips: Path, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        export, output = Path(folder) / "export", Path(folder) / "annotations.json"
        export.write_text(text, encoding="utf-8")
        try:
            main([str(export), "--videos", str(clips), "-o", str(output)])
        except InputError as error:
            assert str(folder) in str(error) or str(clips) in str(error)
            assert not output.exists()
        else:
            load_annotations(output)
