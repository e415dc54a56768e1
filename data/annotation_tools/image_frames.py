"""Which frame of which video an image is, for tools that annotate images."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from data.annotation_tools.video_folder import FoundVideo, VideoFolder
from data.errors import InputError


class ImageName(NamedTuple):
    """An image as an export names it.

    Attributes:
        file: its file name, with folders if it has any.
        video: name of its video, where the export says it.
    """

    file: str
    video: str | None = None


class _Group(NamedTuple):
    """Images that are called alike up to their number."""

    video: str | None
    folder: str
    prefix: str


def find_frames(
    names: Iterable[ImageName], videos: VideoFolder, export: Path
) -> dict[ImageName, tuple[FoundVideo, int]]:
    """Returns video and frame (from 0) of each image.

    The video is the one that is said, or else called as the folder of the image, as its name
    without the number (`clip_00012.jpg`), or as the export, or is the only one that there is. In
    a folder of images it is the frame of that file; otherwise the last number in the name tells,
    counted from 0 if any image of the video has number 0, and else from 1, as FFmpeg counts when it
    writes images.

    Args:
        names: of the images.
        videos: where the videos are.
        export: path of the export, whose name may be that of its video.

    Raises:
        InputError: a video is missing or has no such frame, or a name has no number.
    """
    groups: dict[_Group, list[tuple[ImageName, int | None]]] = defaultdict(list)
    for name in dict.fromkeys(names):
        file = PurePosixPath(name.file.replace("\\", "/"))
        folder = file.parent.as_posix() if file.parent.name else ""
        match = re.match(r"(.*?)(\d+)$", file.stem)
        prefix = match[1].rstrip(" _-.") if match else file.stem
        group = _Group(name.video, folder, prefix)
        groups[group].append((name, int(match[2]) if match else None))
    found: dict[ImageName, tuple[FoundVideo, int]] = {}
    for group, images in groups.items():
        video = _video_of(group, images[0][0].file, videos, export)
        first = 0 if any(number == 0 for _, number in images) else 1
        for name, number in images:
            frame = video.images.get(PurePosixPath(name.file.replace("\\", "/")).name)
            if frame is None:
                frame = -1 if number is None else number - first
            if not 0 <= frame < video.frames:
                raise InputError(
                    f"{export}: which frame the image {name.file!r} is cannot be told: the video "
                    f"{video.path} has {video.frames} frames; name images by their frames, such "
                    "as clip_00012.jpg, or give the folder of images itself"
                )
            found[name] = video, frame
    return found


def _video_of(group: _Group, image: str, videos: VideoFolder, export: Path) -> FoundVideo:
    if group.video is not None:
        return videos.must_find(export, group.video)
    candidates = (group.folder, _last(group.folder), group.prefix, export.stem)
    video = videos.find(*candidates, or_only=True)
    if video is None:
        tried = ", ".join(dict.fromkeys(repr(name) for name in candidates if name))
        raise InputError(
            f"{export}: of which video the image {image!r} is cannot be told: below {videos.path} "
            f"none is called {tried}; name the video or folder of images itself with --videos"
        )
    return video


def _last(folder: str) -> str:
    return folder.rpartition("/")[2]
