"""CSV files of labels as SRTG and MTNet have them: videos in folders of their classes.

The first line of `labels/HACS_clips_v1.1_train.csv` names its columns: `label`, `youtube_id` or
`id`, and, where videos are parts of others, `time_start` and `time_end` in seconds. The frames of a
video are in `data/HACS_videos/jpg/LABEL/ID_000012_000014` or `.../LABEL/ID`: its `frames.db` and
`n_frames` (see `data.frame_database`). The system is the repository
alexandrosstergiou/Squeeze-and-Recursion-Temporal-Gates.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from data.command import ProgressBar, counted, progress
from data.errors import InputError
from data.frame_database import COUNT_FILE
from data.interchange.files import head
from data.json_reader import JsonDocument
from data.media_index import list_media
from data.video_list import ListedVideo, by_column, csv_rows, parse_each

_LABEL: Final = "label"
_IDS: Final = ("youtube_id", "id")
_TIMES: Final = ("time_start", "time_end")
_THREADS = 8  # disks answer several questions at once
_MOST_SECONDS = 10**6  # names of folders have room for six digits


@dataclass(frozen=True)
class LabelledVideos:
    """The videos of a file of labels.

    Attributes:
        videos: those that are there, in the order of the file; `frames` is what `n_frames` says.
        missing: the others, of which published files name many that cannot be downloaded any more.
    """

    videos: list[ListedVideo]
    missing: list[ListedVideo]

    def notes(self) -> list[str]:
        """Returns a sentence on what is missing, if anything is."""
        if not self.missing:
            return []
        first, total = self.missing[0], len(self.videos) + len(self.missing)
        return [
            f"{len(self.missing)} of {counted(total, 'listed video')} left out, which are not "
            f"there, such as {first.place}: {first.path}"
        ]


def is_label_csv(path: str | Path) -> bool:
    """Whether a list is such a file, by the columns that its first line names.

    Two of their names are enough, so that a column that is missing can be told. A column `video`
    is of the lists that `data.video_list` reads.

    Raises:
        InputError: the file cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() != ".csv":
        return False
    first = next((line for line in head(path) if line.strip()), "")
    columns = {name.strip(' \t"').lower() for name in first.split(",")}
    return "video" not in columns and len(columns & {_LABEL, *_IDS, *_TIMES}) >= 2


def label_csv_classes(paths: Sequence[str | Path]) -> tuple[str, ...]:
    """Returns the classes of files of labels, in the order of their numbers.

    `PREFIX_dictionary.json` beside the first file has the numbers, if it is there: the published
    program writes it when it first reads `PREFIX_train.csv`. Else classes are numbered as they
    appear in the file for training, which is looked for beside another one, and then in the other
    files, as that program does when it has written none; here, none is written.

    The prefix ends in front of "train", "val" or "test" in the name of the file. The program looks
    for these words in the whole path, so that a folder such as "training" would move the file.

    Args:
        paths: of one data set, the file for training first.

    Raises:
        InputError: a file cannot be read, or is not as it should be.
    """
    first = Path(paths[0])
    dictionary = _beside(first, "dictionary.json")
    if dictionary is not None:
        return _read_dictionary(dictionary)
    files = dict.fromkeys(map(Path, paths))
    training = None if "train" in first.name else _beside(first, "train.csv")
    if training is not None:
        files = {training: None} | files
    found: dict[str, None] = {}
    for file in files:
        _, rows = _read_table(file)
        found.update(dict.fromkeys(parse_each(file, rows, _label)))
    return tuple(found)


def read_label_csv(
    path: str | Path,
    root: str | Path,
    classes: Sequence[str],
    *,
    time_slices: bool | None = None,
) -> LabelledVideos:
    """Reads a file of labels, and looks for its videos.

    In place of the folder of a video there may be one with images, or a video file of that name.

    Args:
        path: the file.
        root: in which the folders of the classes are.
        classes: names in the order of their numbers; see `label_csv_classes`.
        time_slices: whether the times are in the names of folders; None: where there are columns
            of them.

    Raises:
        InputError: the file cannot be read, names no video that is there, or lacks a column; a
            value is wrong, or a label none of the classes.
    """
    path, root = Path(path), Path(root)
    columns, rows = _read_table(path)
    if time_slices is None:
        time_slices = set(_TIMES) <= set(columns)
    identity = next((name for name in _IDS if name in columns), _IDS[0])
    for name in (identity, *(_TIMES if time_slices else ())):
        if name not in columns:
            wanted = "youtube_id or id" if name == identity else name
            raise InputError(
                f"{path}: its first line names no column {wanted}, from which the names of folders "
                "are made; add it"
            )
    numbers = {name: number for number, name in enumerate(classes)}

    def parse(row: dict[str, str], place: str) -> ListedVideo:
        label, folder = _label(row, place), row[identity].strip()
        if not folder or "\0" in folder:
            raise InputError(f"{place}: names no video; write its id into the column {identity}")
        if label not in numbers:
            raise InputError(
                f"{place}: the label {label[:40]!r} is none of the "
                f"{counted(len(classes), 'class')} that the dictionary beside the list, or the "
                "network, has numbered; correct it, or give the list of these classes"
            )
        if time_slices:
            start, end = (_seconds(row[name], name, place) for name in _TIMES)
            folder = f"{folder}_{start:06d}_{end:06d}"
        name = f"{label}/{folder}"
        return ListedVideo(name, root / name, numbers[label], place=place)

    listed = parse_each(path, rows, parse)
    videos, missing = _look_for(listed)
    if not videos:
        raise InputError(
            f"{path}: none of its {counted(len(listed), 'video')} is there, such as "
            f"{listed[0].path}; name the folder with those of the classes, --root_path"
        )
    return LabelledVideos(_with_frames(videos), missing)


def _read_table(path: Path) -> tuple[list[str], list[tuple[str, dict[str, str]]]]:
    """Names of the columns; the rows by them, with their places."""
    rows = csv_rows(path)
    columns = [name.strip().lower() for name in rows[0][1]] if rows else []
    if rows and _LABEL not in columns:
        raise InputError(
            f"{path}: its first line names no column label, which has the classes; add it"
        )
    return columns, parse_each(
        path, rows[1:], lambda row, place: (place, by_column(row, columns, place))
    )


def _label(row: dict[str, str], place: str) -> str:
    """The class, blanks at its ends included, which folders have as well."""
    label = row[_LABEL]
    if not label.strip() or "\0" in label:
        raise InputError(f"{place}: names no class; write it into the column label")
    return label


def _seconds(text: str, column: str, place: str) -> int:
    """Whole seconds: what follows the point is cut off."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < _MOST_SECONDS:  # nor NaN
        raise InputError(
            f"{place}: {column} must be a number of seconds, such as 12.7, not {text[:40]!r}; "
            "correct it"
        )
    return int(seconds)


def _beside(path: Path, ending: str) -> Path | None:
    """The file whose name begins as that of a list does, if it is there."""
    for part in ("train", "val", "test"):
        prefix, found, _ = path.name.partition(part)
        if found:
            file = path.with_name(prefix + ending)
            return file if file.is_file() else None
    return None


def _read_dictionary(path: Path) -> tuple[str, ...]:
    """The classes in the order of their numbers."""
    document = JsonDocument(path)
    numbers = document.object(document.value, ())
    document.raise_problems()
    assert numbers is not None
    values = list(numbers.values())
    if any(type(value) is not int for value in values) or sorted(values) != list(
        range(len(values))
    ):
        raise InputError(
            f"{path}: must give each class a number, from 0 without gaps; correct it, or remove it "
            "to have classes numbered in the order of the list for training"
        )
    return tuple(sorted(numbers, key=numbers.__getitem__))


def _look_for(listed: Sequence[ListedVideo]) -> tuple[list[ListedVideo], list[ListedVideo]]:
    """The videos that are there and the others; each folder of a class is listed once."""
    listings: dict[Path, dict[str, str]] = {}
    videos: list[ListedVideo] = []
    missing: list[ListedVideo] = []
    for video in listed:
        folder, stem = video.path.parent, video.path.name
        if folder not in listings:
            # In order, so that a folder comes before a file of the same name.
            listings[folder] = {}
            for name, path in list_media(folder):
                listings[folder].setdefault(name, path.name)
        there = listings[folder].get(stem)
        if there is None:
            missing.append(video)
        else:
            videos.append(replace(video, path=folder / there))
    return videos, missing


def _with_frames(videos: Sequence[ListedVideo]) -> list[ListedVideo]:
    bar: ProgressBar[ListedVideo] = progress(total=len(videos), description="count", unit="video")
    counted_videos = []
    with bar, ThreadPoolExecutor(_THREADS) as pool:
        for video, frames in zip(videos, pool.map(_frames, videos), strict=True):
            counted_videos.append(replace(video, frames=frames))
            bar.update()
    return counted_videos


def _frames(video: ListedVideo) -> int | None:
    """The number that is beside the frames; without a good one, they are counted when opened."""
    try:
        with (video.path / COUNT_FILE).open(encoding="utf-8", errors="replace") as file:
            text = file.readline(20).strip()
    except OSError:
        return None
    return int(text) if text.isascii() and text.isdigit() else None
