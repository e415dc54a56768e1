"""Draws tubes onto the frames of their video: boxes and labels in one steady colour a tube."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from data import Frame, Tube, VideoTubes

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]

# Okabe and Ito, "Color Universal Design" (2008), without black: told apart by colour-blind people
# too. The order puts the colours that stand out best on real footage first.
PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (204, 121, 167),
    (0, 114, 178),
)

MIN_SHORT_SIDE = 360  # smaller videos are enlarged until labels are readable,
MAX_LONG_SIDE = 1920  # as far as this allows
FONT = cv2.FONT_HERSHEY_SIMPLEX


def tube_colours(tubes: Sequence[Tube]) -> dict[int, Colour]:
    """Chooses a colour for each tube id, such that tubes seen together differ as far as possible.

    Each tube takes the colour that the fewest tubes have when it starts, and of several such the
    one that has been free for the longest time.

    Args:
        tubes: of one video, with ids of their own.

    Returns:
        RGB by tube id.
    """
    ends: dict[Colour, list[int]] = {colour: [] for colour in PALETTE}
    colours = {}
    for tube in sorted(tubes, key=lambda tube: (tube.start, tube.id)):
        use = [
            (sum(end > tube.start for end in ends[colour]), max(ends[colour], default=-1))
            for colour in PALETTE
        ]
        colours[tube.id] = PALETTE[use.index(min(use))]
        ends[colours[tube.id]].append(tube.end)
    return colours


def text_colour(background: Colour) -> Colour:
    """Returns black or white, whichever is easier to read on a background (RGB)."""
    red, green, blue = background
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 120 else (255, 255, 255)


class Overlay:
    """Draws the tubes of one video, frame by frame.

    Attributes:
        width: of the drawn frames in pixels; a whole multiple of the video's.
        height: likewise.
    """

    def __init__(self, tubes: VideoTubes, colours: Mapping[int, Colour]) -> None:
        """Prepares sizes; `colours` gives the RGB of every tube id."""
        wanted = math.ceil(MIN_SHORT_SIDE / min(tubes.width, tubes.height))
        self._factor = max(1, min(wanted, MAX_LONG_SIDE // max(tubes.width, tubes.height)))
        self.width = tubes.width * self._factor
        self.height = tubes.height * self._factor
        short_side = min(self.width, self.height)
        self._line = max(2, round(short_side / 200))
        self._text_height = max(12, round(short_side / 34))
        self._classes = tubes.classes
        # The best tube is drawn last, on top of the others.
        self._tubes = sorted(tubes.tubes, key=lambda tube: tube.score)
        self._colours = colours

    def draw(self, frame: Frame) -> Image:
        """Returns the enlarged frame (height, width, 3) RGB with the tubes that live in it."""
        size = (self.width, self.height)
        # A copy even where the size stays: the frame is not ours to draw on.
        image = np.array(cv2.resize(frame.image, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        alive = [tube for tube in self._tubes if tube.start <= frame.index < tube.end]
        boxes = [self._corners(tube.boxes[frame.index - tube.start]) for tube in alive]
        for tube, box in zip(alive, boxes, strict=True):
            draw_box(image, box, self._colours[tube.id], self._line)
        taken: list[Rectangle] = []
        for tube, box in reversed(list(zip(alive, boxes, strict=True))):
            score = tube.scores[frame.index - tube.start]
            text = f"#{tube.id} {self._classes[tube.label]} {score:.2f}"
            taken.append(self._label(image, text, box, self._colours[tube.id], taken))
        return image

    def _corners(self, box: npt.NDArray[np.float32]) -> Rectangle:
        """First and last pixel (x1, y1, x2, y2) of a box in the enlarged frame, all inside it."""
        x1, y1, x2, y2 = (round(float(side) * self._factor) for side in box)
        x1, y1 = min(max(x1, 0), self.width - 1), min(max(y1, 0), self.height - 1)
        # Boxes are continuous: x2 is where the last pixel ends.
        return x1, y1, min(max(x2 - 1, x1), self.width - 1), min(max(y2 - 1, y1), self.height - 1)

    def _label(
        self, image: Image, text: str, box: Rectangle, colour: Colour, taken: Sequence[Rectangle]
    ) -> Rectangle:
        """Writes a label near its box, inside the frame, off other labels where there is room."""
        pad = max(2, self._text_height // 4)
        scale = self._text_height / cv2.getTextSize("A", FONT, 1.0, 1)[0][1]
        weight = max(1, round(self._text_height / 14))
        (width, height), below = cv2.getTextSize(text, FONT, scale, weight)
        if width + 2 * pad > self.width:
            scale *= (self.width - 2 * pad) / width
            (width, height), below = cv2.getTextSize(text, FONT, scale, weight)
        full_width, full_height = width + 2 * pad, height + below + pad
        place = self._place(box, full_width, full_height, taken)
        x1, y1, x2, y2 = place
        cv2.rectangle(image, (x1, y1), (x2 - 1, y2 - 1), colour, cv2.FILLED)
        origin = (x1 + pad, y1 + height + pad // 2 + 1)
        cv2.putText(image, text, origin, FONT, scale, text_colour(colour), weight, cv2.LINE_AA)
        return place

    def _place(
        self, box: Rectangle, width: int, height: int, taken: Sequence[Rectangle]
    ) -> Rectangle:
        """The first free spot (x1, y1, x2, y2; ends exclusive) above, inside or below the box."""
        x1, y1, x2, y2 = box
        lowest = self.height - height
        tops = [y for y in (y1 - height, y1, y2 + 1, y2 + 1 - height) if 0 <= y <= lowest]
        lefts = [max(0, min(x, self.width - width)) for x in (x1, x2 + 1 - width)]
        spots = [(x, y, x + width, y + height) for y in tops or [0] for x in lefts]
        free = (spot for spot in spots if not any(_overlap(spot, other) for other in taken))
        return next(free, spots[0])


def draw_box(image: Image, box: Rectangle, colour: Colour, line: int) -> None:
    """Draws a box, first and last pixel given, with a dark rim that shows on bright ground."""
    x1, y1, x2, y2 = box
    cv2.rectangle(image, (x1, y1), (x2, y2), (20, 20, 20), line + 2)
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, line)


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
