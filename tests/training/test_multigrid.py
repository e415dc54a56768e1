"""The schedule of batches, frames and sizes."""

from __future__ import annotations

import pytest

from tests.reference_cases import read_case
from training.multigrid import srtg_epoch


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
