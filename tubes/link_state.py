"""What the compiled part of the linker works on: arrays of fixed size, and a history that grows.

A live path stands in a *slot*; when it ends, the slot is used again, so a stream takes no more
memory the longer it runs.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.class_filter import FEW

# Costs: what a path gains by a detection.
SCORE, SIMILARITY, SCORE_AND_SIMILARITY = range(3)
# Columns and places of the arrays below.
ENDED, BORN = range(2)
NUMBER, START, LAST, SEEN, MISSED, FOUND, NODE, SPOT = range(8)
# The history has the class there.
LABEL = SPOT
TOTAL, NEWEST, MEAN, BEST = range(4, 8)
NODES, PATHS = range(2)
ROW, FRAME, PREVIOUS = range(3)
# Bytes that a processor fetches at once.
CACHE_LINE = 64


class LiveState(NamedTuple):
    """The live paths; `link_frame` changes the arrays in place. P is the number of slots.

    Attributes:
        live: Slots of the live paths of each class in the order in which they choose, shape
            (classes, P / classes).
        living: How many these are, shape (classes,).
        free: Slots of each class that are not used, same shape as `live`.
        available: How many these are, shape (classes,).
        ended: Slots of the paths that ended in the last frame, in order; released by the next one.
        counters: How many ended in the last frame, and how many paths there have been, shape (2,).
        whole: Of each path its number in order of birth, first frame, frame in which it was found
            last, number of frames in which it was found, number of frames in a row in which it was
            not, row of what it found last, last node of its history, and place of what it found
            last in `near`, in the columns `NUMBER` to `SPOT`, shape (P, 8).
        single: Of each path the corners found last in 1-based pixels, the sum of its gains, the
            last class score, and the mean of its best class scores, which gives it its place among
            the live paths, in the columns 0 to 3 and `TOTAL` to `MEAN`; then these best scores,
            best first, from column `BEST` on, float32 (P, at least 8).
        vector: All scores of what was found last, float32 (P, classes + 1); without rows where the
            cost does not need it.
        trail: Corners found last, the newest last, float32 (P, so many, 4), and `trail_frame` their
            frames; without rows where motion is not followed.
        taken: Which detections of a frame are taken, shape (classes * keep,).
        recent: Corners of all detections of the last frames in 1-based pixels, a ring of so many
            frames as a path may be missed, float32 (R, FEW, 4).
        known: How many these are, -1 for a frame with more than FEW, shape (R,).
        near: For each of `recent` the rows of the frame that are near it, as bits, shape
            (R * FEW,).
    """

    live: NDArray[np.int64]
    living: NDArray[np.int64]
    free: NDArray[np.int64]
    available: NDArray[np.int64]
    ended: NDArray[np.int64]
    counters: NDArray[np.int64]
    whole: NDArray[np.int64]
    single: NDArray[np.float32]
    vector: NDArray[np.float32]
    trail: NDArray[np.float32]
    trail_frame: NDArray[np.int64]
    taken: NDArray[np.bool_]
    recent: NDArray[np.float32]
    known: NDArray[np.int64]
    near: NDArray[np.int64]


class History(NamedTuple):
    """Everything the paths went through, in growing arrays; without rows if it is not kept.

    Every detection that was linked is a node, and a path is a chain of nodes. `sizes` says how many
    nodes and ended paths there are.

    Attributes:
        node: Row in the whole video, frame, and previous node or -1, shape (nodes, 3).
        node_score: Class score of each node, float32 (nodes,).
        path: `LiveState.whole` of each ended path, but its class in column `LABEL`, shape
            (paths, 8).
        path_total: Sum of the gains of each ended path, float32 (paths,).
        sizes: Number of nodes and of ended paths, shape (2,).
    """

    node: NDArray[np.int64]
    node_score: NDArray[np.float32]
    path: NDArray[np.int64]
    path_total: NDArray[np.float32]
    sizes: NDArray[np.int64]


class LinkRules(NamedTuple):
    """How paths choose; see `tubes.OnlineLinker`."""

    iou_threshold: np.float32
    max_distance: np.float32
    jump_gap: int
    cost: int
    sort_new: bool
    best: int


def new_state(
    classes: int, keep: int, jump_gap: int, best: int, vector: int, motion: bool
) -> LiveState:
    """An empty state.

    Args:
        classes: Number of classes.
        keep: How many detections of a class and frame there are at most.
        jump_gap: Misses in a row that end a path.
        best: How many of its best scores give a path its place.
        vector: Length of the score vectors, 0 if they are not needed.
        motion: Whether paths are followed by their motion.
    """
    # A live path was found in one of the last `jump_gap` frames; then come those that start.
    room = keep * (jump_gap + 1)
    slots = classes * room
    trail = jump_gap + 1 if motion else 0
    return LiveState(
        live=np.zeros((classes, room), np.int64),
        living=np.zeros(classes, np.int64),
        free=np.arange(slots).reshape(classes, room),
        available=np.full(classes, room),
        ended=np.zeros(slots, np.int64),
        counters=np.zeros(2, np.int64),
        whole=_in_lines(slots, 8, np.int64),
        single=_in_lines(slots, BEST + best, np.float32),
        vector=np.zeros((slots if vector else 0, vector), np.float32),
        trail=np.zeros((slots if motion else 0, trail, 4), np.float32),
        trail_frame=np.zeros((slots if motion else 0, trail), np.int64),
        taken=np.zeros(classes * keep, np.bool_),
        recent=np.zeros((jump_gap, FEW, 4), np.float32),
        known=np.zeros(jump_gap, np.int64),
        near=np.zeros(jump_gap * FEW, np.int64),
    )


def _in_lines(rows: int, columns: int, dtype: type[np.generic]) -> NDArray[Any]:
    """Zeros, each row of which takes whole lines of the processor's cache and begins with one."""
    width = -(-columns * np.dtype(dtype).itemsize // CACHE_LINE) * CACHE_LINE
    memory = np.zeros(rows * width + CACHE_LINE, np.uint8)
    first = -memory.__array_interface__["data"][0] % CACHE_LINE
    return memory[first : first + rows * width].view(dtype).reshape(rows, -1)


def new_history(room: int) -> History:
    """An empty history with room for so many nodes."""
    return History(
        node=np.empty((room, 3), np.int64),
        node_score=np.empty(room, np.float32),
        path=np.empty((room, 8), np.int64),
        path_total=np.empty(room, np.float32),
        sizes=np.zeros(2, np.int64),
    )


def with_room(history: History, more: int) -> History:
    """The history with room for `more` further nodes, each of which may start a path."""
    nodes, paths = history.sizes
    if nodes + more <= len(history.node):
        return history
    larger = new_history(max(nodes + more, 2 * len(history.node), 1024))
    larger.node[:nodes] = history.node[:nodes]
    larger.node_score[:nodes] = history.node_score[:nodes]
    larger.path[:paths] = history.path[:paths]
    larger.path_total[:paths] = history.path_total[:paths]
    larger.sizes[:] = history.sizes
    return larger
