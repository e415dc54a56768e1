"""Rows of boxes, scores, frames and classes as our types, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from data.detections import Detections
from data.errors import InputError
from data.interchange.checks import Floats, Integers, Place, refuse
from data.interchange.context import USUAL_FRAME_RATE, Context, VideoShape
from data.tube import Tube, VideoTubes

# Where a format has one class a row, a row is written for each class that scores higher: ROAD
# links none below, and the other programs begin at 0.005 and more.
LEAST_SCORE = 0.001


def one_class_scores(labels: Integers, scores: Floats, classes: int) -> Floats:
    """Returns scores (n, classes + 1) of rows that have one class each.

    The score stands in the column of the class, what is left to 1 in that of the background, and
    the other classes have 0.
    """
    rows = np.zeros((len(labels), classes + 1), np.float32)
    rows[np.arange(len(labels)), labels] = scores
    rows[:, -1] = 1 - scores
    return rows


def one_class_rows(scores: Floats) -> tuple[Integers, Integers]:
    """Returns which rows of scores (n, classes + 1) to write, once for each class above 0.001.

    Returns:
        Indices of rows, and classes; the rows in order and the classes of each row in order.
    """
    rows, labels = np.nonzero(scores[:, :-1] > LEAST_SCORE)
    return rows, labels


class Rows:
    """Collects the rows of a video, in any order of frames, for its `Detections`.

    Args:
        classes: class names.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = tuple(classes)
        self._frames = [np.zeros(0, np.int64)]
        self._boxes = [np.zeros((0, 4), np.float32)]
        self._scores = [np.zeros((0, len(classes) + 1), np.float32)]

    def add(self, frames: int | Integers, boxes: Floats, scores: Floats) -> None:
        """Adds rows.

        Args:
            frames: of each row (n,), or of all, from 0 to below the length of the video.
            boxes: (n, 4).
            scores: (n, classes + 1).
        """
        self._frames.append(np.broadcast_to(np.asarray(frames, np.int64), len(boxes)))
        self._boxes.append(boxes)
        self._scores.append(scores)

    def detections(self, video: str, shape: VideoShape, context: Context, model: str) -> Detections:
        """Returns what was added; the rows of a frame keep their order.

        Args:
            video: name of the video.
            shape: its length and frame size.
            context: knows the frame rate.
            model: name of the detector.
        """
        frames = np.concatenate(self._frames)
        boxes, scores = np.concatenate(self._boxes), np.concatenate(self._scores)
        if (np.diff(frames) < 0).any():  # not as a matter of course: scores may be a gigabyte
            order = np.argsort(frames, kind="stable")
            boxes, scores = boxes[order], scores[order]
        offsets = np.zeros(shape.frames + 1, np.int64)
        np.cumsum(np.bincount(frames, minlength=shape.frames), out=offsets[1:])
        return Detections(
            video=video,
            boxes=boxes,
            scores=scores,
            offsets=offsets,
            width=shape.width,
            height=shape.height,
            frame_rate=context.frame_rate or USUAL_FRAME_RATE,
            classes=self._classes,
            model=model,
        )


def rows_of(detections: Detections) -> tuple[Integers, Integers, Integers]:
    """Returns frame, row and class of everything that a format with one class a row holds."""
    rows, labels = one_class_rows(detections.scores)
    frames = np.repeat(np.arange(detections.frames), np.diff(detections.offsets))
    return frames[rows], rows, labels


def tubes_from_rows(
    tracks: Integers,
    labels: Integers,
    rows: tuple[Integers, Floats, Floats],
    place: Place,
    track_scores: Mapping[int, float] | None = None,
) -> tuple[Tube, ...]:
    """Puts rows of any order into tubes, one a track.

    A tube has no gaps: a track with gaps becomes several tubes, of which the first has the id of
    the track and the others new ones.

    Args:
        tracks: id of the track of each row (n,).
        labels: class of each row (n,).
        rows: frames (n,) from 0, boxes (n, 4) and scores (n,).
        place: where a row stands.
        track_scores: score of each track; the mean of its rows where left out.

    Raises:
        InputError: a track has two boxes in a frame or two classes.
    """
    frames, boxes, scores = rows
    order = np.lexsort((frames, tracks))
    same_track = np.diff(tracks[order]) == 0
    step = np.diff(frames[order])
    later = order[1:]
    refuse(
        same_track & (step == 0),
        lambda row: place(int(later[row])),
        lambda row: (
            f"track {tracks[later[row]]} has two boxes in frame {frames[later[row]]} "
            "(counted from 0); leave one out"
        ),
    )
    refuse(
        same_track & (np.diff(labels[order]) != 0),
        lambda row: place(int(later[row])),
        lambda row: (
            f"track {tracks[later[row]]} has more than one class; give each class a track "
            "of its own"
        ),
    )
    new_id = int(tracks.max(initial=-1)) + 1
    seen: set[int] = set()
    tubes: list[Tube] = []
    for part in np.split(order, np.flatnonzero(~same_track | (step > 1)) + 1):
        if not len(part):
            continue
        track = number = int(tracks[part[0]])
        if track in seen:
            number, new_id = new_id, new_id + 1
        seen.add(track)
        score = (track_scores or {}).get(track, float(scores[part].mean(dtype=np.float64)))
        tubes.append(
            Tube(
                int(frames[part[0]]), boxes[part], scores[part], int(labels[part[0]]), score, number
            )
        )
    return tuple(tubes)


def video_tubes(
    video: str,
    shape: VideoShape,
    context: Context,
    classes: Sequence[str],
    model: str,
    tubes: Sequence[Tube],
) -> VideoTubes:
    """Returns the tubes of a video; arguments as in `Rows.detections`."""
    return VideoTubes(
        video=video,
        frames=shape.frames,
        width=shape.width,
        height=shape.height,
        frame_rate=context.frame_rate or USUAL_FRAME_RATE,
        classes=tuple(classes),
        tubes=tuple(tubes),
        model=model,
    )


def different_ids(video: VideoTubes) -> tuple[Tube, ...]:
    """Returns the tubes of a video for a format that tells them apart by their ids.

    Raises:
        InputError: two have the same id.
    """
    if len({tube.id for tube in video.tubes}) < len(video.tubes):
        raise InputError(
            f"video {video.video!r}: two tubes have the same id, by which this format tells them "
            "apart; number them anew"
        )
    return video.tubes
