"""Which prior boxes answer for which ground-truth micro-tube, and how boxes are encoded.

AMTNet's matcher: the overlap of a prior with a micro-tube is the mean of its overlaps with the
boxes of the frames. Boxes here are fractions of the frame.
"""

from __future__ import annotations

import torch
from torch import Tensor

MATCH_THRESHOLD = 0.5
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
_FORCED = 2.0  # an overlap above any real one


def corner_form(boxes: Tensor) -> Tensor:
    """`(..., 4)` centre x, centre y, width, height to x1, y1, x2, y2."""
    half = boxes[..., 2:] / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], -1)


def overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of `(N, 4)` and `(M, 4)` boxes in corner form, `(N, M)`."""
    low = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = (high - low).clamp_(min=0).prod(-1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    other_areas = (others[:, 2:] - others[:, :2]).prod(-1)
    return shared / (areas[:, None] + other_areas[None, :] - shared)


def encode(boxes: Tensor, priors: Tensor) -> Tensor:
    """Offsets that `decode` turns into these boxes.

    Args:
        boxes: `(P, 4)` corner form.
        priors: `(P, 4)` centre form.

    Returns:
        `(P, 4)`: centre shift in units of the prior's size / 0.1, log of the size ratio / 0.2.
    """
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    sizes = boxes[..., 2:] - boxes[..., :2]
    shift = (centres - priors[..., :2]) / (CENTRE_VARIANCE * priors[..., 2:])
    return torch.cat([shift, torch.log(sizes / priors[..., 2:]) / SIZE_VARIANCE], -1)


def decode(offsets: Tensor, priors: Tensor) -> Tensor:
    """The boxes of all frames of micro-tubes, not clipped to the frame.

    Args:
        offsets: `(..., P, 4 S)`, frame by frame.
        priors: `(P, 4)` centre form.

    Returns:
        `(..., P, 4 S)` corner form, frame by frame.
    """
    by_frame = offsets.unflatten(-1, (-1, 4))
    anchors = priors[:, None]
    centres = anchors[..., :2] + by_frame[..., :2] * CENTRE_VARIANCE * anchors[..., 2:]
    sizes = anchors[..., 2:] * torch.exp(by_frame[..., 2:] * SIZE_VARIANCE)
    low = centres - sizes / 2
    return torch.cat([low, low + sizes], -1).flatten(-2)


def match(tubes: Tensor, labels: Tensor, priors: Tensor) -> tuple[Tensor, Tensor]:
    """Assign every prior box a class and the offsets of a ground-truth micro-tube.

    Each micro-tube gets the prior that overlaps it most (the last one wins a prior that several
    want); any other prior answers for the micro-tube that overlaps it most when the overlap is at
    least 0.5, and for background otherwise.

    Args:
        tubes: `(tubes, S, 4)` ground truth, corner form; at least one.
        labels: `(tubes,)` action classes from 0.
        priors: `(P, 4)` centre form.

    Returns:
        Classes `(P,)` int64, 0 for background and class + 1 otherwise, and offsets `(P, 4 S)`.
    """
    corners = corner_form(priors)
    overlap = torch.stack([overlaps(boxes, corners) for boxes in tubes.unbind(1)]).mean(0)
    best_overlap, tube_of_prior = overlap.max(0)
    for tube, prior in enumerate(overlap.argmax(1).tolist()):
        best_overlap[prior] = _FORCED
        tube_of_prior[prior] = tube
    classes = labels[tube_of_prior] + 1
    classes[best_overlap < MATCH_THRESHOLD] = 0
    offsets = [encode(boxes[tube_of_prior], priors) for boxes in tubes.unbind(1)]
    return classes, torch.cat(offsets, 1)
