"""Small pictures of tubes at their start, middle and end, collected while a video passes by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from data import Frame, Tube
from demo.overlay import Colour, Image, draw_box

MOMENTS = ("start", "middle", "end")
WIDTH, HEIGHT = 256, 192
CONTEXT = 1.5  # side of the picture relative to that of the box
JPEG_QUALITY = 85


class Thumbnails:
    """Collects the thumbnails of some tubes; memory holds nothing but finished JPEG files.

    Attributes:
        jpegs: by tube id and moment ("start", "middle" or "end"), the file's bytes.
    """

    def __init__(self, tubes: Sequence[Tube], colours: Mapping[int, Colour]) -> None:
        """Notes the frames to wait for; `colours` gives the RGB of every tube id."""
        self.jpegs: dict[tuple[int, str], bytes] = {}
        self._colours = colours
        self._wanted: dict[int, list[tuple[Tube, str]]] = defaultdict(list)
        for tube in tubes:
            frames = (tube.start, (tube.start + tube.end - 1) // 2, tube.end - 1)
            for index, moment in zip(frames, MOMENTS, strict=True):
                self._wanted[index].append((tube, moment))

    def add(self, frame: Frame) -> None:
        """Takes the pictures that this frame holds, if any."""
        for tube, moment in self._wanted.pop(frame.index, []):
            box = tube.boxes[frame.index - tube.start]
            picture = cv2.cvtColor(
                _crop(frame.image, box, self._colours[tube.id]), cv2.COLOR_RGB2BGR
            )
            _, jpeg = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
            self.jpegs[tube.id, moment] = jpeg.tobytes()


def _crop(image: Image, box: np.ndarray, colour: Colour) -> Image:
    """Cuts out a box with its surroundings, at most WIDTH x HEIGHT, and draws the box."""
    frame_height, frame_width = image.shape[:2]
    x1, y1, x2, y2 = (float(side) for side in box)
    # The window has the shape of the thumbnail, as far as the frame allows.
    tall = max((y2 - y1) * CONTEXT, (x2 - x1) * CONTEXT * HEIGHT / WIDTH, 16.0)
    height = min(round(tall), frame_height)
    width = min(round(tall * WIDTH / HEIGHT), frame_width)
    left = min(max(round((x1 + x2 - width) / 2), 0), frame_width - width)
    top = min(max(round((y1 + y2 - height) / 2), 0), frame_height - height)
    scale = min(WIDTH / width, HEIGHT / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    window = image[top : top + height, left : left + width]
    flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    picture = np.asarray(cv2.resize(window, size, interpolation=flags), np.uint8)
    corners = [round(side * scale) for side in (x1 - left, y1 - top, x2 - left, y2 - top)]
    x1, y1, x2, y2 = np.clip(corners, 0, [size[0] - 1, size[1] - 1] * 2).tolist()
    draw_box(picture, (x1, y1, x2, y2), colour, 2)
    return picture
