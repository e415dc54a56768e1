"""Opens the containers of videos through PyAV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# FFmpeg's demuxers of character art: they accept any text file of the right suffix as a video.
_TEXT_FORMATS = frozenset({"tty", "bin", "xbin", "adf", "idf"})


def open_container(path: Path) -> tuple[InputContainer, VideoStream]:
    """Opens a file and finds its video stream.

    Raises:
        InputError: the file is missing, empty or not a video.
    """
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
