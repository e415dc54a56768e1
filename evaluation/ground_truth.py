"""The ground truth that a command compares with: its options, and how names are matched to it."""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data import (
    DATASETS,
    Detections,
    InputError,
    Tube,
    VideoAnnotation,
    VideoTubes,
    open_dataset,
)


@dataclass(frozen=True)
class GroundTruth:
    """The annotated videos that count.

    Attributes:
        name: For people to read.
        classes: Class names, to which the labels of the videos point.
        videos: In the order of the split.
        annotated: All videos of the data set by name, of other splits too.
        trimmed: Whether the data set consists of clips that every tube spans.
    """

    name: str
    classes: tuple[str, ...]
    videos: tuple[VideoAnnotation, ...]
    annotated: Mapping[str, VideoAnnotation]
    trimmed: bool


@dataclass(frozen=True)
class VideoOrigin:
    """What the results of a video say of it.

    Attributes:
        frames: Number of frames.
        size: Width and height of the frame in pixels.
        classes: Names of the classes that can be found in it.
    """

    frames: int
    size: tuple[int, int]
    classes: tuple[str, ...]

    @classmethod
    def of(cls, video: Detections | VideoTubes) -> "VideoOrigin":
        """Returns what detections or tubes say of their video."""
        return cls(video.frames, (video.width, video.height), video.classes)


def ground_truth_options(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Adds the options that name the ground truth, the arguments of `open_ground_truth`."""
    group = parser.add_argument_group("ground truth")
    group.add_argument(
        "--dataset",
        required=required,
        metavar="NAME|FILE",
        help=f"{', '.join(DATASETS)}, or an annotation file as in docs/formats.md",
    )
    group.add_argument(
        "--data_root",
        type=Path,
        metavar="FOLDER",
        help="folder of the data set (the embedded one is rendered on first use)",
    )
    group.add_argument(
        "--train_split", type=int, default=1, metavar="N", help="published split, 1 to 3"
    )
    group.add_argument(
        "--split",
        metavar="NAME",
        help="videos that count (default: test; all videos where the annotation has no splits)",
    )


def open_ground_truth(
    dataset: str, data_root: Path | None = None, train_split: int = 1, split: str | None = None
) -> GroundTruth:
    """Reads the annotation of a split.

    Args:
        dataset: Name of a data set, or path of an annotation file.
        data_root: Folder of the data set.
        train_split: Number of the published split.
        split: Name of the split; None stands for "test", or for all videos if there are no splits.

    Raises:
        InputError: The data set or the split is unknown or unreadable, or the split is empty.
    """
    annotations = open_dataset(dataset, data_root, train_split).annotations
    if split is None and not annotations.splits:
        videos, name = list(annotations.videos.values()), dataset
    else:
        videos, name = annotations.split(split or "test"), f"{dataset}, {split or 'test'}"
    if not videos:
        raise InputError(f"{name}: this split has no videos; name another as --split")
    return GroundTruth(
        name, annotations.classes, tuple(videos), annotations.videos, annotations.trimmed
    )


def class_columns(classes: Sequence[str], wanted: Sequence[str], video: str) -> list[int]:
    """Returns where each of the classes `wanted` stands in `classes`, or -1 for one that is not.

    Args:
        classes: Class names of the results.
        wanted: Class names of the ground truth.
        video: Name of the video, for the error.

    Raises:
        InputError: Not one of them is there.
    """
    if not set(classes) & set(wanted):
        raise InputError(
            f"video {video!r}: none of the classes of the ground truth ({_some(wanted)}) is among "
            f"those of the results ({_some(classes)}); name the data set whose classes the "
            "detector knows"
        )
    return [list(classes).index(name) if name in classes else -1 for name in wanted]


def tubes_by_video(
    videos: Iterable[VideoTubes], classes: Sequence[str]
) -> dict[str, tuple[Tube, ...]]:
    """Sorts tubes by video and numbers their labels as the ground truth does.

    Args:
        videos: Detected tubes, labels in order of their own classes.
        classes: Class names of the ground truth.

    Raises:
        InputError: A video occurs twice, or the ground truth does not know the class of a tube.
    """
    found: dict[str, tuple[Tube, ...]] = {}
    for video in videos:
        if video.video in found:
            raise InputError(f"video {video.video!r} occurs twice; leave one of them out")
        if video.classes == tuple(classes):
            found[video.video] = video.tubes
            continue
        for tube in video.tubes:
            if video.classes[tube.label] not in classes:
                raise InputError(
                    f"video {video.video!r}: label {video.classes[tube.label]!r} is no class of "
                    f"the ground truth ({_some(classes)}); name the data set it belongs to"
                )
        found[video.video] = tuple(
            Tube(
                start=tube.start,
                boxes=tube.boxes,
                scores=tube.scores,
                label=list(classes).index(video.classes[tube.label]),
                score=tube.score,
                id=tube.id,
            )
            for tube in video.tubes
        )
    return found


def report_coverage(origins: Mapping[str, VideoOrigin], truth: GroundTruth) -> None:
    """Tells on stderr how the results and the ground truth differ.

    That is: which videos are left out and which count as missed, which classes do, of which classes
    there is nothing to find, and which videos have another length or size. UCF24 goes around in
    several sizes, so this is no error.

    Args:
        origins: Videos of which there are results, by name.
        truth: The videos that count.

    Raises:
        InputError: No video is in both, or the results of a video know no class of the truth.
    """
    given, wanted = set(origins), {video.name for video in truth.videos}
    if not given & wanted:
        raise InputError(
            f"none of the videos ({_some(sorted(given))}) is in the ground truth {truth.name} "
            f"({_some(sorted(wanted))}); name another data set or split"
        )
    if given - wanted:
        print(
            f"note: left out {len(given - wanted)} of {len(given)} videos, which are not in "
            f"{truth.name}: {_some(sorted(given - wanted))}",
            file=sys.stderr,
        )
    if wanted - given:
        print(
            f"note: {len(wanted - given)} of {len(wanted)} videos of {truth.name} have no results "
            f"and count as missed: {_some(sorted(wanted - given))}",
            file=sys.stderr,
        )
    _report_classes(origins, truth)
    _report_absent_classes(truth)
    _report_shapes(origins, truth)


def _report_classes(origins: Mapping[str, VideoOrigin], truth: GroundTruth) -> None:
    """Tells which classes of the truth the results do not know."""
    missed: set[int] = set()
    for video in truth.videos:
        if video.name in origins:
            columns = class_columns(origins[video.name].classes, truth.classes, video.name)
            missed |= {label for label, column in enumerate(columns) if column < 0}
    if missed:
        print(
            f"note: {len(missed)} of {len(truth.classes)} classes of {truth.name} are unknown to "
            "the results and count as missed, with an average precision of 0: "
            f"{_some([truth.classes[label] for label in sorted(missed)], 10)}",
            file=sys.stderr,
        )


def _report_absent_classes(truth: GroundTruth) -> None:
    """Tells which classes the means hold although there is nothing of them to find."""
    there = {tube.label for video in truth.videos for tube in video.tubes}
    absent = [name for label, name in enumerate(truth.classes) if label not in there]
    if absent:
        print(
            f"note: {len(absent)} of {len(truth.classes)} classes have no true tube in "
            f"{truth.name} and an average precision of 0, which the mean holds unless its protocol "
            f"leaves such classes out: {_some(absent, 10)}",
            file=sys.stderr,
        )


def _report_shapes(origins: Mapping[str, VideoOrigin], truth: GroundTruth) -> None:
    """Tells of how many videos the results say another length or size than the truth."""
    both = [(video, origins[video.name]) for video in truth.videos if video.name in origins]
    lengths = [
        f"{video.name}: {origin.frames} frames, annotated {video.frames}"
        for video, origin in both
        if origin.frames != video.frames
    ]
    sizes = [
        f"{video.name}: {'x'.join(map(str, origin.size))}, annotated {video.width}x{video.height}"
        for video, origin in both
        if origin.size != (video.width, video.height)
    ]
    for what, compared, differing in (
        ("number of frames", "frames of equal numbers are compared", lengths),
        ("frame size", "boxes are compared as they are", sizes),
    ):
        if differing:
            print(
                f"note: {len(differing)} of {len(both)} videos have another {what} than in "
                f"{truth.name}, and {compared}; the first is {differing[0]}",
                file=sys.stderr,
            )


def origin_facts(
    results: Sequence[Path], names: Iterable[str], truth: GroundTruth
) -> dict[str, str]:
    """Returns what is compared with what, for people to read.

    Args:
        results: Files or folders that were read.
        names: Videos of which there are results.
        truth: The videos that count.
    """
    given = set(names) & {video.name for video in truth.videos}
    return {
        "Results": ", ".join(map(str, results)),
        "Ground truth": truth.name,
        "Videos": f"{len(given)} of {len(truth.videos)} with results",
    }


def _some(names: Sequence[str], count: int = 3) -> str:
    """The first names, for a sentence."""
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")
