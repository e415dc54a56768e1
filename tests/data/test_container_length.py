"""The length that containers declare, read from crafted headers."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from data.container_length import declared_length

FTYP = b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00"
EBML = b"\x1a\x45\xdf\xa3\x84\x00\x00\x00\x00\x18\x53\x80\x67"


@pytest.mark.parametrize(
    ("content", "length"),
    [
        (FTYP, 16),
        (FTYP + b"\x00\x00\x00\x20mdat" + bytes(24), 48),
        (FTYP + b"\x00\x00\x00\x20mdat" + bytes(4), 48),
        (FTYP + b"\x00\x00\x00\x01mdat" + (1 << 33).to_bytes(8, "big") + b"xxx", 16 + (1 << 33)),
        (FTYP + b"\x00\x00\x00\x00mdat" + bytes(5), 29),  # reaches to the end, whatever it is
        (FTYP + b"\x00\x00\x00\x02mdat", 24),  # no box
        (FTYP + b"\x00\x00", 18),
        (EBML + b"\x85" + bytes(5), 19),
        (EBML + b"\x40\x05" + bytes(5), 20),
        (EBML + b"\x01\x00\x00\x00\x00\x00\x01\x00", 13 + 8 + 256),
        (EBML + b"\x01" + b"\xff" * 7, 0),  # unknown: a live recording
        (EBML + b"\xff", 0),
        (EBML + b"\x00", 0),
        (EBML + b"\x10\x00", 0),
        (EBML[:4], 0),
        (b"RIFF\x10\x00\x00\x00AVI ", 24),
        (b"\x47" * 188, 0),
        (b"", 0),
    ],
)
def test_declared_length(content: bytes, length: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    assert declared_length(path) == length


def test_a_live_recording_declares_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w", options={"live": "1"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 16
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert declared_length(path) == 0
