"""Data sets by name: the annotation together with the videos it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data.annotation import Annotations
from data.errors import InputError
from data.jhmdb import read_jhmdb
from data.media_index import find_media

DATASETS = ("jhmdb21",)


@dataclass(frozen=True, repr=False)
class Dataset:
    """An annotated data set and where its videos are.

    Attributes:
        name: of the data set.
        annotations: the ground truth.
        media: video file or folder of images by name of the video; some may be missing.
    """

    name: str
    annotations: Annotations
    media: Mapping[str, Path]

    def video_path(self, name: str) -> Path:
        """Returns the file or folder of a video.

        Raises:
            InputError: it was not found.
        """
        if name not in self.media:
            raise InputError(
                f"the video {name!r} of data set {self.name!r} was not found: put it beside the "
                "annotation, in videos/ or as images in rgb-images/"
            )
        return self.media[name]

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, {self.annotations!r}, media={len(self.media)})"


def open_dataset(
    name_or_path: str | Path, data_root: str | Path | None = None, split: int = 1
) -> Dataset:
    """Opens a data set.

    Args:
        name_or_path: a name of `DATASETS`.
        data_root: folder that holds the data set, or its parent with a folder of its name.
        split: number of the official split.

    Raises:
        InputError: the data set is unknown, or its files are not where they should be.
    """
    name = str(name_or_path)
    if name not in DATASETS:
        raise InputError(f"data set {name!r} is unknown: give one of {', '.join(DATASETS)}")
    if data_root is None:
        raise InputError(f"data set {name!r}: where it is stored must be given with --data_root")
    root = Path(data_root)
    if (root / name).is_dir():
        root = root / name
    annotations = read_jhmdb(root, split)
    return Dataset(name, annotations, find_media(root, annotations.videos))
