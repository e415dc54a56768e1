"""Reads the annotation of DALY as AMTNet has it, `finalAnnots.json`.

DALY: Weinzaepfel, Martin and Schmid, Human action localization with sparse spatial supervision,
arXiv 1605.05197, 2016. Actions are cut out in time, and boxes are there in a few key frames only.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.annotation import Annotations, VideoAnnotation
from data.errors import InputError, published_layout
from data.files import read_file
from data.image_folder import read_image
from data.interpolation import interpolate_boxes
from data.media_index import find_media
from data.tube import Tube
from data.video import open_video

DALY_CLASSES = (
    "ApplyingMakeUpOnLips",
    "BrushingTeeth",
    "CleaningFloor",
    "CleaningWindows",
    "Drinking",
    "FoldingTextile",
    "Ironing",
    "Phoning",
    "PlayingHarmonica",
    "TakingPhotosOrVideos",
)

FILE = "finalAnnots.json"

KeyFrames = dict[str, tuple[tuple[int, ...], ...]]


def read_daly(root: str | Path) -> tuple[Annotations, KeyFrames]:
    """Reads DALY's annotation below a folder, which holds the videos or their images as well.

    `finalAnnots.json` has `annots`, by name of the video its `numf` and `annotations` with `class`
    (a name, or its number from 0), `sf` and `ef` (first frame and the one after the last), `frames`
    (key frames, from 0) and `bboxes` (their corners divided by the frame size); `vidList`, the
    order of the videos; and `testvideos`. Frame sizes are those of the videos, which must be there.

    Boxes between key frames are interpolated linearly; before the first and behind the last they
    are those of these. Tubes whose key frames are outside of `sf` to `ef` are longer by as much.

    Returns:
        The annotation with the splits "train" and "test", and by name of the video the key frames
        of each of its tubes.

    Raises:
        InputError: the file or a video is missing, or the file is not as published.
    """
    path = Path(root) / FILE
    if not path.is_file():
        raise InputError(f"{root}: no annotation of DALY is there; put {FILE} into this folder")
    with published_layout(path, "the annotation of DALY"):
        try:
            content = json.loads(read_file(path))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise InputError(f"{path}: not a JSON file ({error}); copy it again") from error
        names = [str(name) for name in content["vidList"]]
        media = find_media(Path(root), names)
        videos: dict[str, VideoAnnotation] = {}
        key_frames: KeyFrames = {}
        for name in names:
            size = _frame_size(name, media, path)
            videos[name], key_frames[name] = _video(name, content["annots"][name], size)
        test = {str(name) for name in content["testvideos"]}
        splits = {
            "train": tuple(name for name in names if name not in test),
            "test": tuple(name for name in names if name in test),
        }
        return Annotations(DALY_CLASSES, videos, splits), key_frames


def _frame_size(name: str, media: Mapping[str, Path], path: Path) -> tuple[int, int]:
    """Width and height of the frames of a video."""
    if name not in media:
        raise InputError(
            f"{path}: the video {name!r} is not there, and frame sizes are not in the file; put "
            "it beside the file, into videos/ or as images into rgb-images/"
        )
    first = media[name] / "00001.jpg"
    if first.is_file():  # listing the images of a long video takes longer than reading one
        height, width = read_image(first).shape[:2]
        return width, height
    with open_video(media[name]) as video:
        return video.width, video.height


def _video(
    name: str, entry: Mapping[str, Any], size: tuple[int, int]
) -> tuple[VideoAnnotation, tuple[tuple[int, ...], ...]]:
    frames = int(entry["numf"])
    tubes, key_frames = [], []
    for index, annotation in enumerate(entry["annotations"]):
        keys = np.array(annotation["frames"], np.int64).reshape(-1)
        fractions = np.array(annotation["bboxes"], np.float64).reshape(-1, 4)
        if len(keys) != len(fractions) or not len(keys):
            raise ValueError(f"{name} has {len(fractions)} boxes for {len(keys)} key frames")
        order = np.argsort(keys, kind="stable")
        keys, corners = keys[order], np.clip(fractions[order], 0, 1) * (*size, *size)
        if any(first == second for first, second in itertools.pairwise(keys.tolist())):
            raise ValueError(f"{name} has a key frame twice")
        start = min(int(annotation["sf"]), int(keys[0]))
        end = max(min(int(annotation["ef"]), frames), int(keys[-1]) + 1)
        boxes = interpolate_boxes(keys.tolist(), corners, range(start, end))
        tubes.append(Tube.ground_truth(start, boxes, _label(annotation["class"]), index))
        key_frames.append(tuple(keys.tolist()))
    return VideoAnnotation(name, frames, *size, tuple(tubes)), tuple(key_frames)


def _label(value: Any) -> int:
    if isinstance(value, str):
        return DALY_CLASSES.index(value)
    if not 0 <= int(value) < len(DALY_CLASSES):
        raise ValueError(f"there is no class {value}")
    return int(value)
