"""Source films of clips, and the division of clips by film."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import film_of
from data.film_split import split_by_film


@pytest.mark.parametrize(
    ("name", "film"),
    [
        ("run/Juno_run_f_cm_np1_fr_med_0", "Juno"),
        ("golf/Rate_my_golf_swing__9_iron_golf_f_cm_np1_ri_med_0", "Rate_my_golf_swing__9_iron"),
        ("pour/_pour_u_cm_np1_fr_goo_0", ""),
        ("walk/Juno_run_f_cm_np1_fr_med_0", "Juno_run_f_cm_np1_fr_med_0"),
        ("Juno_run_f", "Juno_run_f"),
    ],
)
def test_film_of(name: str, film: str) -> None:
    assert film_of(name) == film


clips = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=60).map(
    lambda pairs: [f"c{label}/f{film}_c{label}_{n}" for n, (label, film) in enumerate(pairs)]
)


@given(clips, st.randoms())
def test_the_parts_share_no_film_and_every_class_is_trained_on(names: list[str], random) -> None:  # type: ignore[no-untyped-def]
    labels = {name: int(name[1]) for name in names}
    fit, validation = split_by_film(names, labels)
    assert sorted(fit + validation) == sorted(names)
    assert list(fit) == [name for name in names if name in fit]
    assert not {film_of(name) for name in fit} & {film_of(name) for name in validation}
    for label in set(labels.values()):
        own = [name for name in names if labels[name] == label]
        films = {film_of(name) for name in own}
        assert any(name in fit for name in own)
        if len(films) == 1:
            continue
        others = [name for name in names if film_of(name) in films]
        if {labels[name] for name in others} == {label}:  # no other class holds the films back
            assert any(name in validation for name in own)
    shuffled = list(names)
    random.shuffle(shuffled)
    assert set(split_by_film(shuffled, labels)[1]) == set(validation)


def test_about_a_fifth_is_for_validation() -> None:
    names = [f"c{n % 5}/f{n // 4}_c{n % 5}_{n}" for n in range(400)]
    _, validation = split_by_film(names, {name: int(name[1]) for name in names})
    assert 60 <= len(validation) <= 80
