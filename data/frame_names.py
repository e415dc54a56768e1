"""What the image files of frames are called in the folders of published data sets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Formatter

from data.errors import InputError

AXES = "x", "y"
_NUMBER = re.compile(r"((0[1-9])?d)?")


@dataclass(frozen=True)
class FrameNames:
    """The names of the image files of one video, as TSN, TSM and SeqVLAD write them.

    Files are numbered from 1. A folder that is numbered itself may have its number in the names
    and then also in its own name, as the flow of Something-Something V1 has.

    Attributes:
        template: a name with replacement fields of Python. One field is the number of the frame
            ("img_{:05d}.jpg"); two are axis, x or y, and number ("flow_{}_{:05d}.jpg"); three are
            the number of the folder, axis and number ("{:06d}-{}_{:05d}.jpg").

    Raises:
        InputError: the template is none of these.
    """

    template: str

    def __post_init__(self) -> None:
        axis, numbers = self._specs[-2:-1], self._specs[:-2] + self._specs[-1:]
        known = 1 <= len(self._specs) <= 3 and axis in ([], [""])
        if not known or "/" in self.template or not all(map(_NUMBER.fullmatch, numbers)):
            raise InputError(
                f"template {self.template!r}: is not the name of a frame; write the number as in "
                "img_{:05d}.jpg, with the axis of flow before it as in flow_{}_{:05d}.jpg"
            )

    @property
    def has_axes(self) -> bool:
        """Whether there are two files a frame, x and y, and not one."""
        return len(self._specs) > 1

    def files(self, folder: Path, index: int) -> list[Path]:
        """Returns the files of a frame: one, or those of x and y.

        Args:
            folder: of the video, as it is listed.
            index: of the frame, 0-based.

        Raises:
            InputError: the folder's name should be a number and is none.
        """
        fields = len(self._specs)
        if fields == 1:
            return [folder / self.template.format(index + 1)]
        if fields == 2:
            return [folder / self.template.format(axis, index + 1) for axis in AXES]
        if not re.fullmatch(r"[0-9]{1,9}", folder.name):
            raise InputError(
                f"{folder}: its name is not a number, which {self.template!r} asks for; give the "
                "list of this data set"
            )
        number = int(folder.name)
        numbered = folder.with_name(f"{number:{self._specs[0]}}")
        return [numbered / self.template.format(number, axis, index + 1) for axis in AXES]

    def number(self, name: str) -> int | None:
        """Returns the number of the frame, from 1, whose file has a name; None if none has.

        Only of templates without axes.
        """
        found = self._pattern.fullmatch(name)
        number = int(found[1]) if found else 0
        return number if number and self.template.format(number) == name else None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(
            "".join(
                re.escape(literal) + ("" if field is None else "([0-9]{1,9})")
                for literal, field, _, _ in Formatter().parse(self.template)
            )
        )

    @cached_property
    def _specs(self) -> list[str]:
        """The format of each field; "?" of one that has a name or a conversion."""
        try:
            return [
                "?" if name or conversion else spec or ""
                for _, name, spec, conversion in Formatter().parse(self.template)
                if name is not None
            ]
        except ValueError:
            return []
