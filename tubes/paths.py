"""What the linker returns: action paths, and the state of those that are live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ActionPath:
    """One class followed through the video, before trimming.

    Attributes:
        id: Number of the path in order of birth.
        label: Class.
        start: First frame, 0-based; the path covers `len(rows)` frames.
        rows: Row of the linked detections for every frame, shape (T,). A missed frame has the row
            of the next found one.
        boxes: Corners x1, y1, x2, y2 in pixels, clipped to the frame as ROAD does, float32 (T, 4).
        scores: All scores, background last, float32 (T, classes + 1).
        found: Frames in which the path was found, ascending, shape (K,).
        missed: How many frames in a row the path was missed at the end.
        path_score: Sum of what the path gained: with the cost "score", of the class scores of the
            found frames.
    """

    id: int
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
        ids: Number of each path in order of birth, shape (P,).
        labels: Class of each path, shape (P,).
        starts: First frame of each path, shape (P,).
        missed: Misses in a row at the end, shape (P,).
        path_scores: Sums of gains, float32 (P,).
        rows: Row of `boxes` and `scores` for every frame of every path, one path after the other.
        row_ptr: Path i has `rows[row_ptr[i]:row_ptr[i + 1]]`, shape (P + 1,).
        found: Frames in which the paths were found.
        found_ptr: Likewise for `found`, shape (P + 1,).
        boxes: Clipped boxes, float32 (N, 4).
        scores: Scores of these boxes, float32 (N, classes + 1).
        source: Which row of the detections of the video each of these boxes is, shape (N,).
    """

    ids: NDArray[np.int64]
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
    source: NDArray[np.int64]

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
            id=int(self.ids[index]),
            label=int(self.labels[index]),
            start=int(self.starts[index]),
            rows=self.source[rows],
            boxes=self.boxes[rows],
            scores=self.scores[rows],
            found=self.found[self.found_ptr[index] : self.found_ptr[index + 1]],
            missed=int(self.missed[index]),
            path_score=float(self.path_scores[index]),
        )

    def __iter__(self) -> Iterator[ActionPath]:
        return (self[index] for index in range(len(self)))

    def chosen(self, index: NDArray[np.int64], labels: NDArray[np.int64]) -> LinkedPaths:
        """Returns some of the paths, any of them more than once.

        Args:
            index: Which paths, shape (Q,).
            labels: Their classes, shape (Q,).
        """
        rows, row_ptr = _chosen(self.rows, self.row_ptr, index)
        found, found_ptr = _chosen(self.found, self.found_ptr, index)
        return replace(
            self,
            ids=self.ids[index],
            labels=labels,
            starts=self.starts[index],
            missed=self.missed[index],
            path_scores=self.path_scores[index],
            rows=rows,
            row_ptr=row_ptr,
            found=found,
            found_ptr=found_ptr,
        )

    def __repr__(self) -> str:
        return f"LinkedPaths({len(self)} paths, {len(self.rows)} boxes)"


def _chosen(
    values: NDArray[np.int64], pointers: NDArray[np.int64], index: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Some of the lists that stand one after the other, and where each of them begins."""
    parts = [values[pointers[path] : pointers[path + 1]] for path in index]
    lengths = np.array([0, *map(len, parts)])
    return np.concatenate([np.zeros(0, np.int64), *parts]), np.cumsum(lengths)


@dataclass(frozen=True, eq=False)
class LivePaths:
    """The paths that may go on, class by class in the order in which they choose; L of them.

    Attributes:
        ids: Number of each path in order of birth, shape (L,).
        labels: Class, shape (L,).
        boxes: Corners found last, in pixels, clipped to the frame as ROAD does, float32 (L, 4).
        scores: Class score of the box found last, float32 (L,).
        starts: First frame, 0-based, shape (L,).
        found: In how many frames the path was found, shape (L,).
        unseen: For how many frames it has not been found, shape (L,).
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    starts: NDArray[np.int64]
    found: NDArray[np.int64]
    unseen: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)
