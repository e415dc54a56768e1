"""Reads video files of any container and codec that FFmpeg knows, through PyAV."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Generator, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from data.closed_video import ClosedVideo
from data.container_length import declared_length
from data.errors import InputError
from data.frame import Frame
from data.frame_image import FrameImages
from data.packet_index import PacketIndex, Start, read_packet_index
from data.video_container import open_container
from data.video_reader import VideoReader

if TYPE_CHECKING:
    from av import VideoFrame
    from av.packet import Packet
    from av.video.stream import VideoStream

DEFAULT_FRAME_RATE = 25.0

# So many frames are decoded faster than the key frames of a file are found.
_NEAR = 16


class _OtherFrameError(Exception):
    """Decoding from a key frame gave another frame than the packets announced."""


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
        self._indexed = False
        self._index: PacketIndex | None = None
        self._reading = 0
        self._open()

    def __iter__(self) -> Iterator[Frame]:
        """Yields every frame from the start."""
        reading = self._begin()
        for index, frame, time in self._counted():
            yield Frame(image=self._images.image(frame), index=index, time=time)
            self._check(reading)

    def select(self, indices: Collection[int]) -> Iterator[Frame]:
        """Yields the frames with these 0-based indices in rising order, each once.

        Decoding starts at the last key frame before a wanted frame, where the container and the
        codec let its number be known (see `data.packet_index`), and else at the first frame. The
        frames are those of iteration, bit for bit. Only in a file damaged in its middle, which
        nothing but decoding would tell, frames behind a lost one may keep the number they had.
        """
        reading = self._begin()
        wanted = sorted(set(indices))
        gaps = np.diff([-1, *wanted])
        if not self._indexed and len(wanted) and (not self._fresh or gaps.max() > _NEAR):
            self._indexed = True
            self._index = self._read_index()
        done = 0
        while done < len(wanted):
            start = self._start_before(wanted[done])
            try:
                for index, frame, time in self._from(start) if start else self._counted():
                    if index < wanted[done]:
                        continue
                    yield Frame(image=self._images.image(frame), index=index, time=time)
                    self._check(reading)
                    done += 1
                    if done == len(wanted):
                        return
                    nearer = self._start_before(wanted[done])
                    if nearer and nearer.frame > index + 1:
                        break
                else:
                    return
            except _OtherFrameError:
                self._index = None

    def close(self) -> None:
        """Lets go of the file."""
        self._begin()  # nobody reads on
        self._let_go()

    def kept_closed(self) -> VideoReader:
        """See `VideoReader.kept_closed`."""
        with self.path.open("rb") as file:
            index = self._read_index(file)
        usable = index if index and index.contents is not None else None
        decoder = self._stream.codec_context
        with self:
            return ClosedVideo(self, usable, decoder, self._first, VideoFile)

    def _open(self) -> None:
        self._container, self._stream = open_container(self.path)
        self._fresh = True
        self._decoded = self._decode(self._container.demux(self._stream))
        first = next(self._decoded, None)
        if first is None:
            self._let_go()
            raise InputError(
                f"{self.path}: no frame can be decoded, the video is damaged or empty; "
                "make or download the file again"
            )
        self._first = first
        self._images = FrameImages(first)
        self.width, self.height = self._images.width, self._images.height
        self.frame_rate = self._find_rate()
        self.frames = self._count_announced()

    def _let_go(self) -> None:
        """Closes the container, and has its decoder freed with the last that refers to it.

        What decodes refers to this object and is in it. Were it left to the collection of such
        circles, the threads of the decoder would go on; and a process that was forked meanwhile,
        and collects them, waits or ends for threads that it has not.
        """
        self._decoded.close()
        self._container.close()

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

    def _counted(self) -> Iterator[tuple[int, VideoFrame, float]]:
        """Yields index, frame and time of every frame, decoded and counted from the first."""
        if not self._fresh:
            self._let_go()
            self._open()
        self._fresh = False
        start = self._stamp(self._first)
        time = 0.0
        for index, frame in enumerate(chain([self._first], self._decoded)):
            stamp = self._stamp(frame)
            if index > 0:
                time = self._time(stamp, start, time)
            if self._index and self._index.stamps[index : index + 1] != [stamp]:
                self._index = None  # a frame was lost, or one came out that has no packet
            yield index, frame, time

    def _from(self, start: Start) -> Iterator[tuple[int, VideoFrame, float]]:
        """Yields the same from a start, or an earlier one where the container leads there.

        Raises:
            _OtherFrameError: the frames are not those that the index says.
        """
        assert self._index is not None and self._stream.time_base is not None
        stamps = self._index.stamps
        index, packets = self._seek(self._index, start)
        for frame in self._decode(packets, index):
            stamp = self._stamp(frame)
            if stamps[index : index + 1] != [stamp]:
                raise _OtherFrameError
            yield index, frame, float((stamps[index] - stamps[0]) * self._stream.time_base)
            index += 1

    def _seek(self, index: PacketIndex, start: Start) -> tuple[int, Iterator[Packet[VideoStream]]]:
        """Returns the frame of a start, or of one before it, and the packets from there on."""
        import av

        # Containers seek by presentation or by decoding times.
        stamp = index.stamps[start.frame]
        with suppress(av.error.FFmpegError):
            for target in (stamp, start.decoding_stamp):
                if target is None:
                    continue
                self._container.seek(target, stream=self._stream)
                packets = self._container.demux(self._stream)
                for packet in packets:
                    found = index.start_at(packet)
                    if found and found.frame <= start.frame:
                        return found.frame, chain([packet], packets)
                    if packet.pts is None or packet.pts >= stamp:
                        break
        raise _OtherFrameError

    def _start_before(self, frame: int) -> Start | None:
        """Where decoding may start for a frame; None: at the first frame, by counting."""
        return self._index.start_before(frame) if self._index else None

    def _read_index(self, file: BinaryIO | None = None) -> PacketIndex | None:
        """Leaves the container open in which the packets were read: some seek only where it was."""
        import av

        if declared_length(self.path) > self.path.stat().st_size:
            return None
        self._fresh = False
        self._let_go()
        self._container, self._stream = open_container(self.path)
        with suppress(av.error.FFmpegError):
            return read_packet_index(self._container, self._stream, self._first, file)
        return None

    def _begin(self) -> int:
        """Returns the number of a reading that begins, which ends those before it."""
        self._reading += 1
        return self._reading

    def _check(self, reading: int) -> None:
        if reading != self._reading:
            raise RuntimeError(f"{self.path}: the video was closed or is read anew")

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

    def _decode(
        self, demuxed: Iterator[Packet[VideoStream]], start: int = 0
    ) -> Generator[VideoFrame]:
        """Yields what can be decoded, past damaged packets, and warns once about them.

        `start` is the number of packets before the first one. Frames are decoded without frame
        threads: with them, frames before an error are lost, more of them the more cores a machine
        has.
        """
        import av

        count = start
        packets = start  # of one frame each; frames come out up to several packets later
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
                f"{self.path} is cut short or damaged near frame {frame}: "
                "the frames that can be read are used",
                stacklevel=2,
            )
