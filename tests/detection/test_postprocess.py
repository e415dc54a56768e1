"""The rows that are kept of the network's outputs, beside a plain reading with torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from detection.matching import decode
from detection.postprocess import detection_rows


def _plain(scores, offsets, priors, size, place, conf_thresh, topk):
    probabilities = torch.softmax(scores, -1)
    best = probabilities[:, 1:].sort(dim=0, descending=True, stable=True)
    values, rows = best.values[:topk], best.indices[:topk]
    chosen = torch.unique(rows[values > conf_thresh])
    boxes = decode(offsets[chosen, 4 * place : 4 * place + 4], priors[chosen])
    return boxes * torch.tensor([*size, *size]), probabilities[chosen].roll(-1, dims=1)


@pytest.mark.parametrize(
    ("priors", "background", "levels", "conf_thresh", "topk"),
    [
        (2000, 0.0, None, 0.001, 50),
        (2000, 12.0, None, 0.001, 50),
        (2000, 40.0, None, 0.001, 50),  # nothing is left
        (700, 0.0, None, 0.0, 5),
        (700, 3.0, 40, 0.001, 20),  # many equal scores
        (700, 3.0, 1, 0.001, 20),  # all of them equal
        (30, 0.0, None, 0.001, 50),  # fewer rows than may be taken
        (1, 0.0, None, 0.001, 50),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_rows_are_those_of_a_plain_reading(priors, background, levels, conf_thresh, topk, place):
    random = np.random.default_rng(priors)
    values = random.normal(0, 2, (priors, 8))
    if levels:
        values = values[random.integers(0, levels, priors)]
    scores = torch.from_numpy(values.astype(np.float32))
    scores[:, 0] += background
    offsets = torch.from_numpy(random.normal(0, 1, (priors, 8)).astype(np.float32))
    anchors = torch.from_numpy(random.uniform(0.1, 0.9, (priors, 4)).astype(np.float32))
    arguments = (scores, offsets, anchors, (320, 240))
    boxes, found = detection_rows(*arguments, place=place, conf_thresh=conf_thresh, topk=topk)
    wanted_boxes, wanted = _plain(*arguments, place, conf_thresh, topk)
    assert boxes.dtype == found.dtype == np.float32
    assert boxes.shape == wanted_boxes.shape and found.shape == wanted.shape
    assert np.allclose(boxes, wanted_boxes, atol=1e-3)
    assert np.allclose(found, wanted, atol=1e-6)
