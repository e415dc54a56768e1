"""The UCF24 annotation, made small in each published form, and the real one where it is there."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from data import UCF24_CLASSES, InputError, read_ucf24
from tests.data.reference import needs_samples, sample

FIRST, SECOND, THIRD = (
    "Biking/v_Biking_g01_c01",
    "Biking/v_Biking_g02_c01",
    "Surfing/v_Surfing_g01_c01",
)
# x + w is 310, more than the uint8 in which x and w are stored can hold.
WIDE = [[200, 1, 110, 239], [201, 2, 8, 8]]
CORNERS = {
    "pixel": [[199, 0, 309, 239], [200, 1, 208, 9]],
    "amtnet": [[199, 0, 308, 238], [200, 1, 207, 8]],
    "road": [[200, 1, 310, 240], [201, 2, 209, 10]],
}


def tube(label: int, start: int, boxes: Any, dtype: Any = np.uint8) -> dict[str, Any]:
    """One tube of pyannot.pkl."""
    end = start + len(boxes)
    return {"label": label, "sf": start, "ef": end, "boxes": np.array(boxes, dtype)}


def content() -> dict[Any, Any]:
    """A small pyannot.pkl: the keys are NumPy strings, numf is uint8 or uint16."""
    return {
        np.str_(FIRST): {
            "numf": np.uint8(255),
            "label": 2,
            "annotations": [tube(2, 253, WIDE), tube(2, 0, WIDE * 3)],
        },
        np.str_(SECOND): {
            "numf": np.uint16(900),
            "label": 2,
            "annotations": [tube(2, 898, [[1, 1, 320, 240]] * 2, np.uint16)],
        },
        np.str_(THIRD): {"numf": np.uint8(40), "label": 19, "annotations": [tube(19, 3, WIDE)]},
    }


def write(root: Path, form: str = "pyannot.pkl", stored: Any = None) -> Path:
    """Writes an annotation in one of the published forms, with a list of test videos."""
    stored = content() if stored is None else stored
    (root / "testlist01.txt").write_text(f"{SECOND}\n")
    if form == "pyannot.pkl":
        (root / form).write_bytes(pickle.dumps(stored, 3))
    elif form == "pyannot_with_class_names.pkl":
        whole = {
            "classes": [np.str_(name) for name in UCF24_CLASSES],
            "db": stored,
            "trainvideos": [np.str_(FIRST), np.str_(THIRD), np.str_("Surfing/not_annotated")],
        }
        (root / form).write_bytes(pickle.dumps(whole, 2))
        (root / "testlist01.txt").unlink()
    else:
        tube_type = [(name, object) for name in ("sf", "ef", "class", "boxes")]
        annot = np.empty(
            (1, len(stored)), [(name, object) for name in ("num_imgs", "name", "tubes")]
        )
        for index, (name, video) in enumerate(stored.items()):
            tubes = np.empty((1, len(video["annotations"])), tube_type)
            for column, item in enumerate(video["annotations"]):
                tubes[0, column] = (item["sf"] + 1, item["ef"], item["label"] + 1, item["boxes"])
            annot[0, index] = (video["numf"], str(name), tubes)
        savemat(root / form, {"annot": annot})
    return root


FORMS = ("pyannot.pkl", "pyannot_with_class_names.pkl", "finalAnnots.mat")


@pytest.mark.parametrize("convention", CORNERS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_and_convention(form: str, convention: str, tmp_path: Path) -> None:
    annotations = read_ucf24(write(tmp_path, form), convention)
    assert annotations.classes == UCF24_CLASSES
    assert annotations.splits == {"train": (FIRST, THIRD), "test": (SECOND,)}
    first = annotations.videos[FIRST]
    assert (first.frames, first.width, first.height) == (255, 320, 240)
    assert [(item.start, item.end, item.label, item.id) for item in first.tubes] == [
        (253, 255, 2, 0),
        (0, 6, 2, 1),
    ]
    assert first.tubes[0].boxes.dtype == np.float32
    assert first.tubes[0].boxes.tolist() == CORNERS[convention]
    second = annotations.videos[SECOND]
    assert second.frames == 900
    whole = {"pixel": [0, 0, 320, 240], "amtnet": [0, 0, 319, 239], "road": [1, 1, 320, 240]}
    assert second.tubes[0].boxes.tolist() == [whole[convention]] * 2


def test_a_file_can_be_named(tmp_path: Path) -> None:
    write(tmp_path, "pyannot.pkl", {FIRST: content()[FIRST]})
    write(tmp_path, "finalAnnots.mat")
    assert len(read_ucf24(tmp_path).videos) == 1
    assert len(read_ucf24(tmp_path / "finalAnnots.mat").videos) == 3


@pytest.mark.parametrize("folder", [".", "splitfiles"])
@pytest.mark.parametrize(
    ("train", "test", "splits"),
    [
        (None, [SECOND], ((FIRST, THIRD), (SECOND,))),
        ([THIRD, FIRST], None, ((THIRD, FIRST), (SECOND,))),
        ([THIRD], [FIRST], ((THIRD,), (FIRST,))),
        # UCF101's own lists: suffixes, class numbers, and videos that are not annotated.
        ([f"{THIRD}.avi 20", "Archery/v_a.avi 3", ""], [f"{FIRST}.avi"], ((THIRD,), (FIRST,))),
    ],
)
def test_split_lists(folder: str, train: Any, test: Any, splits: Any, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "testlist01.txt").unlink()
    (tmp_path / folder).mkdir(exist_ok=True)
    for name, lines in (("trainlist02.txt", train), ("testlist02.txt", test)):
        if lines is not None:
            (tmp_path / folder / name).write_text("\r\n".join(lines) + "\r\n")
    read = read_ucf24(tmp_path, split=2)
    assert (read.splits["train"], read.splits["test"]) == splits
    with pytest.raises(InputError, match=r"trainlist01\.txt and testlist01\.txt are missing"):
        read_ucf24(tmp_path)


def test_classes_and_sizes_of_another_data_set(tmp_path: Path) -> None:
    stored = {"Run/a": {"numf": 2, "label": 1, "annotations": [tube(1, 0, [[1, 1, 40, 30]] * 2)]}}
    write(tmp_path, stored=stored)
    (tmp_path / "testlist01.txt").write_text("Run/a\n")
    (tmp_path / "classes.txt").write_text("Walk\nRun\n\n")
    with pytest.raises(InputError, match="images of an annotated video are missing"):
        read_ucf24(tmp_path)
    images = tmp_path / "rgb-images/Run/a"
    images.mkdir(parents=True)
    cv2.imwrite(str(images / "00001.jpg"), np.zeros((30, 40, 3), np.uint8))
    read = read_ucf24(tmp_path)
    assert read.classes == ("Walk", "Run")
    assert (read.videos["Run/a"].width, read.videos["Run/a"].height) == (40, 30)
    assert read.splits == {"train": (), "test": ("Run/a",)}


def _changed(**changes: Any) -> dict[Any, Any]:
    stored = content()
    for key, value in changes.items():
        place = stored[FIRST] if key in ("numf", "annotations") else stored[FIRST]["annotations"][0]
        place[key] = value
    return stored


@pytest.mark.parametrize(
    "stored",
    [
        _changed(numf=100),  # tubes end after the video
        _changed(numf="many"),
        _changed(ef=254),  # two boxes for one frame
        _changed(sf=-1, ef=1),
        _changed(label=24),
        _changed(boxes=np.array([[300, 1, 30, 30]] * 2)),  # reaches out of the frame
        _changed(boxes=np.array([[0, 1, 30, 30]] * 2)),
        _changed(boxes=np.array([[1, 1, 0, 30]] * 2)),
        _changed(boxes=np.array([[1, 1, 30]] * 2)),
        _changed(boxes="none"),
        _changed(annotations=None),
        {FIRST: {"numf": 3}},
        {FIRST: 3},
        [FIRST],
        7,
    ],
)
def test_wrong_content_is_refused(stored: Any, tmp_path: Path) -> None:
    write(tmp_path, stored=stored)
    with pytest.raises(InputError) as caught:
        read_ucf24(tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "pyannot.pkl") in message and "as published" in message
    assert "\n" not in message


@pytest.mark.parametrize("damage", [b"", b"no Matlab file", None])
def test_a_damaged_matlab_file_is_refused(damage: bytes | None, tmp_path: Path) -> None:
    path = write(tmp_path, "finalAnnots.mat") / "finalAnnots.mat"
    path.write_bytes(path.read_bytes()[:-200] if damage is None else damage)
    with pytest.raises(InputError, match=r"finalAnnots\.mat"):
        read_ucf24(tmp_path)
    savemat(path, {"other": np.zeros(3)})
    with pytest.raises(InputError, match=r"finalAnnots\.mat"):
        read_ucf24(tmp_path)


def test_hostile_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no annotation of UCF24 is there; put pyannot\.pkl"):
        read_ucf24(tmp_path)
    write(tmp_path)
    (tmp_path / "pyannot.pkl").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(InputError, match=r"os\.system"):
        read_ucf24(tmp_path)
    with pytest.raises(InputError, match="choose one of: pixel, amtnet, road"):
        read_ucf24(tmp_path, "coco")
    write(tmp_path)
    (tmp_path / "testlist01.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"testlist01\.txt: not a text file"):
        read_ucf24(tmp_path)


@needs_samples
def test_the_published_files_agree_on_all_videos() -> None:
    root = sample("ucf24")
    annotations = read_ucf24(root / "pyannot.pkl")
    matlab = read_ucf24(root / "finalAnnots.mat")
    assert annotations == matlab
    videos = annotations.videos
    assert len(videos) == 3194
    assert (len(annotations.splits["train"]), len(annotations.splits["test"])) == (2284, 910)
    tubes = [tube for video in videos.values() for tube in video.tubes]
    assert (len(tubes), sum(len(tube) for tube in tubes)) == (4458, 573_862)
    test = annotations.split("test")
    assert sum(video.frames for video in test) == 159_289
    assert sum(len(video.tubes) for video in test) == 1315
    assert sum(video.frames == 255 for video in videos.values()) == 18
    for video in videos.values():
        label = UCF24_CLASSES.index(video.name.split("/")[0])
        assert all(tube.label == label for tube in video.tubes)
    # The numbers as Matlab stores them, without our reader's arithmetic.
    stored = pickle.loads((root / "pyannot.pkl").read_bytes())
    for name, video in videos.items():
        assert video.frames == int(stored[name]["numf"])
        for own, theirs in zip(video.tubes, stored[name]["annotations"], strict=True):
            boxes = np.array(theirs["boxes"].tolist(), float)
            boxes[:, :2] -= 1
            boxes[:, 2:] += boxes[:, :2]
            assert (own.start, own.end) == (theirs["sf"], theirs["ef"])
            assert np.array_equal(own.boxes, boxes)


@needs_samples
@pytest.mark.parametrize("convention", ["amtnet", "road"])
def test_the_published_boxes_fit_every_convention(convention: str) -> None:
    assert len(read_ucf24(sample("ucf24"), convention).videos) == 3194
