"""Runs the importer, and the boxes that made-up exports hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data import Annotations, load_annotations
from data.check import main as check
from data.import_annotations import main
from tests.data.annotation_tools.exports import (
    cvat_box,
)

BOX = (10.0, 5.0, 30.0, 40.0)
PERSON = {"person": {"action": ["none", "walk", "bend down"]}}
WALK: dict[str, Any] = {"walk": {}}


def run(videos: Path, content: Any, *options: str, name: str = "export") -> Annotations:
    """Imports one export, checks the annotation and reads it."""
    export = videos.parent / name
    if isinstance(content, bytes):
        export.write_bytes(content)
    else:
        text = content if isinstance(content, str) else json.dumps(content)
        export.write_text(text, encoding="utf-8")
    output = videos.parent / "annotations.json"
    main([str(export), "--videos", str(videos), "-o", str(output), *options])
    check([str(output)])
    return load_annotations(output)[0]


def tubes(annotations: Annotations, video: str = "clip") -> list[tuple[str, int, int]]:
    """Class, first frame and the one after the last of each tube."""
    found = annotations.videos[video].tubes
    return [(annotations.classes[tube.label], tube.start, tube.end) for tube in found]


def moved(box: Sequence[float], by: float) -> tuple[float, float, float, float]:
    """The box further to the right."""
    return (box[0] + by, box[1], box[2] + by, box[3])


def all_frames(first: int, last: int, keys: Sequence[int] = (), **options: Any) -> list[str]:
    """Boxes as CVAT exports them: of every frame, one pixel further each, then one outside."""
    boxes = [
        cvat_box(t, moved(BOX, t - first), keyframe=t == first or t in keys, **options)
        for t in range(first, last + 1)
    ]
    return [*boxes, cvat_box(last + 1, moved(BOX, last - first), outside=True)]
