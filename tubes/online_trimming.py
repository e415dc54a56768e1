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

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tubes.link_state import ENDED, FOUND, MISSED, SEEN, START, LiveState
from tubes.link_state import NUMBER as PATH_NUMBER
from tubes.link_video import insert_score, mean_score
from tubes.trim_state import (
    BACKGROUND,
    BEFORE,
    FILLED,
    FIRST,
    FROM,
    LABELS,
    LAST,
    LEADER,
    LENGTH,
    NUMBER,
    OPEN,
    SETTLED,
    TELLING,
    TrimRules,
    TrimState,
)
from tubes.trimming import SCORE_SHIFT

# Compiled with other files, whose digest is 74a0af07aad0 (tests/test_compiled_caches.py).


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
    value, since, runs, ring, score, status = trims[:6]
    for index in range(links.counters[ENDED]):
        slot = links.ended[index]
        label = slot // room
        own = label if rules.mode == LABELS else 0
        # Most often nothing is open, and what is not settled has no frame with the own label.
        leader, run = status[slot, LEADER], runs[slot, status[slot, LEADER]]
        if leader == own or run > status[slot, SETTLED] or status[slot, OPEN] >= 0:
            tubes, scores, emitted = _close(
                links, trims, rules, slot, label, tubes, scores, emitted
            )
    live, living, whole = links.live, links.living, links.whole
    mask = score.shape[1] - 1
    for label in range(living.shape[0]):
        own = label if rules.mode == LABELS else 0
        alpha = rules.alphas[label]
        for place in range(living[label]):
            slot = live[label, place]
            if whole[slot, MISSED] > 0:
                continue
            row = whole[slot, FOUND]
            if whole[slot, SEEN] == 1:
                status[slot] = 0
                status[slot, OPEN] = -1
                value[slot] = 0
                since[slot] = 0
                runs[slot] = -1
            leader = status[slot, LEADER]
            settling = status[slot, SETTLED]
            length = frame - whole[slot, START] + 1
            for at in range(status[slot, LENGTH], length):
                score[slot, at & mask] = vectors[row, label]
                # A label that is entered now takes over what the leader has been.
                run = runs[slot, leader]
                if leader == own:
                    run = at
                    ring[slot, at & mask, FROM] = since[slot, own]
                    ring[slot, at & mask, BEFORE] = runs[slot, own]
                change = value[slot, leader] - alpha if at > 0 else -np.inf
                # This loop has no branches inside: it takes several labels at a time.
                for each in range(value.shape[1]):
                    kept = value[slot, each]
                    entered = (change > kept) | ((change == kept) & (leader < each))
                    since[slot, each] = at if entered else since[slot, each]
                    runs[slot, each] = run if entered else runs[slot, each]
                    value[slot, each] = max(change, kept)
                if rules.mode == LABELS:
                    for each in range(value.shape[1]):
                        gain = vectors[row, each] + np.float32(SCORE_SHIFT)
                        value[slot, each] += np.float64(gain)
                elif rules.mode == BACKGROUND:
                    value[slot, 0] += np.float64(vectors[row, label])
                    value[slot, 1] += np.float64(np.float32(1) - vectors[row, label])
                best = value[slot, 0]
                for each in range(value.shape[1]):
                    best = max(best, value[slot, each])
                leader = 0
                while value[slot, leader] != best:
                    leader += 1
                status[slot, LENGTH] = at + 1
                status[slot, LEADER] = leader
                if at + 1 - settling > rules.look_back:
                    # Most often nothing is said to have the own label.
                    said = since[slot, own] <= settling
                    for each in range(value.shape[1]):
                        said |= (since[slot, each] > settling) & (runs[slot, each] > settling)
                    if said or status[slot, OPEN] >= 0:
                        tubes, scores, emitted = _settle(
                            links, trims, rules, slot, label, own, tubes, scores, emitted
                        )
                    settling += 1
                    status[slot, SETTLED] = settling
            if leader == own or runs[slot, leader] >= settling:
                first, last = _latest_run(trims, slot, own)
                if last - first + 1 >= rules.min_frames and whole[slot, SEEN] >= rules.min_found:
                    _announce(trims, rules, slot, first, last)
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
            own = label if rules.mode == LABELS else 0
            first, last = _latest_run(trims, slot, own)
            told = _told(trims, slot, first, last)
            # What was announced can become too short again.
            if told < 0 or last - first + 1 < rules.min_frames:
                continue
            tubes[listed, 0] = trims.told[slot, told, NUMBER]
            tubes[listed, 1] = slot
            tubes[listed, 2] = label
            tubes[listed, 3] = links.whole[slot, START] + first
            lives = last == trims.status[slot, LENGTH] - 1
            tubes[listed, 4] = -1 if lives else links.whole[slot, START] + last + 1
            scores[listed] = _score_so_far(trims, slot, first, last)
            listed += 1
    return tubes[:listed], scores[:listed]


@njit(cache=True)
def _is_own(trims: TrimState, slot: int, each: int, own: int, at: int) -> bool:
    """Whether the survivor of a label has the own label at a position that is not settled."""
    if trims.since[slot, each] <= at:
        return each == own
    end = trims.run[slot, each]
    mask = trims.score.shape[1] - 1
    while end > at:
        if trims.ring[slot, end & mask, FROM] <= at:
            return True
        end = trims.ring[slot, end & mask, BEFORE]
    return False


@njit(cache=True)
def _latest_run(trims: TrimState, slot: int, own: int) -> tuple[int, int]:
    """First and last position of the last run of the best labelling; 0, -1 if that is settled."""
    leader = trims.status[slot, LEADER]
    if leader == own:
        return trims.since[slot, own], trims.status[slot, LENGTH] - 1
    end = trims.run[slot, leader]
    if end < trims.status[slot, SETTLED]:
        return 0, -1
    return trims.ring[slot, end & (trims.score.shape[1] - 1), FROM], end - 1


@njit(cache=True)
def _settle(
    links: LiveState,
    trims: TrimState,
    rules: TrimRules,
    slot: int,
    label: int,
    own: int,
    tubes: NDArray[np.int64],
    scores: NDArray[np.float32],
    emitted: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32], int]:
    """Settles a position: adds it to the run that goes on, or ends that run before it."""
    status = trims.status
    at = status[slot, SETTLED]
    decided = _is_own(trims, slot, status[slot, LEADER], own, at)
    for each in range(trims.value.shape[1]):
        if _is_own(trims, slot, each, own, at) != decided:
            trims.value[slot, each] = -np.inf
    if decided:
        if status[slot, OPEN] < 0:
            status[slot, OPEN] = at
            status[slot, FILLED] = 0
        status[slot, FILLED] = insert_score(
            trims.best[slot],
            status[slot, FILLED],
            trims.score[slot, at & (trims.score.shape[1] - 1)],
        )
    elif status[slot, OPEN] >= 0:
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
    status = trims.status
    own = label if rules.mode == LABELS else 0
    end = status[slot, LENGTH]
    while status[slot, SETTLED] < end:
        tubes, scores, emitted = _settle(
            links, trims, rules, slot, label, own, tubes, scores, emitted
        )
        status[slot, SETTLED] += 1
    if status[slot, OPEN] >= 0:
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
    first = trims.status[slot, OPEN]
    trims.status[slot, OPEN] = -1
    told = _told(trims, slot, first, end - 1)
    score = mean_score(trims.best[slot], trims.status[slot, FILLED])
    long_enough = end - first >= rules.min_frames and links.whole[slot, SEEN] >= rules.min_found
    if long_enough and score > rules.min_score:
        if emitted == tubes.shape[0]:
            tubes = np.concatenate((tubes, tubes))
            scores = np.concatenate((scores, scores))
        if told >= 0:
            tubes[emitted, 0] = trims.told[slot, told, NUMBER]
        else:
            trims.counter[0] += 1
            tubes[emitted, 0] = trims.counter[0]
        tubes[emitted, 1] = links.whole[slot, PATH_NUMBER]
        tubes[emitted, 2] = label
        tubes[emitted, 3] = links.whole[slot, START] + first
        tubes[emitted, 4] = links.whole[slot, START] + end
        scores[emitted] = score
        emitted += 1
    return tubes, scores, emitted


@njit(cache=True)
def _forget(trims: TrimState, slot: int) -> None:
    """Drops what was announced and is settled, emitted or taken back; makes room for one more."""
    status = trims.status
    first = status[slot, OPEN] if status[slot, OPEN] >= 0 else status[slot, SETTLED]
    full = status[slot, TELLING] == trims.told.shape[1]
    kept = 0
    for index in range(status[slot, TELLING]):
        if trims.told[slot, index, LAST] >= first and not (full and index == 0):
            trims.told[slot, kept] = trims.told[slot, index]
            kept += 1
    status[slot, TELLING] = kept


@njit(cache=True)
def _told(trims: TrimState, slot: int, first: int, last: int) -> int:
    """Which announced tube of a path shares frames with a run; -1 if none does."""
    for index in range(trims.status[slot, TELLING]):
        if trims.told[slot, index, FIRST] <= last and trims.told[slot, index, LAST] >= first:
            return index
    return -1


@njit(cache=True)
def _score_so_far(trims: TrimState, slot: int, first: int, last: int) -> np.float32:
    """The score that a run has as a tube, from its settled frames and the others."""
    best = trims.best[slot].copy()
    settled = trims.status[slot, SETTLED]
    filled = trims.status[slot, FILLED] if first < settled else 0
    for at in range(max(first, settled), last + 1):
        filled = insert_score(best, filled, trims.score[slot, at & (trims.score.shape[1] - 1)])
    return mean_score(best, filled)


@njit(cache=True)
def _announce(trims: TrimState, rules: TrimRules, slot: int, first: int, last: int) -> None:
    """Gives the last run of a path, which is a tube, a number that it keeps from then on."""
    told = _told(trims, slot, first, last)
    if told < 0:
        if rules.min_score > 0 and not _score_so_far(trims, slot, first, last) > rules.min_score:
            return
        _forget(trims, slot)
        told = trims.status[slot, TELLING]
        trims.status[slot, TELLING] += 1
        trims.counter[0] += 1
        trims.told[slot, told, NUMBER] = trims.counter[0]
    trims.told[slot, told, FIRST] = first
    trims.told[slot, told, LAST] = last
