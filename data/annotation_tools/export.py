"""What is read from the exports of all tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data.annotation_tools.drawn_boxes import DrawnTube
from data.annotation_tools.video_folder import FoundVideo
from data.errors import InputError


@dataclass(frozen=True)
class Choices:
    """What exports leave open and users say.

    Attributes:
        label_attribute: name of the attribute whose value is the class; None for the tool's label.
        classes: names of the classes in order, where the user gives them; empty entries are
            numbers without a name.
        frame_rate: of folders of images in frames per second, for tools that count in seconds.
        start_time: time of the first frame in seconds, for AVA.
    """

    label_attribute: str | None = None
    classes: tuple[str, ...] = ()
    frame_rate: float | None = None
    start_time: float = 0.0


@dataclass
class ExportedVideo:
    """What an export says about one video.

    Attributes:
        video: where it is.
        tubes: what was drawn; boxes may reach out of the frame.
        split: "train" or another that the tool knows of; None if it knows none.
    """

    video: FoundVideo
    tubes: Sequence[DrawnTube]
    split: str | None = None


@dataclass
class Export:
    """What one file of a tool holds.

    Attributes:
        videos: in the order of the file; a video may be there twice, with other tubes.
        classes: in the order in which the tool lists them; those that are missing come behind.
        notes: sentences about what was left out, or may not be meant.
    """

    videos: list[ExportedVideo] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def choose_attribute(names: Sequence[str], choices: Choices, path: Path) -> str:
    """Returns the attribute that gives the class: the chosen one, or the only one there is.

    Args:
        names: of the attributes in the export, without those that tell tracks.
        choices: of the user.
        path: of the export.

    Raises:
        InputError: the chosen one is not there, or there are several or none.
    """
    known = ", ".join(names)
    if not names:
        raise InputError(
            f"{path}: its boxes have no attribute that could tell the action; give them one in the "
            "tool"
        )
    if choices.label_attribute is not None:
        if choices.label_attribute not in names:
            raise InputError(
                f"{path}: has no attribute {choices.label_attribute!r}; --label_attribute must be "
                f"one of: {known}"
            )
        return choices.label_attribute
    if len(names) != 1:
        raise InputError(
            f"{path}: which attribute tells the action cannot be told; name one with "
            f"--label_attribute, of: {known}"
        )
    return names[0]
