"""The labels of recognition data sets as their makers publish them, before lists are made of them.

The order of classes and the names of folders follow the tools that TSM's lists come from
(gen_label_kinetics.py, gen_label_sthv1.py, gen_label_sthv2.py, gen_label_jester.py).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from data.class_names import read_class_names
from data.errors import InputError, published_layout
from data.files import read_file
from data.interchange.files import read_lines

CLASSES, TRAIN, VALIDATION = "classes", "train", "val"


class LabelledVideo(NamedTuple):
    """A video of a published annotation.

    Attributes:
        folders: below the folder of frames, those that may be the video's; the first has the name
            of the published tools.
        label: name of its class.
    """

    folders: tuple[str, ...]
    label: str


class PublishedLabels(NamedTuple):
    """The annotation of a data set.

    Attributes:
        classes: names in the order of the labels.
        parts: the videos by part, "train" and "val".
    """

    classes: tuple[str, ...]
    parts: dict[str, list[LabelledVideo]]


def read_published_labels(name: str, files: Iterable[Path]) -> PublishedLabels:
    """Reads the annotation files of a data set.

    Args:
        name: a key of `READERS`.
        files: as published, for training, validation or test, and class names. Which is which
            their names tell: they have "train", "val" or "test", or "label" or "class" in them.

    Raises:
        InputError: a file is missing, not as published, or names a class that is not known.
    """
    kinds: dict[str, list[Path]] = {CLASSES: [], TRAIN: [], VALIDATION: []}
    for file in files:
        kinds[_kind(file)].append(file)
    if not kinds[TRAIN] + kinds[VALIDATION]:
        raise InputError(
            f"{name}: no file with videos is named; give the published files, which have train or "
            "val in their names"
        )
    classes, parts = READERS[name](kinds)
    known = set(classes)
    for part, videos in parts.items():
        unknown = next((video for video in videos if video.label not in known), None)
        if unknown is not None:
            raise InputError(
                f"{kinds[part][0]}: the class {unknown.label!r} of {unknown.folders[0]} is not "
                f"among the {len(classes)} of {kinds[CLASSES][0]}; give files of one data set"
            )
    return PublishedLabels(
        tuple(classes), {part: videos for part, videos in parts.items() if videos}
    )


_Files = dict[str, list[Path]]
_Content = tuple[Sequence[str], dict[str, list[LabelledVideo]]]


def _kind(file: Path) -> str:
    if re.search("train|val|test", file.name):
        return TRAIN if "train" in file.name else VALIDATION
    if re.search("label|class", file.name):
        return CLASSES
    raise InputError(
        f"{file}: its name does not tell whether it is for train or val, or has the labels; give "
        "the file as published"
    )


def _parts(
    kinds: _Files, read: Callable[[Path], Iterable[LabelledVideo]]
) -> dict[str, list[LabelledVideo]]:
    parts: dict[str, list[LabelledVideo]] = {TRAIN: [], VALIDATION: []}
    for part, videos in parts.items():
        for file in kinds[part]:
            with published_layout(file, "an annotation of this data set"):
                try:
                    videos.extend(read(file))
                except (csv.Error, OverflowError) as error:
                    raise ValueError(str(error)) from None
    return parts


def _labels(parts: dict[str, list[LabelledVideo]]) -> list[str]:
    """The classes that are used, sorted, where no file names them."""
    return sorted({video.label for videos in parts.values() for video in videos})


def _kinetics(kinds: _Files) -> _Content:
    """CSV with a header; labels in the order of the label map, without what folders lack."""
    parts = _parts(kinds, _kinetics_videos)
    labels = read_class_names(kinds[CLASSES][0]) if kinds[CLASSES] else _labels(parts)
    return [_folder_name(label) for label in labels], {
        part: [video._replace(label=_folder_name(video.label)) for video in videos]
        for part, videos in parts.items()
    }


def _kinetics_videos(file: Path) -> list[LabelledVideo]:
    videos = []
    for row in csv.DictReader(read_lines(file)):
        label, start, end = row["label"], row["time_start"].strip(), row["time_end"].strip()
        seconds = f"{int(float(start)):06d}_{int(float(end)):06d}"
        clips = [f"{row['youtube_id']}_{time}" for time in (start, seconds)]
        folders = [f"{name}/{clip}" for name in (_folder_name(label), label) for clip in clips]
        videos.append(LabelledVideo((*dict.fromkeys(folders), *clips), label))
    return videos


def _folder_name(label: str) -> str:
    return re.sub("[\"()']", "", label.strip().replace(" ", "_"))


def _something(kinds: _Files) -> _Content:
    """Lines `video;label` of Something-Something V1 and Jester; labels sorted."""
    parts = _parts(kinds, _semicolon_videos)
    if not kinds[CLASSES]:
        return _labels(parts), parts
    return sorted(read_class_names(kinds[CLASSES][0])), parts


def _semicolon_videos(file: Path) -> list[LabelledVideo]:
    videos = []
    for number, line in enumerate(read_lines(file), 1):
        video, separator, label = line.strip().partition(";")
        if line.strip() and not separator:
            raise InputError(
                f"{file}:{number}: must be video;label, not {line[:60]!r}; give the file of train "
                "or validation, test has no labels"
            )
        if separator:
            videos.append(LabelledVideo((video,), label))
    return videos


def _somethingv2(kinds: _Files) -> _Content:
    """JSON; the labels have their numbers, and templates lose their brackets."""
    parts = _parts(kinds, _template_videos)
    if not kinds[CLASSES]:
        raise InputError(
            "somethingv2: the file of the labels is not named; give "
            "something-something-v2-labels.json too"
        )
    file = kinds[CLASSES][0]
    with published_layout(file, "the labels of Something-Something V2"):
        numbers = {label: int(number) for label, number in _json(file).items()}
        classes = sorted(numbers, key=numbers.__getitem__)
        if [numbers[label] for label in classes] != list(range(len(classes))):
            raise ValueError("the labels are not numbered from 0 without gaps")
    return classes, parts


def _template_videos(file: Path) -> list[LabelledVideo]:
    return [
        LabelledVideo((str(entry["id"]),), re.sub(r"[\[\]]", "", entry["template"]))
        for entry in _json(file)
    ]


def _json(file: Path) -> Any:
    return json.loads(read_file(file))


def _ucf101(kinds: _Files) -> _Content:
    """Lines `class/video.avi`, of train with a label behind; labels as classInd.txt has them."""
    parts = _parts(kinds, _ucf_videos)
    if not kinds[CLASSES]:
        return _labels(parts), parts
    return read_class_names(kinds[CLASSES][0]), parts


def _ucf_videos(file: Path) -> list[LabelledVideo]:
    paths = [PurePosixPath(line.split()[0]) for line in read_lines(file) if line.strip()]
    if any(len(path.parts) != 2 for path in paths):
        raise ValueError("the lines must be class/video.avi")
    return [_avi(path.parent.name, path.name) for path in paths]


def _hmdb51(kinds: _Files) -> _Content:
    """Of each class a file of lines `video.avi part`, part 1 for train and 2 for test."""
    parts: dict[str, list[LabelledVideo]] = {TRAIN: [], VALIDATION: []}
    for file in kinds[VALIDATION]:  # "<class>_test_split<number>.txt"
        label = file.name.rpartition("_test_split")[0]
        with published_layout(file, "a split of HMDB51"):
            for line in filter(str.strip, read_lines(file)):
                video, part = line.split()
                if part != "0":
                    parts[{"1": TRAIN, "2": VALIDATION}[part]].append(_avi(label, video))
    return _labels(parts), parts


def _avi(label: str, video: str) -> LabelledVideo:
    stem = video.removesuffix(".avi")
    return LabelledVideo((f"{label}/{stem}", stem, f"{label}/{video}", video), label)


READERS: Final[dict[str, Callable[[_Files], _Content]]] = {
    "hmdb51": _hmdb51,
    "jester": _something,
    "kinetics": _kinetics,
    "kinetics200": _kinetics,
    "kinetics400": _kinetics,
    "kinetics600": _kinetics,
    "kinetics700": _kinetics,
    "something": _something,
    "somethingv2": _somethingv2,
    "ucf101": _ucf101,
}
