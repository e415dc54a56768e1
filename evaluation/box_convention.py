"""Box conventions: the one place for ROAD's additions of one and two pixels.

Our types hold continuous corners: a box of the inclusive pixels a to b is [a, b + 1), and areas are
those of plain rectangles. ROAD annotates `x y w h` with x and y from 1 and compares the rectangle
[x, x + w] with detections that were shifted by a pixel when they were read and, for tubes, once
more and made a pixel wider in the comparison. Its networks learn coordinates that are a pixel
larger than ours, so its published figures contain a shift of about two pixels; evaluate detections
of such networks with its convention and all others with ours.
"""

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class BoxConvention:
    """What is added to the corners x1, y1, x2, y2 of our types before boxes are compared.

    Attributes:
        name: As the commands call it.
        truth: For annotated boxes.
        tube: For boxes of tubes.
        detection: For boxes of single frames.
    """

    name: str
    truth: Corners = (0, 0, 0, 0)
    tube: Corners = (0, 0, 0, 0)
    detection: Corners = (0, 0, 0, 0)


CONTINUOUS = BoxConvention("continuous")
# Truth: x - 1 becomes x again. Tubes: one pixel from reading (`actionPaths`), one more and a width
# of x2 - x1 + 1 from `compute_spatio_temporal_iou`. Frames: `test-ucf24.py` adds nothing.
ROAD_BOXES = BoxConvention("road", truth=(1, 1, 1, 1), tube=(2, 2, 3, 3))
BOX_CONVENTIONS = {convention.name: convention for convention in (CONTINUOUS, ROAD_BOXES)}


def shifted(boxes: ArrayLike, corners: Corners) -> NDArray[np.float64]:
    """Boxes (N, 4) as float64 with a field of a convention added."""
    moved: NDArray[np.float64] = np.asarray(boxes, np.float64) + np.asarray(corners)
    return moved


def box_convention_option(parser: argparse.ArgumentParser) -> None:
    """Adds --box_convention, a name of `BOX_CONVENTIONS`."""
    parser.add_argument(
        "--box_convention",
        choices=sorted(BOX_CONVENTIONS),
        default=CONTINUOUS.name,
        help="road: for the output of networks trained by ROAD (default: %(default)s)",
    )
