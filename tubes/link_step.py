"""The compiled part of the linker: one step for each frame over arrays of fixed size.

ROAD's `incremental_linking` (gurkirt/realtime-action-detection; Singh et al., arXiv 1611.08563,
section 3.4) for all classes at once.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data.class_filter import FEW
from tubes.link_state import (
    BEST,
    BORN,
    ENDED,
    FOUND,
    FRAME,
    LABEL,
    LAST,
    MEAN,
    MISSED,
    NEWEST,
    NODE,
    NODES,
    NUMBER,
    PATHS,
    PREVIOUS,
    ROW,
    SCORE,
    SCORE_AND_SIMILARITY,
    SEEN,
    SPOT,
    START,
    TOTAL,
    History,
    LinkRules,
    LiveState,
)

# Compiled with other files, whose digest is 1f8cf2cb7931 (tests/test_compiled_caches.py).


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
    trail, trail_frame, taken, recent, known, near_rows = state[9:]
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
    few = distances.shape[0] == 0 and trail.shape[0] == 0
    if few:
        few = _compare_rows(recent, known, near_rows, boxes, scores.shape[0], rules.iou_threshold)
    ring = frame % known.shape[0]
    for label in range(living.shape[0]):
        alive = living[label]
        begin, end = starts[label], starts[label + 1]
        open_rows = 0
        for pick in range(begin, end):
            taken[pick] = False
            open_rows |= 1 << (picks[pick] & 63)
        for place in range(alive):
            slot = live[label, place]
            reached = 0
            if few:
                reached = near_rows[whole[slot, SPOT]] & open_rows
                if reached == 0:
                    whole[slot, MISSED] += 1
                    path_index += 1
                    continue
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
            choice = -1
            gained = all_gains = np.float32(0)
            for pick in range(begin, end):
                row = picks[pick]
                if few:
                    near = (reached >> row & 1) != 0
                elif taken[pick]:
                    near = False
                elif distances.shape[0] > 0:
                    near = distances[path_index, pick] <= rules.max_distance
                else:
                    near = _is_near(left, top, width, height, boxes, row, rules.iou_threshold)
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
            # Similarities can be negative; the original looks at the sum of all that are possible.
            if not all_gains > 0:
                whole[slot, MISSED] += 1
                continue
            row = picks[choice]
            taken[choice] = True
            open_rows &= ~(1 << (row & 63))
            whole[slot, FOUND] = row
            whole[slot, MISSED] = 0
            whole[slot, SEEN] += 1
            single[slot, TOTAL] += gained
            carried = scores[row, label]
            best_sum = zero
            for at in range(BEST, BEST + most_best):
                kept = single[slot, at]
                single[slot, at] = max(kept, carried)
                best_sum += max(kept, carried)
                carried = min(kept, carried)
            single[slot, MEAN] = best_sum / np.float32(min(whole[slot, SEEN], most_best))
        born = alive
        for pick in range(begin, end):
            if not taken[pick]:
                available[label] -= 1
                slot = free[label, available[label]]
                live[label, born] = slot
                born += 1
                row = picks[pick]
                whole[slot, NUMBER] = counters[BORN]
                counters[BORN] += 1
                whole[slot, START] = frame
                whole[slot, SEEN] = 1
                whole[slot, MISSED] = 0
                whole[slot, FOUND] = row
                whole[slot, NODE] = -1
                single[slot, TOTAL] = scores[row, label]
                single[slot, MEAN] = scores[row, label]
                single[slot, BEST] = scores[row, label]
                for at in range(BEST + 1, BEST + most_best):
                    single[slot, at] = 0
        # Each path in turn goes before those of the ones in front of it that it exceeds.
        least = np.float32(np.inf)
        for place in range(born if rules.sort_new else alive):
            slot = live[label, place]
            mean = single[slot, MEAN]
            if mean <= least:
                least = mean
                continue
            at = place
            while at > 0 and mean > single[live[label, at - 1], MEAN]:
                live[label, at] = live[label, at - 1]
                at -= 1
            live[label, at] = slot
        staying = 0
        for place in range(born):
            slot = live[label, place]
            if whole[slot, MISSED] >= rules.jump_gap:
                ended[counters[ENDED]] = slot
                counters[ENDED] += 1
                if nodes.shape[0] > 0:
                    path = sizes[PATHS]
                    sizes[PATHS] += 1
                    for column in range(LABEL):
                        paths[path, column] = whole[slot, column]
                    paths[path, LABEL] = label
                    path_totals[path] = single[slot, TOTAL]
                continue
            live[label, staying] = slot
            staying += 1
            if whole[slot, MISSED] > 0:
                continue
            row = whole[slot, FOUND]
            whole[slot, SPOT] = ring * FEW + row
            whole[slot, LAST] = frame
            for corner in range(4):
                single[slot, corner] = boxes[row, corner]
            single[slot, NEWEST] = scores[row, label]
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
                node_scores[new] = scores[row, label]
                whole[slot, NODE] = new
        living[label] = staying
    count = scores.shape[0]
    known[ring] = count if count <= FEW else -1
    if count <= FEW:
        for row in range(count):
            for corner in range(4):
                recent[ring, row, corner] = boxes[row, corner]


@njit(cache=True, error_model="numpy")
def _compare_rows(
    recent: NDArray[np.float32],
    known: NDArray[np.int64],
    near_rows: NDArray[np.int64],
    boxes: NDArray[np.float32],
    count: int,
    iou_threshold: np.float32,
) -> bool:
    """Finds the rows of a frame that are near each row of those before; False if these are many."""
    if count > FEW or known.min() < 0:
        return False
    one = np.float32(1)
    for age in range(known.shape[0]):
        for old in range(known[age]):
            left, top = recent[age, old, 0], recent[age, old, 1]
            width = recent[age, old, 2] - left + one
            height = recent[age, old, 3] - top + one
            bits = 0
            for row in range(count):
                near = _is_near(left, top, width, height, boxes, row, iou_threshold)
                bits |= int(near) << row
            near_rows[age * FEW + old] = bits
    return True


@njit(cache=True, error_model="numpy")
def _is_near(
    left: np.float32,
    top: np.float32,
    width: np.float32,
    height: np.float32,
    boxes: NDArray[np.float32],
    row: int,
    iou_threshold: np.float32,
) -> bool:
    """Whether a box overlaps that of a row enough."""
    zero, one = np.float32(0), np.float32(1)
    # The sums are those of the original, which decide between near-ties.
    other_width = boxes[row, 2] - boxes[row, 0] + one
    other_height = boxes[row, 3] - boxes[row, 1] + one
    across = min(left + width, boxes[row, 0] + other_width) - max(left, boxes[row, 0])
    down = min(top + height, boxes[row, 1] + other_height) - max(top, boxes[row, 1])
    shared = max(across, zero) * max(down, zero)
    union = width * height + other_width * other_height - shared
    near: bool = (union > 0) & (shared / union >= iou_threshold)
    return near
