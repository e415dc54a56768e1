"""Codecs and containers that have peculiarities of their own."""

from __future__ import annotations

from typing import Any

UNEVEN = [0, 10, 50, 60, 200, *range(300, 2800, 100)]  # milliseconds

# Of every codec and container that has peculiarities of its own: a name, the options of FFmpeg, and
# whether frames are found without decoding those before them.
CODINGS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "H.264 mp4": ("a.mp4", {}, True),
    "H.264 mkv": ("a.mkv", {}, True),
    "H.264 mov": ("a.mov", {}, True),
    "H.264 mpeg-ts": ("a.ts", {}, True),
    "H.264 flv": ("a.flv", {}, True),
    "H.264 avi": ("a.avi", {"codec": "libx264"}, False),
    "bare H.264": ("a.h264", {}, False),
    "open groups": ("a.mp4", {"options": {"x264-params": "open-gop=1:bframes=3"}}, True),
    "intra refresh": ("a.mkv", {"options": {"g": "20", "x264-params": "intra-refresh=1"}}, True),
    "interlaced": ("a.ts", {"options": {"x264-params": "interlaced=1"}}, True),
    "uneven times": ("a.mp4", {"times": UNEVEN}, True),
    "rotated": ("a.mp4", {"rotation": 90}, True),
    "sound": ("a.mkv", {"sound": True}, True),
    "H.265": (
        "a.mp4",
        {"codec": "libx265", "options": {"x265-params": "keyint=10:open-gop=0:log-level=none"}},
        True,
    ),
    "H.265 open groups": (
        "a.mkv",
        {"codec": "libx265", "options": {"x265-params": "keyint=10:open-gop=1:log-level=none"}},
        True,
    ),
    "AV1": ("a.mkv", {"codec": "libsvtav1", "options": {"preset": "10"}, "height": 64}, True),
    "VP9": ("a.webm", {"options": {"auto-alt-ref": "1", "lag-in-frames": "16"}}, True),
    "VP8": ("a.webm", {"codec": "libvpx", "options": {"auto-alt-ref": "1"}}, False),
    "MPEG-4 avi": ("a.avi", {}, True),
    "MPEG-4 avi, reordered": ("a.avi", {"options": {"bf": "2"}}, False),
    "MPEG-4 mp4, reordered": ("a.mp4", {"codec": "mpeg4", "options": {"bf": "2"}}, True),
    "bare MPEG-4": ("a.m4v", {"codec": "mpeg4"}, True),
    "MPEG-2 mpeg-ts": ("a.ts", {"codec": "mpeg2video", "options": {"bf": "2"}}, True),
    "MPEG-2 closed groups": (
        "a.mkv",
        {
            "codec": "mpeg2video",
            "options": {"bf": "2", "flags": "+cgop", "sc_threshold": "1000000000"},
        },
        True,
    ),
    "MPEG-1": ("a.mpg", {"codec": "mpeg1video"}, False),
    "Motion JPEG": ("a.avi", {"codec": "mjpeg", "pixels": "yuvj420p"}, True),
    "FFV1": ("a.mkv", {"codec": "ffv1"}, True),
    "WMV": ("a.wmv", {"codec": "wmv2"}, False),
}
