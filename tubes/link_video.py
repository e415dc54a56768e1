"""The compiled steps around the linker: whole frames in, finished paths out."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data.class_filter import FilterBuffers, filter_frame
from tubes.link_state import (
    FRAME,
    LABEL,
    NODE,
    PATHS,
    PREVIOUS,
    ROW,
    SEEN,
    TOTAL,
    History,
    LinkRules,
    LiveState,
)
from tubes.link_step import link_frame
from tubes.settings import LinkSettings

# Compiled with other files, whose digest is c780e779e556 (tests/test_compiled_caches.py).


class FilterRules(NamedTuple):
    """Which detections of a frame enter the linker; see `tubes.OnlineLinker`."""

    threshold: np.float32
    nms_iou: np.float32
    keep: int
    right: np.float32
    bottom: np.float32


def filter_rules(settings: LinkSettings, width: int, height: int) -> FilterRules:
    """The rules for frames of a size in pixels."""
    return FilterRules(
        threshold=np.float32(settings.conf_thresh),
        nms_iou=np.float32(settings.nms_thresh),
        keep=settings.keep,
        # ROAD's frame reaches to the last pixel's index, so a box at the right or lower edge loses
        # one pixel.
        right=np.float32(width - 1),
        bottom=np.float32(height - 1),
    )


# What `find_problem` finds.
PROBLEMS = (
    "",
    "boxes must be finite numbers",
    "scores must lie between 0 and 1",
    "boxes must have x1 <= x2 and y1 <= y2",
)
REVERSED = 3
LARGEST = np.finfo(np.float32).max


@njit(cache=True)
def find_problem(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> int:
    """Returns what is wrong with detections, an index into `PROBLEMS`; 0 if nothing is."""
    if _outside(boxes, -LARGEST, LARGEST):
        return 1
    if _outside(scores, np.float32(0), np.float32(1)):
        return 2
    return REVERSED if has_reversed(boxes) else 0


# A sum of numbers in any order takes several of them at a time, and a count does not.
@njit(cache=True, fastmath={"reassoc"})
def _outside(numbers: NDArray[np.float32], least: np.float32, most: np.float32) -> bool:
    """Whether any number is not between two others."""
    outside = np.float32(0)
    flat = numbers.ravel()
    for place in range(flat.shape[0]):
        inside = (flat[place] >= least) & (flat[place] <= most)
        outside += np.float32(0) if inside else np.float32(1)
    return bool(outside > 0)


@njit(cache=True, fastmath={"reassoc"})
def has_reversed(boxes: NDArray[np.float32]) -> bool:
    """Whether any box has x1 > x2 or y1 > y2."""
    count = np.float32(0)
    for row in range(boxes.shape[0]):
        in_order = (boxes[row, 0] <= boxes[row, 2]) & (boxes[row, 1] <= boxes[row, 3])
        count += np.float32(0) if in_order else np.float32(1)
    return bool(count > 0)


@njit(cache=True)
def filter_boxes(
    rules: FilterRules,
    buffers: FilterBuffers,
    pixels: NDArray[np.float32],
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
) -> None:
    """Clips the boxes of one frame into `pixels` and filters them; arguments as `link_frames`."""
    one, zero = np.float32(1), np.float32(0)
    for row in range(boxes.shape[0]):
        # The original computes overlaps from 1-based pixels; float32 rounds differently there.
        pixels[row, 0] = max(boxes[row, 0], zero) + one
        pixels[row, 1] = max(boxes[row, 1], zero) + one
        pixels[row, 2] = min(boxes[row, 2], rules.right) + one
        pixels[row, 3] = min(boxes[row, 3], rules.bottom) + one
    filter_frame(pixels, scores, rules.threshold, rules.nms_iou, rules.keep, buffers)


@njit(cache=True)
def link_frames(
    state: LiveState,
    history: History,
    rules: LinkRules,
    filter_rules: FilterRules,
    buffers: FilterBuffers,
    pixels: NDArray[np.float32],
    boxes: NDArray[np.float32],
    linked: NDArray[np.float32],
    scores: NDArray[np.float32],
    offsets: NDArray[np.int64],
    first_frame: int,
    first_row: int,
) -> None:
    """Filters and links the detections of successive frames.

    Args:
        state: The live paths; changed in place.
        history: What is kept of all paths; changed in place. It must have room.
        rules: How paths choose.
        filter_rules: Which detections are linked, and the last pixel of a frame.
        buffers: Working space of the filter, for frames of this size.
        pixels: Working space for the boxes of a frame.
        boxes: Corners x1, y1, x2, y2 in pixels, float32 (N, 4).
        linked: Scores by which paths are linked, float32 (N, classes or more).
        scores: All scores, float32 (N, length of the vectors).
        offsets: The rows of frame t are `offsets[t]` to `offsets[t + 1]`.
        first_frame: Number of the first frame.
        first_row: Number of the first row in the whole video.
    """
    no_distances = np.zeros((0, 0), np.float32)
    for frame in range(offsets.shape[0] - 1):
        begin, end = offsets[frame], offsets[frame + 1]
        frame_scores = linked[begin:end]
        filter_boxes(filter_rules, buffers, pixels, boxes[begin:end], frame_scores)
        link_frame(
            state,
            history,
            rules,
            first_frame + frame,
            first_row + begin,
            pixels,
            frame_scores,
            scores[begin:end],
            buffers.picks,
            buffers.starts,
            no_distances,
        )


@njit(cache=True)
def finish_paths(
    state: LiveState, history: History, min_length: int, strength_frames: int
) -> tuple[
    NDArray[np.int64],
    NDArray[np.float32],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
]:
    """Writes all paths out frame by frame.

    They stand class by class: the live ones in their order, then the others in order of their end,
    stably sorted by the mean of their `strength_frames` best class scores, for which frames in gaps
    count too. A missed frame between two found ones gets the row of the *later* one, as in the
    original; nothing is interpolated.

    Args:
        state: The live paths.
        history: What the paths went through.
        min_length: Paths found in fewer frames are left out.
        strength_frames: How many scores count.

    Returns:
        `History.path` of each path, shape (P, 8); the sum of its gains, float32 (P,); the row of
        each frame of each path, one path after the other; where each path begins in these, shape
        (P + 1,); the frames in which each path was found; where each path begins in those, shape
        (P + 1,).
    """
    nodes, node_scores, ended, ended_totals, sizes = history
    classes = state.living.shape[0]
    most = sizes[PATHS] + state.living.sum()
    paths = np.empty((most, 8), np.int64)
    totals = np.empty(most, np.float32)
    strengths = np.empty(most, np.float32)
    # Ended paths by class, each in order of its end.
    firsts = np.zeros(classes + 1, np.int64)
    for path in range(sizes[PATHS]):
        firsts[ended[path, LABEL] + 1] += 1
    for label in range(classes):
        firsts[label + 1] += firsts[label]
    by_class = np.empty(sizes[PATHS], np.int64)
    places = firsts.copy()
    for path in range(sizes[PATHS]):
        label = ended[path, LABEL]
        by_class[places[label]] = path
        places[label] += 1

    count = 0
    frames = 0
    founds = 0
    best = np.empty(strength_frames, np.float32)
    for label in range(classes):
        first = count
        alive = state.living[label]
        for index in range(alive + firsts[label + 1] - firsts[label]):
            if index < alive:
                slot = state.live[label, index]
                paths[count] = state.whole[slot]
                paths[count, LABEL] = label
                totals[count] = state.single[slot, TOTAL]
            else:
                path = by_class[firsts[label] + index - alive]
                paths[count] = ended[path]
                totals[count] = ended_totals[path]
            if paths[count, SEEN] < min_length:
                continue
            node = paths[count, NODE]
            filled = 0
            frames += nodes[node, FRAME] + 1
            founds += paths[count, SEEN]
            while True:
                previous = nodes[node, PREVIOUS]
                copies = 1
                if previous >= 0:
                    copies = nodes[node, FRAME] - nodes[previous, FRAME]
                for _ in range(min(copies, strength_frames)):
                    filled = insert_score(best, filled, node_scores[node])
                if previous < 0:
                    frames -= nodes[node, FRAME]
                    break
                node = previous
            strengths[count] = mean_score(best, filled)
            count += 1
        order = first + np.argsort(-strengths[first:count], kind="mergesort")
        paths[first:count] = paths[order]
        totals[first:count] = totals[order]
    paths, totals = paths[:count], totals[:count]

    rows = np.empty(frames, np.int64)
    row_ptr = np.zeros(count + 1, np.int64)
    found = np.empty(founds, np.int64)
    found_ptr = np.zeros(count + 1, np.int64)
    for path in range(count):
        found_ptr[path + 1] = at = found_ptr[path] + paths[path, SEEN]
        node = paths[path, NODE]
        while node >= 0:
            at -= 1
            found[at] = nodes[node, FRAME]
            node = nodes[node, PREVIOUS]
        first_frame = found[at]
        node = paths[path, NODE]
        row_ptr[path + 1] = row_ptr[path] + nodes[node, FRAME] - first_frame + 1
        for place in range(row_ptr[path + 1] - 1, row_ptr[path] - 1, -1):
            previous = nodes[node, PREVIOUS]
            if previous >= 0 and nodes[previous, FRAME] == first_frame + place - row_ptr[path]:
                node = previous
            rows[place] = nodes[node, ROW]
    return paths, totals, rows, row_ptr, found, found_ptr


@njit(cache=True)
def compact_rows(
    rows: NDArray[np.int64], source: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Finds which rows are in use.

    Args:
        rows: Rows of the whole video, in any order and number.
        source: Rows that were kept, ascending.

    Returns:
        For each of `rows` its place among those in use; the places of these in `source`.
    """
    number = np.full(source[-1] + 1 if source.shape[0] else 0, -1)
    for row in rows:
        number[row] = 0
    kept = np.empty(source.shape[0], np.int64)
    count = 0
    for place in range(source.shape[0]):
        if number[source[place]] == 0:
            number[source[place]] = count
            kept[count] = place
            count += 1
    places = np.empty(rows.shape[0], np.int64)
    for index in range(rows.shape[0]):
        places[index] = number[rows[index]]
    return places, kept[:count]


@njit(cache=True)
def insert_score(best: NDArray[np.float32], filled: int, score: np.float32) -> int:
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
def mean_score(best: NDArray[np.float32], filled: int) -> np.float32:
    """Mean of the first scores of a list in float32, as the original takes it."""
    total = np.float32(0)
    for place in range(filled):
        total += best[place]
    mean: np.float32 = total / np.float32(filled)
    return mean
