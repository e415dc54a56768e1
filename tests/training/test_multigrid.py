"""The schedule of batches, frames and sizes."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference_cases import read_case
from training.batches import GridOrder
from training.multigrid import (
    GridStep,
    multigrid_phases,
    multigrid_steps,
    srtg_epoch,
    srtg_steps,
)


def test_srtgs_epochs():
    description, _ = read_case("recognition_srtg", "multigrid_schedule")
    for case in description["cases"]:
        settings = case["settings"]
        sizes = [settings[name] for name in "NBTS"]
        cycles = {"long": settings["long_c"], "short": settings["short_c"]}
        if "raises" in case:
            with pytest.raises(ValueError, match=r"too few|without the long"):
                srtg_epoch(*sizes, **cycles)
            continue
        found = srtg_epoch(*sizes, **cycles)
        assert len(found) == case["iterations_per_epoch"]
        base = case["first_epoch"][0][-1]
        for step, row in zip(found, case["first_epoch"], strict=True):
            assert [step.batch, step.frames, step.size, step.size] == row[1:5], case["name"]
            assert step.rate * base == pytest.approx(row[5], abs=description["tolerance"])
        assert sum(step.batch for step in found) == case["clips_in_first_epoch"]


def test_steps_of_an_epoch():
    description, _ = read_case("recognition_srtg", "multigrid_schedule")
    for clips, batch, steps in description["iterations_per_epoch"]["rows"]:
        assert len(srtg_epoch(clips, batch, 16, 224)) == steps


def test_rates_of_srtgs_epochs():
    description, _ = read_case("recognition_srtg", "multigrid_schedule")
    for case in description["cases"]:
        settings = case["settings"]
        if "raises" in case or settings.get("resume"):
            continue
        cycles = {"long": settings["long_c"], "short": settings["short_c"]}
        epoch = srtg_epoch(*(settings[name] for name in "NBTS"), **cycles)
        base, falls = settings["lr_base"], settings["lr_steps"]
        steps = list(srtg_steps(epoch, settings["epochs"], lr=base, lr_steps=falls))
        assert len(steps) == settings["epochs"] * len(epoch)
        for first, rate in case["learning_rate_at_first_iteration_from_epoch"]:
            assert base * steps[first * len(epoch)].rate == pytest.approx(rate)
        assert min(base * step.rate for step in steps) >= 1e-6


def test_the_schedule_of_the_paper():
    description, _ = read_case("recognition_srtg", "multigrid_schedule")
    for case in description["wu_et_al_reference"]["cases"]:
        settings = case["settings"]
        *phases, last = multigrid_phases(
            *(settings[name] for name in "BTS"),
            epochs=settings["max_epoch"],
            lr_steps=settings["steps"][1:],
            gamma=settings["gamma"],
        )
        shapes = [
            [[step.batch, step.frames, step.size] for step in phase.shapes]
            for phase in (*phases[:-1], last)
        ]
        rows = case["schedule"]
        assert shapes == [row["short_cycle_batch_frames_size"] for row in rows]
        strides = [phase.shapes[0].stride for phase in (*phases[:-1], last)]
        assert strides == [row["temporal_stride_factor"] for row in rows]
        ends = [0, *(phase.until for phase in phases)]
        assert ends == case["lr_change_epochs"] and last.until == case["max_epoch"]
        rates = [settings["base_lr"] * phase.rate for phase in (*phases, last)]
        assert rates == pytest.approx(case["learning_rates"])


def test_an_epoch_sees_nearly_all_clips_and_a_small_one_has_a_step():
    phases = multigrid_phases(4, 16, 64, epochs=4, lr_steps=[3])
    for clips in (3, 100, 1000):
        steps = list(multigrid_steps(phases, clips))
        (first, *_) = phases
        epoch = list(islice(steps, len(steps) // phases[-1].until + 1))
        assert steps[0].batch == 64 and len(epoch) >= 1
        seen = sum(step.batch for step in multigrid_steps([first], clips)) / first.until
        largest = max(step.batch for step in first.shapes)
        assert seen > clips - largest and (seen <= clips or clips < largest)


def test_one_cycle_alone_or_none():
    short = multigrid_phases(4, 16, 64, epochs=4, lr_steps=[2], long=False)
    assert [(phase.until, phase.rate) for phase in short] == [(3, 1.0), (6, 0.1)]
    assert [step.batch for step in short[0].shapes] == [16, 8, 4]
    long = multigrid_phases(4, 16, 64, epochs=4, lr_steps=[2], short=False)
    assert all(len(phase.shapes) == 1 for phase in long)
    neither = multigrid_phases(4, 16, 64, epochs=4, lr_steps=[2], long=False, short=False)
    assert [(phase.until, len(phase.shapes)) for phase in neither] == [(2, 1), (4, 1)]
    with pytest.raises(ValueError, match="too small"):
        multigrid_phases(4, 3, 64, epochs=4, lr_steps=[2])


@given(
    samples=st.integers(1, 9),
    batches=st.lists(st.integers(1, 6), min_size=1, max_size=12),
    cut=st.integers(0, 11),
    seed=st.integers(0, 3),
)
def test_the_order_is_the_same_from_any_step_on(samples, batches, cut, seed):
    steps = [GridStep(batch, 4 * batch, 8, 1.0, 2) for batch in batches]
    whole, cut = list(GridOrder(samples, steps, 0, seed)), min(cut, len(steps))
    assert [len(batch) for batch in whole] == batches
    assert list(GridOrder(samples, steps, cut, seed)) == whole[cut:]
    keys = [key for batch in whole for key in batch]
    assert [key[0] for key in keys] == list(range(len(keys)))
    for start in range(0, len(keys) - samples + 1, samples):
        assert sorted(key[1] for key in keys[start : start + samples]) == list(range(samples))
    assert all(key[2:] == (4 * len(batch), 8, 2) for batch in whole for key in batch)


def test_schedules_that_are_none():
    sizes = {"batch": 8, "frames": 16, "size": 64}
    for lr_steps in ([20, 40], [10], [6, 4], [0, 4]):
        with pytest.raises(ValueError, match="must rise and be less than all 10"):
            multigrid_phases(**sizes, epochs=10, lr_steps=lr_steps)
    # Fewer clips than a batch has are one step, with cycles too few.
    assert len(srtg_epoch(5, **sizes, long=False, short=False)) == 1
    with pytest.raises(ValueError, match="too few for the cycles"):
        srtg_epoch(5, **sizes)
