"""COCO's JSON as annotation tools write it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from data import InputError
from tests.data.annotation_tools.exports import coco_export
from tests.data.annotation_tools.importing import run, tubes


def test_coco_video_ids(videos: Path) -> None:
    images = [
        {"id": 100 + t, "video_id": 4, "frame_id": t, "file_name": f"x/{t}.jpg"} for t in range(30)
    ]
    annotations = [
        {"image_id": 100 + t, "category_id": 1, "bbox": [t, 5, 10, 20], "track_id": 9}
        for t in (*range(8), *range(12, 15))
    ]
    listed = {"videos": [{"id": 4, "name": "clip.mp4"}]}
    assert tubes(run(videos, coco_export(images, annotations, **listed))) == [
        ("walk", 0, 8),
        ("walk", 12, 15),
    ]


def test_coco_of_cvat(videos: Path) -> None:
    """Its images are called after nothing, and the track is an attribute."""
    images = [
        {"id": t + 1, "width": 64, "height": 48, "file_name": f"frame_{t:06d}.PNG"}
        for t in range(30)
    ]
    annotations = [
        {
            "image_id": t + 1,
            "category_id": 1,
            "segmentation": [],
            "area": 200.0,
            "bbox": [2.0 + t, 5.0, 10.0, 20.0],
            "iscrowd": 0,
            "attributes": {"occluded": False, "track_id": 0, "keyframe": t == 3},
        }
        for t in range(3, 9)
    ]
    annotations.append({**annotations[0], "iscrowd": 1})
    content = coco_export(images, annotations)
    with pytest.raises(
        InputError, match=r"image 'frame_000000\.PNG' is cannot be told.*called 'frame', 'export';"
    ):
        run(videos, content)
    # The export is called after the video, or there is but one.
    assert tubes(run(videos, content, name="clip.json")) == [("walk", 3, 9)]
    shutil.rmtree(videos / "frames")
    (videos / "Straße 2.mp4").unlink()
    assert tubes(run(videos, content, "--overwrite")) == [("walk", 3, 9)]


def test_coco_images_of_a_folder_and_whole_videos(videos: Path) -> None:
    images = [{"id": t, "file_name": f"frames/{t:06d}.jpg"} for t in range(0, 12, 2)]
    annotations = [
        {"image_id": t, "category_id": 1, "bbox": [5, 5, 10 + t, 20]} for t in range(0, 12, 2)
    ]
    annotations.append({"image_id": 0, "category_id": 1})
    annotations_read = run(videos, coco_export(images, annotations))
    assert tubes(annotations_read, "frames") == [("walk", 0, 11)]  # every second, linked
    assert annotations_read.videos["frames"].tubes[0].boxes[:3, 2].tolist() == [15, 16, 17]
    whole = {
        "videos": [{"id": 1, "file_names": [f"frames/{t:06d}.jpg" for t in range(12)]}],
        "categories": [{"id": 1, "name": "walk"}],
        "annotations": [
            {
                "id": 1,
                "video_id": 1,
                "category_id": 1,
                "bboxes": [None] * 3 + [[1, 2, 3, 4]] * 4 + [None] * 5,
            }
        ],
    }
    assert tubes(run(videos, whole, "--overwrite"), "frames") == [("walk", 3, 7)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]}]},
            "its image_id, 7",
        ),
        ({"annotations": [{"image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]}]}, "y_id, 7"),
        ({"annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]}]}, "x, y, width"),
        ({"annotations": [{"category_id": 1, "bbox": [1, 2, 3, 4]}]}, r"\[0\] lacks 'image_id'"),
        ({"annotations": [{"image_id": 1, "category_id": 1, "bbox": "box!"}]}, r"annotations\[0\]"),
        ({"annotations": 3}, "annotations must be a list"),
        ({"images": [{"id": 1}]}, r"images\[0\] lacks 'file_name'"),
        ({"images": [{"id": 1, "file_name": "frames/1.jpg", "width": 640, "height": 480}]}, "640x"),
        ({"images": None}, "images must be a list"),
        ({"images": [{"id": 1, "file_name": "frames/000099.png"}]}, "which frame the image"),
        ({"images": [{"id": 1, "file_name": "frames/last.png"}]}, "which frame the image"),
        ({"categories": [{"id": 1}]}, r"categories\[0\] lacks 'name'"),
    ],
)
def test_wrong_coco_is_refused(videos: Path, change: dict[str, Any], told: str) -> None:
    images = [{"id": 1, "file_name": "frames/000001.jpg"}]
    with pytest.raises(InputError, match=told) as caught:
        run(videos, coco_export(images, []) | change)
    assert "\n" not in str(caught.value)


def test_whole_videos_of_coco_that_do_not_fit_are_refused(videos: Path) -> None:
    entry = {"id": 1, "file_names": ["frames/000000.jpg"], "width": 64, "height": 48}
    drawn = {"id": 1, "video_id": 1, "category_id": 1, "bboxes": [[1, 2, 3, 4]]}
    whole = {"videos": [entry], "categories": [{"id": 1, "name": "walk"}], "annotations": [drawn]}
    assert tubes(run(videos, whole), "frames") == [("walk", 0, 1)]
    with pytest.raises(InputError, match=r"videos\[0\]: was drawn on frames of 128x48"):
        run(videos, whole | {"videos": [entry | {"width": 128}]}, "--overwrite")
    with pytest.raises(InputError, match=r"no file_names has its box, \(2, 0\)"):
        run(videos, whole | {"annotations": [drawn | {"video_id": 2}]}, "--overwrite")
