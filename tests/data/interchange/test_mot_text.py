"""Text files of the MOT Challenge."""

from __future__ import annotations

from pathlib import Path

import pytest

from data import FORMATS, Context, InputError, read_detections, read_tubes
from tests.data.interchange.samples import CLIP, CONTEXT

ONE_CLASS = Context(("person",), {"MOT16-02": CLIP, "train/MOT16-02": CLIP})


def _write(folder: Path, text: str, name: str = "walk/clip.txt") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    "name", ["MOT16-02.txt", "MOT16-02/det/det.txt", "train/MOT16-02/det/det.txt"]
)
def test_public_detections(name: str, tmp_path: Path) -> None:
    _write(
        tmp_path,
        "2,-1,1,1,640,480,1,-1,-1,-1\n1, -1, 1359.1, 413.27, 120.26, 362.77, 0.3, -1, -1, -1\n",
        name,
    )
    (video,) = read_detections(tmp_path, ONE_CLASS)
    assert video.video == name.removesuffix(".txt").removesuffix("/det/det")
    assert video.offsets.tolist() == [0, 1] + [2] * 8
    assert video.boxes[0] == pytest.approx([1358.1, 412.27, 1478.36, 775.04])
    assert video.boxes[1].tolist() == [0, 0, 640, 480]
    assert video.scores[0] == pytest.approx([0.3, 0.7])
    (alone,) = read_detections(tmp_path / name, Context(("person",), {Path(name).stem: CLIP}))
    assert (alone.boxes == video.boxes).all()


def test_ground_truth(tmp_path: Path) -> None:
    # Sorted by id, not by frame; id 2 is missing in frame 3.
    _write(
        tmp_path,
        "1,1,11,21,10,20,1,2,0.9\n2,1,12,22,10,20,0,2,0.5\n"
        "4,2,1,1,5,5,1,3,1\n1,2,1,1,5,5,1,3,1\n2,2,1,1,5,5,0.25,3,1\n",
        "walk/clip/gt/gt.txt",
    )
    (video,) = read_tubes(tmp_path, CONTEXT)
    assert video.video == "walk/clip"
    assert [(tube.id, tube.label, tube.start, tube.end, tube.score) for tube in video.tubes] == [
        (1, 1, 0, 2, 0.5),
        (2, 2, 0, 2, 0.625),
        (3, 2, 3, 4, 1),
    ]
    assert video.tubes[0].boxes.tolist() == [[10, 20, 20, 40], [11, 21, 21, 41]]


def test_results_without_classes(tmp_path: Path) -> None:
    _write(tmp_path, "3,7,1,1,2,2,0.5\n", "MOT16-02.txt")
    (video,) = read_tubes(tmp_path, ONE_CLASS)
    assert [(tube.id, tube.label, tube.start) for tube in video.tubes] == [(7, 0, 2)]


def test_what_is_written(tmp_path: Path) -> None:
    text = "1,5,10.5,20.25,30.0,40.0,0.5,2,-1,-1\n1,9,1.0,1.0,2.0,2.0,0.25,1,-1,-1\n"
    text += "2,5,10.5,20.25,30.0,40.0,0.5,2,-1,-1\n"
    _write(tmp_path / "read", text)
    form = FORMATS["mot"]
    assert form.write_tubes and form.write_detections
    form.write_tubes(tmp_path / "tubes", read_tubes(tmp_path / "read", CONTEXT), CONTEXT)
    assert (tmp_path / "tubes" / "walk" / "clip.txt").read_text() == text
    detections = read_detections(tmp_path / "read", CONTEXT)
    form.write_detections(tmp_path / "detections", detections, CONTEXT)
    written = (tmp_path / "detections" / "walk" / "clip.txt").read_text()
    assert written == text.replace(",5,", ",-1,").replace(",9,", ",-1,")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1,1,1,1,2,nan,1,1", "must be the finite numbers frame, id"),
        ("1,1,1,1,2,2,inf,1", "must be the finite numbers frame, id"),
        ("1,1,1,1,2,2", "must be the finite numbers frame, id"),
        ("1;1;1;1;2;2;1", "must be the finite numbers frame, id"),
        ("1,1,1,1,-2,2,1,1", "the corners of the box [0.0, 0.0, -2.0, 2.0] are reversed"),
        ("0,1,1,1,2,2,1,1", "there is no frame 0"),
        ("10,1,1,1,2,2,1,1", "there is no frame 10"),
        ("1.5,1,1,1,2,2,1,1", "there is no frame 1.5"),
        ("1,1,1,1,2,2,1,4", "there is no class 4"),
        ("1,1,1,1,2,2,1,-1,-1,-1", "no class is given"),
        ("1,1,1,1,2,2,1", "no class is given"),
        ("1,-1,1,1,2,2,1,1", "-1 is no id of a track"),
        ("1,1.5,1,1,2,2,1,1", "1.5 is no id of a track"),
        ("2,3,1,1,2,2,1,1", "track 3 has two boxes in frame 1 (counted from 0)"),
        ("3,3,1,1,2,2,1,2", "track 3 has more than one class"),
    ],
)
def test_wrong_lines(line: str, told: str, tmp_path: Path) -> None:
    file = _write(tmp_path, f"2,3,1,1,2,2,1,1\n\n{line}\n")
    with pytest.raises(InputError) as caught:
        list(read_tubes(tmp_path, CONTEXT, "mot"))
    assert str(caught.value).startswith(f"{file}:3: ") and told in str(caught.value)


def test_wrong_confidence(tmp_path: Path) -> None:
    file = _write(tmp_path, "1,-1,1,1,2,2,34.5,1\n")
    with pytest.raises(InputError, match=rf"{file}:1: the score 34.5 is not from 0 to 1; scale"):
        list(read_detections(tmp_path, CONTEXT))
