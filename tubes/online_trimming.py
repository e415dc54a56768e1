"""Online trimming, compiled: where in a live path its class happens, told while the path grows.

The offline labelling (`tubes.trimming`) gives every frame of a path one label, at a cost for every
change; the path's tubes are its runs of frames with its own label. Here the same recursion runs
forward with the stream, and instead of back-pointers every label carries what its best labelling so
far, its *survivor*, has been: where the present stretch began, and the runs of the path's own label
before it, as a chain that survivors share. So a frame costs one pass over the labels, and nothing
is ever walked back.

What is announced, and when it is final. Frame f of a path of T frames so far is *settled* as soon
as T - f > L, the look-back: it is given what the best survivor says, own label or not, and
survivors that say otherwise are dropped (their value becomes minus infinity). Hence:

1. At any time the values are those of the best labellings that agree with all settled frames, and
   the runs announced are those of the best of them. Proof by induction: the recursion extends the
   best labelling that ends in each label; dropping those that disagree leaves, for each label that
   remains, a survivor that agrees, and it is the best one that does: a labelling that disagrees
   in a settled frame was dropped with its value, and among the others the recursion compares all.
2. Settled frames never change, others may: everything older than L frames is final.
3. With L >= T nothing is settled before the path ends, so the result is the offline one, which is
   the best labelling of the whole path (and at any time before, that of the path so far). The ties
   too are broken alike: the same comparisons are made in the same order.
4. With a smaller L it is the offline result if, whenever a frame is settled, the best survivor says
   of it what the offline labelling says; so it is in particular if all survivors agree by then,
   since the offline labelling is one of their continuations.

A path that is missed for some frames gets their labels when it is found again, since the linker
fills such a gap with the detection that ends it.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tubes.link_step import ENDED, LiveState
from tubes.link_video import insert_score, mean_score

# What is labelled: the path's class against all others, against the background, or nothing.
LABELS, BACKGROUND, WHOLE = range(3)
# Added to every score in float32, as ROAD does: it rounds the scores.
SCORE_SHIFT = 20


class TrimState(NamedTuple):
    """The labelling of the live paths, by slot of the linker; P slots, C labels.

    Positions count the frames of a path from 0. Rings hold R = look-back + 2 of them.

    Attributes:
        value: Value of the best labelling that ends in each label, float64 (P, C).
        since: Position at which its last stretch began, shape (P, C).
        run: Position after its last run of the own label before that stretch, or -1, shape (P, C).
        run_start: Where the run that ends before a position began, a ring, shape (P, R).
        run_before: The run before that one, likewise.
        score: Class score at a position, a ring, float32 (P, R).
        length: Positions so far, shape (P,).
        settled: Positions that are settled, shape (P,).
        open: Position at which the settled run began that goes on, or -1, shape (P,).
        best: Best class scores of this run, best first, float32 (P, so many).
        filled: How many these are, shape (P,).
        told: Number, first and last position of the announced tubes of a path that are not settled,
            shape (P, K, 3).
        telling: How many these are, shape (P,).
        counter: Number of the tube that was announced last, shape (1,).
    """

    value: NDArray[np.float64]
    since: NDArray[np.int64]
    run: NDArray[np.int64]
    run_start: NDArray[np.int64]
    run_before: NDArray[np.int64]
    score: NDArray[np.float32]
    length: NDArray[np.int64]
    settled: NDArray[np.int64]
    open: NDArray[np.int64]
    best: NDArray[np.float32]
    filled: NDArray[np.int64]
    told: NDArray[np.int64]
    telling: NDArray[np.int64]
    counter: NDArray[np.int64]


class TrimRules(NamedTuple):
    """How paths are labelled and what becomes a tube; see `tubes.TubeSettings`."""

    mode: int
    alphas: NDArray[np.float64]
    look_back: int
    min_frames: int
    min_found: int
    min_score: np.float32


NUMBER, FIRST, LAST = range(3)


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
    ring = look_back + 2
    return TrimState(
        value=np.zeros((slots, labels)),
        since=np.zeros((slots, labels), np.int64),
        run=np.zeros((slots, labels), np.int64),
        run_start=np.zeros((slots, ring), np.int64),
        run_before=np.zeros((slots, ring), np.int64),
        score=np.zeros((slots, ring), np.float32),
        length=np.zeros(slots, np.int64),
        settled=np.zeros(slots, np.int64),
        open=np.zeros(slots, np.int64),
        best=np.zeros((slots, score_topk), np.float32),
        filled=np.zeros(slots, np.int64),
        told=np.zeros((slots, ring // min_frames + 2, 3), np.int64),
        telling=np.zeros(slots, np.int64),
        counter=np.zeros(1, np.int64),
    )


def with_look_back(state: TrimState, look_back: int, min_frames: int) -> TrimState:
    """The state with longer rings, for paths that were shorter than the old ones."""
    slots, labels = state.value.shape
    larger = new_trim_state(slots, labels, look_back, state.best.shape[1], min_frames)
    for name, values in state._asdict().items():
        getattr(larger, name)[tuple(slice(0, size) for size in values.shape)] = values
    return larger


@njit(cache=True)
def trim_frame(
    links: LiveState,
    trims: TrimState,
    rules: TrimRules,
    vectors: NDArray[np.float32],
    frame: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Labels what the linker found in one frame.

    Args:
        links: State of the linker after the frame.
        trims: The labelling so far; changed in place.
        rules: How paths are labelled.
        vectors: All scores of the frame, shape (N, classes + 1).
        frame: Number of the frame.

    Returns:
        The tubes whose frames are all settled now: number, path, class, first frame, and the frame
        after the last, shape (E, 5); their scores, float32 (E,).
    """
    tubes = np.empty((4, 5), np.int64)
    scores = np.empty(4, np.float32)
    emitted = 0
    room = links.live.shape[1]
    for index in range(links.counters[ENDED]):
        slot = links.ended[index]
        tubes, scores, emitted = _close(
            links, trims, rules, slot, slot // room, tubes, scores, emitted
        )
    ring = trims.score.shape[1]
    length, settled = trims.length, trims.settled
    for label in range(links.living.shape[0]):
        for place in range(links.living[label]):
            slot = links.live[label, place]
            row = links.row[slot]
            if row < 0:
                continue
            if links.seen[slot] == 1:
                length[slot] = settled[slot] = trims.telling[slot] = 0
                trims.open[slot] = -1
            for at in range(length[slot], frame - links.start[slot] + 1):
                trims.score[slot, at % ring] = vectors[row, label]
                _advance(trims, rules, slot, label, at, vectors[row])
                length[slot] = at + 1
                if at + 1 - settled[slot] > rules.look_back:
                    tubes, scores, emitted = _settle(
                        links, trims, rules, slot, label, tubes, scores, emitted
                    )
            _announce(links, trims, rules, slot, label)
    return tubes[:emitted], scores[:emitted]


@njit(cache=True)
def finish_trimming(
    links: LiveState, trims: TrimState, rules: TrimRules
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Settles all frames of the live paths; returns their last tubes as `trim_frame` does."""
    tubes = np.empty((4, 5), np.int64)
    scores = np.empty(4, np.float32)
    emitted = 0
    for label in range(links.living.shape[0]):
        for place in range(links.living[label]):
            slot = links.live[label, place]
            tubes, scores, emitted = _close(
                links, trims, rules, slot, label, tubes, scores, emitted
            )
    return tubes[:emitted], scores[:emitted]


@njit(cache=True)
def live_tubes(
    links: LiveState, trims: TrimState, rules: TrimRules
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Lists the announced tubes of the live paths that are not settled to their end.

    Returns:
        Number, slot, class, first frame, and the frame after the last or -1 while the tube lives,
        shape (K, 5); their scores so far, float32 (K,).
    """
    most = links.living.sum()
    tubes = np.empty((most, 5), np.int64)
    scores = np.empty(most, np.float32)
    listed = 0
    for label in range(links.living.shape[0]):
        for place in range(links.living[label]):
            slot = links.live[label, place]
            first, last = _latest_run(trims, rules, slot, label)
            told = _told(trims, slot, first, last)
            if told < 0:
                continue
            tubes[listed, 0] = trims.told[slot, told, NUMBER]
            tubes[listed, 1] = slot
            tubes[listed, 2] = label
            tubes[listed, 3] = links.start[slot] + first
            lives = last == trims.length[slot] - 1
            tubes[listed, 4] = -1 if lives else links.start[slot] + last + 1
            scores[listed] = _score_so_far(trims, slot, first, last)
            listed += 1
    return tubes[:listed], scores[:listed]


@njit(cache=True)
def _own(rules: TrimRules, label: int) -> int:
    """The label that stands for a path's own class."""
    return label if rules.mode == LABELS else 0


@njit(cache=True)
def _leader(trims: TrimState, slot: int) -> int:
    """The label in which the best labelling so far ends; of equal ones the first."""
    best = 0
    for label in range(1, trims.value.shape[1]):
        if trims.value[slot, label] > trims.value[slot, best]:
            best = label
    return best


@njit(cache=True)
def _advance(
    trims: TrimState, rules: TrimRules, slot: int, label: int, at: int, vector: NDArray[np.float32]
) -> None:
    """One step of the recursion: the frame at position `at` gets scores."""
    value, since, run = trims.value, trims.since, trims.run
    own = _own(rules, label)
    leader = _leader(trims, slot)
    # A label that is entered now takes over what the leader has been.
    before = run[slot, leader]
    if at > 0 and leader == own:
        before = at
        place = at % trims.run_start.shape[1]
        trims.run_start[slot, place] = since[slot, own]
        trims.run_before[slot, place] = run[slot, own]
    change = value[slot, leader] - rules.alphas[label]
    for each in range(value.shape[1]):
        kept = value[slot, each]
        if at == 0:
            kept = 0.0
            since[slot, each] = 0
            run[slot, each] = -1
        elif change > kept or (change == kept and leader < each):
            kept = change
            since[slot, each] = at
            run[slot, each] = before
        if rules.mode == LABELS:
            kept += np.float64(vector[each] + np.float32(SCORE_SHIFT))
        elif rules.mode == BACKGROUND:
            kept += np.float64(vector[label] if each == own else np.float32(1) - vector[label])
        value[slot, each] = kept


@njit(cache=True)
def _is_own(trims: TrimState, slot: int, each: int, own: int, at: int) -> bool:
    """Whether the survivor of a label has the own label at a position that is not settled."""
    if each == own and trims.since[slot, each] <= at:
        return True
    ring = trims.run_start.shape[1]
    end = trims.run[slot, each]
    while end > at:
        if trims.run_start[slot, end % ring] <= at:
            return True
        end = trims.run_before[slot, end % ring]
    return False


@njit(cache=True)
def _settle(
    links: LiveState,
    trims: TrimState,
    rules: TrimRules,
    slot: int,
    label: int,
    tubes: NDArray[np.int64],
    scores: NDArray[np.float32],
    emitted: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32], int]:
    """Settles the next position of a path; appends the tube that ends before it, if one does."""
    own = _own(rules, label)
    at = trims.settled[slot]
    decided = _is_own(trims, slot, _leader(trims, slot), own, at)
    for each in range(trims.value.shape[1]):
        if _is_own(trims, slot, each, own, at) != decided:
            trims.value[slot, each] = -np.inf
    trims.settled[slot] = at + 1
    if decided:
        if trims.open[slot] < 0:
            trims.open[slot] = at
            trims.filled[slot] = 0
        trims.filled[slot] = insert_score(
            trims.best[slot], trims.filled[slot], trims.score[slot, at % trims.score.shape[1]]
        )
    elif trims.open[slot] >= 0:
        tubes, scores, emitted = _emit(links, trims, rules, slot, label, at, tubes, scores, emitted)
    return tubes, scores, emitted


@njit(cache=True)
def _close(
    links: LiveState,
    trims: TrimState,
    rules: TrimRules,
    slot: int,
    label: int,
    tubes: NDArray[np.int64],
    scores: NDArray[np.float32],
    emitted: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32], int]:
    """Settles all of a path that has ended."""
    while trims.settled[slot] < trims.length[slot]:
        tubes, scores, emitted = _settle(links, trims, rules, slot, label, tubes, scores, emitted)
    if trims.open[slot] >= 0:
        end = trims.length[slot]
        tubes, scores, emitted = _emit(
            links, trims, rules, slot, label, end, tubes, scores, emitted
        )
    return tubes, scores, emitted


@njit(cache=True)
def _emit(
    links: LiveState,
    trims: TrimState,
    rules: TrimRules,
    slot: int,
    label: int,
    end: int,
    tubes: NDArray[np.int64],
    scores: NDArray[np.float32],
    emitted: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32], int]:
    """Appends the settled run that ends before a position, if it is a tube."""
    first = trims.open[slot]
    trims.open[slot] = -1
    told = _told(trims, slot, first, end - 1)
    score = mean_score(trims.best[slot], trims.filled[slot])
    long_enough = end - first >= rules.min_frames and links.seen[slot] >= rules.min_found
    if long_enough and score > rules.min_score:
        if emitted == tubes.shape[0]:
            tubes = np.concatenate((tubes, tubes))
            scores = np.concatenate((scores, scores))
        if told >= 0:
            tubes[emitted, 0] = trims.told[slot, told, NUMBER]
        else:
            trims.counter[0] += 1
            tubes[emitted, 0] = trims.counter[0]
        tubes[emitted, 1] = links.number[slot]
        tubes[emitted, 2] = label
        tubes[emitted, 3] = links.start[slot] + first
        tubes[emitted, 4] = links.start[slot] + end
        scores[emitted] = score
        emitted += 1
    return tubes, scores, emitted


@njit(cache=True)
def _forget(trims: TrimState, slot: int) -> None:
    """Drops what was announced and is settled, emitted or taken back; makes room for one more."""
    first = trims.open[slot] if trims.open[slot] >= 0 else trims.settled[slot]
    full = trims.telling[slot] == trims.told.shape[1]
    kept = 0
    for index in range(trims.telling[slot]):
        if trims.told[slot, index, LAST] >= first and not (full and index == 0):
            trims.told[slot, kept] = trims.told[slot, index]
            kept += 1
    trims.telling[slot] = kept


@njit(cache=True)
def _latest_run(trims: TrimState, rules: TrimRules, slot: int, label: int) -> tuple[int, int]:
    """First and last position of the last run of the best labelling; 0, -1 if that is settled."""
    own = _own(rules, label)
    leader = _leader(trims, slot)
    if leader == own:
        return trims.since[slot, own], trims.length[slot] - 1
    end = trims.run[slot, leader]
    if end < trims.settled[slot]:
        return 0, -1
    return trims.run_start[slot, end % trims.run_start.shape[1]], end - 1


@njit(cache=True)
def _told(trims: TrimState, slot: int, first: int, last: int) -> int:
    """Which announced tube of a path shares frames with a run; -1 if none does."""
    for index in range(trims.telling[slot]):
        if trims.told[slot, index, FIRST] <= last and trims.told[slot, index, LAST] >= first:
            return index
    return -1


@njit(cache=True)
def _score_so_far(trims: TrimState, slot: int, first: int, last: int) -> np.float32:
    """The score that a run has as a tube, from its settled frames and the others."""
    best = trims.best[slot].copy()
    filled = trims.filled[slot] if trims.open[slot] >= 0 and first < trims.settled[slot] else 0
    for at in range(max(first, trims.settled[slot]), last + 1):
        filled = insert_score(best, filled, trims.score[slot, at % trims.score.shape[1]])
    return mean_score(best, filled)


@njit(cache=True)
def _announce(links: LiveState, trims: TrimState, rules: TrimRules, slot: int, label: int) -> None:
    """Gives the last run of a path a number once it is a tube, which it keeps from then on."""
    first, last = _latest_run(trims, rules, slot, label)
    if last - first + 1 < rules.min_frames or links.seen[slot] < rules.min_found:
        return
    told = _told(trims, slot, first, last)
    if told < 0:
        if rules.min_score > 0 and not _score_so_far(trims, slot, first, last) > rules.min_score:
            return
        _forget(trims, slot)
        told = trims.telling[slot]
        trims.telling[slot] += 1
        trims.counter[0] += 1
        trims.told[slot, told, NUMBER] = trims.counter[0]
    trims.told[slot, told, FIRST] = first
    trims.told[slot, told, LAST] = last
