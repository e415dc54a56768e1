"""Reads frames of a video file that stays closed, for those who read many files in turns."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.frame import Frame
from data.frame_image import FrameImages
from data.packet_index import PacketIndex
from data.video_reader import VideoReader

if TYPE_CHECKING:
    from av import VideoCodecContext, VideoFrame

# What a decoder knows of a stream from its container.
_SETTINGS = (
    *("extradata", "codec_tag", "width", "height", "pix_fmt", "profile", "level"),
    *("bits_per_coded_sample", "field_order", "sample_aspect_ratio", "reorder_depth"),
    *("color_range", "colorspace", "color_primaries", "color_trc"),
)
# Of each process: decoders of videos that were encoded alike are one.
_decoders: OrderedDict[tuple[Any, ...], VideoCodecContext] = OrderedDict()
_MOST_DECODERS = 16


class ClosedVideo(VideoReader):
    """The frames of a video file, which is open only while it is read.

    Opening a video takes FFmpeg longer than decoding some frames. Where the packets are found in
    the file as they are (see `data.packet_index`), they are read and decoded without the container;
    else the video is opened for each reading. The frames are the same, bit for bit.

    Attributes:
        index: of the packets; None where they cannot be read so.
    """

    def __init__(
        self,
        video: VideoReader,
        index: PacketIndex | None,
        decoder: VideoCodecContext,
        first: VideoFrame,
        reopen: Callable[[Path], VideoReader],
    ) -> None:
        """Takes over what is known of an open video, which may be closed then.

        Args:
            video: the open one.
            index: of its packets, as they are in the file; None: not known.
            decoder: of its stream.
            first: its first frame.
            reopen: opens the video.
        """
        self.path, self.frames, self.frame_rate = video.path, video.frames, video.frame_rate
        self.width, self.height = video.width, video.height
        self.index = index
        self._unit = first.time_base or Fraction(0)
        self._images = FrameImages(first)
        self._reopen = reopen
        self._codec = decoder.name, *(getattr(decoder, name) for name in _SETTINGS)
        self._state = _file_state(self.path)
        # What a container says of its stream is not all in the settings.
        if index and not self._is_first(first):
            self.index = None

    def __iter__(self) -> Iterator[Frame]:
        """Yields every frame from the start."""
        with self._reopen(self.path) as video:
            yield from video

    def select(self, indices: Collection[int]) -> Iterator[Frame]:
        """Yields the frames with these 0-based indices in rising order, each once."""
        index = self.index
        if index is None or _file_state(self.path) != self._state:
            with self._reopen(self.path) as video:
                yield from video.select(indices)
            return
        wanted = [frame for frame in sorted(set(indices)) if frame < len(index.stamps)]
        for start, group in groupby(wanted, lambda frame: index.start_before(frame).frame):
            frames = list(group)
            decoded = self._decode(index, start, frames)
            if decoded is None:  # damaged
                with self._reopen(self.path) as video:
                    yield from video.select(frames)
                continue
            for frame, picture in zip(frames, decoded, strict=True):
                time = float((index.stamps[frame] - index.stamps[0]) * self._unit)
                yield Frame(image=self._images.image(picture), index=frame, time=time)

    def close(self) -> None:
        """Does nothing: the file is closed."""

    def kept_closed(self) -> ClosedVideo:
        """Returns itself."""
        return self

    def _decode(
        self, index: PacketIndex, start: int, frames: Sequence[int]
    ) -> list[VideoFrame] | None:
        """Decodes some frames, rising, from a start before them; None: something is wrong."""
        import av

        contents = index.contents
        assert contents is not None  # as `VideoFile.kept_closed` sees to
        stamps = {index.stamps[frame] for frame in frames}
        last = int(index.packets[list(frames)].max())
        decoder = _decoder(self._codec)
        found: dict[int, VideoFrame] = {}
        whole = True
        with suppress(OSError, ValueError, av.error.FFmpegError), self.path.open("rb", 0) as file:
            for number in (*range(start, last + 1), None):
                packet = None  # the end, at which the decoder gives what it holds back
                if number is not None:
                    stamp, position, size = contents[number].tolist()
                    packet = av.Packet(
                        size
                    )  # of bytes it would lack zeros that decoders read on to
                    file.seek(position)
                    packet.update(file.read(size))
                    packet.pts = packet.dts = stamp
                    # Of H.264, pictures that no other refers to need not be decoded.
                    skips = stamp not in stamps and decoder.name == "h264"
                    decoder.skip_frame = "NONREF" if skips else "DEFAULT"
                for frame in decoder.decode(packet):
                    whole &= not frame.is_corrupt
                    if frame.pts in stamps:
                        found[frame.pts] = frame
        decoder.flush_buffers()
        if not whole or len(found) < len(frames):
            return None
        return [found[index.stamps[frame]] for frame in frames]

    def _is_first(self, first: VideoFrame) -> bool:
        """Whether the first frame is decoded as it was from the container."""
        assert self.index is not None
        decoded = self._decode(self.index, 0, [0])
        if decoded is None:
            return False
        images = [self._images.image(frame) for frame in (decoded[0], first)]
        return bool((images[0] == images[1]).all())


def _decoder(codec: tuple[Any, ...]) -> VideoCodecContext:
    """Returns a decoder for a codec's name and settings, ready for a start."""
    import av

    decoder = _decoders.pop(codec, None)
    if decoder is None:
        decoder = av.VideoCodecContext.create(codec[0], "r")
        for name, value in zip(_SETTINGS, codec[1:], strict=True):
            if value is not None:
                setattr(decoder, name, value)
        decoder.thread_count = 1
        if len(_decoders) >= _MOST_DECODERS:
            _decoders.popitem(last=False)
    else:
        # Its reordering is not known any more once it was flushed.
        decoder.reorder_depth = codec[1 + _SETTINGS.index("reorder_depth")]
    _decoders[codec] = decoder
    return decoder


def _file_state(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        state = os.stat(path)
        return state.st_size, state.st_mtime_ns
    return None
