"""Fusion of two streams, appearance and flow, before linking: frame by frame and class by class.

ROAD's `fusedActionPaths` (gurkirt/realtime-action-detection, `online-tubes`; Singh et al., arXiv
1611.08563, section 3.3). The base stream is the one whose boxes lead, usually RGB; the top stream,
usually flow, is added to it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data import Detections
from data.class_filter import FilterBuffers, filter_frame, new_filter_buffers
from tubes.link_video import FilterRules, filter_boxes, filter_rules
from tubes.settings import LinkSettings

# Compiled with other files, whose digest is 949df0e19580 (tests/test_compiled_caches.py).

FUSIONS = ("mean", "cat", "boost", "boost-published")
_, CAT, _, BOOST_PUBLISHED = range(4)
# Least IoU at which a box of the base stream is boosted by one of the top stream.
BOOST_IOU = 0.25


@dataclass(frozen=True, eq=False)
class FusedDetections:
    """What is linked of two streams of one video: boxes of every class in every frame.

    A box that stands for several classes is there several times, since its scores may differ.

    Attributes:
        detections: The base stream, for the name, size, classes and so on.
        boxes: Corners x1, y1, x2, y2 in pixels of the frame, float32 (K, 4).
        scores: All scores, background last, float32 (K, classes + 1).
        starts: Where each class of each frame begins, in each by falling class score, and where the
            last one ends, shape (frames * classes + 1,).
        rows: Row of the box in its stream, shape (K,).
        streams: 0 for the base stream, 1 for the top one, shape (K,).
    """

    detections: Detections
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    streams: NDArray[np.int64]

    def frame(self, t: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
        """Returns the boxes and scores of frame `t`, and where each class begins in them."""
        classes = len(self.detections.classes)
        starts = self.starts[t * classes : (t + 1) * classes + 1]
        return (
            self.boxes[starts[0] : starts[-1]],
            self.scores[starts[0] : starts[-1]],
            (starts - starts[0]),
        )

    def by_class(self) -> Detections:
        """Returns detections whose boxes have a score for the class that they stand for alone."""
        classes = len(self.detections.classes)
        labels = np.repeat(np.arange(len(self.starts) - 1) % classes, np.diff(self.starts))
        scores = np.zeros_like(self.scores)
        rows = np.arange(len(labels))
        # A boosted vector sums to 1 up to rounding.
        scores[rows, labels] = np.minimum(self.scores[rows, labels], 1)
        scores[:, -1] = 1 - scores[rows, labels]
        return replace(
            self.detections, boxes=self.boxes, scores=scores, offsets=self.starts[::classes]
        )


def mean_fusion(base: Detections, top: Detections) -> Detections:
    """Averages the scores of two networks with the same prior boxes; the boxes are the base's.

    A frame that the top stream lacks keeps the scores of the base.

    Raises:
        ValueError: The streams do not fit, or a frame has other numbers of boxes in both.
    """
    top = _fitting(base, top)
    scores = base.scores.copy()
    for frame in range(base.frames):
        rows = slice(int(base.offsets[frame]), int(base.offsets[frame + 1]))
        _, added = top.frame(frame)
        if len(added) == 0:
            continue
        if len(added) != len(scores[rows]):
            raise ValueError(
                f"frame {frame} of video {base.video!r} has {len(scores[rows])} boxes in the base "
                f"stream and {len(added)} in the top one; the mean needs the same prior boxes in "
                "both: write all with detection/detect.py --save_format road-mat, or choose the "
                "fusion boost or cat"
            )
        scores[rows] = (scores[rows] + added) / np.float32(2)
    return replace(base, scores=scores)


def fuse(
    base: Detections, top: Detections, fusion: str, settings: LinkSettings | None = None
) -> FusedDetections:
    """Joins the boxes of two streams that pass the class filter.

    "cat", the union-set, is the boxes of both after one more NMS. "boost" adds to the scores of a
    base box those of the top box that overlaps it most and was not used yet, times their IoU, if
    that is at least 0.25; boxes of the top stream that were not used join the union.
    "boost-published" has the bug with which ROAD's figures were made: of every frame and class only
    the first base box with such a partner is boosted, and if there is none, all boxes of the top
    stream are dropped.

    Args:
        base: Detections of the base stream.
        top: Those of the top stream; a frame that it lacks has no detections.
        fusion: "cat", "boost" or "boost-published".
        settings: The class filter; None stands for ROAD's settings.

    Raises:
        ValueError: The streams do not fit, or there is no such fusion of boxes.
    """
    if fusion not in FUSIONS[CAT:]:
        raise ValueError(f"fusion must be one of {FUSIONS[CAT:]}, not {fusion!r}")
    top = _fitting(base, top)
    settings = settings or LinkSettings()
    classes = len(base.classes)
    most = int(max(np.diff(each.offsets).max(initial=0) for each in (base, top)))
    buffers = [new_filter_buffers(classes, settings.topk, settings.keep, most) for _ in range(2)]
    boxes, scores, starts, rows, streams = _fuse_frames(
        FUSIONS.index(fusion),
        filter_rules(settings, base.width, base.height),
        buffers[0],
        buffers[1],
        new_filter_buffers(1, 2 * settings.keep, settings.keep, 2 * settings.keep),
        base.boxes,
        base.scores,
        base.offsets,
        top.boxes,
        top.scores,
        top.offsets,
    )
    return FusedDetections(base, boxes, scores, starts, rows, streams)


def _fitting(base: Detections, top: Detections) -> Detections:
    """The top stream with the frames and the order of classes of the base stream."""
    for field in ("video", "width", "height"):
        if getattr(base, field) != getattr(top, field):
            raise ValueError(
                f"{field} is {getattr(base, field)!r} in the base stream and "
                f"{getattr(top, field)!r} in the top one: fuse detections of the same video"
            )
    streams = {"base": base.classes, "top": top.classes}
    for one, other in (("base", "top"), ("top", "base")):
        unknown = sorted(set(streams[one]) - set(streams[other]))
        if unknown:
            raise ValueError(
                f"class {', '.join(map(repr, unknown))} of the {one} stream of video "
                f"{base.video!r} is not among those of the {other} stream: fuse detections of the "
                "same classes"
            )
    order = [top.classes.index(name) for name in base.classes]
    # Frames that the top stream lacks at the end are empty; those that it has too many are not
    # looked at.
    ends = np.minimum(np.arange(base.frames + 1), top.frames)
    return Detections(
        video=top.video,
        boxes=top.boxes[: top.offsets[ends[-1]]],
        scores=np.ascontiguousarray(top.scores[: top.offsets[ends[-1]], [*order, -1]]),
        offsets=top.offsets[ends],
        width=top.width,
        height=top.height,
        frame_rate=top.frame_rate,
        classes=base.classes,
        model=top.model,
    )


@njit(cache=True)
def _fuse_frames(
    fusion: int,
    rules: FilterRules,
    base_buffers: FilterBuffers,
    top_buffers: FilterBuffers,
    joined_buffers: FilterBuffers,
    base_boxes: NDArray[np.float32],
    base_scores: NDArray[np.float32],
    base_offsets: NDArray[np.int64],
    top_boxes: NDArray[np.float32],
    top_scores: NDArray[np.float32],
    top_offsets: NDArray[np.int64],
) -> tuple[
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
]:
    """The fields of `FusedDetections` after the first, in their order."""
    frames = base_offsets.shape[0] - 1
    columns = base_scores.shape[1]
    classes = columns - 1
    most = base_buffers.rows.shape[1]
    base_pixels = np.empty((most, 4), np.float32)
    top_pixels = np.empty((most, 4), np.float32)
    pixels = np.empty((2 * rules.keep, 4), np.float32)
    vectors = np.empty((2 * rules.keep, columns), np.float32)
    own_scores = np.empty((2 * rules.keep, 1), np.float32)
    used = np.empty(rules.keep, np.bool_)
    room = frames * classes * rules.keep
    boxes = np.empty((room, 4), np.float32)
    scores = np.empty((room, columns), np.float32)
    rows = np.empty(room, np.int64)
    streams = np.empty(room, np.int64)
    starts = np.zeros(frames * classes + 1, np.int64)
    joined_rows = np.empty(2 * rules.keep, np.int64)
    total = 0
    for frame in range(frames):
        first, end = base_offsets[frame], base_offsets[frame + 1]
        top_first, top_end = top_offsets[frame], top_offsets[frame + 1]
        filter_boxes(
            rules, base_buffers, base_pixels, base_boxes[first:end], base_scores[first:end]
        )
        filter_boxes(
            rules,
            top_buffers,
            top_pixels,
            top_boxes[top_first:top_end],
            top_scores[top_first:top_end],
        )
        for label in range(classes):
            base_picks = base_buffers.picks[
                base_buffers.starts[label] : base_buffers.starts[label + 1]
            ]
            top_picks = top_buffers.picks[top_buffers.starts[label] : top_buffers.starts[label + 1]]
            used[:] = False
            boosted = 0
            for index, row in enumerate(base_picks):
                pixels[index] = base_pixels[row]
                vectors[index] = base_scores[first + row]
                joined_rows[index] = first + row
                if fusion == CAT or (fusion == BOOST_PUBLISHED and boosted > 0):
                    continue
                best, best_iou = _best_partner(base_pixels[row], top_pixels, top_picks)
                if best_iou >= np.float32(BOOST_IOU) and not used[best]:
                    used[best] = True
                    boosted += 1
                    vectors[index] += best_iou * top_scores[top_first + top_picks[best]]
                    vectors[index] /= vectors[index].sum()
            count = base_from = len(base_picks)
            # In the published program no flow box is known to be unused before one was used.
            if fusion != BOOST_PUBLISHED or boosted > 0:
                for index, row in enumerate(top_picks):
                    if not used[index]:
                        pixels[count] = top_pixels[row]
                        vectors[count] = top_scores[top_first + row]
                        joined_rows[count] = top_first + row
                        count += 1
            for index in range(count):
                own_scores[index, 0] = vectors[index, label]
            filter_frame(
                pixels,
                own_scores[:count],
                np.float32(-1),
                rules.nms_iou,
                rules.keep,
                joined_buffers,
            )
            for pick in joined_buffers.picks[: joined_buffers.starts[1]]:
                from_top = pick >= base_from
                row = joined_rows[pick]
                boxes[total] = top_boxes[row] if from_top else base_boxes[row]
                scores[total] = vectors[pick]
                rows[total] = row
                streams[total] = from_top
                total += 1
            starts[frame * classes + label + 1] = total
    return boxes[:total], scores[:total], starts, rows[:total], streams[:total]


@njit(cache=True)
def _best_partner(
    box: NDArray[np.float32], others: NDArray[np.float32], picks: NDArray[np.int64]
) -> tuple[int, np.float32]:
    """Which pick overlaps a box most, with ROAD's +1 on the sides; -1 for the IoU if none does."""
    one = np.float32(1)
    width, height = box[2] - box[0] + one, box[3] - box[1] + one
    best = 0
    best_iou = np.float32(-1)
    for index, row in enumerate(picks):
        other_width = others[row, 2] - others[row, 0] + one
        other_height = others[row, 3] - others[row, 1] + one
        across = min(box[0] + width, others[row, 0] + other_width) - max(box[0], others[row, 0])
        down = min(box[1] + height, others[row, 1] + other_height) - max(box[1], others[row, 1])
        shared = max(across, np.float32(0)) * max(down, np.float32(0))
        iou = shared / (width * height + other_width * other_height - shared + np.float32(0.001))
        if iou > best_iou:
            best = index
            best_iou = iou
    return best, best_iou
