"""The online linker: detections go in frame by frame, action paths come out.

A path is one class followed through the video: a box, a class score and all scores for every frame
from the first to the last in which it was found. ROAD's incremental linking
(gurkirt/realtime-action-detection; Singh et al., arXiv 1611.08563, section 3.4).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.class_filter import frame_picks
from tubes.linking import DEAD, link_frame, new_state, path_strengths, unroll, with_room

# Finished paths of a class are listed by the mean of so many of their best scores.
STRENGTH_FRAMES = 20


@dataclass(frozen=True, eq=False)
class ActionPath:
    """One class followed through the video, before trimming.

    Attributes:
        label: Class.
        start: First frame, 0-based; the path covers `len(rows)` frames.
        rows: Row of the linked detections for every frame, shape (T,). A missed frame has the row
            of the next found one.
        boxes: Corners x1, y1, x2, y2 in pixels, clipped to the frame as ROAD does, float32 (T, 4).
        scores: All scores, background last, float32 (T, classes + 1).
        found: Frames in which the path was found, ascending, shape (K,).
        missed: How many frames in a row the path was missed at the end.
        path_score: Sum of the class scores of the found frames.
    """

    label: int
    start: int
    rows: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    found: NDArray[np.int64]
    missed: int
    path_score: float

    @property
    def end(self) -> int:
        """The frame after the last one."""
        return self.start + len(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class LinkedPaths(Sequence[ActionPath]):
    """All paths of a video as arrays, class by class, strongest first; items are `ActionPath`.

    Attributes:
        labels: Class of each path, shape (P,).
        starts: First frame of each path, shape (P,).
        missed: Misses in a row at the end, shape (P,).
        path_scores: Sums of class scores, float32 (P,).
        rows: Detection row of every frame of every path, one path after the other.
        row_ptr: Path i has `rows[row_ptr[i]:row_ptr[i + 1]]`, shape (P + 1,).
        found: Frames in which the paths were found.
        found_ptr: Likewise for `found`, shape (P + 1,).
        boxes: Clipped boxes of all detections, float32 (N, 4).
        scores: Scores of all detections, float32 (N, classes + 1).
    """

    labels: NDArray[np.int64]
    starts: NDArray[np.int64]
    missed: NDArray[np.int64]
    path_scores: NDArray[np.float32]
    rows: NDArray[np.int64]
    row_ptr: NDArray[np.int64]
    found: NDArray[np.int64]
    found_ptr: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, index: int) -> ActionPath: ...

    @overload
    def __getitem__(self, index: slice) -> list[ActionPath]: ...

    def __getitem__(self, index: int | slice) -> ActionPath | list[ActionPath]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        rows = self.rows[self.row_ptr[index] : self.row_ptr[index + 1]]
        return ActionPath(
            label=int(self.labels[index]),
            start=int(self.starts[index]),
            rows=rows,
            boxes=self.boxes[rows],
            scores=self.scores[rows],
            found=self.found[self.found_ptr[index] : self.found_ptr[index + 1]],
            missed=int(self.missed[index]),
            path_score=float(self.path_scores[index]),
        )

    def __iter__(self) -> Iterator[ActionPath]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return f"LinkedPaths({len(self)} paths, {len(self.rows)} boxes)"


class OnlineLinker:
    """Links the detections of a video, fed frame by frame, into paths, each class on its own.

    Args:
        num_classes: Number of classes without background.
        width: Width of the frame in pixels.
        height: Height of the frame in pixels.
        iou_threshold: Least overlap of successive boxes of a path.
        jump_gap: A path ends when it was missed in this many frames in a row.
        min_length: Paths found in fewer frames are dropped; None stands for ROAD's rule, `jump_gap`
            + 1.
        score_threshold: Detections of a class must score higher than this.
        top_k: At most so many of the best detections of a class and frame enter the NMS.
        nms_iou: IoU above which the NMS drops the lower-scoring box.
        keep: At most so many detections of a class and frame are linked.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        num_classes: int,
        width: int,
        height: int,
        *,
        iou_threshold: float = 0.1,
        jump_gap: int = 3,
        min_length: int | None = None,
        score_threshold: float = 0.001,
        top_k: int = 50,
        nms_iou: float = 0.45,
        keep: int = 10,
    ) -> None:
        positive = {
            "num_classes": num_classes,
            "width": width,
            "height": height,
            "jump_gap": jump_gap,
            "top_k": top_k,
            "keep": keep,
        }
        for name, value in positive.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self._classes = num_classes
        # ROAD's frame reaches to the last pixel's index, so a box at the right or lower edge loses
        # one pixel.
        self._limit = np.array([width - 1, height - 1], np.float32)
        self._iou_threshold = np.float32(iou_threshold)
        self._jump_gap = jump_gap
        self._min_length = jump_gap + 1 if min_length is None else min_length
        self._filter = (np.float32(score_threshold), top_k, np.float32(nms_iou), keep)
        self._state = new_state(num_classes, keep, jump_gap)
        self._boxes: list[NDArray[np.float32]] = []
        self._scores: list[NDArray[np.float32]] = []
        self._rows = 0

    @property
    def frames(self) -> int:
        """How many frames were fed."""
        return len(self._boxes)

    def update(self, boxes: ArrayLike, scores: ArrayLike) -> None:
        """Takes the detections of the next frame.

        Args:
            boxes: Corners x1, y1, x2, y2 in pixels of the frame, shape (N, 4); N may be 0.
            scores: Scores of all classes, background last, shape (N, num_classes + 1).

        Raises:
            ValueError: The shapes do not fit.
        """
        scores = np.array(scores, np.float32, order="C")
        boxes = np.array(boxes, np.float32, order="C")
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"boxes must have the shape (N, 4), not {boxes.shape}")
        if scores.shape != (len(boxes), self._classes + 1):
            wanted = (len(boxes), self._classes + 1)
            raise ValueError(f"scores must have the shape {wanted}, not {scores.shape}")
        np.maximum(boxes[:, :2], 0, out=boxes[:, :2])
        np.minimum(boxes[:, 2:], self._limit, out=boxes[:, 2:])
        # The original computes overlaps from 1-based pixels; float32 rounds differently there.
        pixels = boxes + np.float32(1)
        rows, starts = frame_picks(pixels, scores, self._classes, *self._filter)
        self._state = with_room(self._state, len(rows))
        link_frame(
            self._state,
            self.frames,
            self._rows,
            pixels,
            scores,
            rows,
            starts,
            self._iou_threshold,
            self._jump_gap,
        )
        self._boxes.append(boxes)
        self._scores.append(scores)
        self._rows += len(boxes)

    def finish(self) -> LinkedPaths:
        """Returns the paths of the frames fed so far; feeding may go on afterwards."""
        state = self._state
        dead = state.dead[: state.used[DEAD]]
        dead_labels = state.path_label[dead]
        listed = []
        for label in range(self._classes):
            listed += [state.live[label, : state.live_count[label]], dead[dead_labels == label]]
        paths = np.concatenate(listed)
        paths = paths[state.path_count[paths] >= self._min_length]
        labels = state.path_label[paths]
        # lexsort is stable: paths of equal strength keep their order.
        order = np.lexsort((-path_strengths(state, paths, STRENGTH_FRAMES), labels))
        paths = paths[order]
        rows, row_ptr, found, found_ptr = unroll(state, paths)
        return LinkedPaths(
            labels=labels[order],
            starts=found[found_ptr[:-1]],
            missed=state.path_missed[paths],
            path_scores=state.path_score[paths],
            rows=rows,
            row_ptr=row_ptr,
            found=found,
            found_ptr=found_ptr,
            boxes=np.concatenate([np.zeros((0, 4), np.float32), *self._boxes]),
            scores=np.concatenate([np.zeros((0, self._classes + 1), np.float32), *self._scores]),
        )
