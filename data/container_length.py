"""How long a video file says it is, to tell that one was cut short.

FFmpeg reads a truncated Matroska or MP4 file without complaint up to where it ends. The outermost
elements of the containers carry their length: a file that ends before it was cut.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

_EBML = b"\x1a\x45\xdf\xa3"


def declared_length(path: Path) -> int:
    """The end in bytes of the last outermost element that starts inside the file.

    Returns:
        The declared length of a Matroska, WebM, MP4, MOV or AVI file, and 0 for containers that
        don't declare one (MPEG-TS, live recordings).
    """
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == _EBML:
            return _matroska_length(file)
        if head[4:8] == b"ftyp":
            return _boxes_length(file)
        if head[:4] == b"RIFF":
            return 8 + int.from_bytes(head[4:8], "little")
    return 0


def _matroska_length(file: BinaryIO) -> int:
    """Walks the EBML header and the segment (RFC 8794, section 4; RFC 9559, section 4.5)."""
    file.seek(4)
    size = _ebml_size(file)
    if size is None:
        return 0
    file.seek(size + 4, os.SEEK_CUR)  # the header's content and the identifier of the segment
    segment = _ebml_size(file)
    return 0 if segment is None else file.tell() + segment


def _ebml_size(file: BinaryIO) -> int | None:
    """Reads a variable-length size; None if unknown (all ones: a live recording)."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    length = 9 - first[0].bit_length()
    raw = first + file.read(length - 1)
    if len(raw) < length:
        return None
    mask = (1 << (7 * length)) - 1
    size = int.from_bytes(raw, "big") & mask
    return None if size == mask else size


def _boxes_length(file: BinaryIO) -> int:
    """Walks the top-level boxes (ISO/IEC 14496-12, section 4.2)."""
    length = os.fstat(file.fileno()).st_size
    end = 0
    while end < length:
        file.seek(end)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1 and len(head) == 16:
            size = int.from_bytes(head[8:16], "big")
        elif size == 0 or len(head) < 8:  # the last box reaches to the end, or stray bytes
            return length
        if size < 8:
            return length
        end += size
    return end
