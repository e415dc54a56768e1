"""What is known to be true of the videos of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from data.errors import InputError
from data.tube import Tube, check_tubes, tube_list
from data.validation import check_fields, class_names, positive, text


@dataclass(frozen=True, repr=False)
class VideoAnnotation:
    """The ground truth of one video.

    Attributes:
        name: of the video, as in the data set.
        frames: number of frames.
        width: of the frame, in pixels.
        height: of the frame, in pixels.
        tubes: the annotated tubes, all scores 1; every box is larger than nothing and inside the
            frame.

    Raises:
        ValueError: a field has the wrong type or range, a tube ends after the video or has other
            scores than 1, or a box is empty or reaches out of the frame.
    """

    name: str
    frames: int
    width: int
    height: int
    tubes: tuple[Tube, ...]

    def __post_init__(self) -> None:
        check_fields(
            self,
            {
                "name": text,
                "frames": positive,
                "width": positive,
                "height": positive,
                "tubes": tube_list,
            },
        )
        check_tubes(self.tubes, self.frames)
        for tube in self.tubes:
            if tube.score != 1 or (tube.scores != 1).any():
                raise ValueError("tubes must be ground truth, with scores of 1")
            x1, y1, x2, y2 = tube.boxes.T
            inside = (x1 >= 0) & (y1 >= 0) & (x2 <= self.width) & (y2 <= self.height)
            wrong = ~(inside & (x1 < x2) & (y1 < y2))
            if wrong.any():
                row = int(wrong.argmax())
                raise ValueError(
                    f"tubes of {self.name!r} must have boxes that are larger than nothing and "
                    f"inside the frame of {self.width}x{self.height}, not "
                    f"{tube.boxes[row].tolist()} in frame {tube.start + row}"
                )

    def __repr__(self) -> str:
        return (
            f"VideoAnnotation({self.name!r}, tubes={len(self.tubes)}, frames={self.frames}, "
            f"{self.width}x{self.height})"
        )


@dataclass(frozen=True, repr=False)
class Annotations:
    """The ground truth of a data set.

    Attributes:
        classes: class names; the label of a tube is an index into them.
        videos: the annotated videos by name.
        splits: names of videos by name of the split ("train", "test", ...). A video may be in
            several splits or in none.

    Raises:
        ValueError: a label has no class, a video is filed under another name, or a split names a
            video twice or one that is not there.
    """

    classes: tuple[str, ...]
    videos: dict[str, VideoAnnotation]
    splits: dict[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        check_fields(self, {"classes": class_names, "videos": _videos, "splits": _splits})
        for name, video in self.videos.items():
            for tube in video.tubes:
                if tube.label >= len(self.classes):
                    raise ValueError(
                        f"videos must have labels below the number of classes, "
                        f"{len(self.classes)}, not {tube.label} as in {name!r}"
                    )
        _check_splits(self.splits, self.videos)

    def split(self, name: str) -> list[VideoAnnotation]:
        """Returns the videos of a split, in its order.

        Raises:
            InputError: there is no split of that name.
        """
        if name not in self.splits:
            known = ", ".join(self.splits) or "none"
            raise InputError(f"split {name!r} is unknown; choose one of: {known}")
        return [self.videos[video] for video in self.splits[name]]

    @property
    def trimmed(self) -> bool:
        """Whether there are tubes and all span their videos: clips cut to what is done in them."""
        spans = [
            tube.start == 0 and tube.end == video.frames
            for video in self.videos.values()
            for tube in video.tubes
        ]
        return bool(spans) and all(spans)

    def __repr__(self) -> str:
        splits = ", ".join(f"{name}={len(videos)}" for name, videos in self.splits.items())
        tubes = sum(len(video.tubes) for video in self.videos.values())
        return (
            f"Annotations(classes={len(self.classes)}, videos={len(self.videos)}, tubes={tubes}, "
            f"splits: {splits or 'none'})"
        )


def _videos(value: Mapping[Any, Any], field: str) -> dict[str, VideoAnnotation]:
    for name, video in value.items():
        if not isinstance(video, VideoAnnotation) or video.name != name:
            raise ValueError(f"{field} must hold annotations under their names, unlike {name!r}")
    return dict(value)


def _splits(value: Mapping[Any, Iterable[Any]], field: str) -> dict[str, tuple[str, ...]]:
    return {text(name, field): tuple(names) for name, names in value.items()}


def _check_splits(splits: Mapping[str, tuple[str, ...]], videos: Mapping[str, object]) -> None:
    """Checks that splits name each of their videos once, and only videos that are there."""
    for split, names in splits.items():
        missing = [name for name in names if name not in videos]
        if missing:
            raise ValueError(f"splits: {split!r} names {missing[0]!r}, which is not annotated")
        if len(set(names)) < len(names):
            raise ValueError(f"splits: {split!r} names a video twice")
