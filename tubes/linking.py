"""The compiled part of the linker: a step a frame over flat arrays, and the unrolling of paths.

ROAD's `incremental_linking` (gurkirt/realtime-action-detection; Singh et al., arXiv 1611.08563,
section 3.4) for all classes at once. Every detection kept by the class filter becomes one *node*; a
path is a chain of nodes, so nothing is copied while paths grow.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

NODES, PATHS, DEAD = range(3)


class LinkState(NamedTuple):
    """Arrays that `link_frame` changes in place; `used` says how far the growing ones are filled.

    `node_*` has one entry a node in order of arrival, `path_*` one a path in order of birth. `live`
    holds, for each class, the paths that may go on, in the order in which they choose; `dead` the
    others, in order of death.
    """

    node_row: NDArray[np.int64]
    node_frame: NDArray[np.int64]
    node_score: NDArray[np.float32]
    node_previous: NDArray[np.int64]
    path_label: NDArray[np.int64]
    path_node: NDArray[np.int64]
    path_count: NDArray[np.int64]
    path_missed: NDArray[np.int64]
    path_score: NDArray[np.float32]
    path_box: NDArray[np.float32]
    path_best: NDArray[np.float32]
    live: NDArray[np.int64]
    live_count: NDArray[np.int64]
    dead: NDArray[np.int64]
    used: NDArray[np.int64]


def new_state(classes: int, keep: int, jump_gap: int) -> LinkState:
    """An empty state for `classes` classes with at most `keep` detections a class and frame."""
    return LinkState(
        node_row=np.zeros(0, np.int64),
        node_frame=np.zeros(0, np.int64),
        node_score=np.zeros(0, np.float32),
        node_previous=np.zeros(0, np.int64),
        path_label=np.zeros(0, np.int64),
        path_node=np.zeros(0, np.int64),
        path_count=np.zeros(0, np.int64),
        path_missed=np.zeros(0, np.int64),
        path_score=np.zeros(0, np.float32),
        path_box=np.zeros((0, 4), np.float32),
        # The jump_gap + 1 best scores of each path, best first: they give its place among the live
        # paths.
        path_best=np.zeros((0, jump_gap + 1), np.float32),
        # A live path was found in one of the last jump_gap frames, where there were at most `keep`
        # to find.
        live=np.zeros((classes, keep * (jump_gap + 1)), np.int64),
        live_count=np.zeros(classes, np.int64),
        dead=np.zeros(0, np.int64),
        used=np.zeros(3, np.int64),
    )


def with_room(state: LinkState, more: int) -> LinkState:
    """The state with room for `more` further nodes, each of which may start a path."""
    needed = int(state.used[NODES]) + more
    if needed <= len(state.node_row):
        return state
    size = max(needed, 2 * len(state.node_row), 1024)
    arrays: dict[str, NDArray[Any]] = state._asdict()
    for name in arrays.keys() - {"live", "live_count", "used"}:
        larger = np.zeros((size, *arrays[name].shape[1:]), arrays[name].dtype)
        larger[: len(arrays[name])] = arrays[name]
        arrays[name] = larger
    return LinkState(**arrays)


@njit(cache=True)
def link_frame(
    state: LinkState,
    frame: int,
    first_row: int,
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    rows: NDArray[np.int64],
    starts: NDArray[np.int64],
    iou_threshold: np.float32,
    jump_gap: int,
) -> None:
    """Links the detections of one frame to the live paths of their class.

    The live paths choose in turn: each takes the highest-scoring detection that is still free and
    overlaps its last box by at least `iou_threshold`. Then they are ordered anew by the mean of
    their `jump_gap` + 1 best scores; a path that found nothing in `jump_gap` frames in a row dies.
    Detections left over start paths.

    Args:
        state: What is known so far; changed in place. It must have room for all detections.
        frame: Number of the frame.
        first_row: Row number of the frame's first detection in the whole video.
        boxes: Corners in 1-based pixels, all detections of the frame, shape (N, 4).
        scores: Class scores of the frame, shape (N, classes or more).
        rows: Detections kept by the class filter, class after class, shape (K,).
        starts: Where each class begins in `rows`, shape (classes + 1,).
        iou_threshold: Least overlap of a path's last box and its next one, with ROAD's +1 on widths
            and heights.
        jump_gap: Misses in a row that end a path.
    """
    one = np.float32(1)
    for label in range(starts.shape[0] - 1):
        picks = rows[starts[label] : starts[label + 1]]
        taken = np.zeros(picks.shape[0], np.bool_)
        live = state.live[label]
        living = state.live_count[label]
        order_score = np.empty(living, np.float32)

        for place in range(living):
            path = live[place]
            left, top = state.path_box[path, 0], state.path_box[path, 1]
            width = state.path_box[path, 2] - left + one
            height = state.path_box[path, 3] - top + one
            choice = -1
            choice_score = np.float32(0)
            for pick in range(picks.shape[0]):
                row = picks[pick]
                score = scores[row, label]
                if taken[pick] or not score > choice_score:
                    continue
                other_width = boxes[row, 2] - boxes[row, 0] + one
                other_height = boxes[row, 3] - boxes[row, 1] + one
                across = min(left + width, boxes[row, 0] + other_width) - max(left, boxes[row, 0])
                down = min(top + height, boxes[row, 1] + other_height) - max(top, boxes[row, 1])
                shared = max(across, np.float32(0)) * max(down, np.float32(0))
                union = width * height + other_width * other_height - shared
                if union > 0 and shared / union >= iou_threshold:
                    choice = pick
                    choice_score = score
            if choice >= 0:
                taken[choice] = True
                _extend(state, path, frame, first_row, picks[choice], choice_score, boxes)
            else:
                state.path_missed[path] += 1
            best = min(state.path_count[path], jump_gap + 1)
            order_score[place] = _mean(state.path_best[path, :best])

        _sort_descending(live, order_score, living)
        staying = 0
        for place in range(living):
            path = live[place]
            if state.path_missed[path] < jump_gap:
                live[staying] = path
                staying += 1
            else:
                state.dead[state.used[DEAD]] = path
                state.used[DEAD] += 1

        for pick in range(picks.shape[0]):
            if not taken[pick]:
                path = state.used[PATHS]
                state.used[PATHS] += 1
                state.path_label[path] = label
                state.path_node[path] = -1
                score = scores[picks[pick], label]
                _extend(state, path, frame, first_row, picks[pick], score, boxes)
                live[staying] = path
                staying += 1
        state.live_count[label] = staying


@njit(cache=True)
def _sort_descending(items: NDArray[np.int64], keys: NDArray[np.float32], count: int) -> None:
    """Sorts the first `count` items by falling key, stable and in place."""
    # An insertion sort: the order of the last frame has hardly changed.
    for index in range(1, count):
        item = items[index]
        key = keys[index]
        place = index
        while place > 0 and key > keys[place - 1]:
            items[place] = items[place - 1]
            keys[place] = keys[place - 1]
            place -= 1
        items[place] = item
        keys[place] = key


@njit(cache=True)
def _extend(
    state: LinkState,
    path: int,
    frame: int,
    first_row: int,
    row: int,
    score: np.float32,
    boxes: NDArray[np.float32],
) -> None:
    """Appends one detection to a path."""
    node = state.used[NODES]
    state.used[NODES] += 1
    state.node_row[node] = first_row + row
    state.node_frame[node] = frame
    state.node_score[node] = score
    state.node_previous[node] = state.path_node[path]
    state.path_node[path] = node
    state.path_box[path] = boxes[row]
    state.path_score[path] += score
    state.path_missed[path] = 0
    _insert(state.path_best[path], min(state.path_count[path], state.path_best.shape[1]), score)
    state.path_count[path] += 1


@njit(cache=True)
def _insert(best: NDArray[np.float32], filled: int, score: np.float32) -> int:
    """Puts a score into a list of the best ones, best first; returns the list's new length."""
    place = filled
    if filled == best.shape[0]:
        if not score > best[filled - 1]:
            return filled
        place = filled - 1
    filled = place + 1
    while place > 0 and score > best[place - 1]:
        best[place] = best[place - 1]
        place -= 1
    best[place] = score
    return filled


@njit(cache=True)
def _mean(values: NDArray[np.float32]) -> np.float32:
    """Mean in float32, as the original takes it."""
    total = np.float32(0)
    for value in values:
        total += value
    mean: np.float32 = total / np.float32(values.shape[0])
    return mean


@njit(cache=True)
def path_strengths(state: LinkState, paths: NDArray[np.int64], top: int) -> NDArray[np.float32]:
    """Mean of the `top` best class scores of each path, float32 (P,); frames in gaps count too."""
    strengths = np.empty(paths.shape[0], np.float32)
    best = np.empty(top, np.float32)
    for index in range(paths.shape[0]):
        filled = 0
        node = state.path_node[paths[index]]
        while node >= 0:
            previous = state.node_previous[node]
            frames = 1
            if previous >= 0:
                frames = min(state.node_frame[node] - state.node_frame[previous], top)
            for _ in range(frames):
                filled = _insert(best, filled, state.node_score[node])
            node = previous
        strengths[index] = _mean(best[:filled])
    return strengths


@njit(cache=True)
def unroll(
    state: LinkState, paths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Writes paths out frame by frame.

    A missed frame between two found ones gets the row of the *later* one, as in the original;
    nothing is interpolated.

    Args:
        state: State of the linker.
        paths: Numbers of the paths wanted, shape (P,).

    Returns:
        Row of each frame of each path, one path after the other; where each path begins in it,
        shape (P + 1,); the frames in which each path was found; where each path begins in those,
        shape (P + 1,).
    """
    count = paths.shape[0]
    row_ptr = np.zeros(count + 1, np.int64)
    found_ptr = np.zeros(count + 1, np.int64)
    for index in range(count):
        path = paths[index]
        node = state.path_node[path]
        end = state.node_frame[node]
        while state.node_previous[node] >= 0:
            node = state.node_previous[node]
        row_ptr[index + 1] = row_ptr[index] + end - state.node_frame[node] + 1
        found_ptr[index + 1] = found_ptr[index] + state.path_count[path]

    rows = np.empty(row_ptr[count], np.int64)
    found = np.empty(found_ptr[count], np.int64)
    for index in range(count):
        node = state.path_node[paths[index]]
        row_end = row_ptr[index + 1]
        found_end = found_ptr[index + 1]
        while node >= 0:
            previous = state.node_previous[node]
            frames = 1
            if previous >= 0:
                frames = state.node_frame[node] - state.node_frame[previous]
            rows[row_end - frames : row_end] = state.node_row[node]
            row_end -= frames
            found_end -= 1
            found[found_end] = state.node_frame[node]
            node = previous
    return rows, row_ptr, found, found_ptr
