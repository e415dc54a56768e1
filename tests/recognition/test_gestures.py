"""What the online demo of TSM shows."""

from __future__ import annotations

import numpy as np

from recognition.gestures import ShownGesture
from tests.reference_cases import make_input


def test_published_labels(case):
    description, _ = case("online_postprocess")
    for row in description["cases_index"]:
        gesture = ShownGesture()
        assert gesture.history == row["history_start"]
        assert [gesture.steady(label) for label in row["input"]] == row["shown"]
        assert gesture.history == row["history_end"]


def test_published_scores(case):
    description, _ = case("online_postprocess")
    for row in description["cases_logits"]:
        noise = make_input(row["name"], [row["T"], 27], row["seed"], 0, 1) - 0.5
        scores = np.cumsum(noise, axis=0) * row["scale"]
        gesture = ShownGesture()
        assert [gesture.update(frame) for frame in scores] == row["shown"]
