"""What other people's files leave unsaid: class names, sizes and lengths of videos, frame rate."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from data.errors import InputError
from data.validation import check_fields, class_names, number, rate

# Noted down where nobody says otherwise; UCF101's, which UCF24 is cut from.
USUAL_FRAME_RATE = 25.0


class VideoShape(Protocol):
    """Length and frame size of a video, such as a `VideoAnnotation` or `Detections`."""

    @property
    def frames(self) -> int:
        """Number of frames."""
        ...

    @property
    def width(self) -> int:
        """Of the original frame, in pixels."""
        ...

    @property
    def height(self) -> int:
        """Of the original frame, in pixels."""
        ...


def _ignore(note: str) -> None:
    pass


def _print(note: str) -> None:
    print("note:", note, file=sys.stderr)


@dataclass(frozen=True)
class Context:
    """What readers and writers need to know besides the files.

    Attributes:
        classes: class names, in the order in which the files number them.
        videos: lengths and frame sizes by name of the video, such as `Annotations.videos`.
        frame_rate: of the videos, in frames per second; None if unknown, which only AVA's files
            don't allow: what is read from others then says 25.
        start_time: time of the first frame in seconds, for AVA's files: they count from the start
            of the film, and the clips that are cut out of it start at 900.
        note: is told, in a sentence, of what is not wrong and may yet not be meant.

    Raises:
        ValueError: a field has the wrong type or range.
    """

    classes: tuple[str, ...] = ()
    videos: Mapping[str, VideoShape] = field(default_factory=dict)
    frame_rate: float | None = None
    start_time: float = 0.0
    note: Callable[[str], None] = field(default=_ignore, compare=False)

    def __post_init__(self) -> None:
        check_fields(
            self,
            {
                "classes": class_names,
                "frame_rate": lambda value, field: None if value is None else rate(value, field),
                "start_time": number,
            },
        )

    def class_names(self, path: str | os.PathLike[str]) -> tuple[str, ...]:
        """Returns `classes`, which the files at `path` lack.

        Raises:
            InputError: there are none.
        """
        if not self.classes:
            raise InputError(
                f"{path}: the files number their classes and do not name them; give the names, "
                "for instance with --dataset"
            )
        return self.classes

    def video(self, name: str, path: str | os.PathLike[str]) -> VideoShape:
        """Returns length and frame size of a video, which the files at `path` lack.

        Raises:
            InputError: they are not known.
        """
        shapes = self.shapes(path)
        if name not in shapes:
            raise InputError(
                f"{path}: the annotation has no video {name!r}; give the data set that the files "
                "are about, and the folder right above its videos"
            )
        return shapes[name]

    def note_missing(self, files: Mapping[str, int], path: str | os.PathLike[str]) -> None:
        """Notes which videos have frames without a file, where there is one for each frame.

        Args:
            files: number of files by name of the video.
            path: where the files are.
        """
        frames = {name: self.videos[name].frames for name in files}
        missing = [name for name in files if files[name] < frames[name]]
        if missing:
            some = ", ".join(
                f"{name} ({frames[name] - files[name]} of {frames[name]})" for name in missing[:3]
            )
            self.note(
                f"{path}: {len(missing)} of {len(files)} videos have frames without a file, which "
                f"count as frames without detections: {some}{', ...' if missing[3:] else ''}"
            )

    def shapes(self, path: str | os.PathLike[str]) -> Mapping[str, VideoShape]:
        """Returns `videos`, which the files at `path` lack.

        Raises:
            InputError: there are none.
        """
        if not self.videos:
            raise InputError(
                f"{path}: the files do not say how many frames the videos have and how large "
                "these are; give the annotation, for instance with --dataset"
            )
        return self.videos


def context_options(parser: argparse._ActionsContainer) -> None:
    """Adds --frame_rate and --start_time."""
    parser.add_argument(
        "--frame_rate", type=float, metavar="FPS", help="of the videos, which ava files lack"
    )
    parser.add_argument(
        "--start_time",
        type=float,
        default=0.0,
        metavar="SECOND",
        help="time of the first frame in ava files (default: %(default)g)",
    )


def chosen_context(
    args: argparse.Namespace, classes: Sequence[str], videos: Mapping[str, VideoShape]
) -> Context:
    """Returns what the options of `context_options` and the data set say.

    Notes are printed on stderr.

    Raises:
        InputError: an option is wrong.
    """
    try:
        return Context(tuple(classes), videos, args.frame_rate, args.start_time, _print)
    except ValueError as error:
        raise InputError(f"--{error}; give another number") from None
