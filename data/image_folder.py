"""A folder of images, one a frame, read like a video."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from data.errors import InputError
from data.still_images import Image, StillImages

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


class ImageFolder(StillImages):
    """The images of a folder in natural order (2.jpg before 10.jpg), all of one size.

    Raises:
        InputError: there are no images, or one is damaged or of another size than the first.
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
            raise InputError(
                f"{self.path}: the folder holds no images; give a video file or a folder of "
                f"{', '.join(suffix[1:] for suffix in IMAGE_SUFFIXES)} files"
            )
        self.height, self.width = read_image(self.files[0]).shape[:2]
        self.frame_rate = frame_rate
        self.frames = len(self.files)

    def read(self, indices: Sequence[int]) -> Iterator[tuple[str, Image]]:
        """Yields path and image of each of these frames."""
        for index in indices:
            yield str(self.files[index]), read_image(self.files[index])


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
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: the image cannot be read ({error.strerror}); check the file"
        ) from error
    return decode_image(content, str(path))


def decode_image(content: bytes, place: str) -> Image:
    """As `read_image`, of the content of an image file.

    Args:
        content: of the file.
        place: where it comes from, for the error.
    """
    image = None
    if content and _is_whole(content):
        # OpenCV refuses absurd sizes with an error and everything else with None.
        with suppress(cv2.error):
            # Decoding from memory also works for names that OpenCV's own file access cannot open.
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"{place}: the image is damaged or not an image; replace the file")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _is_whole(content: bytes) -> bool:
    """Whether the end is there: OpenCV 4 fills what a cut JPEG lacks with grey, silently."""
    if content.startswith(b"\xff\xd8"):  # JPEG: the last scan is followed by the end marker
        return content.find(b"\xff\xd9", content.rfind(b"\xff\xda")) >= 0
    if content.startswith(b"\x89PNG"):
        return b"IEND" in content
    if content.startswith(b"BM"):
        return len(content) >= int.from_bytes(content[2:6], "little")
    return True


def _natural_key(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
