"""A folder of images, one a frame, read like a video."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.frame import Frame
from data.video_reader import VideoReader

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


class ImageFolder(VideoReader):
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
        self.frames: int = len(self.files)

    def __iter__(self) -> Iterator[Frame]:
        """Yields every frame from the start."""
        return self.select(range(self.frames))

    def select(self, indices: Collection[int]) -> Iterator[Frame]:
        """Yields the frames with these 0-based indices in rising order, each once."""
        for index in sorted(set(indices)):
            if index >= self.frames:
                return
            image = read_image(self.files[index])
            if image.shape != (self.height, self.width, 3):
                raise InputError(
                    f"{self.files[index]}: the image is {image.shape[1]}x{image.shape[0]} and the "
                    f"first of its folder {self.width}x{self.height}; make them one size"
                )
            yield Frame(image=image, index=index, time=index / self.frame_rate)

    def kept_closed(self) -> ImageFolder:
        """Returns itself."""
        return self

    def close(self) -> None:
        """Does nothing: no file stays open between images."""


def list_images(folder: Path) -> list[Path]:
    """The images of a folder in natural order; hidden files are left out."""
    files = (
        file
        for file in folder.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
    )
    return sorted(files, key=_natural_key)


def read_image(path: Path) -> npt.NDArray[np.uint8]:
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


def decode_image(content: bytes, place: str) -> npt.NDArray[np.uint8]:
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
