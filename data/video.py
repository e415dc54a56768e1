"""Opens videos: files of any container that FFmpeg reads, folders of images, frame databases."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.frame_database import COUNT_FILE, DATABASE, FrameDatabase, has_database
from data.image_folder import ImageFolder, NoImagesError, list_images
from data.video_file import DEFAULT_FRAME_RATE, VideoFile
from data.video_reader import VideoReader


def open_video(path: str | Path, frame_rate: float = DEFAULT_FRAME_RATE) -> VideoReader:
    """Opens a video file, a folder of images or a frame database for reading frame by frame.

    Example:
        with open_video("street.mp4") as video:
            for frame in video:
                print(frame.index, frame.time, frame.image.shape)

    Args:
        path: a video file; a folder of jpg, png or bmp images in natural order; a frame database
            or the folder in which it is `frames.db`.
        frame_rate: frames per second of images and databases; video files know their own.

    Raises:
        InputError: missing, empty or no video.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file or folder; check the path of the video") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); check the path") from error
    if stat.S_ISDIR(mode):
        if has_database(path):
            return FrameDatabase(path, frame_rate)
        try:
            return ImageFolder(path, frame_rate)
        except NoImagesError:
            if not (path / COUNT_FILE).exists():
                raise
            raise InputError(
                f"{path}: there is {COUNT_FILE}, and no {DATABASE} with the frames; convert the "
                "video again"
            ) from None
    if stat.S_ISREG(mode):
        return FrameDatabase(path, frame_rate) if path.suffix == ".db" else VideoFile(path)
    raise InputError(f"{path}: neither a file nor a folder; give a video file")


def video_files(path: Path) -> list[Path]:
    """Returns the files that a video consists of; none for a folder that is no video.

    Args:
        path: a file; a folder of images, which are in natural order, or with a frame database.
    """
    if not path.is_dir():
        return [path]
    return [path / DATABASE] if has_database(path) else list_images(path)


def read_frames(
    video: str | Path | VideoReader, indices: Sequence[int]
) -> list[npt.NDArray[np.uint8]]:
    """Reads some frames of a video.

    Decoding starts at the last key frame before a wanted frame, or at the first frame where a key
    frame's number is not certain (see `data.packet_index`), and stops after the last frame asked
    for; only the frames asked for are converted to RGB. Many reads of one file are fastest with a
    video that stays open.

    Args:
        video: as `open_video` takes, or one that is open already, and stays open.
        indices: 0-based frames, in any order, repeats allowed.

    Returns:
        One uint8 (H, W, 3) RGB array for each index, in the order of `indices`.

    Raises:
        InputError: the video cannot be opened, or ends before a frame asked for.
        ValueError: an index is negative.
    """
    if any(index < 0 for index in indices):
        raise ValueError(f"indices: frames are counted from 0, got {min(indices)}")
    wanted = {int(index) for index in indices}
    with nullcontext(video) if isinstance(video, VideoReader) else open_video(video) as reader:
        images = {frame.index: frame.image for frame in reader.select(wanted)}
    missing = wanted - images.keys()
    if missing:
        raise InputError(
            f"{reader.path}: the video ends before frame {min(missing)}; "
            "check the file, or the annotation that names this frame"
        )
    return [images[int(index)] for index in indices]
