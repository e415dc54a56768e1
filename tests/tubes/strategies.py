"""Random detections for Hypothesis: few distinct boxes and scores, so that ties are common."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from data import Detections

WIDTH, HEIGHT = 24, 16


@st.composite
def detections(draw: st.DrawFn, max_frames: int = 60) -> Detections:
    """Boxes on whole pixels, some reaching out of the frame, and scores in multiples of 1/64.

    Sums and comparisons of such numbers are exact in float32 and float64 alike.
    """
    classes = draw(st.integers(1, 3))
    frames = draw(st.integers(0, max_frames))
    # Drawing every number by itself would be slow and give short videos only.
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = rng.integers(0, 6, frames)
    if draw(st.booleans()):
        # More than are compared all with all, and more than enter the NMS.
        lengths[rng.random(frames) < 0.1] += rng.choice([30, 50])
    rows = int(lengths.sum())
    corners = rng.integers(-4, 20, (rows, 2))
    # A few places only, so that boxes meet again in the next frames.
    corners = corners // 6 * 6 + rng.integers(0, 2, (rows, 2))
    sizes = rng.integers(3, 12, (rows, 2))
    scores = rng.integers(0, draw(st.sampled_from([4, 65])), (rows, classes + 1)) / 64
    return Detections(
        video="random",
        boxes=np.hstack([corners, corners + sizes]).astype(np.float32),
        scores=scores.astype(np.float32),
        offsets=np.cumsum([0, *lengths]),
        width=WIDTH,
        height=HEIGHT,
        frame_rate=25.0,
        classes=tuple(f"class {label}" for label in range(classes)),
        model="random",
    )
