"""The videos that the options of training and testing name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import data
from data.clip_frames import FLOW, ClipFrames
from data.command import positive
from data.dataset import DATASETS
from data.frame_names import FrameNames
from data.label_csv import is_label_csv, label_csv_classes, read_label_csv
from data.recognition_sets import SETS, RecognitionSet, recognition_set
from data.video_list import ListedVideo, csv_class_names, read_video_list
from recognition.tube_clips import TubeFrames, tube_clips
from training.distributed import rank

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
        help=f"{', '.join(SETS)}; embedded; or an annotation of tubes, which are classified",
    )
    add("--data_root", type=Path, help="where lists, class names and frames are")
    add("--root_path", type=Path, help="folder that the names in lists are seen from")
    add(
        "--frame_names",
        metavar="TEMPLATE",
        help="names of frames, such as image_{:05d}.jpg, or flow_{}_{:05d}.jpg with {} for x and y "
        "(default: of the data set)",
    )
    add("--split", type=positive, default=1, help="published split of the data set")
    add("--data_type", choices=("image", "video"), default="image", help="kind of lists (LSNet)")


def listed_data(
    options: argparse.Namespace,
    lists: Mapping[str, Path | None],
    modality: str,
    *,
    of_seqvlad: bool = False,
    classes: Sequence[str] = (),
) -> ListedData:
    """The videos of a data set.

    Of lists as SRTG has them, those that are not there are left out, as a note says.

    Args:
        options: see `data_options`.
        lists: which parts, "train" and "val", and the lists of them; None for the data set's own.
        modality: of the frames.
        of_seqvlad: whether lists of flow are meant as SeqVLAD's loader has them.
        classes: names of the classes where no file beside the lists has them.

    Raises:
        InputError: lists are missing or wrong.
    """
    if options.dataset in SETS:
        published = recognition_set(options.dataset)
        if of_seqvlad:
            published = replace(published, flow_rule="seqvlad")
        return _published(published, options, lists, modality, classes)
    if options.dataset not in DATASETS and not Path(options.dataset).exists():
        raise data.InputError(
            f"--dataset {options.dataset}: is no data set of recognition ({', '.join(SETS)}) or of "
            f"tubes ({', '.join(DATASETS)}), nor the file of an annotation; name one of these"
        )
    if modality == FLOW or any(lists.values()):
        raise data.InputError(
            f"--dataset {options.dataset}: has tubes and no lists or flow images of videos; name "
            f"one of {', '.join(SETS)}"
        )
    return _annotated(options, lists)


def numbered_classes(count: int) -> tuple[str, ...]:
    """Names of classes of which only the numbers are known."""
    return tuple(f"class_{label}" for label in range(count))


def _published(
    published: RecognitionSet,
    options: argparse.Namespace,
    lists: Mapping[str, Path | None],
    modality: str,
    classes: Sequence[str],
) -> ListedData:
    root = options.data_root or Path()
    paths = {
        part: path or published.list_file(root, part, modality, options.split)
        for part, path in lists.items()
    }
    if _of_labels(paths.values()):
        return _labelled(published, options, paths, modality, classes)
    classes = published.class_names(root) or tuple(classes)
    # What a network learns, the list for training says; a test alone takes the names of its list.
    table = paths.get("train", next(iter(paths.values())))
    if not classes and table.suffix.lower() == ".csv":
        classes = csv_class_names(table)
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
        classes = numbered_classes(number)
    names = (published.flow_names if flow else None) or published.rgb_names
    if options.frame_names:
        names = FrameNames(options.frame_names)
    frames = ClipFrames(modality, names)
    mirror = flow or published.mirroring_keeps_labels
    return ListedData(options.dataset, videos, classes, frames, mirror)


def _of_labels(paths: Iterable[Path]) -> bool:
    """Whether these are files of labels as SRTG has them.

    Raises:
        InputError: some are, and others not, so that classes may have other numbers.
    """
    kinds = {is_label_csv(path): path for path in paths}
    if len(kinds) > 1:
        raise data.InputError(
            f"{kinds[False]}: is a list of another kind than {kinds[True]}, which has the columns "
            "label and youtube_id or id; name two lists of one kind"
        )
    return True in kinds


def _labelled(
    published: RecognitionSet,
    options: argparse.Namespace,
    paths: Mapping[str, Path],
    modality: str,
    learned: Sequence[str],
) -> ListedData:
    """The videos of files of labels, as SRTG has them."""
    classes = tuple(learned)
    if classes == numbered_classes(len(classes)):  # without names
        classes = label_csv_classes([paths[part] for part in _SPLITS if part in paths])
    time_slices = published.labels.time_slices if published.labels else None
    videos = {}
    for part, path in paths.items():
        root = _classes_root(published, options, path)
        found = read_label_csv(path, root, classes, time_slices=time_slices)
        videos[part] = found.videos
        if rank() == 0:
            for note in found.notes():
                print(f"note: {part}: {note}", file=sys.stderr)
    # What is in the folders tells how the frames are called, unless an option does.
    names = FrameNames(options.frame_names) if options.frame_names else None
    mirror = modality == FLOW or published.mirroring_keeps_labels
    return ListedData(options.dataset, videos, classes, ClipFrames(modality, names), mirror)


def _classes_root(published: RecognitionSet, options: argparse.Namespace, path: Path) -> Path:
    """The folder with those of the classes that a file of labels names."""
    if options.root_path:
        root: Path = options.root_path
    elif published.labels:
        root = published.labels.classes_root(options.data_root or path.parent.parent)
    else:
        root = options.data_root or path.parent
    return root


def _annotated(options: argparse.Namespace, parts: Iterable[str]) -> ListedData:
    """The tubes of a data set of detection."""
    dataset = data.open_dataset(
        options.dataset,
        data_root=options.data_root or options.save_root / "data",
        split=options.split,
    )
    videos: dict[str, list[ListedVideo]] = {
        part: [*tube_clips(dataset, _SPLITS[part])] for part in parts
    }
    classes = tuple(dataset.annotations.classes)
    return ListedData(dataset.name, videos, classes, TubeFrames(), mirror=True)
