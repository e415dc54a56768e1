"""From the network's outputs to the rows of `Detections`."""

from __future__ import annotations

import math

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from detection.matching import CENTRE_VARIANCE, SIZE_VARIANCE

# Compiled with other files, whose digest is 1878fb8e58fb (tests/test_compiled_caches.py).

Rows = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Boxes `(N, 4)` in pixels of the original frame and scores `(N, classes + 1)`, background last."""

_ROOM, _BLOCKS = 3, 4
_CAUTION = 1e-3  # far more than logarithms and differences of float32 are rounded by


def detection_rows(
    scores: Tensor,
    offsets: Tensor,
    priors: Tensor,
    size: tuple[int, int],
    *,
    place: int = 0,
    conf_thresh: float = 0.001,
    topk: int = 50,
) -> Rows:
    """The prior boxes that any later per-class filter may use, with the scores of all classes.

    Every filter in use takes the `topk` best rows of a class above a threshold and suppresses among
    those, so the union over classes of these rows loses nothing and is a hundredth of all priors.

    Args:
        scores: `(P, classes + 1)` of one micro-tube before softmax, background in column 0.
        offsets: `(P, 4 S)` predicted offsets of all frames.
        priors: `(P, 4)` centre form, fractions of the frame.
        size: width and height of the original frame in pixels.
        place: whose boxes of the micro-tube; 0 for the first frame, as published.
        conf_thresh: rows must have a class with a greater score.
        topk: best rows taken of each class; of equal ones the earlier.

    Returns:
        The rows in the order of the priors. Boxes may reach out of the frame: published filters
        suppress among such boxes and clip those that are left.
    """
    limit = math.log(conf_thresh) - _CAUTION if conf_thresh > 0 else -math.inf
    arrays = [tensor.float().cpu().numpy() for tensor in (scores, offsets, priors)]
    rows, shifted = _candidates(np.ascontiguousarray(arrays[0]), np.float32(limit))
    probabilities = torch.from_numpy(shifted).exp_().numpy()  # faster than NumPy's
    _normalise(probabilities)
    chosen = _best_rows(probabilities, np.float32(conf_thresh), topk)
    boxes = _decoded(rows[chosen], arrays[1], arrays[2], 4 * place, *size)
    return boxes, _background_last(probabilities, chosen)


@njit(cache=True)
def _candidates(
    scores: NDArray[np.float32], limit: np.float32
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The rows of which a class is not far below background, and their scores less the best.

    The distance is no less than the logarithm of the probability. Most rows of a trained network
    show nothing but background, so this saves most of the work.
    """
    count, columns = scores.shape
    rows = np.empty(count, np.int64)
    shifted = np.empty_like(scores)
    total = 0
    for row in range(count):
        # No branch inside, so that several classes are looked at at a time.
        background = scores[row, 0]
        hit = False
        for column in range(1, columns):
            hit |= scores[row, column] - background > limit
        if hit:
            best = background
            for column in range(1, columns):
                best = max(best, scores[row, column])
            rows[total] = row
            for column in range(columns):
                shifted[total, column] = scores[row, column] - best
            total += 1
    return rows[:total], shifted[:total]


@njit(cache=True, fastmath={"reassoc"})
def _normalise(values: NDArray[np.float32]) -> None:
    """Divides rows by their sums."""
    for row in range(len(values)):
        total = np.float32(0)
        for column in range(values.shape[1]):
            total += values[row, column]
        for column in range(values.shape[1]):
            values[row, column] /= total


@njit(cache=True)
def _best_rows(
    probabilities: NDArray[np.float32], threshold: np.float32, topk: int
) -> NDArray[np.int64]:
    """The rows that are among the best of a class, background in column 0; in order."""
    count, columns = probabilities.shape
    classes = columns - 1
    # Of each class what may be among its best; where room runs out, the best of these stay.
    room = _ROOM * topk
    values = np.empty((classes, room), np.float32)
    rows = np.empty((classes, room), np.int32)
    filled = np.zeros(classes, np.int64)
    floors = np.full(classes, threshold, np.float32)
    _raise_floors(probabilities, topk, floors)
    for row in range(count):
        # No branch inside, so that several classes are looked at at a time.
        hit = False
        for label in range(classes):
            hit |= probabilities[row, label + 1] > floors[label]
        if hit:
            for label in range(classes):
                value = probabilities[row, label + 1]
                if value > floors[label]:
                    place = filled[label]
                    values[label, place] = value
                    rows[label, place] = row
                    filled[label] = place + 1
                    if filled[label] == room:
                        floors[label] = _keep_best(values[label], rows[label], topk)
                        filled[label] = topk
    chosen = np.zeros(count, np.bool_)
    for label in range(classes):
        if filled[label] > topk:
            _keep_best(values[label, : filled[label]], rows[label, : filled[label]], topk)
        for place in range(min(filled[label], topk)):
            chosen[rows[label, place]] = True
    return np.nonzero(chosen)[0]


@njit(cache=True)
def _raise_floors(
    probabilities: NDArray[np.float32], topk: int, floors: NDArray[np.float32]
) -> None:
    """Raise what must be exceeded to just below the `topk`-th best maximum of blocks of rows.

    There are at least so many rows that good, and few others to look at any more.
    """
    size = max(1, len(probabilities) // (_BLOCKS * topk))
    blocks = -(-len(probabilities) // size)
    if blocks < topk:
        return
    # The bits of numbers that are not negative are ordered as the numbers are, and integers are
    # compared several at a time.
    bits = probabilities.view(np.int32)
    maxima = np.zeros((blocks, len(floors)), np.int32)
    for row in range(len(bits)):
        best = maxima[row // size]
        for label in range(len(floors)):
            best[label] = max(best[label], bits[row, label + 1])
    values = maxima.view(np.float32)
    for label in range(len(floors)):
        enough = np.partition(values[:, label].copy(), blocks - topk)[blocks - topk]
        floors[label] = max(floors[label], np.nextafter(enough, np.float32(0)))


@njit(cache=True)
def _keep_best(values: NDArray[np.float32], rows: NDArray[np.int32], topk: int) -> np.float32:
    """Moves the best to the front, in the order they had; returns the least of them."""
    floor = np.partition(values, len(values) - topk)[len(values) - topk]
    ties = topk - (values > floor).sum()
    kept = 0
    for place in range(len(values)):
        value = values[place]
        if value > floor or (value == floor and ties > 0):
            ties -= value == floor
            values[kept] = value
            rows[kept] = rows[place]
            kept += 1
    return floor


@njit(cache=True)
def _background_last(
    probabilities: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Some rows, as scores are ordered."""
    classes = probabilities.shape[1] - 1
    scores = np.empty((len(rows), classes + 1), np.float32)
    for place, row in enumerate(rows):
        for label in range(classes):
            scores[place, label] = probabilities[row, label + 1]
        scores[place, classes] = probabilities[row, 0]
    return scores


@njit(cache=True)
def _decoded(
    rows: NDArray[np.int64],
    offsets: NDArray[np.float32],
    priors: NDArray[np.float32],
    first: int,
    width: int,
    height: int,
) -> NDArray[np.float32]:
    """Boxes of some rows as `detection.matching.decode` gives them, in pixels."""
    boxes = np.empty((len(rows), 4), np.float32)
    for place, row in enumerate(rows):
        for axis, pixels in enumerate((width, height)):
            side = priors[row, 2 + axis]
            centre = priors[row, axis] + offsets[row, first + axis] * CENTRE_VARIANCE * side
            length = side * math.exp(offsets[row, first + 2 + axis] * SIZE_VARIANCE)
            boxes[place, axis] = (centre - length / 2) * pixels
            boxes[place, 2 + axis] = (centre + length / 2) * pixels
    return boxes
