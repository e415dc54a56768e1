"""Data sets by name: the annotation together with the videos it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data.annotation import Annotations
from data.annotation_format import load_annotations
from data.errors import InputError
from data.jhmdb import read_jhmdb
from data.media_index import find_media
from data.synthetic import render_dataset
from data.ucf24 import read_ucf24

DATASETS = ("embedded", "jhmdb21", "ucf24")
EMBEDDED_ROOT = Path("runs/data")


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
        path = self.media.get(name)
        if path is None or not path.exists():
            raise InputError(
                f"the video {name!r} of data set {self.name!r} is not there"
                f"{f' ({path})' if path else ''}; put it beside the annotation, into videos/ or as "
                "images into rgb-images/, or name its file in the annotation"
            )
        return path

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, {self.annotations!r}, media={len(self.media)})"


def open_dataset(
    name_or_path: str | Path, data_root: str | Path | None = None, split: int = 1
) -> Dataset:
    """Opens a data set.

    Args:
        name_or_path: a name of `DATASETS`, or an annotation file in the project's own format (see
            docs/formats.md).
        data_root: folder that holds the data set, or its parent with a folder of its name. For
            the embedded data set, which is rendered on first use, always the parent; by default
            runs/data. An annotation file of one's own says itself where its videos are.
        split: number of the official split.

    Raises:
        InputError: the data set is unknown, or its files are not where they should be.
    """
    name = str(name_or_path)
    if name == "embedded":
        return _open_embedded(Path(data_root or EMBEDDED_ROOT) / name)
    if name not in DATASETS:
        return _open_own(Path(name_or_path))
    if data_root is None:
        raise InputError(
            f"data set {name!r}: the folder it is stored in is not known; give it as --data_root"
        )
    root = Path(data_root)
    if (root / name).is_dir():
        root = root / name
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the one of {name!r} as --data_root")
    annotations = (
        read_ucf24(root, split=split) if name == "ucf24" else read_jhmdb(root, split=split)
    )
    return Dataset(name, annotations, find_media(root, annotations.videos))


def _open_embedded(root: Path) -> Dataset:
    try:
        render_dataset(root)
    except OSError as error:
        raise InputError(
            f"{root}: the embedded data set cannot be rendered there "
            f"({error.strerror or error}); choose another folder"
        ) from error
    annotations = read_ucf24(root)
    return Dataset("embedded", annotations, find_media(root, annotations.videos))


def _open_own(path: Path) -> Dataset:
    if not path.is_file():
        raise InputError(
            f"{path}: neither a data set nor an annotation file; give one of "
            f"{', '.join(DATASETS)}, or the path of a JSON file as in docs/formats.md"
        )
    annotations, media = load_annotations(path)
    return Dataset(path.stem, annotations, media)
