"""`python data/import_annotations.py`: exports of every tool become the annotation they mean."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import Annotations, InputError, Tube, load_annotations
from data.annotation_tools import DrawnBox, DrawnTube, inside_frame, link_boxes
from data.check import main as check
from data.import_annotations import main
from tests.data.annotation_exports import (
    cvat_box,
    cvat_task,
    cvat_track,
    cvat_xml,
    via_metadata,
    via_project,
    via_video_project,
)
from tests.data.media import image, write_video

BOX = (10.0, 5.0, 30.0, 40.0)
PERSON = {"person": {"action": ["none", "walk", "bend down"]}}
WALK: dict[str, Any] = {"walk": {}}


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two videos, of 30 frames of 64x48 at 25 frames a second, and one of images."""
    root = tmp_path_factory.mktemp("clips")
    write_video(root / "clip.mp4")
    shutil.copy(root / "clip.mp4", root / "Straße 2.mp4")
    (root / "frames").mkdir()
    for index in range(12):
        cv2.imwrite(str(root / f"frames/{index:06d}.jpg"), image(index))
    return root


@pytest.fixture
def videos(clips: Path, tmp_path: Path) -> Path:
    """The same, to write beside them."""
    return Path(shutil.copytree(clips, tmp_path / "videos"))


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


def test_cvat(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = [cvat_box(t, BOX, keyframe=t == 20) for t in range(20, 30)]
    export = cvat_xml(
        [cvat_task({"walk": {}, "bend down": {}, "unused": {}})],
        [
            cvat_track(0, "walk", [*all_frames(3, 9), *again]),
            cvat_track(1, "bend down", all_frames(0, 12)),
        ],
    )
    annotations = run(videos, export)
    assert annotations.classes == ("walk", "bend down")
    video = annotations.videos["clip"]
    assert (video.frames, video.width, video.height) == (30, 64, 48)
    assert tubes(annotations) == [("bend down", 0, 13), ("walk", 3, 10), ("walk", 20, 30)]
    assert video.tubes[1].boxes.tolist() == [list(moved(BOX, t)) for t in range(7)]
    assert annotations.splits == {"train": ("clip",), "test": ("clip",)}
    printed = capsys.readouterr()
    assert printed.out.startswith(
        "class      tubes  boxes  tubes in train  tubes in test\n"
        "walk           2     17               2              2\n"
        "bend down      1     13               1              1\n"
        "1 video (1 in train, 1 in test)\n"
        f"written: {videos.parent}/annotations.json; "
        f"now run: python data/check.py {videos.parent}/annotations.json\n"
    )
    assert "note: classes without a box are left out: unused\n" in printed.err
    assert "the only video is for training and for testing" in printed.err


def test_cvat_with_key_frames_only(videos: Path) -> None:
    boxes = [
        cvat_box(2, BOX),
        cvat_box(6, moved(BOX, 8)),
        cvat_box(10, moved(BOX, 8), outside=True),
        cvat_box(25, BOX),
    ]
    annotations = run(videos, cvat_xml([cvat_task(WALK)], [cvat_track(0, "walk", boxes)]))
    # From the last key frame on it stays until the end of the task.
    assert tubes(annotations) == [("walk", 2, 10), ("walk", 25, 30)]
    left = annotations.videos["clip"].tubes[0].boxes[:, 0]
    assert left.tolist() == [10, 12, 14, 16, 18, 18, 18, 18]


def test_cvat_classes_in_an_attribute(videos: Path) -> None:
    values = ["walk"] * 5 + ["bend down"] * 3 + ["__undefined__"] * 2 + ["walk"]
    boxes = [
        cvat_box(t, BOX, keyframe=t == 0, attributes={"id": "a", "action": value})
        for t, value in enumerate(values)
    ]
    export = cvat_xml([cvat_task(PERSON)], [cvat_track(0, "person", boxes)])
    assert tubes(run(videos, export)) == [("person", 0, 11)]
    annotations = run(videos, export, "--label_attribute=action", "--overwrite")
    assert annotations.classes == ("walk", "bend down")
    assert tubes(annotations) == [("walk", 0, 5), ("bend down", 5, 8), ("walk", 10, 11)]
    chosen = videos.parent / "classes.txt"
    chosen.write_text("run\nbend down\n")
    options = ("--label_attribute=action", "--overwrite", f"--classes={chosen}")
    annotations = run(videos, export, *options)
    assert annotations.classes == ("run", "bend down")
    assert tubes(annotations) == [("bend down", 5, 8)]
    with pytest.raises(InputError, match=r"'verb'; --label_attribute must be one of: action"):
        run(videos, export, "--label_attribute=verb", "--overwrite")


def test_cvat_every_fifth_frame_of_a_part_of_the_video(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = cvat_task(WALK, first=5, step=5, size=4)
    boxes = [cvat_box(t, moved(BOX, t), keyframe=t == 5) for t in (5, 10, 15)]
    one = [cvat_box(20, BOX)]
    export = cvat_xml([task], [cvat_track(0, "walk", boxes), cvat_track(1, "walk", one)])
    annotations = run(videos, export)
    assert tubes(annotations) == [("walk", 5, 16), ("walk", 20, 21)]
    assert annotations.videos["clip"].tubes[0].boxes[:, 0].tolist() == list(range(15, 26))
    assert "the task holds the frames 5 to 20 of the 30 of 'clip'" in capsys.readouterr().err


def test_cvat_projects_and_subsets(videos: Path) -> None:
    tasks = [
        cvat_task(WALK, id=11, source="clip.mp4", subset="Train"),
        cvat_task(WALK, id=12, source="Straße 2.mp4", subset="Test"),
        cvat_task(WALK, id=13, source=None, name="frames", size=12, subset="Validation"),
    ]
    tracks = [
        cvat_track(place, "walk", all_frames(0, place + 2), task=task)
        for place, task in enumerate((11, 12, 13))
    ]
    annotations = run(videos, cvat_xml(tasks, tracks, project=True))
    assert annotations.splits == {
        "test": ("Straße 2",),
        "train": ("clip",),
        "validation": ("frames",),
    }
    assert tubes(annotations, "frames") == [("walk", 0, 5)]
    assert annotations.videos["frames"].frames == 12


def test_several_jobs_of_a_video_are_one(videos: Path) -> None:
    for place, (first, last) in enumerate(((0, 14), (15, 29))):
        task = cvat_task(WALK, kind="job", first=first, size=15)
        boxes = [cvat_box(t, BOX, keyframe=t == first) for t in range(first, last)]
        export = cvat_xml([task], [cvat_track(0, "walk", boxes)])
        (videos.parent / f"{place}.xml").write_text(export)
    output = videos.parent / "annotations.json"
    files = [str(videos.parent / name) for name in ("0.xml", "1.xml")]
    main([*files, "--videos", str(videos), "-o", str(output)])
    assert tubes(load_annotations(output)[0]) == [("walk", 0, 14), ("walk", 15, 29)]


def test_cvat_archives_rotated_and_reaching_boxes(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = [
        cvat_box(0, (10, 20, 30, 24), rotation=90),
        cvat_box(1, (-5, -6, 30, 49), keyframe=False),
        cvat_box(2, (70, 10, 80, 20), keyframe=False),
        cvat_box(3, (60, 10, 80, 20), keyframe=False),
    ]
    points = '  <track id="1" label="walk" source="manual">\n    <points frame="0"/>\n  </track>\n'
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        export = cvat_xml([cvat_task(WALK)], [cvat_track(0, "walk", boxes), points])
        archive.writestr("annotations.xml", export)
    annotations = run(videos, memory.getvalue(), name="task.zip")
    assert tubes(annotations) == [("walk", 0, 2), ("walk", 3, 4)]
    first, second = annotations.videos["clip"].tubes
    assert np.allclose(first.boxes, [[18, 12, 22, 32], [0, 0, 30, 48]], atol=1e-4)
    assert second.boxes.tolist() == [[60, 10, 64, 20]]
    assert "1 tracks without rectangles are left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (cvat_xml([cvat_task(WALK, source="other.mp4")], []), "'other.mp4' is not below"),
        (cvat_xml([cvat_task(WALK, width=640)], []), "on frames of 640x48, and those of .* 64x48"),
        (cvat_xml([], []), "has no <meta> with a task"),
        (cvat_xml([cvat_task(WALK)], [])[:-20], "is no whole XML file"),
        ("<annotations><image/></annotations>", "'CVAT for video 1.1'"),
        (
            cvat_xml([cvat_task(WALK)], [cvat_track(0, "walk", [cvat_box(40, BOX)])]),
            "a box in frame 40, and the task the frames 0 to 29",
        ),
        (
            cvat_xml([cvat_task(WALK, size=99)], [cvat_track(0, "walk", [cvat_box(40, BOX)])]),
            r"a box in frame 40 .*clip\.mp4 only 30 frames",
        ),
        (
            cvat_xml([cvat_task(WALK)], [cvat_track(0, "walk", [cvat_box(4, BOX)] * 2)]),
            "two boxes in frame 4",
        ),
        (
            cvat_xml([cvat_task(WALK)], [cvat_track(0, "walk", [cvat_box(4, (1, 2, 3, np.nan))])]),
            "the box of frame 4 is wrong",
        ),
        (
            cvat_xml(
                [cvat_task(WALK, id=1), cvat_task(WALK, id=2)],
                [cvat_track(0, "walk", [cvat_box(4, BOX)], task=3)],
                project=True,
            ),
            "belongs to none of the tasks",
        ),
        ("hello", "is not an export of"),
        ("", "is not an export of"),
        ("{}", "is not an export of"),
        ("{", "is not valid JSON"),
    ],
)
def test_wrong_exports_are_refused(videos: Path, content: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        run(videos, content)
    assert str(videos.parent) in str(caught.value) and "\n" not in str(caught.value)
    assert not (videos.parent / "annotations.json").exists()


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


ATTRIBUTES = {
    "1": ("action", "FILE1_Z2_XY0", {"0": "walk", "1": "wave"}),
    "2": ("action", "FILE1_Z1_XY1", {"0": "walk", "1": "wave"}),
    "3": ("track", "FILE1_Z1_XY1", {}),
}


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
        ATTRIBUTES,
    )
    annotations = run(videos, project)
    assert annotations.classes == ("walk", "wave")
    assert tubes(annotations) == [("walk", 5, 16), ("wave", 20, 22)]
    left = annotations.videos["clip"].tubes[0].boxes[:, 0].tolist()
    assert left == [10, 10, 12, 14, 16, 18, 18, 18, 18, 18, 18]
    told = capsys.readouterr().err
    assert "1 stretches of time without a box are left out" in told
    assert "1 boxes without a class are left out" in told


def test_via_videos_with_several_actors(videos: Path) -> None:
    def boxes(tracks: Sequence[str]) -> list[Any]:
        values = [{"3": track} if track else {} for track in tracks]
        return [
            ((time,), (2, x, 5, 10, 20), value)
            for time in (0.0, 0.2)
            for x, value in zip((5, 40), values, strict=True)
        ]

    for tracks in (("a", "b"), ("", "")):
        project = via_video_project([((0, 1.2), (), {"1": "0"}), *boxes(tracks)], ATTRIBUTES)
        annotations = run(videos, project, "--overwrite")
        assert tubes(annotations) == [("walk", 0, 30)] * 2
        first, second = annotations.videos["clip"].tubes
        assert (set(first.boxes[:, 0]), set(second.boxes[:, 0])) == ({5}, {40})


def _coco(images: Sequence[dict[str, Any]], annotations: Sequence[dict[str, Any]], **more: Any):
    named = [{"id": place, **entry} for place, entry in enumerate(annotations, 1)]
    return {
        "info": {"description": ""},
        "licenses": [],
        "categories": [{"id": 1, "name": "walk"}, {"id": 2, "name": "unused"}],
        "images": list(images),
        "annotations": named,
        **more,
    }


def test_coco_video_ids(videos: Path) -> None:
    images = [
        {"id": 100 + t, "video_id": 4, "frame_id": t, "file_name": f"x/{t}.jpg"} for t in range(30)
    ]
    annotations = [
        {"image_id": 100 + t, "category_id": 1, "bbox": [t, 5, 10, 20], "track_id": 9}
        for t in (*range(8), *range(12, 15))
    ]
    listed = {"videos": [{"id": 4, "name": "clip.mp4"}]}
    assert tubes(run(videos, _coco(images, annotations, **listed))) == [
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
    content = _coco(images, annotations)
    with pytest.raises(InputError, match="the video 'frame' is not below"):
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
    annotations_read = run(videos, _coco(images, annotations))
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
        ({"annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]}]}, "7"),
        ({"annotations": [{"image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]}]}, "7"),
        ({"annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]}]}, "unpack"),
        ({"annotations": [{"image_id": 1, "category_id": 1, "bbox": "box!"}]}, r"annotations\[0\]"),
        ({"annotations": 3}, "annotations must be a list"),
        ({"images": [{"id": 1}]}, "'file_name'"),
        ({"images": [{"id": 1, "file_name": "frames/000099.png"}]}, "which frame the image"),
        ({"images": [{"id": 1, "file_name": "frames/last.png"}]}, "which frame the image"),
        ({"categories": [{"id": 1}]}, r"categories\[0\] lacks or misses 'name'"),
    ],
)
def test_wrong_coco_is_refused(videos: Path, change: dict[str, Any], told: str) -> None:
    images = [{"id": 1, "file_name": "frames/000001.jpg"}]
    with pytest.raises(InputError, match=told) as caught:
        run(videos, _coco(images, []) | change)
    assert "\n" not in str(caught.value)


AVA = """clip,0900,0.1,0.1,0.5,0.9,2,0
clip,0900,0.1,0.1,0.5,0.9,4,0
clip,0901,0.3,0.1,0.7,0.9,2,0
clip,0900,0.6,0.1,0.9,0.9,1,1
"""
PBTXT = """item {
  name: "bend/bow (at the waist)"
  id: 1
}
item {
  name: "walk"
  id: 2
}
"""


def test_ava(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = videos.parent / "actions.pbtxt"
    names.write_text(PBTXT)
    options = (f"--classes={names}", "--start_time=900")
    annotations = run(videos, AVA, *options, name="ava_train.csv")
    assert annotations.classes == ("bend/bow (at the waist)", "walk")
    assert sorted(tubes(annotations)) == [("bend/bow (at the waist)", 0, 1), ("walk", 0, 26)]
    walking = next(tube for tube in annotations.videos["clip"].tubes if tube.label == 1)
    assert np.allclose(walking.boxes[[0, -1], 0], [6.4, 19.2])
    assert "1 tubes of actions without a name are left out" in capsys.readouterr().err
    # Without persons the boxes are linked.
    loose = "".join(line.rpartition(",")[0] + "\n" for line in AVA.splitlines())
    again = run(videos, loose, *options, "--overwrite", name="ava_train.csv")
    assert sorted(tubes(again)) == sorted(tubes(annotations))
    with pytest.raises(InputError, match=r"ava\.csv:1: must be video,.*; remove the line if it"):
        header = "video_id,middle_frame_timestamp,x1,y1,x2,y2,action_id,person_id\n"
        run(videos, header + AVA, *options, "--overwrite", name="ava.csv")
    with pytest.raises(InputError, match="give the names with --classes"):
        run(videos, AVA, "--overwrite", name="ava.csv")
    frames = AVA.replace("clip", "frames").replace("0901", "0900.2").replace("0900,", "0,")
    with pytest.raises(InputError, match="--frame_rate"):
        run(videos, frames, f"--classes={names}", "--overwrite", name="ava.csv")


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
        _coco(images, boxes, videos=[{"id": 4, "name": "clip"}]),
        whole,
        via_project(via_metadata({"frames/000003.jpg": regions})),
        via_video_project(
            [((0.2, 0.6), (), {"1": "0"}), ((0.24,), (2, 10, 5, 20, 35), {"3": "a"})], ATTRIBUTES
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


@pytest.mark.parametrize(
    ("options", "test"),
    [
        ([], ["c"]),
        (["--test_every=2"], ["b"]),
        (["--test_list={}"], ["a", "b"]),
    ],
)
def test_splits(videos: Path, options: list[str], test: list[str]) -> None:
    chosen = videos.parent / "test.txt"
    chosen.write_text("b\n\na\n")
    tasks, tracks = [], []
    for place, name in enumerate("cab"):
        shutil.copy(videos / "clip.mp4", videos / f"{name}.mp4")
        tasks.append(cvat_task(WALK, id=place, source=f"{name}.mp4"))
        tracks.append(cvat_track(place, "walk", all_frames(0, 5), task=place))
    export = cvat_xml(tasks, tracks, project=True)
    splits = run(videos, export, *(option.format(chosen) for option in options)).splits
    assert splits == {"train": tuple(v for v in "abc" if v not in test), "test": tuple(test)}


def test_options_are_checked_first(videos: Path) -> None:
    export = cvat_xml([cvat_task(WALK)], [cvat_track(0, "walk", all_frames(0, 5))])
    run(videos, export)
    chosen = videos.parent / "names.txt"
    chosen.write_text("nobody\n")
    for options, told in [
        ([], "is already there; name another file, or add --overwrite"),
        (["--overwrite", f"--test_list={chosen}"], "'nobody' is none of the videos"),
        (["--test_every=1"], "must be at least 2"),
        (["--overwrite", "--format=ava", f"--classes={chosen}"], "must be video,second"),
        (["--overwrite", "--format=coco"], "is not an export of COCO"),
        (["--overwrite", "--videos=nowhere"], "nowhere: no such file or folder"),
        (["--overwrite", "--classes=nowhere"], "nowhere: no such file"),
    ]:
        with pytest.raises(InputError, match=told):
            run(videos, export, *options)


def test_one_video_may_be_named_itself(videos: Path) -> None:
    export = videos.parent / "export.xml"
    export.write_text(cvat_xml([cvat_task(WALK)], [cvat_track(0, "walk", all_frames(0, 5))]))
    output = videos.parent / "annotations.json"
    main([str(export), "--videos", str(videos / "clip.mp4"), "-o", str(output)])
    annotations, media = load_annotations(output)
    assert list(annotations.videos) == ["clip"] and media["clip"].samefile(videos / "clip.mp4")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12),
            st.sampled_from(["walk", "wave"]),
            st.integers(0, 40),
            st.sampled_from([None, "a", "b"]),
        ),
        max_size=30,
    ),
    st.integers(1, 4),
)
def test_linked_boxes_are_all_there_and_only_those(
    rows: list[tuple[int, str, int, str | None]], step: int
) -> None:
    boxes = list(
        {
            (frame, label, track or x): DrawnBox(frame, label, (x, 5, x + 10, 25), track)
            for frame, label, x, track in rows
        }.values()
    )
    found = link_boxes(boxes, step)
    ends = {box.frame for box in boxes}
    for tube in found:
        assert tube.start in ends and tube.start + len(tube.boxes) - 1 in ends
    for box in boxes:
        assert any(
            tube.label == box.label
            and 0 <= box.frame - tube.start < len(tube.boxes)
            and np.allclose(tube.boxes[box.frame - tube.start], box.corners)
            for tube in found
        )
    assert sum(len(tube.boxes) for tube in found) >= len(boxes)
    if step == 1:
        assert sum(len(tube.boxes) for tube in found) == len(boxes)


@given(st.lists(st.lists(st.floats(-100, 200), min_size=4, max_size=4), min_size=1, max_size=8))
def test_what_is_inside_the_frame_is_kept(boxes: list[list[float]]) -> None:
    tube = DrawnTube("walk", 3, np.array(boxes))
    parts = inside_frame(tube, 64, 48)
    for part in parts:
        Tube.ground_truth(part.start, part.boxes, 0, 0)
        assert (part.boxes[:, 2:] > part.boxes[:, :2]).all()
        assert (part.boxes >= 0).all() and (part.boxes <= [64, 48, 64, 48]).all()
    frames = [part.start + k for part in parts for k in range(len(part.boxes))]
    clipped = np.clip(np.array(boxes, np.float32), 0, [64, 48, 64, 48]).astype(np.float32)
    visible = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    assert frames == (3 + np.flatnonzero(visible)).tolist()
