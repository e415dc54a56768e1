"""Reads video files of any container and codec that FFmpeg knows, through PyAV."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from data.container_length import declared_length
from data.errors import InputError
from data.frame import Frame
from data.video_reader import VideoReader

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

DEFAULT_FRAME_RATE = 25.0

# FFmpeg's demuxers of character art: they accept any text file of the right suffix as a video.
_TEXT_FORMATS = frozenset({"tty", "bin", "xbin", "adf", "idf"})


class VideoFile(VideoReader):
    """The frames of a video file.

    Frames are RGB, turned as the rotation metadata say, at the size of the first frame. The
    time of a frame is its presentation time relative to the first frame, so variable frame
    rates are kept. A file that is cut short or damaged gives the frames that can be read, and
    one warning.

    Raises:
        InputError: the file is missing, empty, not a video, or without a readable frame.
    """

    def __init__(self, path: str | Path) -> None:
        """Opens the file and decodes its first frame."""
        self.path = Path(path)
        self._warned = False
        self._open()

    def __iter__(self) -> Iterator[Frame]:
        """Yields every frame from the start."""
        return self._read(None)

    def select(self, indices: Collection[int]) -> Iterator[Frame]:
        """Yields the frames with these 0-based indices in rising order, each once."""
        return self._read(frozenset(indices))

    def close(self) -> None:
        """Lets go of the file."""
        self._container.close()

    def _open(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._reformatter = VideoReformatter()
        self._container, self._stream = _open_container(self.path)
        self._fresh = True
        self._decoded = self._decode()
        first = next(self._decoded, None)
        if first is None:
            self._container.close()
            raise InputError(
                f"{self.path}: no frame can be decoded, the video is damaged or empty; "
                "make or download the file again"
            )
        self._first = first
        # Frames may carry a rotation that players apply: 90 means a quarter turn to the left.
        self._turns = round(first.rotation / 90) % 4
        sideways = self._turns % 2 == 1
        self.width = first.height if sideways else first.width
        self.height = first.width if sideways else first.height
        self.frame_rate = self._find_rate()
        self.frames = self._count_announced()

    def _find_rate(self) -> float:
        rate = self._stream.average_rate
        # Without a duration (bare MPEG-4 or H.264) the average is a default; the stream may know.
        if not rate or (self._stream.duration is None and self._container.duration is None):
            rate = self._stream.guessed_rate or rate
        return float(rate) if rate else DEFAULT_FRAME_RATE

    def _count_announced(self) -> int | None:
        if self._stream.frames > 0:
            return self._stream.frames
        if self._stream.duration is not None and self._stream.time_base is not None:
            seconds = float(self._stream.duration * self._stream.time_base)
        elif self._container.duration is not None:
            seconds = self._container.duration / 1e6  # the container counts microseconds
        else:
            return None
        return max(1, round(seconds * self.frame_rate))

    def _read(self, wanted: Collection[int] | None) -> Iterator[Frame]:
        if not self._fresh:
            self.close()
            self._open()
        self._fresh = False
        if wanted is not None and not wanted:
            return
        last = None if wanted is None else max(wanted)
        start = self._stamp(self._first)
        time = 0.0
        for index, frame in enumerate(chain([self._first], self._decoded)):
            if index > 0:
                time = self._time(self._stamp(frame), start, time)
            if wanted is None or index in wanted:
                yield Frame(image=self._image(frame), index=index, time=time)
            if index == last:
                return

    def _stamp(self, frame: VideoFrame) -> int | None:
        # AVI stores no presentation times. What FFmpeg makes up for reordered frames is out of
        # order; the decoding times of the frames as they come out are right up to an offset.
        return frame.dts if self._container.format.name == "avi" else frame.pts

    def _time(self, stamp: int | None, start: int | None, previous: float) -> float:
        """Seconds since the first frame; a missing or falling time stamp is made up."""
        unit = self._stream.time_base
        if stamp is not None and start is not None and unit is not None:
            time = float((stamp - start) * unit)
            if time > previous:
                return time
        return previous + 1.0 / self.frame_rate

    def _image(self, frame: VideoFrame) -> npt.NDArray[np.uint8]:
        # The size may change inside a stream; detections need one size for the whole video. One
        # reformatter for all frames is several times faster than `frame.to_ndarray("rgb24")`.
        rgb = self._reformatter.reformat(frame, self._first.width, self._first.height, "rgb24")
        # FFmpeg pads the rows of most widths.
        return np.ascontiguousarray(np.rot90(rgb.to_ndarray(), self._turns), np.uint8)

    def _decode(self) -> Iterator[VideoFrame]:
        """Yields what can be decoded, past damaged packets, and warns once about them.

        Frames are decoded without frame threads: with them, frames before an error are lost,
        more of them the more cores a machine has.
        """
        import av

        count = 0
        packets = 0  # of one frame each; frames come out up to several packets later
        demuxed = self._container.demux(self._stream)
        ended = False
        while not ended:
            try:
                packet = next(demuxed, None)
            except av.error.FFmpegError:
                self._warn(packets)
                packet = None
            ended = packet is None
            try:
                decoded = self._stream.decode(packet)
            except av.error.EOFError:  # the decoder was flushed by the last, empty packet
                decoded = []
            except av.error.FFmpegError:
                self._warn(packets)
                decoded = []
            packets += 1
            for frame in decoded:
                if frame.is_corrupt:
                    self._warn(count)
                count += 1
                yield frame
        if declared_length(self.path) > self.path.stat().st_size:
            self._warn(count)

    def _warn(self, frame: int) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"{self.path} is cut short or damaged at frame {frame}: "
                "the frames that can be read are used",
                stacklevel=2,
            )


def _open_container(path: Path) -> tuple[InputContainer, VideoStream]:
    """Opens a file and finds its video stream, or says in one sentence why not."""
    import av

    try:
        with path.open("rb") as stream:
            if not stream.read(1):
                raise InputError(f"{path}: the file is empty; make or download it again")
        # "file:" keeps FFmpeg from taking a colon in the name for a protocol. Metadata are
        # not always UTF-8 and must not stop us.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise InputError(
            f"{path}: not a video that FFmpeg can read ({error.strerror}); "
            "give a whole video file, or convert it to mp4"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}: the file cannot be read ({error.strerror}); check its permissions"
        ) from error
    try:
        return container, _video_stream(container, path)
    except InputError:
        container.close()
        raise


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    from av.stream import Disposition

    kind = container.format.name
    if kind == "image2" or kind.endswith("_pipe"):
        raise InputError(
            f"{path}: a single picture, not a video; give a video file or a folder of pictures"
        )
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic  # the cover of a song
    ]
    if not streams or kind in _TEXT_FORMATS:
        raise InputError(f"{path}: the file has no video stream; give a video file")
    if streams[0].codec_context is None:
        raise InputError(f"{path}: its video codec is not supported; convert the file to H.264 mp4")
    return streams[0]
