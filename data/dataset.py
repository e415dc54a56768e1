"""Data sets by name: the annotation together with the videos it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data.annotation import Annotations
from data.annotation_format import load_annotations
from data.daly import KeyFrames, read_daly
from data.errors import InputError
from data.input_images import INPUT_TYPES, open_input, stored_folder
from data.interchange.files import video_path
from data.jhmdb import read_jhmdb
from data.media_index import find_media
from data.synthetic import render_dataset
from data.ucf24 import read_ucf24
from data.video import open_video
from data.video_reader import VideoReader

DATASETS = ("daly", "embedded", "jhmdb21", "ucf24")
EMBEDDED_ROOT = Path("runs/data")


@dataclass(frozen=True, repr=False)
class Dataset:
    """An annotated data set and where its videos are.

    Attributes:
        name: of the data set.
        annotations: the ground truth.
        media: video file or folder of images by name of the video; some may be missing.
        key_frames: by name of the video, for each of its tubes, the frames whose boxes were drawn
            and not interpolated; only of data sets that say so (DALY).
        root: the folder of the data set, in which folders of flow images are.
    """

    name: str
    annotations: Annotations
    media: Mapping[str, Path]
    key_frames: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)
    root: Path | None = None

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

    def input_folder(self, name: str, input_type: str) -> Path:
        """Returns where the stored images of an input type other than rgb are, or would be.

        `ROOT/fastOF-images/Class/video`, as published (see `data.stored_folder`).

        Raises:
            InputError: the video was not found, or its name cannot be that of a folder.
        """
        if self.root is None:
            return stored_folder(self.video_path(name), input_type)
        return video_path(self.root / f"{input_type}-images", name)

    def open_input(self, name: str, input_type: str, device: str = "auto") -> VideoReader:
        """Opens the images of one input type of a video, as `data.open_input` does.

        Args:
            name: of the video.
            input_type: one of `data.INPUT_TYPES`.
            device: where RAFT runs: auto, cpu or cuda.

        Raises:
            InputError: the video was not found, or the images are not there and cannot be made.
            ValueError: there is no such input type.
        """
        stored = self.input_folder(name, input_type)
        if input_type in INPUT_TYPES[1:] and stored.is_dir():  # without a need for the video
            return open_video(stored)
        return open_input(self.video_path(name), input_type, stored=stored, device=device)

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
        split: number of the official split; DALY has but one.

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
    key_frames: KeyFrames = {}
    if name == "daly":
        annotations, key_frames = read_daly(root)
    elif name == "ucf24":
        annotations = read_ucf24(root, split=split)
    else:
        annotations = read_jhmdb(root, split=split)
    return Dataset(name, annotations, find_media(root, annotations.videos), key_frames, root)


def _open_embedded(root: Path) -> Dataset:
    try:
        render_dataset(root)
    except OSError as error:
        raise InputError(
            f"{root}: the embedded data set cannot be rendered there "
            f"({error.strerror or error}); choose another folder"
        ) from error
    annotations = read_ucf24(root)
    media = find_media(root, annotations.videos)
    return Dataset("embedded", annotations, media, root=root)


def _open_own(path: Path) -> Dataset:
    if not path.is_file():
        raise InputError(
            f"{path}: neither a data set nor an annotation file; give one of "
            f"{', '.join(DATASETS)}, or the path of a JSON file as in docs/formats.md"
        )
    if path.suffix == ".npz":
        raise InputError(
            f"{path}: .npz files hold detections or tubes, and a data set is an annotation in "
            "JSON as in docs/formats.md; name its .json file"
        )
    annotations, media = load_annotations(path)
    # Where no file is named, it is looked for as those of data sets are.
    media = find_media(path.parent, annotations.videos) | media
    return Dataset(path.stem, annotations, media, root=path.parent)
