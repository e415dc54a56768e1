"""The videos to detect in: of a data set, or files, folders and lists that were named."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import data
from data.errors import check_each
from data.interchange.files import read_lines
from data.media_index import VIDEO_SUFFIXES
from data.optical_flow import COMPUTED_TYPES
from data.video import video_files

_RGB, *_FLOW_TYPES = data.INPUT_TYPES
_FLOW_FOLDERS = {f"{kind}-images" for kind in _FLOW_TYPES}


@dataclass(frozen=True)
class Source:
    """A video and where its images are.

    Attributes:
        name: of the video.
        path: a file, or a folder of images or with a frame database.
        stored: folders of flow images by input type, if they are elsewhere than
            `data.stored_folder` says; they need not be there.
    """

    name: str
    path: Path
    stored: Mapping[str, Path] = field(default_factory=dict)

    def open_input(self, input_type: str, device: str = "auto") -> data.VideoReader:
        """Opens the images of one input type, see `data.open_input`.

        Raises:
            InputError: they cannot be read.
        """
        return data.open_input(
            self.path, input_type, stored=self.stored.get(input_type), device=device
        )

    def check(self, input_types: Iterable[str]) -> None:
        """Sees to it that there are images of these types.

        Raises:
            InputError: they cannot be read.
        """
        for kind in input_types:
            computed = kind in COMPUTED_TYPES and not self._is_stored(kind)
            self.open_input(_RGB if computed else kind).close()

    def _is_stored(self, input_type: str) -> bool:
        folder = self.stored.get(input_type) or data.stored_folder(self.path, input_type)
        return folder.is_dir()


def dataset_sources(
    dataset: data.Dataset, split: str, input_types: Collection[str]
) -> list[Source]:
    """The videos of a part of a data set.

    Args:
        dataset: the data set.
        split: the part.
        input_types: what is to be read of each; stored flow is enough where no RGB is.

    Raises:
        InputError: there is no such part, or a video is not there.
    """
    sources = []
    for video in dataset.annotations.split(split):
        stored = {
            kind: dataset.input_folder(video.name, kind) for kind in input_types if kind != _RGB
        }
        complete = len(stored) == len(input_types) and all(map(Path.is_dir, stored.values()))
        path = next(iter(stored.values())) if complete else dataset.video_path(video.name)
        sources.append(Source(video.name, path, stored))
    return sources


def named_sources(paths: Sequence[Path]) -> list[Source]:
    """The videos that were named.

    Args:
        paths: video files, folders of images, frame databases, folders of videos at any depth, and
            text files that name such files and folders, one a line, seen from where the text file
            is.

    Returns:
        Videos named by their files; those in folders of videos by the path below the folder.

    Raises:
        InputError: one is not there, there is none in a folder or a list, or two have one name.
    """
    sources: dict[str, Source] = {}
    for path in paths:
        for name, video in _videos(path):
            if name in sources:
                raise data.InputError(
                    f"{video}: has the name of {sources[name].path}, so their results would be "
                    "one file; detect in them with different --save_root"
                )
            sources[name] = Source(name, video)
    return list(sources.values())


def _videos(path: Path) -> Iterator[tuple[str, Path]]:
    """Names and paths of the videos that one argument stands for."""
    if path.suffix == ".txt" and path.is_file():
        yield from _listed(path)
    elif not video_files(path):
        found = list(_videos_below(path))
        if not found:
            raise data.InputError(
                f"{path}: holds neither images nor videos; name a video, or a folder of them"
            )
        yield from found
    else:
        yield _name(Path(os.path.abspath(path))), path


def _listed(path: Path) -> Iterator[tuple[str, Path]]:
    lines = [
        (number, line.strip())
        for number, line in enumerate(read_lines(path), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise data.InputError(f"{path}: lists no videos; name one a line")

    def check(line: tuple[int, str]) -> None:
        number, listed = line
        if not (path.parent / listed).exists():
            raise data.InputError(
                f"{path}:{number}: {path.parent / listed} is not there; name videos as they are "
                "seen from the folder of the list, one a line"
            )

    check_each(lines, check)
    for _, listed in lines:
        yield from _videos(path.parent / listed)


def _videos_below(root: Path) -> Iterator[tuple[str, Path]]:
    for entry in sorted(root.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if video_files(entry):
                yield entry.name, entry
            elif entry.name not in _FLOW_FOLDERS:
                for name, video in _videos_below(entry):
                    yield f"{entry.name}/{name}", video
        elif entry.suffix.lower() in VIDEO_SUFFIXES:
            yield entry.stem, entry


def _name(path: Path) -> str:
    return path.name if path.is_dir() else path.stem
