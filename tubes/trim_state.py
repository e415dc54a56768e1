"""What the online trimming works on: arrays of fixed size, by slot of the linker."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# What is labelled: the path's class against all others, against the background, or nothing.
LABELS, BACKGROUND, WHOLE = range(3)
# Columns of the arrays below.
FROM, BEFORE = range(2)
LENGTH, SETTLED, OPEN, FILLED, TELLING, LEADER = range(6)
NUMBER, FIRST, LAST = range(3)


class TrimState(NamedTuple):
    """The labelling of the live paths, by slot of the linker; P slots, C labels.

    Positions count the frames of a path from 0. Rings hold R of them, a power of 2 that is at least
    look-back + 2: the place of a position is found without a division.

    Attributes:
        value: Value of the best labelling that ends in each label, float64 (P, C).
        since: Of each of these the position at which its last stretch began, shape (P, C).
        run: And the position after its last run of the own label before that stretch, or -1, shape
            (P, C).
        ring: Of the run that ends before a position its first one (FROM), and the position after
            the run before that or -1 (BEFORE), shape (P, R, 2).
        score: Class score at a position, a ring, float32 (P, R).
        status: How many positions there are (LENGTH) and are settled (SETTLED), the position at
            which the settled run began that goes on or -1 (OPEN), how many scores `best` holds
            (FILLED), how many tubes `told` holds (TELLING), and the best label (LEADER), shape
            (P, 6).
        best: Best class scores of the settled run, best first, float32 (P, so many).
        told: Number, first and last position of the announced tubes of a path that are not settled,
            shape (P, K, 3).
        counter: Number of the tube that was announced last, shape (1,).
    """

    value: NDArray[np.float64]
    since: NDArray[np.int64]
    run: NDArray[np.int64]
    ring: NDArray[np.int64]
    score: NDArray[np.float32]
    status: NDArray[np.int64]
    best: NDArray[np.float32]
    told: NDArray[np.int64]
    counter: NDArray[np.int64]


class TrimRules(NamedTuple):
    """How paths are labelled and what becomes a tube; see `tubes.TubeSettings`."""

    mode: int
    alphas: NDArray[np.float64]
    look_back: int
    min_frames: int
    min_found: int
    min_score: np.float32


def new_trim_state(
    slots: int, labels: int, look_back: int, score_topk: int, min_frames: int
) -> TrimState:
    """An empty state.

    Args:
        slots: Slots of the linker.
        labels: Number of labels.
        look_back: How many frames of a path are not settled.
        score_topk: How many of its best scores make the score of a tube.
        min_frames: Least length of a tube.
    """
    ring = 1 << (look_back + 1).bit_length()
    return TrimState(
        value=np.zeros((slots, labels)),
        since=np.zeros((slots, labels), np.int64),
        run=np.zeros((slots, labels), np.int64),
        ring=np.zeros((slots, ring, 2), np.int64),
        score=np.zeros((slots, ring), np.float32),
        status=np.zeros((slots, 6), np.int64),
        best=np.zeros((slots, score_topk), np.float32),
        told=np.zeros((slots, ring // min_frames + 2, 3), np.int64),
        counter=np.zeros(1, np.int64),
    )


def with_look_back(state: TrimState, look_back: int, min_frames: int) -> TrimState:
    """The state with longer rings, for paths that were shorter than the old ones."""
    slots, labels = state.value.shape
    larger = new_trim_state(slots, labels, look_back, state.best.shape[1], min_frames)
    for name, values in state._asdict().items():
        getattr(larger, name)[tuple(slice(0, size) for size in values.shape)] = values
    return larger
