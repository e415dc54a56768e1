"""The command: splits, options, and exports that are wrong."""

from __future__ import annotations

import shutil
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
from tests.data.annotation_tools.importing import BOX, WALK, all_frames, run


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
            "the box of frame 4 is wrong .its xbr|ybr must be a finite number, not 'nan'",
        ),
        (
            cvat_xml(
                [cvat_task(WALK)],
                [cvat_track(0, "walk", [cvat_box(4, BOX).replace('"4"', '"four"')])],
            ),
            "its frame must be a whole number, not 'four'",
        ),
        (
            cvat_xml([cvat_task(WALK)], [cvat_track(0, "", [cvat_box(4, BOX)])]),
            "track 0: has no label",
        ),
        (
            cvat_xml([cvat_task(WALK)], [cvat_track(0, "walk", [cvat_box(4, (70, 0, 80, 9))])]),
            "no box of a class is left",
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
        ("", "is empty; export it"),
        ("{}", "is not an export of"),
        ("{", "is not valid JSON"),
    ],
)
def test_wrong_exports_are_refused(videos: Path, content: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        run(videos, content)
    assert str(videos.parent) in str(caught.value) and "\n" not in str(caught.value)
    assert not (videos.parent / "annotations.json").exists()


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


def test_what_may_not_be_meant_is_noted(videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A task longer than its video, a class of the user without a box, a label of no list."""
    tracks = [cvat_track(place, name, all_frames(0, 5)) for place, name in enumerate(("walk", "x"))]
    export = cvat_xml([cvat_task(WALK, size=31)], tracks)
    assert run(videos, export).classes == ("walk", "x")
    told = capsys.readouterr().err
    assert "the task goes on to frame 30" in told and "clip.mp4 has but 30 frames" in told
    assert "classes that are in no list of the tool come last: x" in told
    names = videos.parent / "names.txt"
    names.write_text("Walk\nwalk\n")
    assert run(videos, export, f"--classes={names}", "--overwrite").classes == ("Walk", "walk")
    told = capsys.readouterr().err
    assert "classes that --classes does not name are left out: x" in told
    assert "classes that --classes names have no box: Walk" in told


def test_the_same_tube_of_two_exports_is_taken_once(
    videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, boxes in (("a", all_frames(0, 5)), ("b", all_frames(0, 7))):
        tracks = [cvat_track(0, "walk", boxes)]
        (videos.parent / f"{name}.xml").write_text(cvat_xml([cvat_task(WALK)], tracks))
    files = [str(videos.parent / name) for name in ("a.xml", "b.xml", "a.xml")]
    output = videos.parent / "annotations.json"
    main([*files, "--videos", str(videos), "-o", str(output)])
    found = load_annotations(output)[0].videos["clip"].tubes
    assert [len(tube) for tube in found] == [6, 8]
    assert "note: 1 tube of several exports taken once\n" in capsys.readouterr().err


def test_one_video_may_be_named_itself(videos: Path) -> None:
    export = videos.parent / "export.xml"
    export.write_text(cvat_xml([cvat_task(WALK)], [cvat_track(0, "walk", all_frames(0, 5))]))
    output = videos.parent / "annotations.json"
    main([str(export), "--videos", str(videos / "clip.mp4"), "-o", str(output)])
    annotations, media = load_annotations(output)
    assert list(annotations.videos) == ["clip"] and media["clip"].samefile(videos / "clip.mp4")
