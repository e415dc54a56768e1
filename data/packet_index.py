"""Where the decoding of a video file may start, found without decoding it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

# Of these codecs one packet gives one frame. Others hide packets whose picture is only referred to
# (VP8), or several frames in a packet; then counting packets is not counting frames.
_ONE_FRAME_A_PACKET = frozenset(
    {"av1", "ffv1", "h264", "hevc", "mjpeg", "mpeg1video", "mpeg2video", "mpeg4", "vp9"}
)
# MPEG-4 says in so many bytes at most that there is no new picture, and then no frame comes out.
_NOT_CODED = 12
_LONGEST_HEADER = 32  # before a packet, in bytes
_IDR = 5  # the type of a slice before which H.264 forgets everything (ITU-T H.264, table 7-1)


class Start(NamedTuple):
    """A packet at which decoding may start.

    Attributes:
        frame: the frame it becomes, and how many packets come before it.
        decoding_stamp: its decoding time, or None.
        position: of its bytes in the file.
        size: in bytes.
    """

    frame: int
    decoding_stamp: int | None
    position: int | None
    size: int


class PacketIndex:
    """The frames of a file by their time stamps, and those from which it can be decoded.

    Attributes:
        stamps: presentation time of every frame in units of the stream, rising.
        contents: int64 (N, 3): presentation time, position in the file and size of every packet, in
            their order in the file; None where the file does not hold all of them as they are.
        packets: int64 (N,): the packet of every frame.
    """

    def __init__(
        self, stamps: list[int], starts: dict[int, Start], contents: npt.NDArray[np.int64] | None
    ) -> None:
        """Keeps the stamps, and the starts by their presentation times, rising from frame 0."""
        self.stamps = sorted(stamps)
        self.contents = contents
        self.packets = np.argsort(np.array(stamps, np.int64))
        self._starts = starts
        self._start_frames = [start.frame for start in starts.values()]

    def start_before(self, frame: int) -> Start:
        """Returns the last start up to a frame."""
        place = bisect_right(self._start_frames, frame) - 1
        return self._starts[self.stamps[self._start_frames[place]]]

    def start_at(self, packet: Packet[VideoStream]) -> Start | None:
        """Returns the start that a packet is, or None if it is none."""
        start = None if packet.pts is None else self._starts.get(packet.pts)
        if start is None or (packet.pos, packet.size) != (start.position, start.size):
            return None
        return start


def read_packet_index(
    container: InputContainer,
    stream: VideoStream,
    first: VideoFrame,
    file: BinaryIO | None = None,
) -> PacketIndex | None:
    """Reads all packets of a file, which is at its start, without decoding them.

    A start is a key frame that comes out after all frames before it in the file and before all
    frames after it (a closed group of pictures), and in H.264 clears the memory of the decoder.

    Args:
        container: just opened; is at its end afterwards.
        stream: of the container.
        first: the first frame that decoding gave.
        file: the same file, if the packets are to be found in it.

    Returns:
        None where the number of a frame cannot be told without decoding those before it: packets
        without time stamps or with the same one, damaged or left out when played; codecs whose
        packets are not frames; AVI with reordered frames, whose time stamps are made up.
    """
    codec = stream.codec_context.codec.canonical_name
    if codec not in _ONE_FRAME_A_PACKET:
        return None
    stamps: list[int] = []
    keys: list[tuple[int, Start]] = []
    places: list[tuple[int, int, int]] = []
    for packet in _packets(container, stream):
        if packet.pts is None or packet.is_corrupt or packet.is_discard or packet.size == 0:
            return None
        if codec == "mpeg4" and packet.size <= _NOT_CODED:
            return None
        if container.format.name == "avi" and packet.pts != packet.dts:
            return None
        if packet.is_keyframe and (codec != "h264" or _clears(packet, stream)):
            start = Start(len(stamps), packet.dts, packet.pos, packet.size)
            keys.append((packet.pts, start))
        stamps.append(packet.pts)
        position = _position(file, packet) if file else None
        if position is not None:
            places.append((packet.pts, position, packet.size))
    rising = sorted(stamps)
    if not stamps or len(set(stamps)) < len(stamps) or first.pts != rising[0]:
        return None
    latest = [rising[0] - 1, *accumulate(stamps, max)]
    earliest = list(accumulate(reversed(stamps), min))[::-1]
    starts = {
        stamp: start
        for stamp, start in keys
        if latest[start.frame] < stamp == earliest[start.frame]
    }
    if stamps[0] not in starts:
        return None
    contents = np.array(places, np.int64) if len(places) == len(stamps) else None
    return PacketIndex(stamps, starts, contents)


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Yields the packets, and at the end not the empty one that would flush a decoder."""
    for packet in container.demux(stream):
        if packet.size or packet.dts is not None:
            yield packet


def _position(file: BinaryIO, packet: Packet[VideoStream]) -> int | None:
    """Returns where a file has a packet as it is; None where not, or where something goes with it.

    Some containers say where the packet itself begins, others where a header before it does.
    """
    if packet.pos is None or packet.has_sidedata("new_extradata"):
        return None
    file.seek(packet.pos)
    before = file.read(packet.size + _LONGEST_HEADER).find(bytes(packet))
    return None if before < 0 else packet.pos + before


def _clears(packet: Packet[VideoStream], stream: VideoStream) -> bool:
    """Whether the key frame is an IDR picture: frames after any other may refer across it."""
    content = bytes(packet)
    settings = stream.codec_context.extradata
    if not settings or settings[0] != 1:  # start codes before the units (annex B)
        units = content.split(b"\0\0\1")[1:]
        return any(unit and unit[0] & 31 == _IDR for unit in units)
    # Lengths before the units (ISO/IEC 14496-15, section 5.3.3.1).
    width = (settings[4] & 3) + 1
    place = 0
    while place + width < len(content):
        if content[place + width] & 31 == _IDR:
            return True
        place += width + int.from_bytes(content[place : place + width], "big")
    return False
