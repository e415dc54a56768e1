"""Writes H.264 video that browsers and players show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.files import atomic_path

CONTAINERS = (".mp4", ".mov")


class VideoWriter:
    """Writes RGB images to an H.264 file (yuv420p), which appears when it is complete.

    Sides of an odd length, which yuv420p does not have, are lengthened by repeating the last row or
    column. If the `with` block ends in an error, nothing is left and an older file stays.

    Example:
        with VideoWriter("overlay.mp4", 320, 240, 25) as writer:
            for image in images:
                writer.write(image)
    """

    def __init__(
        self, path: str | Path, width: int, height: int, frame_rate: float | Fraction
    ) -> None:
        """Checks the arguments; the file is made on entering the `with` block.

        Args:
            path: the file; its suffix is one of `CONTAINERS`.
            width: of the images, pixels.
            height: of the images, pixels.
            frame_rate: frames per second.

        Raises:
            ValueError: the size or the rate is not positive.
            InputError: the suffix is of another kind of file.
        """
        self.path = Path(path)
        if self.path.suffix.lower() not in CONTAINERS:
            raise InputError(
                f"{path}: H.264 video is not written to such a file; "
                f"choose one of the suffixes {', '.join(CONTAINERS)}"
            )
        if width < 1 or height < 1:
            raise ValueError(f"width and height must be at least 1, not {width}x{height}")
        if not 0 < frame_rate < float("inf"):
            raise ValueError(f"frame_rate must be above 0 and finite, not {frame_rate}")
        self.width = width
        self.height = height
        # FFmpeg counts time in fractions of 32-bit numbers. The nearest fraction of this size to
        # a rate that was turned into a float is the rate it was: 29.97... is 30000/1001 again.
        rate = frame_rate if isinstance(frame_rate, Fraction) else Fraction(float(frame_rate))
        self.frame_rate = max(rate.limit_denominator(65535), Fraction(1, 65535))
        self._pad = ((0, height % 2), (0, width % 2), (0, 0))
        self._started = False

    def __enter__(self) -> VideoWriter:
        """Opens a temporary file beside the path."""
        self._file = self._open()
        self._file.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finishes the file; after an error, or without a single frame, removes it.

        Raises:
            ValueError: no frame was written.
        """
        self._file.__exit__(kind, error, trace)

    @contextmanager
    def _open(self) -> Iterator[None]:
        import av
        from av.video.reformatter import ColorRange, Colorspace

        with (
            atomic_path(self.path) as temporary,
            # With the index in front, a browser plays the file while it loads.
            av.open(f"file:{temporary}", "w", options={"movflags": "+faststart"}) as container,
        ):
            stream = container.add_stream("libx264", rate=self.frame_rate)
            stream.width = self.width + self._pad[1][1]
            stream.height = self.height + self._pad[0][1]
            stream.pix_fmt = "yuv420p"
            stream.options = {"crf": "20", "preset": "veryfast"}
            # Where the matrix is not written, players guess it from the size of the frame.
            stream.codec_context.colorspace = Colorspace.ITU601
            stream.codec_context.color_range = ColorRange.MPEG
            self._container, self._stream = container, stream
            yield
            if not self._started:
                raise ValueError(f"no frame was written to {self.path}")
            container.mux(stream.encode(None))

    def write(self, image: npt.NDArray[np.uint8]) -> None:
        """Adds a frame.

        Args:
            image: uint8 (height, width, 3), RGB.

        Raises:
            ValueError: it has another shape or type.
        """
        from av import VideoFrame

        if image.shape != (self.height, self.width, 3) or image.dtype != np.uint8:
            raise ValueError(
                f"image must be uint8 ({self.height}, {self.width}, 3), "
                f"not {image.dtype} {image.shape}"
            )
        padded = np.pad(image, self._pad, mode="edge")
        frame = VideoFrame.from_ndarray(padded, format="rgb24")
        self._container.mux(self._stream.encode(frame))
        self._started = True
