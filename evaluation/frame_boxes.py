"""Which boxes of the frames of a video are detections of which class."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data import Detections, Tube
from data.class_filter import filter_frame, new_filter_buffers
from evaluation.frame_protocols import FrameProtocol, FrameSettings

# Compiled with other files, whose digest is d621bba9e890 (tests/test_compiled_caches.py).


@dataclass(frozen=True, eq=False)
class FrameBoxes:
    """Boxes found in the frames of one video, each of one class.

    Among equal scores of a class and frame the earlier box is the better one.

    Attributes:
        video: Name of the video.
        frames: Frame of each box, from 0, int64 (N,).
        labels: Class of each box, int64 (N,).
        boxes: Corners x1, y1, x2, y2 in continuous pixels of the original frame, float32 (N, 4).
        scores: How sure each box is, float32 (N,).
    """

    video: str
    frames: NDArray[np.int64]
    labels: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]


def boxes_of_detections(
    video: Detections,
    columns: Sequence[int],
    protocol: FrameProtocol,
    settings: FrameSettings,
    edge: int = 0,
) -> FrameBoxes:
    """Chooses boxes as a protocol does, and clips them to the frame.

    As in ROAD, a box that lies outside ends up with reversed corners, and overlaps nothing.

    Args:
        video: What was detected.
        columns: For each class of the truth its place among those of the detections, or -1 for one
            that they do not know.
        protocol: How boxes are chosen.
        settings: Numbers to go with it.
        edge: See `BoxConvention`.
    """
    clipped = video.boxes.copy()
    np.maximum(clipped[:, :2], 0, out=clipped[:, :2])
    limits = np.array([video.width - edge, video.height - edge], np.float32)
    np.minimum(clipped[:, 2:], limits, out=clipped[:, 2:])
    places = np.asarray(columns, np.int64)
    scores = np.ascontiguousarray(video.scores[:, places])
    scores[:, places < 0] = 0  # which no threshold lets pass
    if protocol.selection == "class_filter":
        boxes = clipped if protocol.clip_first else video.boxes
        rows, labels = _class_filter(boxes, scores, video.offsets, settings)
        values = scores[rows, labels]
    elif protocol.selection == "best_class":
        confidence = 1 - video.scores[:, -1]
        everything = replace(settings, topk=len(scores) + 1, keep=None)
        rows, _ = _class_filter(video.boxes, confidence[:, None], video.offsets, everything)
        labels = video.scores[rows, :-1].argmax(axis=1)
        values = video.scores[rows, labels] * confidence[rows]
        # Boxes whose best class is none of the truth's are of no use.
        own = np.full(len(video.classes), -1)
        own[places[places >= 0]] = np.flatnonzero(places >= 0)
        labels = own[labels]
        rows, labels, values = (part[labels >= 0] for part in (rows, labels, values))
    elif protocol.selection == "threshold":
        rows, labels = np.nonzero(scores > np.float32(settings.conf_thresh))
        values = scores[rows, labels]
    else:
        rows, labels, values = _suppress(
            clipped,
            scores,
            video.offsets,
            np.float32(settings.conf_thresh),
            settings.nms_thresh,
            protocol.selection == "soft_nms",
        )
    frames = video.frames_of(rows)
    return FrameBoxes(video.video, frames, labels, clipped[rows], values)


def boxes_of_tubes(video: str, tubes: Iterable[Tube]) -> FrameBoxes:
    """Returns the boxes of tubes, with the scores that they have in their frames."""
    tubes = list(tubes)
    spans = [np.arange(tube.start, tube.end) for tube in tubes]
    return FrameBoxes(
        video=video,
        frames=np.concatenate([np.zeros(0, np.int64), *spans]),
        labels=np.repeat(
            np.array([tube.label for tube in tubes], np.int64), [len(tube) for tube in tubes]
        ),
        boxes=np.concatenate([np.zeros((0, 4), np.float32), *(tube.boxes for tube in tubes)]),
        scores=np.concatenate([np.zeros(0, np.float32), *(tube.scores for tube in tubes)]),
    )


def _class_filter(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    offsets: NDArray[np.int64],
    settings: FrameSettings,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and labels of what the class filter keeps, frame by frame and class by class."""
    classes = scores.shape[1]
    keep = settings.topk if settings.keep is None else settings.keep
    most = int(np.diff(offsets).max(initial=0))
    buffers = new_filter_buffers(classes, settings.topk, keep, most)
    rows = [np.zeros(0, np.int64)]
    starts = np.zeros((len(offsets) - 1, classes + 1), np.int64)
    for frame, (first, end) in enumerate(itertools.pairwise(offsets)):
        filter_frame(
            boxes[first:end],
            scores[first:end],
            np.float32(settings.conf_thresh),
            np.float32(settings.nms_thresh),
            keep,
            buffers,
        )
        starts[frame] = buffers.starts
        rows.append(buffers.picks[: buffers.starts[-1]] + first)
    labels = np.tile(np.arange(classes), len(offsets) - 1)
    return np.concatenate(rows), np.repeat(labels, np.diff(starts, axis=1).ravel())


@njit(cache=True)
def _suppress(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    offsets: NDArray[np.int64],
    threshold: np.float32,
    nms_iou: float,
    soft: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """The NMS of ACT and MOC in every frame and class: rows, labels and scores.

    In order of falling score, of equal ones the later row first, each box that is left suppresses
    those that overlap it by more than the threshold. ACT drops these; MOC keeps them out of the
    further comparisons, with their score times 1 minus the IoU.
    """
    most = (scores > threshold).sum()
    rows = np.empty(most, np.int64)
    labels = np.empty(most, np.int64)
    values = np.empty(most, np.float32)
    count = 0
    for frame in range(offsets.shape[0] - 1):
        first = offsets[frame]
        for label in range(scores.shape[1]):
            own = scores[first : offsets[frame + 1], label]
            queue = np.flatnonzero(own > threshold)
            queue = queue[np.argsort(own[queue], kind="mergesort")][::-1] + first
            left = queue.shape[0]
            while left > 0:
                best = queue[0]
                rows[count], labels[count], values[count] = best, label, scores[best, label]
                count += 1
                remaining = 0
                for row in queue[1:left]:
                    iou = _plain_iou(boxes[best], boxes[row])
                    if iou <= nms_iou:
                        queue[remaining] = row
                        remaining += 1
                    elif soft:
                        rows[count], labels[count] = row, label
                        values[count] = scores[row, label] * np.float32(1 - iou)
                        count += 1
                left = remaining
    return rows[:count], labels[:count], values[:count]


@njit(cache=True)
def _plain_iou(box: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """IoU of two boxes in float64; it stands here for the sake of numba's cache."""
    width = min(box[2], other[2]) - np.float64(max(box[0], other[0]))
    height = min(box[3], other[3]) - np.float64(max(box[1], other[1]))
    if width <= 0 or height <= 0:
        return 0.0
    overlap = width * height
    area = np.float64(box[2] - box[0]) * (box[3] - box[1])
    iou: float = overlap / (
        area + np.float64(other[2] - other[0]) * (other[3] - other[1]) - overlap
    )
    return iou
