"""AVA's csv files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data import FORMATS, Context, InputError, find_format, read_detections, read_tubes
from tests.data.interchange.samples import CLASSES, Shape

# A clip of 15 minutes at 30 frames a second, cut out of the film from second 900 on.
SHAPES = {"-5KQ66BBWC4": Shape(27_000, 200, 100), "b": Shape(120, 200, 100)}
CONTEXT = Context(CLASSES, SHAPES, 30.0, 900.0)
GROUND_TRUTH = """\
-5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,3,1
-5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,2,1
-5KQ66BBWC4,0903,0.177,0.151,0.383,0.811,3,1
-5KQ66BBWC4,0905,0.077,0.151,0.283,0.811,3,1
b,0900,0,0,1,1,1,7
"""
DETECTIONS = """\
b,0901,0.25,0.5,0.75,1.5,3,0.75
-5KQ66BBWC4,1798,0,0,1,1,1,0.0625
b,0900,0,0,1,1,2,1e-05
b,0901,0.25,0.5,0.75,1.5,1
"""


def _write(folder: Path, text: str) -> Path:
    (folder / "ava.csv").write_text(text)
    return folder / "ava.csv"


def test_detections(tmp_path: Path) -> None:
    first, second = read_detections(_write(tmp_path, DETECTIONS), CONTEXT)
    assert (first.video, first.frames, first.frame_rate) == ("b", 120, 30.0)
    assert np.flatnonzero(np.diff(first.offsets)).tolist() == [0, 30]
    boxes, scores = first.frame(30)
    assert boxes.tolist() == [[50, 50, 150, 150]] * 2
    assert scores.tolist() == [[0, 0, 0.75, 0.25], [1, 0, 0, 0]]
    assert (second.video, second.frame(898 * 30)[1].tolist()) == (
        "-5KQ66BBWC4",
        [[0.0625, 0, 0, 0.9375]],
    )


def test_ground_truth(tmp_path: Path) -> None:
    first, second = read_tubes(_write(tmp_path, GROUND_TRUTH), CONTEXT)
    assert [(tube.id, tube.label, tube.start, tube.end) for tube in first.tubes] == [
        (0, 1, 60, 61),
        (1, 2, 60, 91),
        (2, 2, 150, 151),
    ]
    tube = first.tubes[1]
    assert tube.boxes[0] == pytest.approx([15.4, 15.1, 56.6, 81.1])
    assert tube.boxes[15] == pytest.approx([25.4, 15.1, 66.6, 81.1])
    assert tube.boxes[30] == pytest.approx([35.4, 15.1, 76.6, 81.1])
    assert [len(tube) for tube in second.tubes] == [1]


def test_videos_and_key_frames_without_boxes(tmp_path: Path) -> None:
    first, second = read_detections(
        _write(tmp_path, "b,0900\n" + DETECTIONS.splitlines()[1]), CONTEXT
    )
    assert (first.video, second.video) == ("b", "-5KQ66BBWC4")


def test_what_is_written(tmp_path: Path) -> None:
    form = FORMATS["ava"]
    assert form.write_tubes and form.write_detections
    truth = list(read_tubes(_write(tmp_path, GROUND_TRUTH), CONTEXT))
    form.write_tubes(tmp_path / "truth.csv", truth, CONTEXT)
    lines = [line.split(",") for line in (tmp_path / "truth.csv").read_text().splitlines()]
    assert [(line[0], line[1], line[6], line[7]) for line in lines] == [
        ("-5KQ66BBWC4", "0902", "2", "0"),
        ("-5KQ66BBWC4", "0902", "3", "1"),
        ("-5KQ66BBWC4", "0903", "3", "1"),
        ("-5KQ66BBWC4", "0905", "3", "2"),
        ("b", "0900", "1", "0"),
    ]
    assert [float(side) for side in lines[0][2:6]] == pytest.approx([0.077, 0.151, 0.283, 0.811])
    assert list(read_tubes(tmp_path / "truth.csv", CONTEXT)) == truth
    detections = read_detections(_write(tmp_path, DETECTIONS), CONTEXT)
    form.write_detections(tmp_path / "found.csv", detections, CONTEXT)
    assert (tmp_path / "found.csv").read_text() == (
        "b,0901,0.25,0.5,0.75,1.5,3,0.75\nb,0901,0.25,0.5,0.75,1.5,1,1.0\n"
        "-5KQ66BBWC4,1798,0.0,0.0,1.0,1.0,1,0.0625\n"
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("b,0901,0,0,1,1,1,nan", "must be video,second"),
        ("b,0901,0,inf,1,1,1,1", "must be video,second"),
        ("b,0901,0,0,1,1", "must be video,second"),
        ("b,0901,0,0,1,1,1,1,1", "must be video,second"),
        ("b,0901,0,0,1,1,run,1", "must be video,second"),
        ("b", "must be video,second"),
        ("b,0901,1,0,0,1,1,1", "the corners of the box"),
        ("b,0901,0,0,1,1e40,1,1", "is not finite"),
        ("b,0899,0,0,1,1,1,1", "second 899 is outside of the video, whose 120 frames start"),
        ("b,0904,0,0,1,1,1,1", "second 904 is outside of the video"),
        ("b,0901,0,0,1,1,0,1", "there is no class 0"),
        ("b,0901,0,0,1,1,4,1", "there is no class 4"),
        ("b,0901,0,0,1,1,1,1.5", "1.5 is no id of a track"),
        ("b,0901,0,0,1,1,1", "nan is no id of a track"),
        ("b,0900,0,0,1,1,1,7", "the person does the same in this frame twice"),
    ],
)
def test_wrong_lines(line: str, told: str, tmp_path: Path) -> None:
    file = _write(tmp_path, f"{GROUND_TRUTH}\n{line}\n")
    with pytest.raises(InputError) as caught:
        list(read_tubes(file, CONTEXT, "ava"))
    assert str(caught.value).startswith(f"{file}:7: ") and told in str(caught.value)


def test_what_the_file_does_not_say(tmp_path: Path) -> None:
    file = _write(tmp_path, GROUND_TRUTH)
    with pytest.raises(InputError, match=rf"{file}: the file counts in seconds; give the frame"):
        list(read_tubes(file, Context(CLASSES, SHAPES)))
    with pytest.raises(InputError, match=rf"{file}:1: the score 7 is not from 0 to 1"):
        list(read_detections(_write(tmp_path, "b,0900,0,0,1,1,1,7\n"), CONTEXT))


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (GROUND_TRUTH, {"tubes"}),
        (DETECTIONS, {"detections"}),
        ("b,0901,0,0,1,1,1\n", {"detections"}),
        ("b,0901,0,0,1,1,1,1\n", {"detections", "tubes"}),
    ],
)
def test_scores_are_told_from_persons(text: str, kinds: set[str], tmp_path: Path) -> None:
    file = _write(tmp_path, text)
    assert find_format(file).name == "ava"
    assert find_format(file).contents(file) == kinds


def test_names_that_no_csv_can_hold(tmp_path: Path) -> None:
    write = FORMATS["ava"].write_tubes
    assert write
    (video, _) = read_tubes(_write(tmp_path, GROUND_TRUTH), CONTEXT)
    for name in ("a\nb", "\udcff"):
        object.__setattr__(video, "video", name)
        with pytest.raises(InputError, match="its name cannot be in a csv"):
            write(tmp_path / "written.csv", [video], CONTEXT)
    assert not (tmp_path / "written.csv").exists()
