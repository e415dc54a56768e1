"""Checks the videos of a list before training starts: each problem named, and all counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from data.clip_frames import ClipFrames, count_frames
from data.command import ProgressBar, counted, progress
from data.container_length import declared_length
from data.errors import InputError, InputErrors
from data.frame_database import LockedDatabaseError, has_database
from data.image_folder import ImageFolder
from data.still_images import StillImages
from data.video import open_video
from data.video_list import ListedVideo
from data.video_reader import VideoReader

_THREADS = 8  # disks answer several questions at once
_COUNTING = threading.Lock()  # which takes decoders that are shared


class Problem(NamedTuple):
    """Why a video cannot be used.

    Attributes:
        kind: under which it is counted, such as "missing".
        error: what is wrong, with the line of the list.
    """

    kind: str
    error: InputError


@dataclass(frozen=True)
class CheckedList:
    """What was found in the videos of a list.

    Attributes:
        good: the videos that can be used, in the order of the list.
        bad: the others, with what is wrong with each.
        longer: good ones of which more frames are there than the list says; lists were often made
            of other copies of the frames.
        cut: good ones whose files end early, but behind the frames that are listed.
        repeated: good ones that were listed before, with any label.
        gaps: good ones that are folders in which numbers of images are left out, and the names of
            two images between which some are.
    """

    good: list[ListedVideo]
    bad: list[tuple[ListedVideo, list[Problem]]]
    longer: list[ListedVideo]
    cut: list[ListedVideo]
    repeated: list[ListedVideo]
    gaps: list[tuple[ListedVideo, tuple[str, str]]]

    def usable(self, *, skip_bad: bool) -> list[ListedVideo]:
        """Returns the videos that can be used.

        Args:
            skip_bad: whether the others are left out, which `notes` tells.

        Raises:
            InputError: there are others, and they are not to be left out; or nothing would be left.
        """
        if not self.bad or (skip_bad and self.good):
            return self.good
        remedy = "put them right, or add --skip_bad_videos" if self.good else "put them right"
        errors = [problem.error for _, problems in self.bad for problem in problems]
        raise InputErrors([InputError(f"{self._summary()}; {remedy}"), *errors])

    def notes(self) -> list[str]:
        """Returns sentences on what was found, for those who train all the same."""
        notes = []
        if self.bad:
            notes.append(f"{self._summary()} and left out, such as {self.bad[0][1][0].error}")
        if self.longer:
            first = self.longer[0]
            notes.append(
                f"{counted(len(self.longer), 'video')} with more frames than listed, such as "
                f"{_at(first)}{first.path}; those listed are used"
            )
        if self.cut:
            first = self.cut[0]
            notes.append(
                f"{counted(len(self.cut), 'video file')} cut short, such as {_at(first)}"
                f"{first.path}; the frames that are there are used"
            )
        if self.repeated:
            first = self.repeated[0]
            notes.append(
                f"{counted(len(self.repeated), 'video')} listed more than once, such as "
                f"{_at(first)}{first.name}; each time counts"
            )
        if self.gaps:
            first, names = self.gaps[0]
            notes.append(
                f"{counted(len(self.gaps), 'folder')} in which images are left out, such as "
                f"{_at(first)}{first.path} between {' and '.join(names)}; those that are there "
                "are taken for frames one after the other"
            )
        return notes

    def _summary(self) -> str:
        kinds = Counter(kind for _, problems in self.bad for kind in {kind for kind, _ in problems})
        reasons = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
        total = counted(len(self.good) + len(self.bad), "listed video")
        return f"{len(self.bad)} of {total} cannot be used ({reasons})"


def check_listed_videos(
    videos: Sequence[ListedVideo], frames: ClipFrames, classes: int, segments: int = 1
) -> CheckedList:
    """Checks each video of a list.

    Labels must be below the number of classes; folders and files be there, with as many frames as
    listed, and no fewer than segments. Of frames with known names only the first, the last and the
    one behind it are looked for, and the first two decoded: what is missing or damaged between
    them shows when it is read. Of folders of any images and of databases all frames are counted,
    the first and the last decoded; a database that another process writes to is waited for. Video
    files are opened, which decodes their first frame; of those that are shorter in bytes than they
    say the frames are counted.

    Args:
        videos: of the list.
        frames: what reads them.
        classes: number of classes.
        segments: the fewest frames that a video must have.
    """

    def check(video: ListedVideo) -> tuple[list[Problem], _Found]:
        problems = list(_label_problems(video, classes))
        found = _Found(video, segments)
        by_name = frames.by_name(video) and not has_database(video.path)
        problems += found.by_name(frames) if by_name else found.opened()
        return problems, found

    checked = CheckedList([], [], [], [], [], [])
    bar: ProgressBar[ListedVideo] = progress(total=len(videos), description="check", unit="video")
    with bar, ThreadPoolExecutor(_THREADS) as pool:
        for video, (problems, found) in zip(videos, pool.map(check, videos), strict=True):
            if problems:
                checked.bad.append((video, problems))
            else:
                checked.good.append(video)
                checked.longer.extend([video] if found.longer else [])
                checked.cut.extend([video] if found.cut else [])
                checked.gaps.extend([(video, found.gap)] if found.gap else [])
            bar.update()
    checked.repeated.extend(_repeated(checked.good))
    return checked


def _repeated(videos: Sequence[ListedVideo]) -> list[ListedVideo]:
    seen: set[tuple[Path, int, int | None, str]] = set()
    repeated = []
    for video in videos:
        # Tubes of one video are told apart by their names.
        key = (video.path, video.start, video.end, video.name)
        if key in seen:
            repeated.append(video)
        seen.add(key)
    return repeated


def _label_problems(video: ListedVideo, classes: int) -> Iterator[Problem]:
    if not 0 <= video.label < classes:
        text = (
            f"the label is {video.label}, and the {counted(classes, 'class')} are counted from 0; "
            "correct it, or give the list of this data set"
        )
        yield Problem("label out of range", InputError(f"{_at(video)}{video.name}: {text}"))


class _Found:
    """What there is of a video, compared with what is listed.

    Attributes:
        longer: whether more frames are there than listed.
        cut: whether it is a file that is shorter than it says.
        gap: two images of a folder between which others are left out.
    """

    def __init__(self, video: ListedVideo, segments: int) -> None:
        self.video = video
        self.segments = segments
        self.longer = self.cut = False
        self.gap: tuple[str, str] | None = None

    def by_name(self, frames: ClipFrames) -> Iterator[Problem]:
        """Looks for the frames whose names are known."""
        video = self.video
        listed = video.frames
        assert listed is not None
        if listed < 1:
            yield self._problem("empty", f"lists {listed} frames; leave it out")
            return
        for index in dict.fromkeys((0, listed - 1)):
            try:
                frames.load(video, index)
            except InputError as error:
                yield self._image_problem(frames.files(video, index), error)
                return
        yield from self._range_problems(listed)
        self.longer = all(file.exists() for file in frames.files(video, listed))

    def opened(self) -> Iterator[Problem]:
        """Opens the video."""
        path, listed = self.video.path, self.video.frames
        if listed is not None and listed < 1:
            yield self._problem("empty", f"lists {listed} frames; leave it out")
            return
        try:
            self.cut = path.is_file() and declared_length(path) > path.stat().st_size
            with closing(open_video(path)) as reader:
                total = self._total(reader)
                if isinstance(reader, StillImages):
                    for _ in reader.select([0, total - 1]):
                        pass
                if isinstance(reader, ImageFolder):
                    self.gap = reader.left_out()
        except InputError as error:
            locked = isinstance(error, LockedDatabaseError)
            kind = "locked" if locked else _kind_of_failure(path)
            yield Problem(kind, InputError(f"{_at(self.video)}{error}"))
            return
        except OSError as error:
            yield self._problem("damaged", f"cannot be read ({error.strerror}); check the file")
            return
        if listed is not None and listed > total:
            text = f"has {total} frames, and {listed} are listed; make the list again"
            yield self._problem("wrong count", text)
            return
        self.longer = listed is not None and listed < total
        yield from self._range_problems(total if listed is None else listed)

    def _total(self, reader: VideoReader) -> int:
        """The number of frames; what a container announces is taken where it is not needed."""
        needed = max(self.video.end or 0, self.video.frames or 0, self.video.start + self.segments)
        if reader.frames is not None and reader.frames > needed and not self.cut:
            return reader.frames
        with _COUNTING:
            return count_frames(reader)

    def _range_problems(self, total: int) -> Iterator[Problem]:
        video = self.video
        end = total if video.end is None else video.end
        if end > total or video.start >= total:
            text = (
                f"has {counted(total, 'frame')}, and the part from {video.start} to {end} is "
                "listed; correct start and end"
            )
            yield self._problem("wrong range", text)
        elif end - video.start < self.segments:
            text = (
                f"has {counted(end - video.start, 'frame')}, fewer than the {self.segments} "
                "segments; leave it out, or take fewer segments"
            )
            yield self._problem("too short", text)

    def _image_problem(self, files: list[Path], error: InputError) -> Problem:
        """What is wrong with the images of a frame, which could not be read."""
        if not files[0].parent.is_dir():
            text = "the folder is not there; extract its frames, or correct the list or its root"
            return self._problem("missing", text)
        for file in files:
            if not file.exists():
                text = (
                    f"{file.name} is not there, and {counted(self.video.frames or 0, 'frame')} "
                    "listed; extract the frames again, or make the list again"
                )
                return self._problem("wrong count", text)
            if file.stat().st_size == 0:
                text = f"{file.name} is an empty file; extract the frames again"
                return self._problem("empty", text)
        return Problem("damaged", InputError(f"{_at(self.video)}{error}"))

    def _problem(self, kind: str, text: str) -> Problem:
        return Problem(kind, InputError(f"{_at(self.video)}{self.video.path}: {text}"))


def _kind_of_failure(path: Path) -> str:
    if not path.exists():
        return "missing"
    empty = not any(path.iterdir()) if path.is_dir() else path.stat().st_size == 0
    return "empty" if empty else "damaged"


def _at(video: ListedVideo) -> str:
    return f"{video.place}: " if video.place else ""
