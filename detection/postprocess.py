"""From the network's outputs to the rows of `Detections`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detection.matching import decode

Rows = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Boxes `(N, 4)` in pixels of the original frame and scores `(N, classes + 1)`, background last."""


def detection_rows(
    scores: Tensor,
    offsets: Tensor,
    priors: Tensor,
    size: tuple[int, int],
    *,
    place: int = 0,
    conf_thresh: float = 0.001,
    topk: int = 50,
) -> Rows:
    """The prior boxes that any later per-class filter may use, with the scores of all classes.

    Every filter in use takes the `topk` best rows of a class above a threshold and suppresses among
    those, so the union over classes of these rows loses nothing and is a hundredth of all priors.

    Args:
        scores: `(P, classes + 1)` of one micro-tube before softmax, background in column 0.
        offsets: `(P, 4 S)` predicted offsets of all frames.
        priors: `(P, 4)` centre form, fractions of the frame.
        size: width and height of the original frame in pixels.
        place: whose boxes of the micro-tube; 0 for the first frame, as published.
        conf_thresh: rows must have a class with a greater score.
        topk: best rows taken of each class.

    Returns:
        The rows in the order of the priors. Boxes may reach out of the frame: published filters
        suppress among such boxes and clip those that are left.
    """
    probabilities = torch.softmax(scores, -1)
    actions = probabilities[:, 1:]
    best, rows = actions.topk(min(topk, len(actions)), dim=0)
    chosen = torch.unique(rows[best > conf_thresh])
    boxes = decode(offsets[chosen, 4 * place : 4 * place + 4], priors[chosen])
    boxes = boxes * boxes.new_tensor([*size, *size])
    background_last = probabilities[chosen].roll(-1, dims=1)
    return boxes.float().cpu().numpy(), background_last.float().cpu().numpy()
