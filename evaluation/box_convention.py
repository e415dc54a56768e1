"""Box conventions: the one place for the pixels that published programs add to boxes.

Our types hold continuous corners: a box of the inclusive pixels a to b is [a, b + 1), and areas are
those of plain rectangles. Annotated as `x y w h` with x and y from 1, a box is [x - 1, x - 1 + w).
Published programs compare boxes that are up to two pixels off from this, and whose sides are up to
a pixel longer; it changes IoUs of small boxes by some percent. So there are two questions:

- How good are these tubes? Compare in continuous corners, whatever the protocol: the default for
  files of this project and for all formats that say what a pixel is.
- What would the published program print? Take the convention of the program that wrote the files;
  it is the default for these.

A convention belongs to a program's files and not to a protocol: it says what that program adds,
given what the reader of its format has made of its boxes.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, replace

from data import InputError

Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class BoxConvention:
    """What is added to the corners x1, y1, x2, y2 of our types before boxes are compared.

    Attributes:
        name: As the commands call it.
        truth: For boxes of annotated tubes.
        tube: For boxes of detected tubes.
        frame_truth: For annotated boxes of single frames.
        detection: For detected boxes of single frames.
        edge: By how many pixels the frame to which detections are clipped is too small.
    """

    name: str
    truth: Corners = (0, 0, 0, 0)
    tube: Corners = (0, 0, 0, 0)
    frame_truth: Corners = (0, 0, 0, 0)
    detection: Corners = (0, 0, 0, 0)
    edge: int = 0


CONTINUOUS = BoxConvention("continuous")
# ROAD's networks learn coordinates that are a pixel larger than ours, and the truth keeps its
# x - 1 + 1. Tubes: one more from reading (`actionPaths`), and one more and a width of x2 - x1 + 1
# from `compute_spatio_temporal_iou`. Frames: `test-ucf24.py` adds nothing.
ROAD_BOXES = BoxConvention("road", truth=(1, 1, 1, 1), tube=(2, 2, 3, 3), frame_truth=(1, 1, 1, 1))
# `frameAp.m` instead: one from reading, a frame of the pixels 1 to 320, a width of x2 - x1 + 1.
ROAD_MATLAB_BOXES = replace(ROAD_BOXES, name="road-matlab", detection=(1, 1, 2, 2), edge=1)
# ACT and MOC take x - 1 + w for the last pixel of a true box. Found boxes are inclusive too, which
# the reader of their files has undone.
ACT_BOXES = BoxConvention("act", truth=(0, 0, 1, 1), frame_truth=(0, 0, 1, 1))
# YOWO takes x + w for the last pixel, and counts pixels from 1.
YOWO_BOXES = BoxConvention(
    "yowo",
    truth=(1, 1, 2, 2),
    tube=(0, 0, 1, 1),
    frame_truth=(1, 1, 2, 2),
    detection=(0, 0, 1, 1),
)
# 3D-RetinaNet takes x - 1 + w - 1 for the end of a true box. Sides of boxes of tubes are a pixel
# longer in its images of 682x512, here in pixels of UCF24's frames of 320x240.
RETINANET3D_BOXES = BoxConvention(
    "retinanet3d",
    truth=(0, 0, 320 / 682 - 1, 240 / 512 - 1),
    tube=(0, 0, 320 / 682, 240 / 512),
    frame_truth=(0, 0, -1, -1),
)
BOX_CONVENTIONS = {
    convention.name: convention
    for convention in (
        CONTINUOUS,
        ROAD_BOXES,
        ROAD_MATLAB_BOXES,
        ACT_BOXES,
        YOWO_BOXES,
        RETINANET3D_BOXES,
    )
}


def box_convention_option(
    parser: argparse.ArgumentParser, default: str | None = CONTINUOUS.name
) -> None:
    """Adds --box_convention, a name of `BOX_CONVENTIONS`; None stands for that of the files."""
    shown = default or "that of the program that wrote the files; continuous for our own"
    parser.add_argument(
        "--box_convention",
        choices=list(BOX_CONVENTIONS),
        default=default,
        help="compare boxes as the named program does, by whose networks they were found "
        f"(default: {shown})",
    )


def choose_convention(name: str | None, models: Iterable[str], protocol: str) -> BoxConvention:
    """Returns the box convention that was named, or else that of the program that wrote the files.

    Args:
        name: A name of `BOX_CONVENTIONS`, or None.
        models: Models of the detections or tubes. What was read from files of a published program
            has its name there.
        protocol: Name of the protocol, which tells ROAD's two programs for frames apart.

    Raises:
        InputError: The files are of several programs.
    """
    if name is not None:
        return BOX_CONVENTIONS[name]
    found = {BOX_CONVENTIONS.get(model, CONTINUOUS) for model in models}
    if len(found) > 1:
        names = " and ".join(sorted(convention.name for convention in found))
        raise InputError(
            f"the files are of programs that compare boxes in different ways ({names}); choose one "
            "with --box_convention"
        )
    convention = found.pop() if found else CONTINUOUS
    matlab = convention is ROAD_BOXES and protocol == ROAD_MATLAB_BOXES.name
    return ROAD_MATLAB_BOXES if matlab else convention
