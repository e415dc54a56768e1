"""Chooses the tubes to show: sure enough, and one for each actor at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from data import Tube, VideoTubes
from evaluation import tube_ious

# Two tubes that overlap by more than this in space and time are taken for the same actor.
SAME_ACTOR = 0.5


@dataclass(frozen=True)
class Selection:
    """The tubes to show, and what else was found on the same actors.

    Attributes:
        shown: the chosen tubes, best first.
        alternatives: by id of a shown tube, the tubes with other labels that it stands for, best
            first, one for each label.
    """

    shown: VideoTubes
    alternatives: dict[int, tuple[Tube, ...]]


def select_tubes(found: VideoTubes, min_score: float) -> Selection:
    """Keeps tubes of at least `min_score`, and of those on the same actor only the best.

    Greedy suppression over all classes together: an action detector gives an actor one tube for
    each action it might be, and a viewer wants the likeliest with the others as a remark.

    Args:
        found: all tubes of a video.
        min_score: lowest score of a tube that is shown.
    """
    shown = []
    alternatives = {}
    rest = sorted(found.tubes, key=lambda tube: -tube.score)
    while rest and rest[0].score >= min_score:
        best, *rest = rest
        meeting = [tube for tube in rest if tube.start < best.end and best.start < tube.end]
        overlaps = tube_ious([best], meeting)[0]
        same_actor = {
            tube.id: tube
            for tube, overlap in zip(meeting, overlaps, strict=True)
            if overlap > SAME_ACTOR
        }
        rest = [tube for tube in rest if tube.id not in same_actor]
        likeliest: dict[int, Tube] = {}
        for tube in same_actor.values():
            likeliest.setdefault(tube.label, tube)
        likeliest.pop(best.label, None)
        shown.append(best)
        alternatives[best.id] = tuple(likeliest.values())
    return Selection(replace(found, tubes=tuple(shown)), alternatives)
