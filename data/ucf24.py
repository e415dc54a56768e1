"""Reads the corrected annotation of UCF101-24 in the forms it was published in.

Singh et al., Online real-time multiple spatiotemporal action localisation and prediction, ICCV
2017; repository gurkirt/corrected-UCF101-Annots. The embedded data set has the same layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from data.annotation import Annotations, VideoAnnotation
from data.errors import InputError, published_layout
from data.image_folder import list_images, read_image
from data.matlab_file import read_matlab
from data.restricted_pickle import load_pickled_dict
from data.tube import Tube

UCF24_CLASSES = (
    "Basketball",
    "BasketballDunk",
    "Biking",
    "CliffDiving",
    "CricketBowling",
    "Diving",
    "Fencing",
    "FloorGymnastics",
    "GolfSwing",
    "HorseRiding",
    "IceDancing",
    "LongJump",
    "PoleVault",
    "RopeClimbing",
    "SalsaSpin",
    "SkateBoarding",
    "Skiing",
    "Skijet",
    "SoccerJuggling",
    "Surfing",
    "TennisSwing",
    "TrampolineJumping",
    "VolleyballSpiking",
    "WalkingWithDog",
)

UCF24_SIZE = (320, 240)

# How the published x, y, w, h (x, y counted from 1) become corners: "pixel" as this project means
# boxes, and as the loaders of AMTNet and ROAD do, for comparison with figures of those systems.
UCF24_CONVENTIONS = ("pixel", "amtnet", "road")

# UCF101's lists name files, the training lists with the class behind them.
_LIST_SUFFIX = re.compile(r"(\.avi)?(\s+\d+)?$")

_FILES = ("pyannot.pkl", "pyannot_with_class_names.pkl", "finalAnnots.mat")


class _Video(NamedTuple):
    """One video as stored, with labels and frames from 0."""

    name: str
    frames: int
    tubes: list[tuple[int, int, npt.NDArray[np.int64]]]  # label, first frame, boxes x, y, w, h


def read_ucf24(root: str | Path, convention: str = "pixel", split: int = 1) -> Annotations:
    """Reads the UCF24 annotation below a folder.

    The folder holds `pyannot.pkl`, `pyannot_with_class_names.pkl` or `finalAnnots.mat`, looked for
    in this order, and `trainlist01.txt` or `testlist01.txt` or both, beside it or in `splitfiles/`.
    Annotated videos that the only list leaves out are in the other split; listed videos without
    annotation are left out. A `classes.txt` (one name a line) says that it is another data set
    in this layout: its classes, and the frame sizes from its `rgb-images/`, take the place of
    UCF24's.

    Args:
        root: the folder, or one of the annotation files.
        convention: "pixel", "amtnet" or "road", see `UCF24_CONVENTIONS`.
        split: number of the lists.

    Returns:
        The annotation with the splits "train" and "test".

    Raises:
        InputError: files are missing or not as published.
    """
    if convention not in UCF24_CONVENTIONS:
        raise InputError(
            f"convention {convention!r} is unknown; choose one of: {', '.join(UCF24_CONVENTIONS)}"
        )
    path = _annotation_file(Path(root))
    with published_layout(path, "an annotation in the layout of UCF24"):
        listed: list[str] | None = None
        classes: tuple[str, ...] = UCF24_CLASSES
        if path.suffix == ".mat":
            stored = _from_matlab(path)
        else:
            content = load_pickled_dict(path)
            if "db" in content:
                classes = tuple(str(name) for name in content["classes"])
                listed = [str(name) for name in content["trainvideos"]]
                content = content["db"]
            stored = _from_pickle(content)
        class_list = path.parent / "classes.txt"
        if class_list.is_file():
            classes = tuple(_lines(class_list))
        videos = {}
        for video in stored:
            size = _image_size(path.parent, video.name) if class_list.is_file() else UCF24_SIZE
            videos[video.name] = _annotation(video, size, convention)
        splits = _splits(path.parent, videos, split, listed)
        return Annotations(classes, videos, splits)


def _annotation_file(root: Path) -> Path:
    if root.is_file():
        return root
    for name in _FILES:
        if (root / name).is_file():
            return root / name
    raise InputError(
        f"{root}: no annotation of UCF24 is there; put pyannot.pkl or finalAnnots.mat of "
        "gurkirt/corrected-UCF101-Annots into this folder"
    )


def _from_pickle(content: Mapping[Any, Any]) -> Iterator[_Video]:
    """Yields the videos of pyannot.pkl; its numbers are small unsigned types, hence the casts."""
    for name, entry in content.items():
        tubes = []
        for tube in entry["annotations"]:
            start, end = int(tube["sf"]), int(tube["ef"])
            boxes = np.asarray(tube["boxes"]).astype(np.int64).reshape(-1, 4)
            if end - start != len(boxes):
                raise ValueError(f"{name} has {len(boxes)} boxes for frames {start} to {end}")
            tubes.append((int(tube["label"]), start, boxes))
        yield _Video(str(name), int(entry["numf"]), tubes)


def _from_matlab(path: Path) -> Iterator[_Video]:
    """Yields the videos of finalAnnots.mat: frames and classes from 1, the last frame included."""
    for entry in read_matlab(path)["annot"]:
        name = str(entry["name"])
        tubes = []
        for tube in entry["tubes"]:
            start, end = int(tube["sf"].item()) - 1, int(tube["ef"].item())
            boxes = tube["boxes"].astype(np.int64).reshape(-1, 4)
            if end - start != len(boxes):
                raise ValueError(f"{name} has {len(boxes)} boxes for frames {start} to {end}")
            tubes.append((int(tube["class"].item()) - 1, start, boxes))
        yield _Video(name, int(entry["num_imgs"].item()), tubes)


def _annotation(video: _Video, size: tuple[int, int], convention: str) -> VideoAnnotation:
    tubes = tuple(
        Tube.ground_truth(start, _corners(boxes, size, convention), label, index)
        for index, (label, start, boxes) in enumerate(video.tubes)
    )
    return VideoAnnotation(video.name, video.frames, *size, tubes)


def _corners(
    boxes: npt.NDArray[np.int64], size: tuple[int, int], convention: str
) -> npt.NDArray[np.float32]:
    """Turns x, y, w, h into x1, y1, x2, y2, both (T, 4), as a convention has it."""
    first, extent = boxes[:, :2], boxes[:, 2:]
    if convention == "pixel":
        first = first - 1
    elif convention == "amtnet":  # subtracts 1 from all four numbers
        first, extent = first - 1, extent - 1
    last = first + extent
    if convention == "road":
        last = np.minimum(last, size)
    return np.concatenate([first, last], axis=1).astype(np.float32)


def _image_size(root: Path, name: str) -> tuple[int, int]:
    """Width and height of a video's images."""
    folder = root / "rgb-images" / name
    images = list_images(folder) if folder.is_dir() else []
    if not images:
        raise InputError(f"{folder}: the images of an annotated video are missing; put them there")
    height, width = read_image(images[0]).shape[:2]
    return width, height


def _splits(
    root: Path, videos: Mapping[str, object], split: int, listed: list[str] | None
) -> dict[str, tuple[str, ...]]:
    """Reads the split lists; `listed` is the training list of the annotation file, if any."""
    lists: dict[str, list[str] | None] = {
        name: _split_list(root, f"{name}list{split:02d}.txt") for name in ("train", "test")
    }
    if lists["train"] is None and lists["test"] is None:
        lists["train"] = listed
    splits = {}
    for name, other in (("train", "test"), ("test", "train")):
        own, rest = lists[name], lists[other]
        if own is not None:
            splits[name] = tuple(video for video in dict.fromkeys(own) if video in videos)
        elif rest is not None:
            left_out = set(rest)
            splits[name] = tuple(sorted(video for video in videos if video not in left_out))
        else:
            raise InputError(
                f"{root}: trainlist{split:02d}.txt and testlist{split:02d}.txt are missing; "
                "put one of them there or into splitfiles/"
            )
    return splits


def _split_list(root: Path, name: str) -> list[str] | None:
    """Reads lines like `Class/video`, `Class/video.avi` or `Class/video.avi 1`."""
    for path in (root / "splitfiles" / name, root / name):
        if path.is_file():
            return [_LIST_SUFFIX.sub("", line) for line in _lines(path)]
    return None


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a text file; take it as published") from error
    return [line.strip() for line in lines if line.strip()]
