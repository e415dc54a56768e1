"""The compiled part of the linker: one step for each frame over arrays of fixed size.

ROAD's `incremental_linking` (gurkirt/realtime-action-detection; Singh et al., arXiv 1611.08563,
section 3.4) for all classes at once. A live path stands in a *slot*; when it ends, the slot is used
again, so a stream takes no more memory the longer it runs.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Costs: what a path gains by a detection.
SCORE, SIMILARITY, SCORE_AND_SIMILARITY = range(3)
# Columns and places of the arrays below.
ENDED, BORN = range(2)
NUMBER, START, LAST, SEEN, MISSED, FOUND, NODE, LABEL = range(8)
TOTAL, GAIN, NEWEST, MEAN, BEST = range(4, 9)
NODES, PATHS = range(2)
ROW, FRAME, PREVIOUS = range(3)


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
            not, row of what it found in the last frame or -1, and last node of its history, in the
            columns `NUMBER` to `NODE`, shape (P, 8).
        single: Of each path the corners found last in 1-based pixels, the sum of its gains, the
            last gain, the last class score, and the mean of its best class scores, which gives it
            its place among the live paths, in the columns 0 to 3 and `TOTAL` to `MEAN`; then these
            best scores, best first, from column `BEST` on, float32 (P, at least 9).
        vector: All scores of what was found last, float32 (P, classes + 1); without rows where the
            cost does not need it.
        trail: Corners found last, the newest last, float32 (P, so many, 4), and `trail_frame` their
            frames; without rows where motion is not followed.
        taken: Which detections of a frame are taken, shape (classes * keep,).
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


class History(NamedTuple):
    """Everything the paths went through, in growing arrays; without rows if it is not kept.

    Every detection that was linked is a node, and a path is a chain of nodes. `sizes` says how many
    nodes and ended paths there are.

    Attributes:
        node: Row in the whole video, frame, and previous node or -1, shape (nodes, 3).
        node_score: Class score of each node, float32 (nodes,).
        path: `LiveState.whole` of each ended path, and its class in column `LABEL`, shape
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
        whole=np.zeros((slots, 8), np.int64),
        # Whole lines of a cache.
        single=np.zeros((slots, -(-(BEST + best) // 16) * 16), np.float32),
        vector=np.zeros((slots if vector else 0, vector), np.float32),
        trail=np.zeros((slots if motion else 0, trail, 4), np.float32),
        trail_frame=np.zeros((slots if motion else 0, trail), np.int64),
        taken=np.zeros(classes * keep, np.bool_),
    )


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


@njit(cache=True)
def link_frame(
    state: LiveState,
    history: History,
    rules: LinkRules,
    frame: int,
    first_row: int,
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    vectors: NDArray[np.float32],
    picks: NDArray[np.int64],
    starts: NDArray[np.int64],
    distances: NDArray[np.float32],
) -> None:
    """Links the detections of one frame to the live paths of their class.

    The live paths choose in turn: each takes the detection that is still free, is near enough, and
    gains it most. Then they are ordered anew by the mean of their best scores; a path that found
    nothing in `jump_gap` frames in a row ends. Detections left over start paths.

    Args:
        state: The live paths; changed in place.
        history: What is kept of all paths; changed in place. It must have room.
        rules: How paths choose.
        frame: Number of the frame.
        first_row: Row number of the frame's first detection in the whole video.
        boxes: Corners in 1-based pixels, all detections of the frame, shape (N, 4).
        scores: Class scores of the frame, shape (N, classes or more).
        vectors: All scores of the frame, shape (N, length of the vectors).
        picks: Detections kept by the class filter, class after class, in each by falling score.
        starts: Where each class begins in `picks`, shape (classes + 1,).
        distances: Distance of each live path, class after class, to each pick; without rows, near
            enough is an IoU of at least `iou_threshold`, with ROAD's +1 on widths and heights.
    """
    live, living, free, available, ended, counters, whole, single, vector = state[:9]
    trail, trail_frame, taken = state[9:]
    nodes, node_scores, paths, path_totals, sizes = history
    most_best = rules.best
    room = live.shape[1]
    for index in range(counters[ENDED]):
        label = ended[index] // room
        free[label, available[label]] = ended[index]
        available[label] += 1
    counters[ENDED] = 0
    zero, one = np.float32(0), np.float32(1)
    path_index = 0
    for label in range(living.shape[0]):
        alive = living[label]
        begin, end = starts[label], starts[label + 1]
        for pick in range(begin, end):
            taken[pick] = False
        for place in range(alive):
            slot = live[label, place]
            left, top, right, bottom = (
                single[slot, 0],
                single[slot, 1],
                single[slot, 2],
                single[slot, 3],
            )
            if trail.shape[0] > 0:
                oldest = max(trail.shape[1] - whole[slot, SEEN], 0)
                steps = whole[slot, LAST] - trail_frame[slot, oldest]
                ahead = np.float32((frame - whole[slot, LAST]) / max(steps, 1))
                left += ahead * (left - trail[slot, oldest, 0])
                top += ahead * (top - trail[slot, oldest, 1])
                right += ahead * (right - trail[slot, oldest, 2])
                bottom += ahead * (bottom - trail[slot, oldest, 3])
            width, height = right - left + one, bottom - top + one
            area = width * height
            choice = -1
            gained = all_gains = np.float32(0)
            for pick in range(begin, end):
                if taken[pick]:
                    continue
                row = picks[pick]
                if distances.shape[0] > 0:
                    near = distances[path_index, pick] <= rules.max_distance
                else:
                    # The sums are those of the original, which decide between near-ties.
                    other_width = boxes[row, 2] - boxes[row, 0] + one
                    other_height = boxes[row, 3] - boxes[row, 1] + one
                    across = min(left + width, boxes[row, 0] + other_width)
                    across -= max(left, boxes[row, 0])
                    down = min(top + height, boxes[row, 1] + other_height)
                    down -= max(top, boxes[row, 1])
                    shared = max(across, zero) * max(down, zero)
                    union = area + other_width * other_height - shared
                    near = union > 0 and shared / union >= rules.iou_threshold
                if not near:
                    continue
                if rules.cost == SCORE:
                    # They stand by falling score: no other gains more.
                    choice = pick
                    gained = all_gains = scores[row, label]
                    break
                squares = zero
                for column in range(vector.shape[1]):
                    difference = vector[slot, column] - vectors[row, column]
                    squares += difference * difference
                entry = one - np.sqrt(squares)
                if rules.cost == SCORE_AND_SIMILARITY:
                    entry += scores[row, label]
                all_gains += entry
                if choice < 0 or entry > gained:
                    choice = pick
                    gained = entry
            path_index += 1
            whole[slot, FOUND] = -1
            # Similarities can be negative; the original looks at the sum of all that are possible.
            if all_gains > 0:
                taken[choice] = True
                whole[slot, FOUND] = picks[choice]
                single[slot, GAIN] = gained
        born = alive
        for pick in range(begin, end):
            if not taken[pick]:
                available[label] -= 1
                slot = free[label, available[label]]
                live[label, born] = slot
                born += 1
                whole[slot, NUMBER] = counters[BORN]
                counters[BORN] += 1
                whole[slot, START] = frame
                whole[slot, SEEN] = 0
                single[slot, TOTAL] = 0
                whole[slot, NODE] = -1
                whole[slot, FOUND] = picks[pick]
                single[slot, GAIN] = scores[picks[pick], label]
        for place in range(born):
            slot = live[label, place]
            row = whole[slot, FOUND]
            if row < 0:
                whole[slot, MISSED] += 1
                continue
            whole[slot, MISSED] = 0
            whole[slot, LAST] = frame
            single[slot, TOTAL] += single[slot, GAIN]
            for corner in range(4):
                single[slot, corner] = boxes[row, corner]
            score = scores[row, label]
            single[slot, NEWEST] = score
            filled = min(whole[slot, SEEN], most_best)
            if filled < most_best or score > single[slot, BEST + filled - 1]:
                at = min(filled, most_best - 1)
                filled = at + 1
                while at > 0 and score > single[slot, BEST + at - 1]:
                    single[slot, BEST + at] = single[slot, BEST + at - 1]
                    at -= 1
                single[slot, BEST + at] = score
                best_sum = np.float32(0)
                for at in range(filled):
                    best_sum += single[slot, BEST + at]
                single[slot, MEAN] = best_sum / np.float32(filled)
            whole[slot, SEEN] += 1
            if vector.shape[0] > 0:
                vector[slot] = vectors[row]
            if trail.shape[0] > 0:
                for step in range(1, trail.shape[1]):
                    trail[slot, step - 1] = trail[slot, step]
                    trail_frame[slot, step - 1] = trail_frame[slot, step]
                trail[slot, -1] = boxes[row]
                trail_frame[slot, -1] = frame
            if nodes.shape[0] > 0:
                new = sizes[NODES]
                sizes[NODES] += 1
                nodes[new, ROW] = first_row + row
                nodes[new, FRAME] = frame
                nodes[new, PREVIOUS] = whole[slot, NODE]
                node_scores[new] = score
                whole[slot, NODE] = new

        for place in range(1, born if rules.sort_new else alive):
            slot = live[label, place]
            at = place
            while at > 0 and single[slot, MEAN] > single[live[label, at - 1], MEAN]:
                live[label, at] = live[label, at - 1]
                at -= 1
            live[label, at] = slot
        staying = 0
        for place in range(born):
            slot = live[label, place]
            if whole[slot, MISSED] < rules.jump_gap:
                live[label, staying] = slot
                staying += 1
                continue
            ended[counters[ENDED]] = slot
            counters[ENDED] += 1
            if nodes.shape[0] > 0:
                path = sizes[PATHS]
                sizes[PATHS] += 1
                paths[path] = whole[slot]
                paths[path, LABEL] = label
                path_totals[path] = single[slot, TOTAL]
        living[label] = staying
