"""Lists of the videos of a recognition data set: those of TSN, TSM, SeqVLAD and LSNet, and CSV."""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from data.errors import InputError, InputErrors
from data.files import atomic_write
from data.interchange.files import read_lines

FlowRule = Literal["listed", "halved", "seqvlad"]

RowT = TypeVar("RowT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class ListedVideo:
    """A video, or a part of one, with its class.

    Attributes:
        name: as the list has it.
        path: folder of frames, video file or frame database; it need not be there.
        label: number of the class, from 0. It may be wrong, as all else that
            `data.video_list_check` looks after.
        frames: how many the whole video has, as listed; None where the list does not say.
        start: first frame of the part, from 0.
        end: frame after the last one of the part; None for the end of the video.
        place: file and line of the list, for errors.
    """

    name: str
    path: Path
    label: int
    frames: int | None = None
    start: int = 0
    end: int | None = None
    place: str = field(default="", compare=False)


def read_video_list(
    path: str | Path,
    *,
    root: str | Path | None = None,
    data_type: Literal["image", "video"] = "image",
    classes: Sequence[str] = (),
    flow_rule: FlowRule = "listed",
) -> list[ListedVideo]:
    """Reads a list of videos; what is wrong with the videos, `data.video_list_check` finds.

    - `folder frames label`, a line, of TSN, TSM and SeqVLAD (data type "image").
    - `file label`, a line, with labels counted from 1, of LSNet (data type "video").
    - A `.csv` file of video, start, end and label, with or without these words in its first line:
      start and end are frames, counted from 0, the end is the frame after the last; empty for the
      whole video. The label is the name of a class or its number from 0.

    Names may hold spaces; numbers are taken from the right.

    Args:
        path: the list.
        root: folder that names are seen from. By default the working directory, as in TSN, and of
            CSV the folder of the file.
        data_type: as LSNet calls the two kinds of lists.
        classes: names of the classes, which CSV may use.
        flow_rule: how many flow images the listed number stands for. "halved": TSM's list of
            Something-Something V1 counts x and y images. "seqvlad": one less, as SeqVLAD's loader
            has it, and names lose the ".avi" that only its RGB lists have.

    Returns:
        The videos in the order of the list.

    Raises:
        InputError: the file cannot be read, lists nothing, or has lines that are not as above.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        return _read_csv(path, Path(path.parent if root is None else root), classes)
    lines = [
        (f"{path}:{number}", line.strip())
        for number, line in enumerate(read_lines(path), 1)
        if line.strip()
    ]
    parse = _parse_folder if data_type == "image" else _parse_file
    folder = Path("" if root is None else root)
    videos = parse_each(path, lines, lambda line, place: parse(line, place, folder))
    return [_as_flow(video, folder, flow_rule) for video in videos]


def write_video_list(path: str | Path, videos: Iterable[ListedVideo]) -> None:
    """Writes `folder frames label` lines, which `read_video_list` reads.

    Raises:
        InputError: the file cannot be written.
    """
    with atomic_write(path, "w") as file:
        file.writelines(f"{video.name} {video.frames} {video.label}\n" for video in videos)


def digest_of(videos: Sequence[ListedVideo]) -> str:
    """Returns a text that differs where other videos, parts, labels or orders of them are listed.

    Where the videos are does not matter.
    """
    listed = [(video.name, video.label, video.frames, video.start, video.end) for video in videos]
    return f"{len(videos)}-{zlib.crc32(repr(listed).encode()):08x}"


def csv_class_names(path: str | Path) -> tuple[str, ...]:
    """Returns the class names that a CSV list uses, sorted; none where its labels are numbers.

    Raises:
        InputError: the file cannot be read, or lists nothing.
    """
    labels = {row.label for _, row in _csv_rows(Path(path)) if row.label}
    return () if all(map(_is_number, labels)) else tuple(sorted(labels))


def csv_rows(path: Path) -> list[tuple[str, list[str]]]:
    """Returns file and line of each row of a CSV file, and its values; blank rows are left out.

    Raises:
        InputError: the file cannot be read, or is not CSV.
    """
    reader = csv.reader(read_lines(path))
    rows: list[tuple[str, list[str]]] = []
    try:
        for row in reader:
            if any(value.strip() for value in row):
                rows.append((f"{path}:{reader.line_num}", row))
    except csv.Error as error:
        raise InputError(
            f"{path}:{reader.line_num}: is not CSV ({error}); correct the line"
        ) from None
    return rows


def by_column(row: Sequence[str], columns: Sequence[str], place: str) -> dict[str, str]:
    """Returns the values of a row of CSV by the names of its columns.

    Raises:
        InputError: there are more or fewer.
    """
    if len(row) != len(columns):
        raise InputError(
            f"{place}: has {len(row)} columns and not the {len(columns)} of "
            f"{','.join(columns)}; correct it, with quotes around names that hold commas"
        )
    return dict(zip(columns, row, strict=True))


def parse_each(
    path: Path, rows: Sequence[tuple[str, RowT]], parse: Callable[[RowT, str], ResultT]
) -> list[ResultT]:
    """Returns what becomes of the rows of a list; all that is wrong is told at once.

    Args:
        path: of the list.
        rows: with file and line of each.
        parse: takes a row and its place.

    Raises:
        InputError: there are no rows, or `parse` raised it.
    """
    if not rows:
        raise InputError(f"{path}: lists no videos; write one a line")
    results: list[ResultT] = []
    errors: list[InputError] = []
    for place, row in rows:
        try:
            results.append(parse(row, place))
        except InputError as error:
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else InputErrors(errors)
    return results


def _parse_folder(line: str, place: str, root: Path) -> ListedVideo:
    name, *numbers = line.rsplit(None, 2)
    if len(numbers) != 2 or not all(map(_is_number, numbers)) or "\0" in name:
        raise InputError(
            f"{place}: must be folder, number of frames and label, not {line[:80]!r}; correct the "
            "line, or name the list of another kind"
        )
    frames, label = map(int, numbers)
    return ListedVideo(name, root / name, label, frames, place=place)


def _parse_file(line: str, place: str, root: Path) -> ListedVideo:
    name, *numbers = line.rsplit(None, 1)
    if len(numbers) != 1 or not _is_number(numbers[0]) or "\0" in name:
        raise InputError(
            f"{place}: must be video file and label, not {line[:80]!r}; correct the line, or name "
            "a list of another kind"
        )
    label = int(numbers[0])
    if label < 1:
        raise InputError(
            f"{place}: the label is {label}, and lists of video files count classes from 1; add 1 "
            "to all labels, or write a CSV file"
        )
    return ListedVideo(name, root / name, label - 1, place=place)


def _as_flow(video: ListedVideo, root: Path, rule: FlowRule) -> ListedVideo:
    if rule == "listed" or video.frames is None:
        return video
    name, frames = video.name, video.frames // 2
    if rule == "seqvlad":
        name, frames = name.removesuffix(".avi"), max(0, video.frames - 1)
    return ListedVideo(name, root / name, video.label, frames, place=video.place)


def _read_csv(path: Path, root: Path, classes: Sequence[str]) -> list[ListedVideo]:
    numbers = {name: number for number, name in enumerate(classes)}

    def parse(row: _CsvRow, place: str) -> ListedVideo:
        if not row.video or "\0" in row.video:
            raise InputError(f"{place}: names no video; write its path into the column video")
        start, end = _frame(row.start, "start", place) or 0, _frame(row.end, "end", place)
        if end is not None and end <= start:
            raise InputError(
                f"{place}: ends at frame {end} and begins at {start}; write as the end the frame "
                "after the last"
            )
        if row.label not in numbers and not _is_number(row.label):
            known = f", such as {classes[0]!r}" if classes else ""
            raise InputError(
                f"{place}: the label {row.label[:40]!r} is neither a number nor one of "
                f"{len(classes)} classes{known}; correct it, or the names of the classes"
            )
        label = numbers[row.label] if row.label in numbers else int(row.label)
        return ListedVideo(row.video, root / row.video, label, None, start, end, place)

    return parse_each(path, _csv_rows(path), parse)


class _CsvRow(NamedTuple):
    video: str
    start: str
    end: str
    label: str


def _csv_rows(path: Path) -> list[tuple[str, _CsvRow]]:
    """The rows with their places."""
    rows = [(place, [value.strip() for value in row]) for place, row in csv_rows(path)]
    columns = [value.lower() for value in rows[0][1]] if rows else []
    if {"video", "label"} <= set(columns):
        rows = rows[1:]
    else:
        columns = list(_CsvRow._fields)

    def pick(row: list[str], place: str) -> tuple[str, _CsvRow]:
        fields = by_column(row, columns, place)
        return place, _CsvRow(*(fields.get(name, "") for name in _CsvRow._fields))

    return parse_each(path, rows, pick)


def _frame(text: str, column: str, place: str) -> int | None:
    if not text:
        return None
    if not _is_number(text) or int(text) < 0:
        raise InputError(
            f"{place}: {column} must be the number of a frame, from 0, or empty, not "
            f"{text[:40]!r}; of seconds, write seconds times frames a second"
        )
    return int(text)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,9}", text) is not None
