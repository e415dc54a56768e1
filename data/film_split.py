"""Divides clips into a fit and a validation part so that no source film is in both.

Clips cut from one film share actors, background and camera: a validation part with films that were
trained on flatters. J-HMDB and HMDB name a clip after its film.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

VALIDATION_SHARE = 0.2


def film_of(name: str) -> str:
    """The source film of a clip: what stands before the class in the clip's name.

    Args:
        name: `class/clip` as in J-HMDB, where the clip is called `<film>_<class>_<details>`.

    Returns:
        The film; the whole clip name if the class does not stand in it.
    """
    label, _, clip = name.rpartition("/")
    # The title itself may hold the word: golf/Rate_my_golf_swing__driver_golf_f_cm_np1_ri_med_0.
    film, separator, _ = clip.rpartition(f"_{label}_")
    return film if label and separator else clip


def split_by_film(
    names: Sequence[str], labels: Mapping[str, int]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Divides clips by source film, about a fifth of each class for validation.

    Films are taken in an order that depends on their names alone, as long as no class gets more
    than its share; a class left with nothing then gets its smallest film. So the same list gives
    the same parts everywhere, and every class is in both as far as it has several films.

    Args:
        names: clips, as in `film_of`.
        labels: class of each clip.

    Returns:
        The clips to fit on and those to validate on, each in the order of `names`.
    """
    films: dict[str, Counter[int]] = defaultdict(Counter)
    for name in names:
        films[film_of(name)][labels[name]] += 1
    sizes = Counter(labels[name] for name in names)
    shares = {label: math.ceil(VALIDATION_SHARE * size) for label, size in sizes.items()}
    order = sorted(films, key=lambda film: hashlib.sha256(film.encode()).hexdigest())
    taken: Counter[int] = Counter()
    validation: set[str] = set()

    def take(film: str) -> None:
        validation.add(film)
        taken.update(films[film])

    for film in order:
        counts = films[film]
        if all(
            taken[label] + count <= shares[label] and taken[label] + count < sizes[label]
            for label, count in counts.items()
        ):
            take(film)
    for label in sorted(sizes):
        if taken[label]:
            continue
        candidates = [
            film
            for film in order
            if label in films[film]
            and all(taken[other] + count < sizes[other] for other, count in films[film].items())
        ]
        if candidates:
            take(min(candidates, key=lambda film: films[film].total()))
    return (
        tuple(name for name in names if film_of(name) not in validation),
        tuple(name for name in names if film_of(name) in validation),
    )
