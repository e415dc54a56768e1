"""COCO's JSON, which pycocotools loads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from data import (
    FORMATS,
    Detections,
    InputError,
    Tube,
    VideoTubes,
    find_format,
    read_detections,
    read_tubes,
)
from tests.data.interchange.samples import CLASSES, CONTEXT

RESULTS = [
    {"image_id": 7, "category_id": 20, "bbox": [10.0, 20.0, 5.5, 8.0], "score": 0.75},
    {"image_id": 4, "category_id": 10, "bbox": [0, 0, 640, 480], "score": 1},
]
DATA_SET: dict[str, Any] = {
    "images": [
        {"id": 4, "file_name": "walk/clip/00003.jpg", "width": 640, "height": 480},
        {"id": 7, "file_name": "walk/clip/00001.jpg", "width": 640, "height": 480},
    ],
    "annotations": [],
    "categories": [{"id": 10, "name": "wave"}, {"id": 20, "name": "run"}],
}


def _write(folder: Path, **contents: Any) -> Path:
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def _check(video: Detections, classes: tuple[str, ...]) -> None:
    assert (video.video, video.frames, video.classes) == ("walk/clip", 9, classes)
    assert video.offsets.tolist() == [0, 1, 1] + [2] * 7
    assert video.boxes.tolist() == [[10, 20, 15.5, 28], [0, 0, 640, 480]]
    labels = video.scores[:, :-1].argmax(axis=1)
    assert [classes[label] for label in labels] == ["run", "wave"]
    assert video.scores[0, labels[0]] == 0.75 and video.scores[0, -1] == 0.25


def test_results_beside_their_data_set(tmp_path: Path) -> None:
    folder = _write(tmp_path, results=RESULTS, instances=DATA_SET)
    for path in (folder, folder / "results.json"):
        (video,) = read_detections(path, CONTEXT)
        _check(video, CLASSES)
    (video,) = read_detections(folder, replace(CONTEXT, classes=()))
    _check(video, ("wave", "run"))


def test_results_alone_count_the_frames_of_the_annotation(tmp_path: Path) -> None:
    results = [
        {**entry, "image_id": image, "category_id": category}
        for entry, image, category in zip(RESULTS, (1, 3), (1, 3), strict=True)
    ]
    results.append({**RESULTS[0], "image_id": 10, "category_id": 2})
    folder = _write(tmp_path, results=results)
    first, second = read_detections(folder, CONTEXT)
    _check(first, CLASSES)
    assert (second.video, second.offsets.tolist()) == ("run/other", [0, 1, 1, 1, 1, 1])


def test_files_that_are_cut_off(tmp_path: Path) -> None:
    path = _write(tmp_path, results=DATA_SET) / "results.json"
    path.write_text('{"images": [{"file_name": "walk/cl')
    for form in (None, "coco"):
        with pytest.raises(InputError, match=r"json:1: .* \(Unterminated string starting at colum"):
            list(read_detections(path, CONTEXT, form))


def test_an_empty_list_is_of_this_format_beside_its_data_set_only(tmp_path: Path) -> None:
    path = _write(tmp_path, results=[]) / "results.json"
    with pytest.raises(InputError, match=r"results\.json: is in no known format"):
        find_format(path)
    _write(tmp_path, instances=DATA_SET)
    assert find_format(path).name == "coco"


def test_annotations_of_tracks(tmp_path: Path) -> None:
    rows = [(1, 3, [0, 0, 2, 2]), (2, 3, [1, 1, 2, 2]), (3, 4, [5, 5, 5, 5])]
    content = {
        "videos": [{"id": 5, "name": "walk/clip"}],
        "images": [
            {"id": number, "video_id": 5, "frame_id": number, "file_name": "a.jpg"}
            for number in (1, 2, 3)
        ],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 10, "track_id": track, "bbox": box}
            for i, track, box in rows
        ],
        "categories": [{"id": 10, "name": "walk"}],
    }
    (video,) = read_tubes(_write(tmp_path, truth=content) / "truth.json", CONTEXT)
    assert [(tube.id, tube.label, tube.start, len(tube)) for tube in video.tubes] == [
        (3, 1, 1, 2),
        (4, 1, 3, 1),
    ]
    assert video.tubes[0].boxes.tolist() == [[0, 0, 2, 2], [1, 1, 3, 3]]
    assert video.tubes[0].score == 1


def _truth(video: str, shift: float) -> VideoTubes:
    boxes = np.array([[50, 40, 150, 200]] * 4, np.float32) + np.float32(shift)
    tubes = (Tube.ground_truth(1, boxes, 1, 0), Tube.ground_truth(0, boxes / 2, 0, 3))
    shape = CONTEXT.videos[video]
    return VideoTubes(video, shape.frames, shape.width, shape.height, 25.0, CLASSES, tubes, "")


def _found(truth: VideoTubes) -> Detections:
    """The true boxes, and one that is nowhere."""
    frames = []
    for frame in range(truth.frames):
        boxes, scores = [[300.0, 10, 310, 20]], [[0.0, 0, 0.5, 0.5]]
        for tube in truth.tubes:
            if tube.start <= frame < tube.end:
                boxes.append(tube.boxes[frame - tube.start].tolist())
                scores.append([0.0] * 4)
                scores[-1][tube.label], scores[-1][3] = 0.75, 0.25
        frames.append((np.array(boxes), np.array(scores)))
    return Detections.from_frames(
        truth.video,
        frames,
        width=truth.width,
        height=truth.height,
        frame_rate=25.0,
        classes=CLASSES,
        model="",
    )


def test_pycocotools_evaluates_what_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Written in another order than that of the annotation.
    truth = [_truth("run/other", 0.1), _truth("walk/clip", 7.25)]
    form = FORMATS["coco"]
    assert form.write_tubes and form.write_detections
    form.write_tubes(tmp_path / "truth.json", truth, CONTEXT)
    form.write_detections(tmp_path / "found", map(_found, reversed(truth)), CONTEXT)
    ground_truth = COCO(tmp_path / "truth.json")
    assert len(ground_truth.imgs) == 14 and len(ground_truth.anns) == 16
    results = ground_truth.loadRes(str(tmp_path / "found" / "results.json"))
    evaluation = COCOeval(ground_truth, results, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)
    assert len(COCO(tmp_path / "found" / "images.json").imgs) == 14
    assert find_format(tmp_path / "truth.json").name == "coco"
    capsys.readouterr()


def test_lengths_must_be_those_of_the_annotation(tmp_path: Path) -> None:
    write = FORMATS["coco"].write_tubes
    assert write
    truth = replace(_truth("run/other", 0), frames=6)
    with pytest.raises(InputError, match="'run/other': has 6 frames, and the annotation says 5"):
        write(tmp_path / "truth.json", [truth], CONTEXT)
    other = replace(_truth("walk/clip", 0), classes=("a", "b"))
    with pytest.raises(InputError, match="its classes are others than those of 'run/other'"):
        write(tmp_path / "truth.json", [_truth("run/other", 0), other], CONTEXT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"bbox": [0, 0, float("nan"), 1]}, "the box [0.0, 0.0, nan, 1.0] is not finite"),
        ({"bbox": [0, 0, -1, 1]}, "the corners of the box [0.0, 0.0, -1.0, 1.0] are reversed"),
        ({"bbox": [0, 0, 1]}, "[1] is wrong"),
        ({"bbox": "1234"}, "bbox must be a list"),
        ({"bbox": None}, "bbox must be a list"),
        ({"score": 1.5}, "the score 1.5 is not from 0 to 1"),
        ({"score": "high"}, "[1] is wrong"),
        ({"score": 10**400}, "[1] is wrong"),
        ({"image_id": 5}, "image_id 5 is that of no image; correct"),
        ({"image_id": [1]}, "[1] is wrong"),
        (
            {"category_id": 1},
            "category_id 1 is that of none of the classes run, walk, wave; correct",
        ),
        ({"score": ...}, None),
        ({"bbox": ...}, "[1] lacks 'bbox'; add it"),
        ({"image_id": ...}, "[1] lacks 'image_id'; add it"),
    ],
)
def test_wrong_results(changes: dict[str, Any], told: str | None, tmp_path: Path) -> None:
    entry = {name: value for name, value in (RESULTS[1] | changes).items() if value is not ...}
    folder = _write(tmp_path, results=[RESULTS[0], entry], instances=DATA_SET)
    if told is None:
        assert len(list(read_detections(folder, CONTEXT))) == 1
        return
    with pytest.raises(InputError) as caught:
        list(read_detections(folder, CONTEXT))
    assert str(caught.value).startswith(f"{folder / 'results.json'}:") and told in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"images": [{"id": 1}]}, "images[0] does not say which frame"),
        ({"images": [{"id": 1, "file_name": "clip.jpg"}]}, "images[0] does not say which frame"),
        ({"images": [{"id": 1, "video_id": 1, "frame_id": 0}]}, "images[0] does not say"),
        ({"images": 3}, "images must be a list"),
        ({"images": [3]}, "images[0] does not say"),
        ({"categories": [{"id": 1}]}, "no usable categories"),
        ({"categories": [{"id": 10, "name": "a"}, {"id": 20, "name": "a"}]}, "not hold 'a' twice"),
        ({"images": [{"id": i, "file_name": "walk/clip/10.jpg"} for i in (4, 7)]}, "has 9 frames"),
        ({"images": [{"id": i, "file_name": "x/y/1.jpg"} for i in (4, 7)]}, "no video 'x/y'"),
    ],
)
def test_wrong_data_sets(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    folder = _write(tmp_path, results=RESULTS, instances=DATA_SET | changes)
    with pytest.raises(InputError) as caught:
        list(read_detections(folder, replace(CONTEXT, classes=())))
    assert str(tmp_path) in str(caught.value) and told in str(caught.value)


def test_wrong_files(tmp_path: Path) -> None:
    folder = _write(tmp_path, results=RESULTS, instances=DATA_SET, other=DATA_SET)
    with pytest.raises(InputError, match=r"which of instances.json and other.json is the data set"):
        list(read_detections(folder, CONTEXT, "coco"))
    (folder / "other.json").write_text(json.dumps(RESULTS))
    with pytest.raises(InputError, match=r"holds 2 files of COCO results; name one of them"):
        list(read_detections(folder, CONTEXT, "coco"))
    (folder / "other.json").write_text('[{\n"image_id": ')
    with pytest.raises(InputError, match=r"other.json:2: is not valid JSON"):
        list(read_detections(folder / "other.json", CONTEXT))
    (folder / "other.json").write_text("3")
    with pytest.raises(InputError, match=r"other.json: is neither a list of COCO results"):
        list(read_detections(folder / "other.json", CONTEXT, "coco"))
    for wrong in ({}, {"annotations": 3}):
        truth = {name: DATA_SET[name] for name in ("images", "categories")} | wrong
        (folder / "truth.json").write_text(json.dumps(truth))
        with pytest.raises(InputError, match=r"truth.json:1: the file must have a list of annot"):
            list(read_tubes(folder / "truth.json", CONTEXT, "coco"))
    (folder / "truth.json").unlink()
    with pytest.raises(InputError, match=r"entry 1 .*-1 is no id of a track"):
        list(read_tubes(folder / "results.json", CONTEXT))
