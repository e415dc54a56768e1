"""Small videos made for the tests: every frame shows its own number."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, FRAMES, RATE = 64, 48, 30, 25
STEP = 6

CODECS = {".webm": "libvpx-vp9", ".avi": "mpeg4"}


def image(index: int, width: int = WIDTH, height: int = HEIGHT) -> npt.NDArray[np.uint8]:
    """A picture that tells frame, side and channel: brighter with the index, red at the left,
    green at the top. uint8 (height, width, 3), RGB."""
    picture = np.full((height, width, 3), 20 + STEP * (index % 30), np.float64)
    picture[:, : width // 2, 0] = 200
    picture[: height // 2, :, 1] = 200
    # Grey noise gives every frame a few hundred bytes to lose.
    noise = np.random.default_rng(index).uniform(-15, 15, (height, width, 1))
    return np.asarray(np.rint(picture + noise - noise.mean()), np.uint8)


def number_of(picture: npt.NDArray[np.uint8]) -> float:
    """The index that `image` drew, up to what coding changes (well below 0.5)."""
    return (float(picture[:, :, 2].mean()) - 20) / STEP


def write_video(
    path: Path,
    *,
    frames: int = FRAMES,
    width: int = WIDTH,
    height: int = HEIGHT,
    codec: str | None = None,
    pixels: str = "yuv420p",
    times: Sequence[int] | None = None,
    rotation: int | None = None,
    index_first: bool = False,
    sound: bool = False,
    options: Mapping[str, str] | None = None,
) -> Path:
    """Writes a video with PyAV.

    Args:
        path: its suffix picks the container, and the codec unless one is given.
        frames: number of frames.
        width: pixels.
        height: pixels.
        codec: of FFmpeg.
        pixels: FFmpeg's pixel format.
        times: presentation times in milliseconds, for a variable frame rate.
        rotation: of an mp4, in degrees to the left.
        index_first: write the index of an mp4 at its start.
        sound: add half a second of sound more than there are pictures.
        options: of the encoder; by default a key frame every 10 frames.
    """
    index = {"movflags": "+faststart"} if index_first else {}
    with av.open(str(path), "w", options=index) as container:
        codec = codec or CODECS.get(path.suffix, "libx264")
        stream = container.add_stream(codec, rate=RATE, options={"g": "10", **(options or {})})
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        if codec != "libx264":  # whose default is a quality, not a rate
            stream.bit_rate = 4_000_000
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("aac", rate=8000, layout="mono") if sound else None
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(image(index, width, height), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            samples = np.zeros((1, 8000 * frames // RATE + 4000), np.float32)
            silence = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            silence.sample_rate = 8000
            container.mux(audio.encode(silence))
            container.mux(audio.encode(None))
    if rotation is not None:
        _rotate(path, rotation)
    return path


def _rotate(path: Path, rotation: int) -> None:
    """Writes a display matrix into the track header of an mp4 (ISO/IEC 14496-12, section 8.3.2)."""
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 44
    cosine = round(0x10000 * math.cos(math.radians(rotation)))
    sine = round(0x10000 * math.sin(math.radians(rotation)))
    assert struct.unpack_from(">9i", content, place) == (
        0x10000,
        0,
        0,
        0,
        0x10000,
        0,
        0,
        0,
        1 << 30,
    )
    struct.pack_into(">5i", content, place, cosine, -sine, 0, sine, cosine)
    path.write_bytes(content)
