"""Reads the annotation of J-HMDB-21 in the three forms it comes in.

J-HMDB: Jhuang et al., Towards understanding action recognition, ICCV 2013. Every clip shows one
action of one annotated person; in all forms the tube covers the whole clip.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.annotation import Annotations, VideoAnnotation
from data.errors import InputError, published_layout
from data.film_split import split_by_film
from data.matlab_file import read_matlab
from data.restricted_pickle import load_pickled_dict
from data.tube import Tube

JHMDB21_CLASSES = (
    "brush_hair",
    "catch",
    "clap",
    "climb_stairs",
    "golf",
    "jump",
    "kick_ball",
    "pick",
    "pour",
    "pullup",
    "push",
    "run",
    "shoot_ball",
    "shoot_bow",
    "shoot_gun",
    "sit",
    "stand",
    "swing_baseball",
    "throw",
    "walk",
    "wave",
)

WIDTH, HEIGHT = 320, 240

# How the last pixel of a box is written: "pixel" as the edge behind it (the project's convention),
# "inclusive" as its own index, the numbers of JHMDB-GT.pkl unchanged.
JHMDB_CONVENTIONS = ("pixel", "inclusive")

# Clips that end before their annotation does.
_DECODED_FRAMES = {"stand/BIG_FISH_stand_u_nm_np1_fr_med_27": 35}


class _Clip(NamedTuple):
    """One clip as read: runs of boxes, x1, y1, x2, y2 of the inclusive pixels, 0-based."""

    name: str
    label: int
    frames: int
    width: int
    height: int
    runs: list[tuple[int, npt.NDArray[np.float32]]]


# Clips, and the names in each split.
_Content = tuple[list[_Clip], dict[str, tuple[str, ...]]]


def read_jhmdb(root: str | Path, split: int = 1, convention: str = "pixel") -> Annotations:
    """Reads the J-HMDB-21 annotation below a folder.

    The folder holds one of
    - `JHMDB-GT.pkl` of ACT (Kalogeiton et al., ICCV 2017), for all splits,
    - `puppet_mask/<class>/<clip>/puppet_mask.mat` and `splits/<class>_test_split<k>.txt` as
      published; boxes are drawn around the masks,
    - `annotations_train<k>.json`, the training list of one split,
    looked for in this order. Videos are named `class/clip`.

    Args:
        root: the folder.
        split: official split, 1 to 3.
        convention: "pixel" or "inclusive", see `JHMDB_CONVENTIONS`.

    Returns:
        The annotation with the splits "train" and "test" (where the source has it) as published,
        and "fit" and "validation", which divide "train" by source film (see `split_by_film`).

    Raises:
        InputError: nothing of the above is there, or a file is not as published.
    """
    root = Path(root)
    if convention not in JHMDB_CONVENTIONS:
        raise InputError(
            f"convention {convention!r} is unknown; choose one of: {', '.join(JHMDB_CONVENTIONS)}"
        )
    if split not in (1, 2, 3):
        raise InputError(f"split {split} of J-HMDB does not exist; choose 1, 2 or 3")
    listing = root / f"annotations_train{split}.json"
    if (root / "JHMDB-GT.pkl").is_file():
        path = root / "JHMDB-GT.pkl"
        read: Callable[[Path, int], _Content] = _read_act
    elif (root / "puppet_mask").is_dir():
        path = root / "puppet_mask"
        read = _read_official
    elif listing.is_file():
        path = listing
        read = _read_listing
    else:
        raise InputError(
            f"{root}: no J-HMDB annotation of split {split} is there; put JHMDB-GT.pkl, or "
            f"puppet_mask/ and splits/, or {listing.name} into this folder"
        )
    with published_layout(path, "the annotation of J-HMDB"):
        clips, lists = read(path, split)
        videos = {
            clip.name: _annotation(clip, 1.0 if convention == "pixel" else 0.0) for clip in clips
        }
        labels = {clip.name: clip.label for clip in clips}
        fit, validation = split_by_film(lists["train"], labels)
        splits = {**lists, "fit": fit, "validation": validation}
        return Annotations(JHMDB21_CLASSES, videos, splits)


def _annotation(clip: _Clip, extent: float) -> VideoAnnotation:
    """Turns inclusive pixels into boxes; `extent` is added to the last pixel."""
    frames = _DECODED_FRAMES.get(clip.name, clip.frames)
    tubes: list[Tube] = []
    for start, inclusive in clip.runs:
        boxes = inclusive + np.array([0, 0, extent, extent], np.float32)
        if clip.name in _DECODED_FRAMES:
            boxes = boxes[: frames - start]
        tubes.append(Tube.ground_truth(start, boxes, clip.label, len(tubes)))
    return VideoAnnotation(clip.name, frames, clip.width, clip.height, tuple(tubes))


def _read_listing(path: Path, split: int) -> _Content:
    """Reads annotations_train<k>.json; the file is made for its one split."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not a JSON file ({error}); copy it again") from error
    labels = _class_indices(content["labels"])
    clips = []
    for name, entry in content["videos"].items():
        boxes = np.array(entry["boxes"], np.float32).reshape(-1, 4)
        frames = int(entry["nframes"])
        label = labels[entry["label"]]
        clips.append(_Clip(name, label, frames, WIDTH, HEIGHT, [(0, boxes)]))
    return clips, {"train": tuple(clip.name for clip in clips)}


def _read_act(path: Path, split: int) -> _Content:
    """Reads JHMDB-GT.pkl."""
    content = load_pickled_dict(path)
    labels = _class_indices(content["labels"])
    clips = []
    for name, by_label in content["gttubes"].items():
        if len(by_label) != 1:
            raise ValueError(f"gttubes of {name} must have one class")
        (label, tubes), *_ = by_label.items()
        height, width = content["resolution"][name]
        runs = [run for tube in tubes for run in _runs(np.asarray(tube, np.float32))]
        clips.append(
            _Clip(
                name,
                labels[int(label)],
                int(content["nframes"][name]),
                int(width),
                int(height),
                runs,
            )
        )
    return clips, {
        "train": tuple(content["train_videos"][split - 1]),
        "test": tuple(content["test_videos"][split - 1]),
    }


def _runs(rows: npt.NDArray[np.float32]) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Cuts rows of 1-based frame, x1, y1, x2, y2 where frames are left out."""
    frames = rows[:, 0].astype(int) - 1
    for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(frames) != 1) + 1):
        if len(part):
            yield int(frames[part[0]]), rows[part, 1:5]


def _read_official(folder: Path, split: int) -> _Content:
    """Reads the puppet masks of the clips in the official lists."""
    clips = []
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for label, name in enumerate(JHMDB21_CLASSES):
        path = folder.parent / "splits" / f"{name}_test_split{split}.txt"
        for clip, part in _official_list(path):
            video = f"{name}/{clip}"
            lists[part].append(video)
            masks = _puppet_masks(folder / name / clip / "puppet_mask.mat")
            height, width, frames = masks.shape
            runs = list(_runs(_boxes_around(masks)))
            clips.append(_Clip(video, label, frames, width, height, runs))
    return clips, {name: tuple(videos) for name, videos in lists.items()}


def _official_list(path: Path) -> Iterator[tuple[str, str]]:
    """Yields clip and part of lines like `clip.avi 1`; 1 is training, 2 is testing."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: the official list cannot be read; put the published splits/ beside "
            "puppet_mask/"
        ) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        clip, _, part = line.strip().rpartition(" ")
        if part not in ("1", "2"):
            raise InputError(
                f"{path}: line {number}: must be a clip and 1 or 2, not {line!r}; take the list "
                "as published"
            )
        yield clip.strip().removesuffix(".avi"), "train" if part == "1" else "test"


def _puppet_masks(path: Path) -> npt.NDArray[np.bool_]:
    """Reads the masks of a clip: bool (H, W, T)."""
    masks = read_matlab(path).get("part_mask")
    if not isinstance(masks, np.ndarray):
        raise InputError(f"{path}: has no matrix 'part_mask'; take the file as published")
    if masks.ndim == 2:  # Matlab drops the last dimension of a clip of one frame
        masks = masks[:, :, None]
    return masks.astype(bool)


def _boxes_around(masks: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Rows of 1-based frame and the first and last pixel of the masks, for frames with one."""
    rows = []
    for frame in range(masks.shape[2]):
        columns = np.flatnonzero(masks[:, :, frame].any(axis=0))
        lines = np.flatnonzero(masks[:, :, frame].any(axis=1))
        if len(columns):
            rows.append((frame + 1, columns[0], lines[0], columns[-1], lines[-1]))
    return np.array(rows, np.float32).reshape(-1, 5)


def _class_indices(labels: Sequence[str]) -> dict[int, int]:
    """Maps the numbers of a file to ours by the names of its classes."""
    unknown = set(labels) - set(JHMDB21_CLASSES)
    if unknown:
        raise ValueError(f"labels names {min(unknown)!r}, which is none of the 21 classes")
    return {number: JHMDB21_CLASSES.index(name) for number, name in enumerate(labels)}
