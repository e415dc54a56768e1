"""Frames that are image files: what folders of images and frame databases have in common."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ExifTags
from PIL import Image as PillowImage

from data.errors import InputError
from data.frame import Frame
from data.video_reader import VideoReader

Image = npt.NDArray[np.uint8]
StillsT = TypeVar("StillsT", bound="StillImages")

JPEG_START = b"\xff\xd8"
REMEDY = "replace the file"
_TURNED = range(5, 9)  # EXIF orientations that exchange width and height


class StillImages(VideoReader):
    """A video of images, all of one size, of which nothing is open between two reads.

    So a reader can be kept, copied into other processes and used in several threads.

    Attributes:
        frames: number of images.
        remedy: what to do about a damaged one.
    """

    frames: int
    remedy = REMEDY

    @abstractmethod
    def contents(self, indices: Sequence[int]) -> Iterator[tuple[str, bytes]]:
        """Yields where the image file of each of these frames is, for errors, and its content.

        Raises:
            InputError: one cannot be read.
        """

    def read(self, indices: Sequence[int]) -> Iterator[tuple[str, Image]]:
        """Yields where the image of each of these frames is, for errors, and the image, RGB.

        Raises:
            InputError: one cannot be read, or is damaged.
        """
        for place, content in self.contents(indices):
            yield place, decode_image(content, place, self.remedy)

    def __iter__(self) -> Iterator[Frame]:
        """Yields every frame from the start."""
        return self.select(range(self.frames))

    def select(self, indices: Collection[int]) -> Iterator[Frame]:
        """Yields the frames with these 0-based indices in rising order, each once."""
        wanted = [index for index in sorted(set(indices)) if index < self.frames]
        for index, (place, image) in zip(wanted, self.read(wanted), strict=True):
            check_size(image, (self.width, self.height), place)
            yield Frame(image=image, index=index, time=index / self.frame_rate)

    def kept_closed(self: StillsT) -> StillsT:
        """Returns itself."""
        return self

    def close(self) -> None:
        """Does nothing: nothing stays open."""


def check_size(image: Image, size: tuple[int, int], place: str) -> None:
    """Checks that an image is as large as the first one of its video.

    Args:
        image: the image.
        size: width and height of the first one, in pixels.
        place: where it comes from, for the error.

    Raises:
        InputError: it is not.
    """
    height, width = image.shape[:2]
    if (width, height) != size:
        raise InputError(
            f"{place}: the image is {width}x{height} and the first one {size[0]}x{size[1]}; "
            "make them one size"
        )


def decode_image(content: bytes, place: str, remedy: str = REMEDY) -> Image:
    """Decodes an image file, turned as its EXIF orientation says.

    Args:
        content: of the file.
        place: where it comes from, for the error.
        remedy: what to do about it, likewise.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        InputError: it is damaged, cut short, or no image.
    """
    image = decode_as(content, cv2.IMREAD_COLOR)
    if image is None:
        raise _damaged(place, remedy)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def decode_as(content: bytes, flags: int) -> npt.NDArray[Any] | None:
    """The image as OpenCV gives it with its flags; None where it is damaged or none."""
    if content and _is_whole(content):
        # OpenCV refuses absurd sizes with an error and everything else with None.
        with suppress(cv2.error):
            # Decoding from memory also works for names that OpenCV's own file access cannot open.
            return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    return None


def image_size(content: bytes, place: str, remedy: str = REMEDY) -> tuple[int, int]:
    """Returns width and height in pixels that `decode_image` would give, without decoding.

    Args:
        content: of the file.
        place: where it comes from, for the error.
        remedy: what to do about it, likewise.

    Raises:
        InputError: the content is not that of an image file.
    """
    try:
        with PillowImage.open(io.BytesIO(content)) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation) in _TURNED
            width, height = image.size
    except (OSError, SyntaxError, ValueError, PillowImage.DecompressionBombError):
        raise _damaged(place, remedy) from None
    return (height, width) if turned else (width, height)


def encode_image(image: Image, suffix: str, quality: int) -> bytes:
    """Encodes an image.

    Args:
        image: uint8 (H, W, 3), RGB.
        suffix: which tells the format, such as ".jpg".
        quality: of JPEG, from 1 to 100.
    """
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality]
    done, content = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), parameters)
    if not done:
        raise ValueError(f"an image of {image.shape} could not be encoded as {suffix}")
    return content.tobytes()


def of_height(image: Image, height: int) -> Image:
    """Returns an image with another height in pixels, and its width in proportion."""
    before, width = image.shape[:2]
    if height == before:
        return image
    size = max(1, round(width * height / before)), height
    method = cv2.INTER_AREA if height < before else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=method).astype(image.dtype, copy=False)


def _is_whole(content: bytes) -> bool:
    """Whether the end is there: OpenCV 4 fills what a cut JPEG lacks with grey, silently."""
    if content.startswith(JPEG_START):  # the last scan is followed by the end marker
        # Which is the end of nearly all files; the search would add 6 % to the time of decoding.
        return (
            content.endswith(b"\xff\xd9")
            or content.find(b"\xff\xd9", content.rfind(b"\xff\xda")) >= 0
        )
    if content.startswith(b"\x89PNG"):
        return b"IEND" in content
    if content.startswith(b"BM"):
        return len(content) >= int.from_bytes(content[2:6], "little")
    return True


def _damaged(place: str, remedy: str) -> InputError:
    return InputError(f"{place}: the image is damaged or not an image; {remedy}")
