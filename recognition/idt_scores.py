"""Reads the scores of improved dense trajectories (iDT) that SeqVLAD publishes for HMDB51.

Wang and Schmid, "Action Recognition with Improved Trajectories", ICCV 2013. A Matlab file holds
`scores_idt`, float64 (N, C), `vn_idt`, names of the original videos without suffix, and `gt_idt`,
labels from 1. The lists of test videos number them: `brush_hair/11` is line 11 of AllVideos.txt.

SeqVLAD's script (merge_hmdb.py) pairs these scores with those of its networks wrongly in two ways:
rows of networks are in the order of the sorted names, and it takes those of iDT in the order of the
list; and three pairs of classes have changed columns. Published figures come of both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import numpy.typing as npt

from data import InputError
from data.errors import published_layout
from data.interchange.files import read_lines
from data.matlab_file import read_matlab
from data.video_list import read_video_list
from recognition.score_files import Scores

IdtRows = Literal["corrected", "published"]
IDT_ROWS: tuple[IdtRows, ...] = ("corrected", "published")


@dataclass(frozen=True, eq=False)
class IdtScores:
    """Scores of iDT, in an order of their own.

    Attributes:
        scores: Of each video and column, float64 (N, C), finite.
        names: Of the original videos, without folder and suffix, N different ones.
        columns: Column of the true class of each video, 0-based, int64 (N,).

    Raises:
        ValueError: A field does not fit.
    """

    scores: npt.NDArray[np.float64]
    names: tuple[str, ...]
    columns: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.scores.ndim != 2 or not np.isfinite(self.scores).all():
            raise ValueError("scores_idt must be a matrix of finite numbers")
        if len(set(self.names)) < len(self.names) or len(self.names) != len(self.scores):
            raise ValueError("vn_idt must name each row of scores_idt, all differently")
        inside = np.isin(self.columns, np.arange(self.scores.shape[1]))
        if self.columns.shape != (len(self.scores),) or not inside.all():
            raise ValueError("gt_idt must give each row of scores_idt a column of it, from 1")

    def of(self, videos: Sequence[HmdbVideo]) -> npt.NDArray[np.float64]:
        """Returns the scores of these videos, (videos, C).

        Raises:
            ValueError: A video is not there.
        """
        return self.scores[self._rows(videos)]

    def class_columns(self, videos: Sequence[HmdbVideo]) -> npt.NDArray[np.int64]:
        """Returns the column of each class of a list, (C,).

        In SeqVLAD's files climb and climb_stairs, kick and kick_ball, and sword and sword_exercise
        have each other's. Which column is whose is told by the labels of both.

        Args:
            videos: At least one of each class.

        Raises:
            ValueError: A video is not there, or a class has no column of its own.
        """
        columns = np.full(self.scores.shape[1], -1)
        for video, column in zip(videos, self.columns[self._rows(videos)].tolist(), strict=True):
            if not 0 <= video.label < len(columns) or columns[video.label] not in (-1, column):
                raise ValueError(f"its label of {video.name} is not that of others of the class")
            columns[video.label] = column
        if sorted(columns.tolist()) != list(range(len(columns))):
            raise ValueError("the labels of the list do not tell whose each of its columns is")
        return columns

    def _rows(self, videos: Sequence[HmdbVideo]) -> list[int]:
        rows = {name: row for row, name in enumerate(self.names)}
        missing = [video for video in videos if video.original not in rows]
        if missing:
            raise ValueError(
                f"it lacks {len(missing)} videos of the list, of which {missing[0].name} "
                f"({missing[0].original}) is one"
            )
        return [rows[video.original] for video in videos]


@dataclass(frozen=True)
class HmdbVideo:
    """A test video of HMDB51.

    Attributes:
        name: As listed, such as "brush_hair/11".
        label: Of the class, 0-based.
        original: Name of the original video, without folder and suffix.
    """

    name: str
    label: int
    original: str


def read_idt(path: Path) -> IdtScores:
    """Reads a Matlab file of iDT scores.

    Raises:
        InputError: The file is missing, damaged or none of iDT scores.
    """
    with published_layout(path, "a file of iDT scores"):
        variables = read_matlab(path)
        # A name that is no text is left out, so that their number is wrong.
        names = tuple(name for name in variables["vn_idt"] if isinstance(name, str))
        with np.errstate(invalid="ignore"):  # what is no number is no column either
            columns = variables["gt_idt"].ravel().astype(np.int64) - 1
        return IdtScores(variables["scores_idt"], names, columns)


def read_hmdb_videos(list_path: Path, all_path: Path) -> tuple[HmdbVideo, ...]:
    """Reads a list of videos of HMDB51 that are called after their line in a list of all videos.

    Args:
        list_path: Lines of name, number of frames and label, such as "brush_hair/11 439 0".
        all_path: Lines such as "brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi".

    Raises:
        InputError: A file is missing, or a line is no such line.
    """
    originals = read_lines(all_path)
    videos = []
    for video in read_video_list(list_path):
        number = PurePosixPath(video.name).name
        if not re.fullmatch("[0-9]{1,9}", number) or not 0 < int(number) <= len(originals):
            raise InputError(
                f"{video.place}: {video.name!r} does not end in the number of one of the "
                f"{len(originals)} lines of {all_path}; name the lists that belong together"
            )
        videos.append(
            HmdbVideo(video.name, video.label, PurePosixPath(originals[int(number) - 1]).stem)
        )
    return tuple(videos)


def idt_beside(
    scores: Scores, idt: IdtScores, videos: Sequence[HmdbVideo], rows: IdtRows = "corrected"
) -> npt.NDArray[np.float64]:
    """Returns the iDT scores to fuse with those of networks, (N, C).

    Args:
        scores: Of networks, in the order of their names, or if they have none in that of the sorted
            names of the list, as in published files.
        idt: To choose from.
        videos: The list of the same videos.
        rows: "corrected" pairs scores of the same video and class. "published" is for SeqVLAD's
            published figures: rows in the order of the list, and columns as they are.

    Raises:
        ValueError: They are not of the same videos and classes.
    """
    if len(videos) != len(scores.labels):
        raise ValueError(f"the list has {len(videos)} videos, not {len(scores.labels)}")
    ordered = sorted(videos, key=lambda video: video.name)
    if scores.names:
        by_name = {video.name: video for video in videos}
        missing = [name for name in scores.names if name not in by_name]
        if missing:
            raise ValueError(f"the list lacks {missing[0]!r} and {len(missing) - 1} other videos")
        ordered = [by_name[name] for name in scores.names]
    if [video.label for video in ordered] != scores.labels.tolist():
        raise ValueError("the labels of the list are not those of the score files")
    if idt.scores.shape[1] != scores.logits.shape[1]:
        raise ValueError(f"it has {idt.scores.shape[1]} classes, not {scores.logits.shape[1]}")
    if rows == "published":
        return idt.of(videos)
    return idt.of(ordered)[:, idt.class_columns(videos)]
