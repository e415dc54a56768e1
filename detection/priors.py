"""Prior boxes of SSD, the same for every frame of a micro-tube.

Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2, with the constants of the
published ROAD and AMTNet code.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import torch
from torch import Tensor

PUBLISHED_SIZE = 300
MIN_SIZES = (30, 60, 111, 162, 213, 264)
MAX_SIZES = (60, 111, 162, 213, 264, 315)
ASPECT_RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
PRIORS_PER_CELL = tuple(2 + 2 * len(ratios) for ratios in ASPECT_RATIOS)


def prior_boxes(
    map_sizes: Sequence[int], strides: Sequence[int | None], input_size: int = PUBLISHED_SIZE
) -> Tensor:
    """The prior boxes of all maps: cells row by row, then the priors of a cell.

    Sizes are the published ones as fractions of 300 pixels, whatever the input size. As published,
    every number is clamped to 0..1, centres included.

    Args:
        map_sizes: cells a side of each of the six maps.
        strides: pixels between cells, None for `input_size / map_size`.
        input_size: side of the network's input in pixels.

    Returns:
        `(P, 4)` float32, centre x, centre y, width, height as fractions of the frame.
    """
    maps = []
    for index, (cells, stride) in enumerate(zip(map_sizes, strides, strict=True)):
        cells_a_side = cells if stride is None else input_size / stride
        centres = (np.arange(cells) + 0.5) / cells_a_side
        smallest, largest = MIN_SIZES[index] / PUBLISHED_SIZE, MAX_SIZES[index] / PUBLISHED_SIZE
        shapes = [(smallest, smallest), (sqrt(smallest * largest),) * 2]
        for ratio in ASPECT_RATIOS[index]:
            shapes.append((smallest * sqrt(ratio), smallest / sqrt(ratio)))
            shapes.append((smallest / sqrt(ratio), smallest * sqrt(ratio)))
        boxes = np.empty((cells, cells, len(shapes), 4))
        boxes[..., 0] = centres[None, :, None]
        boxes[..., 1] = centres[:, None, None]
        boxes[..., 2:] = shapes
        maps.append(boxes.reshape(-1, 4))
    return torch.from_numpy(np.concatenate(maps).astype(np.float32)).clamp_(0, 1)
