"""Exports of CVAT for video."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data import InputError, load_annotations
from data.import_annotations import main
from tests.data.annotation_tools.exports import (
    cvat_box,
    cvat_task,
    cvat_track,
    cvat_xml,
)
from tests.data.annotation_tools.importing import BOX, PERSON, WALK, all_frames, moved, run, tubes


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
    with pytest.raises(InputError, match=r"'verb'; name one of: action"):
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
    told = capsys.readouterr().err
    assert "1 track without rectangles left out" in told
    assert "clip.mp4: 1 box outside of the frame of 64x48 left out" in told
    assert "clip.mp4: 1 box more than half outside of the frame of 64x48, cut" in told
