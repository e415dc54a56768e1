"""The detections from which the tubes of a video are built: of one or two streams, of anybody."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data import Context, Detections, InputError
from data.array_file import read_arrays
from data.interchange.own_files import NAME as OWN
from evaluation.detection_files import find_detections
from evaluation.result_files import check_corners, read_detection_files
from tubes.fusion import FusedDetections, fuse, mean_fusion
from tubes.settings import TubeSettings


@dataclass(frozen=True, eq=False)
class VideoStreams:
    """One or two streams of detections of a video.

    Attributes:
        name: By which it is told from the others; for files of our own their path in the folder,
            without suffix, or else the name of the video.
        places: File or folder that each stream came from.
        loaded: The detections, for streams that are not in a file of their own.
    """

    name: str
    places: tuple[Path, ...]
    loaded: tuple[Detections, ...] = ()

    def load(self) -> tuple[Detections, ...]:
        """Returns the detections of each stream.

        Raises:
            InputError: A file is wrong.
        """
        if self.loaded:
            return self.loaded
        streams = tuple(Detections.load(path) for path in self.places)
        for path, stream in zip(self.places, streams, strict=True):
            check_corners(stream, path)
        return streams

    def lengths(self) -> tuple[int, ...]:
        """Returns the number of frames of each stream.

        Raises:
            InputError: A file is wrong.
        """
        if self.loaded:
            return tuple(stream.frames for stream in self.loaded)
        offsets = (read_arrays(path, ["offsets"], "detections")["offsets"] for path in self.places)
        return tuple(each.size - 1 for each in offsets)

    def origin(self) -> list[tuple[str | int, ...]]:
        """Returns something for each stream that changes when its detections do."""
        if self.loaded:
            return [(_digest(stream),) for stream in self.loaded]
        return [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in self.places]

    def __str__(self) -> str:
        names = " and ".join(map(str, self.places))
        return f"{names}: video {self.loaded[0].video!r}" if self.loaded else names


def fused(
    streams: Sequence[Detections], fusion: str, settings: TubeSettings
) -> Detections | FusedDetections:
    """Joins the streams of a video, one or two.

    Args:
        streams: Their detections.
        fusion: How two are joined, a name of `tubes.FUSIONS`.
        settings: Of linking.

    Raises:
        ValueError: The streams do not fit.
    """
    if len(streams) == 1:
        return streams[0]
    base, top = streams
    return mean_fusion(base, top) if fusion == "mean" else fuse(base, top, fusion, settings)


def find_streams(
    paths: Sequence[Path], top: Path | None, form: str | None, context: Context
) -> Sequence[VideoStreams] | Iterator[VideoStreams]:
    """Finds the detections of each video: files of our own, or else whatever the format holds.

    Args:
        paths: Files or folders, as the format has it.
        top: That of a second stream; None for one only.
        form: Name of the format; None stands for that which the content shows.
        context: Says what the files leave unsaid.

    Raises:
        InputError: Something is missing or wrong; of what is not our own, some of it only when the
            video is reached.
    """
    if form in (None, OWN) and all(_holds_own(path) for path in (*paths, *([top] if top else []))):
        return _own_files(paths, top)
    return _read(paths, top, form, context)


def _holds_own(path: Path) -> bool:
    """Whether a path is one of our files or a folder of them."""
    return path.suffix == ".npz" or (path.is_dir() and any(path.rglob("*.npz")))


def _own_files(paths: Sequence[Path], top: Path | None) -> list[VideoStreams]:
    """The files of detections, each with its partner in the second stream."""
    roots = [path for path in paths if path.is_dir()]
    files = find_detections(paths)
    if top and not top.is_dir() and len(files) > 1:
        raise InputError(f"--top {top}: must be a folder, since there are several videos")
    found = []
    for file in files:
        root = next((each for each in roots if file.is_relative_to(each)), file.parent)
        name = file.relative_to(root)
        places = [file]
        if top:
            places.append(top / name if top.is_dir() else top)
            if not places[1].is_file():
                raise InputError(
                    f"{places[1]}: is missing, the second stream of {file}; detect with both "
                    "networks in the same videos"
                )
        found.append(VideoStreams(name.with_suffix("").as_posix(), tuple(places)))
    if top:
        _report_lengths({streams.name: streams.lengths() for streams in found})
    return found


def _read(
    paths: Sequence[Path], top: Path | None, form: str | None, context: Context
) -> Iterator[VideoStreams]:
    """Videos that are read one after the other, with those of the same name in a second stream."""
    partners = read_detection_files([top], form, context) if top else iter(())
    waiting: dict[str, Detections] = {}
    lengths: dict[str, tuple[int, ...]] = {}
    for path, video in read_detection_files(paths, form, context):
        if top is None:
            yield VideoStreams(video.video, (path,), (video,))
            continue
        while video.video not in waiting:
            _, partner = next(partners, (top, None))
            if partner is None:
                raise InputError(
                    f"{top}: holds no video {video.video!r}, the second stream of that in {path}; "
                    "detect with both networks in the same videos"
                )
            waiting[partner.video] = partner
        streams = VideoStreams(video.video, (path, top), (video, waiting.pop(video.video)))
        lengths[streams.name] = streams.lengths()
        yield streams
    _report_lengths(lengths)


def _report_lengths(lengths: Mapping[str, tuple[int, ...]]) -> None:
    """Tells on stderr where two streams have other numbers of frames; given by video."""
    differing = [(name, *own) for name, own in lengths.items() if len(set(own)) > 1]
    if differing:
        name, base, top = differing[0]
        print(
            f"note: {len(differing)} of {len(lengths)} videos have another number of frames in "
            "--top than in the first stream: frames that --top lacks have the detections of the "
            "first stream alone, and what it has beyond the first stream is left out; the first is "
            f"{name}: {base} frames, in --top {top}",
            file=sys.stderr,
        )


def _digest(stream: Detections) -> str:
    """Differs for different detections."""
    said = (stream.video, stream.width, stream.height, stream.frame_rate, stream.classes)
    digest = hashlib.blake2b(repr((*said, stream.model)).encode(errors="surrogatepass"))
    for array in (stream.boxes, stream.scores, stream.offsets):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
