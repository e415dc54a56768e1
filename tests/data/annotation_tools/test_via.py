"""Exports of VIA, of images and of videos."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from data import InputError
from tests.data.annotation_tools.exports import (
    VIA_ATTRIBUTES,
    via_metadata,
    via_project,
    via_video_project,
)
from tests.data.annotation_tools.importing import run, tubes


def _via_images() -> dict[str, Any]:
    """12 frames: one figure all the time, another from frame 4 on in every second image."""
    images: dict[str, Any] = {}
    for t in range(12):
        regions: list[Any] = [((2 + t, 5, 10, 20), {"action": "walk"})]
        if t >= 4:
            regions.append(((40, 5, 10, 20), {"action": "wave" if t < 9 else "walk"}))
        images[f"frames/{t:06d}.jpg"] = regions
    return images


@pytest.mark.parametrize("form", ["project", "annotations", "csv"])
def test_via_images(videos: Path, form: str) -> None:
    metadata = via_metadata(_via_images())
    content: Any = via_project(metadata) if form == "project" else metadata
    if form == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(
            [
                "filename",
                "file_size",
                "file_attributes",
                "region_count",
                "region_id",
                "region_shape_attributes",
                "region_attributes",
            ]
        )
        for entry in metadata.values():
            for place, region in enumerate(entry["regions"]):
                writer.writerow(
                    [entry["filename"], entry["size"], "{}", len(entry["regions"]), place]
                    + [json.dumps(region[f"{kind}_attributes"]) for kind in ("shape", "region")]
                )
        content = text.getvalue()
    annotations = run(videos, content)
    assert tubes(annotations, "frames") == [("walk", 0, 12), ("wave", 4, 9), ("walk", 9, 12)]
    walking = annotations.videos["frames"].tubes[0]
    assert walking.boxes[:, 0].tolist() == list(range(2, 14))


def test_via_tracks_checkboxes_and_shapes(videos: Path) -> None:
    ticked = {"walk": True, "wave": True, "run": False}
    images: dict[str, Any] = {
        f"clip_{t:05d}.jpg": [((2, 5, 10, 20), {"Track_ID": "a", "does": ticked})]
        for t in range(1, 31, 3)  # counted from 1, every third frame
    }
    metadata = via_metadata(images)
    first = next(iter(metadata.values()))
    for shape in (
        {"name": "polygon", "all_points_x": [40, 50, 45], "all_points_y": [5, 6, 20]},
        {"name": "circle", "cx": 50, "cy": 20, "r": 5},
        {"name": "ellipse", "cx": 50, "cy": 20, "rx": 5, "ry": 3},
        {"name": "point", "cx": 1, "cy": 2},
    ):
        track = str(shape["name"])
        first["regions"].append(
            {
                "shape_attributes": shape,
                "region_attributes": {"Track_ID": track, "does": {"jump": True}},
            }
        )
    annotations = run(videos, metadata)
    found = annotations.videos["clip"].tubes
    jumps = {tuple(tube.boxes[0].tolist()) for tube in found if len(tube) == 1}
    assert jumps == {(40, 5, 50, 20), (45, 15, 55, 25), (45, 17, 55, 23)}
    assert {("walk", 0, 28), ("wave", 0, 28)} < set(tubes(annotations))


def test_via_which_attribute(videos: Path) -> None:
    regions = [((2, 5, 10, 20), {"action": "walk", "colour": "red"})]
    metadata = via_metadata({"frames/000003.jpg": regions})
    with pytest.raises(InputError, match=r"--label_attribute, of: action, colour"):
        run(videos, metadata)
    annotations = run(videos, metadata, "--label_attribute=colour")
    assert tubes(annotations, "frames") == [("red", 3, 4)]


def test_via_videos(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = via_video_project(
        [
            ((0.2, 0.6), (), {"1": "0"}),  # frames 5 to 15
            ((0.24,), (2, 10, 5, 20, 35), {}),
            ((0.4,), (2, 18, 5, 20, 35), {}),
            ((0.04, 0.08), (), {"1": "1"}),
            ((0.8,), (2, 1, 2, 3, 4), {"2": "1"}),
            ((0.84,), (2, 1, 2, 3, 4), {"2": "1"}),
            ((0.96,), (2, 1, 2, 3, 4), {}),
            ((), (), {}),
        ],
        VIA_ATTRIBUTES,
    )
    annotations = run(videos, project)
    assert annotations.classes == ("walk", "wave")
    assert tubes(annotations) == [("walk", 5, 16), ("wave", 20, 22)]
    left = annotations.videos["clip"].tubes[0].boxes[:, 0].tolist()
    assert left == [10, 10, 12, 14, 16, 18, 18, 18, 18, 18, 18]
    told = capsys.readouterr().err
    assert "1 temporal segment without a box left out" in told
    assert "1 box without a class left out" in told


def test_via_videos_with_several_actors(videos: Path) -> None:
    def boxes(tracks: Sequence[str]) -> list[Any]:
        values = [{"3": track} if track else {} for track in tracks]
        return [
            ((time,), (2, x, 5, 10, 20), value)
            for time in (0.0, 0.2)
            for x, value in zip((5, 40), values, strict=True)
        ]

    for tracks in (("a", "b"), ("", "")):
        project = via_video_project([((0, 1.2), (), {"1": "0"}), *boxes(tracks)], VIA_ATTRIBUTES)
        annotations = run(videos, project, "--overwrite")
        assert tubes(annotations) == [("walk", 0, 30)] * 2
        first, second = annotations.videos["clip"].tubes
        assert (set(first.boxes[:, 0]), set(second.boxes[:, 0])) == ({5}, {40})
