"""The J-HMDB annotation, made small in each of its forms, and the real one where it is there."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from data import JHMDB21_CLASSES, InputError, film_of, open_dataset, read_frames, read_jhmdb
from tests.data.reference import needs_samples, sample

# Class and film; three clips each.
FILMS = [("run", "Juno"), ("run", "CastAway1"), ("run", "_run_away"), ("walk", "Juno")]
NAMES = [
    f"{label}/{film}_{label}_f_cm_np1_fr_med_{number}"
    for label, film in FILMS
    for number in range(3)
]
TRAIN, TEST = NAMES[:9] + NAMES[10:], NAMES[9:10]
FRAMES = 4
# Inclusive 0-based pixels; the last clip's box moves and fills the frame.
BOXES = {name: [[10 + index, 20, 30, 40]] * FRAMES for index, name in enumerate(NAMES)}
BOXES[NAMES[-1]] = [[0, 0, 319, 239], [0, 0, 0, 0], [319, 239, 319, 239], [5, 6, 7, 8]]


def _write_act(root: Path) -> None:
    order = ("walk", *(name for name in JHMDB21_CLASSES if name != "walk"))
    content = {
        "labels": list(order),
        "gttubes": {
            name: {
                order.index(name.split("/")[0]): [
                    np.array([[t + 1, *box] for t, box in enumerate(boxes)], np.float32)
                ]
            }
            for name, boxes in BOXES.items()
        },
        "nframes": dict.fromkeys(NAMES, FRAMES),
        "resolution": dict.fromkeys(NAMES, (240, 320)),
        "train_videos": [TRAIN, TEST, []],
        "test_videos": [TEST, TRAIN, NAMES],
    }
    (root / "JHMDB-GT.pkl").write_bytes(pickle.dumps(content, 2))


def _write_official(root: Path) -> None:
    (root / "splits").mkdir()
    lines: dict[str, list[str]] = {label: [] for label in JHMDB21_CLASSES}
    for name, boxes in BOXES.items():
        masks = np.zeros((240, 320, FRAMES), np.uint8)
        for t, (x1, y1, x2, y2) in enumerate(boxes):
            # Body parts are numbered; two corners are enough for the box around them.
            masks[y1, x2, t], masks[y2, x1, t] = 3, 14
        folder = root / "puppet_mask" / name
        folder.mkdir(parents=True)
        savemat(folder / "puppet_mask.mat", {"part_mask": masks, "category": "a"})
        label, clip = name.split("/")
        lines[label].append(f"{clip}.avi {1 if name in TRAIN else 2} \n")
    for label, entries in lines.items():
        (root / "splits" / f"{label}_test_split1.txt").write_text("".join(entries))


def _write_listing(root: Path) -> None:
    content = {
        "labels": list(JHMDB21_CLASSES),
        "videos": {
            name: {
                "label": JHMDB21_CLASSES.index(name.split("/")[0]),
                "nframes": FRAMES,
                "boxes": BOXES[name],
            }
            for name in TRAIN
        },
    }
    (root / "annotations_train1.json").write_text(json.dumps(content))


FORMS = {"ACT": _write_act, "official": _write_official, "listing": _write_listing}


@pytest.mark.parametrize("form", FORMS)
def test_every_form(form: str, tmp_path: Path) -> None:
    FORMS[form](tmp_path)
    read = read_jhmdb(tmp_path)
    assert read.classes == JHMDB21_CLASSES
    assert sorted(read.splits["train"]) == sorted(TRAIN)
    assert ("test" in read.splits) == (form != "listing")
    if form != "listing":
        assert list(read.splits["test"]) == TEST
    for name, video in read.videos.items():
        assert (video.frames, video.width, video.height) == (FRAMES, 320, 240)
        (tube,) = video.tubes
        assert (tube.start, len(tube)) == (0, FRAMES)
        assert JHMDB21_CLASSES[tube.label] == name.split("/")[0]
        assert np.array_equal(tube.boxes, np.add(BOXES[name], [0, 0, 1, 1]))


@pytest.mark.parametrize("form", FORMS)
def test_the_published_numbers_can_be_kept(form: str, tmp_path: Path) -> None:
    one_pixel, BOXES[NAMES[-1]] = BOXES[NAMES[-1]], [[0, 0, 319, 239]] * FRAMES
    try:
        FORMS[form](tmp_path)
    finally:
        BOXES[NAMES[-1]] = one_pixel
    read = read_jhmdb(tmp_path, convention="inclusive")
    assert read.videos[NAMES[0]].tubes[0].boxes.tolist() == BOXES[NAMES[0]]


def test_other_splits(tmp_path: Path) -> None:
    _write_act(tmp_path)
    assert list(read_jhmdb(tmp_path, 2).splits["test"]) == TRAIN
    assert list(read_jhmdb(tmp_path, 3).splits["train"]) == []
    for split in (0, 4):
        with pytest.raises(InputError, match="choose 1, 2 or 3"):
            read_jhmdb(tmp_path, split)
    with pytest.raises(InputError, match="choose one of: pixel, inclusive"):
        read_jhmdb(tmp_path, convention="coco")


@pytest.mark.parametrize("form", FORMS)
def test_validation_shares_no_film_with_the_rest(form: str, tmp_path: Path) -> None:
    FORMS[form](tmp_path)
    read = read_jhmdb(tmp_path)
    fit, validation = read.splits["fit"], read.splits["validation"]
    assert sorted(fit + validation) == sorted(TRAIN)
    assert not {film_of(name) for name in fit} & {film_of(name) for name in validation}
    # Walking is in one film only, which a split would tear apart.
    assert {name.split("/")[0] for name in validation} == {"run"}


def test_frames_without_a_person_interrupt_the_tube(tmp_path: Path) -> None:
    _write_official(tmp_path)
    masks = np.zeros((240, 320, 6), np.uint8)
    masks[5, 5, [1, 2, 4]] = 1
    path = tmp_path / "puppet_mask" / NAMES[0] / "puppet_mask.mat"
    savemat(path, {"part_mask": masks})
    video = read_jhmdb(tmp_path).videos[NAMES[0]]
    assert video.frames == 6
    assert [(tube.start, tube.end) for tube in video.tubes] == [(1, 3), (4, 5)]
    savemat(path, {"part_mask": masks[:, :, 1]})  # Matlab drops a last dimension of 1
    assert read_jhmdb(tmp_path).videos[NAMES[0]].frames == 1


def test_the_clip_that_ends_before_its_annotation(tmp_path: Path) -> None:
    name = "stand/BIG_FISH_stand_u_nm_np1_fr_med_27"
    entry = {"label": 16, "nframes": 36, "boxes": [[0, 0, 9, 9]] * 36}
    content = {"labels": list(JHMDB21_CLASSES), "videos": {name: entry}}
    (tmp_path / "annotations_train1.json").write_text(json.dumps(content))
    video = read_jhmdb(tmp_path).videos[name]
    assert (video.frames, len(video.tubes[0])) == (35, 35)


def _spoil_act(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        _write_act(root)
        path = root / "JHMDB-GT.pkl"
        content = pickle.loads(path.read_bytes())
        change(content)
        path.write_bytes(pickle.dumps(content, 2))

    return write


def _spoil_listing(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        _write_listing(root)
        path = root / "annotations_train1.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return write


def _spoil_official(name: str, content: bytes | None) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        _write_official(root)
        if content is None:
            (root / name).unlink()
        else:
            (root / name).write_bytes(content)

    return write


MASK = f"puppet_mask/{NAMES[0]}/puppet_mask.mat"
WRONG = {
    "nothing": (lambda root: None, "put JHMDB-GT.pkl"),
    "another split's listing": (
        lambda root: (root / "annotations_train2.json").touch(),
        "annotations_train1.json",
    ),
    "no labels": (_spoil_act(lambda content: content.pop("labels")), "'labels' is missing"),
    "another class": (_spoil_act(lambda content: content["labels"].append("fly")), "'fly'"),
    "no frame count": (_spoil_act(lambda content: content["nframes"].popitem()), "is missing"),
    "two classes": (
        _spoil_act(lambda content: content["gttubes"][NAMES[0]].update({7: []})),
        "one class",
    ),
    "tube past the end": (
        _spoil_act(lambda content: content["nframes"].update({NAMES[0]: 3})),
        "as published",
    ),
    "unknown video": (_spoil_act(lambda content: content["train_videos"][0].append("x")), "'x'"),
    "a list": (lambda root: (root / "JHMDB-GT.pkl").write_bytes(pickle.dumps([1])), "as published"),
    "a number of tubes": (
        _spoil_act(lambda content: content["gttubes"].update({NAMES[0]: {11: [3]}})),
        "as published",
    ),
    "unknown label": (
        _spoil_listing(lambda content: content["videos"][NAMES[0]].update(label=21)),
        "21",
    ),
    "boxes outside": (
        _spoil_listing(lambda content: content["videos"][NAMES[0]]["boxes"][0].__setitem__(2, 320)),
        "inside the frame",
    ),
    "three numbers": (
        _spoil_listing(lambda content: content["videos"][NAMES[0]]["boxes"][0].pop()),
        "as published",
    ),
    "text": (
        _spoil_listing(lambda content: content["videos"][NAMES[0]].update(boxes="none")),
        "as published",
    ),
    "no JSON": (lambda root: (root / "annotations_train1.json").write_text("{"), "not a JSON file"),
    "missing list": (_spoil_official("splits/run_test_split1.txt", None), "run_test_split1.txt"),
    "wrong list": (_spoil_official("splits/run_test_split1.txt", b"\nb.avi\n"), "line 2"),
    "missing mask": (_spoil_official(MASK, None), MASK),
    "other variable": (
        lambda root: (_write_official(root), savemat(root / MASK, {"mask": np.zeros((2, 2))})),
        "puppet_mask.mat: has no matrix 'part_mask'; take the file",
    ),
    "damaged mask": (_spoil_official(MASK, b"MATLAB 5.0"), MASK),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_are_refused(case: str, tmp_path: Path) -> None:
    write, told = WRONG[case]
    write(tmp_path)
    with pytest.raises(InputError) as caught:
        read_jhmdb(tmp_path)
    message = str(caught.value)
    assert str(tmp_path) in message and told in message and "\n" not in message


@needs_samples
def test_the_real_training_list() -> None:
    root = sample("jhmdb21")
    dataset = open_dataset("jhmdb21", root)
    videos, splits = dataset.annotations.videos, dataset.annotations.splits
    assert len(videos) == len(dataset.media) == len(splits["train"]) == 660
    assert sum(video.frames for video in videos.values()) == 22_712  # one of 22,713 has no picture
    assert {name: len(names) for name, names in splits.items()} == {
        "train": 660,
        "fit": 531,
        "validation": 129,
    }
    counts = {
        name: Counter(video.split("/")[0] for video in splits[name])
        for name in ("fit", "validation")
    }
    assert set(counts["fit"]) == set(counts["validation"]) == set(JHMDB21_CLASSES)
    assert all(3 <= number <= 8 for number in counts["validation"].values())
    films = {name: {film_of(video) for video in splits[name]} for name in ("fit", "validation")}
    assert (len(films["fit"]), len(films["validation"])) == (164, 77)
    assert not films["fit"] & films["validation"]
    assert open_dataset("jhmdb21", root.parent).media == dataset.media
    for name in ("stand/BIG_FISH_stand_u_nm_np1_fr_med_27", splits["validation"][0]):
        last = videos[name].frames - 1
        (image,) = read_frames(dataset.video_path(name), [last])
        assert image.shape == (240, 320, 3)
        with pytest.raises(InputError):
            read_frames(dataset.video_path(name), [last + 1])
