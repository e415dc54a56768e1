"""A folder of images, one a frame, read like a video."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage

from data.errors import InputError
from data.still_images import Image, StillImages, decode_as, decode_image

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


class NoImagesError(InputError):
    """A folder holds no images."""


class ImageFolder(StillImages):
    """The images of a folder in natural order (2.jpg before 10.jpg), all of one size.

    Raises:
        NoImagesError: there are no images.
        InputError: one is damaged or of another size than the first.
    """

    def __init__(self, path: str | Path, frame_rate: float) -> None:
        """Lists the images and reads the first one for the size."""
        self.path = Path(path)
        try:
            self.files = list_images(self.path)
        except OSError as error:
            raise InputError(
                f"{self.path}: the folder cannot be read ({error.strerror}); check its permissions"
            ) from error
        if not self.files:
            raise NoImagesError(
                f"{self.path}: the folder holds no images; give a video file or a folder of "
                f"{', '.join(suffix[1:] for suffix in IMAGE_SUFFIXES)} files"
            )
        self.height, self.width = read_image(self.files[0]).shape[:2]
        self.frame_rate = frame_rate
        self.frames = len(self.files)

    def left_out(self) -> tuple[str, str] | None:
        """The names of two images between whose numbers others are left out; None: there are none.

        Images whose numbers all rise by the same are taken to be meant so.
        """
        parts = [re.fullmatch(r"(.*?)(\d+)(\D*)", path.name) for path in self.files]
        if None in parts or len({(part[1], part[3]) for part in parts if part}) > 1:
            return None
        steps = np.diff([int(part[2]) for part in parts if part])
        if len(set(steps.tolist())) < 2:
            return None
        place = int(steps.argmax())
        return self.files[place].name, self.files[place + 1].name

    def contents(self, indices: Sequence[int]) -> Iterator[tuple[str, bytes]]:
        """Yields path and content of the file of each of these frames."""
        for index in indices:
            yield str(self.files[index]), _content(self.files[index])


def list_images(folder: Path) -> list[Path]:
    """The images of a folder in natural order; hidden files are left out."""
    files = (
        file
        for file in folder.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
    )
    return sorted(files, key=_natural_key)


def read_image(path: Path) -> Image:
    """Reads one image, turned as its EXIF orientation says.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        InputError: the file cannot be read, or is damaged, or cut short.
    """
    return decode_image(_content(path), str(path))


def read_grey_image(path: Path) -> Image:
    """Reads one image as grey: as it is stored, or the luminance of a coloured one.

    The luminance is that of Pillow's mode L, which the loaders of TSN and TSM take.

    Returns:
        uint8 (H, W).

    Raises:
        InputError: as `read_image`.
    """
    content = _content(path)
    image = decode_as(content, cv2.IMREAD_UNCHANGED)
    if image is not None and image.ndim == 2 and image.dtype == np.uint8:
        return image.astype(np.uint8, copy=False)
    return luminance(decode_image(content, str(path)))


def luminance(image: Image) -> Image:
    """Returns the grey of an RGB image as Pillow's mode L has it: uint8 (H, W)."""
    return np.asarray(PillowImage.fromarray(image).convert("L"))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: the image cannot be read ({error.strerror}); check the file"
        ) from error


def _natural_key(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
