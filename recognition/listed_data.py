"""The videos that the options of training and testing name."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import data
from data.clip_frames import FLOW, ClipFrames
from data.command import positive
from data.recognition_sets import SETS, RecognitionSet, recognition_set
from data.video_list import ListedVideo, csv_class_names, read_video_list

# What the parts of data sets of tubes are called.
_SPLITS = {"train": "train", "val": "test"}


@dataclass(frozen=True)
class ListedData:
    """Videos with their classes, and what reads them.

    Attributes:
        name: of the data set.
        videos: of its parts, by "train" and "val".
        classes: names of the classes.
        frames: reads frames.
        mirror: whether a mirrored video shows the same class.
    """

    name: str
    videos: dict[str, list[ListedVideo]]
    classes: tuple[str, ...]
    frames: ClipFrames
    mirror: bool


def data_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that name a data set."""
    add = parser.add_argument_group("data").add_argument
    add(
        "--dataset",
        default="embedded",
        help=f"{', '.join(SETS)}; embedded; or an annotation of tubes, whose videos are classified",
    )
    add("--data_root", type=Path, help="where lists, class names and frames are")
    add("--root_path", type=Path, help="folder that the names in lists are seen from")
    add("--split", type=positive, default=1, help="published split of the data set")
    add("--data_type", choices=("image", "video"), default="image", help="kind of lists (LSNet)")


def listed_data(
    options: argparse.Namespace, lists: Mapping[str, Path | None], modality: str
) -> ListedData:
    """The videos of a data set.

    Args:
        options: see `data_options`.
        lists: which parts, "train" and "val", and the lists of them; None for the data set's own.
        modality: of the frames.

    Raises:
        InputError: lists are missing or wrong.
    """
    if options.dataset in SETS:
        return _published(recognition_set(options.dataset), options, lists, modality)
    if modality == FLOW or any(lists.values()):
        raise data.InputError(
            f"--dataset {options.dataset}: has tubes and no lists or flow images of videos; name "
            f"one of {', '.join(SETS)}"
        )
    return _annotated(options, lists)


def _published(
    published: RecognitionSet,
    options: argparse.Namespace,
    lists: Mapping[str, Path | None],
    modality: str,
) -> ListedData:
    root = options.data_root or Path()
    paths = {
        part: path or published.list_file(root, part, modality, options.split)
        for part, path in lists.items()
    }
    classes = published.class_names(root)
    tables = [path for path in paths.values() if path.suffix.lower() == ".csv"]
    if not classes and tables:
        classes = tuple(sorted({name for path in tables for name in csv_class_names(path)}))
    flow = modality == FLOW
    videos = {
        part: read_video_list(
            path,
            root=options.root_path or options.data_root,
            data_type=options.data_type,
            classes=classes,
            flow_rule=published.flow_rule if flow else "listed",
        )
        for part, path in paths.items()
    }
    if not classes:
        last = max(video.label for listed in videos.values() for video in listed)
        number = published.classes or last + 1
        classes = tuple(f"class_{label}" for label in range(number))
    names = published.flow_names if flow else published.rgb_names
    frames = ClipFrames(modality, names or published.rgb_names)
    mirror = flow or published.mirroring_keeps_labels
    return ListedData(options.dataset, videos, classes, frames, mirror)


def _annotated(options: argparse.Namespace, parts: Iterable[str]) -> ListedData:
    """A data set of tubes: the class of a video is that of its last tube, as in ROAD."""
    dataset = data.open_dataset(
        options.dataset,
        data_root=options.data_root or options.save_root / "data",
        split=options.split,
    )
    videos = {
        part: [
            ListedVideo(
                video.name,
                dataset.video_path(video.name),
                video.tubes[-1].label,
                frames=video.frames,
            )
            for video in dataset.annotations.split(_SPLITS[part])
            if video.tubes
        ]
        for part in parts
    }
    classes = tuple(dataset.annotations.classes)
    return ListedData(dataset.name, videos, classes, ClipFrames(), mirror=True)
