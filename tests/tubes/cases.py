"""Reference cases of ROAD's tubes: all where REFERENCE_CASES points to them, else a few figures.

A case that is missing under REFERENCE_CASES is an error, so that nothing passes by being absent.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import Detections, Tube, VideoAnnotation

CASES = os.environ.get("REFERENCE_CASES")
SHIPPED = Path(__file__).parents[1] / "reference"
CLASSES = tuple(f"class {label}" for label in range(24))

needs_cases = pytest.mark.skipif(not CASES, reason="the figures stand in REFERENCE_CASES only")


def shipped_or_full(*names: str, shipped: str) -> list[Any]:
    """Names of cases as parameters of a test; all but the shipped one need REFERENCE_CASES."""
    return [name if name == shipped else pytest.param(name, marks=needs_cases) for name in names]


def arrays(name: str, system: str = "tubes") -> dict[str, np.ndarray]:
    with np.load(_folder(system) / f"{name}.npz") as file:
        return dict(file)


def description(name: str, system: str = "tubes") -> dict[str, Any]:
    return json.loads((_folder(system) / f"{name}.json").read_text())


def _folder(system: str) -> Path:
    return Path(CASES) / system if CASES else SHIPPED / system


def scores_of(quantised: np.ndarray) -> np.ndarray:
    """Scores as our types have them: background last."""
    return np.ascontiguousarray(np.roll(quantised.astype(np.float32) / 65536, -1, axis=1))


def detections_of(
    case: dict[str, np.ndarray], video: str = "video", stream: str = ""
) -> Detections:
    """The detections of a case; `stream` is "" for RGB or "_flow"."""
    return Detections(
        video=video,
        boxes=case[f"boxes{stream}"],
        scores=scores_of(case[f"scores{stream}_q"]),
        offsets=case["frame_ptr"].astype(np.int64),
        width=320,
        height=240,
        frame_rate=25.0,
        classes=CLASSES,
        model="reference",
    )


def corners(x_y_w_h: np.ndarray) -> np.ndarray:
    """ROAD's boxes, whose x and y count from 1, as our continuous corners."""
    first = x_y_w_h[:, :2].astype(np.float32) - 1
    return np.concatenate([first, first + x_y_w_h[:, 2:].astype(np.float32)], axis=1)


def true_tube(first: int, boxes: np.ndarray, label: int, number: int) -> Tube:
    """A tube of ROAD's annotation, frames from 1."""
    return Tube.ground_truth(int(first) - 1, corners(boxes), int(label), number)


@cache
def eval72(stream: str = "rgb") -> tuple[list[Detections], list[VideoAnnotation]]:
    """The 72 videos of the evaluation set: detections of a stream, and ground truth."""
    found, truth = arrays(f"eval72_{stream}"), arrays("eval72_gt")
    # Both streams have the same rows.
    shared = arrays("eval72_rgb")
    boxes = found["loc_q"] * np.array([5 / 128, 15 / 512, 5 / 128, 15 / 512], np.float32)
    detections, annotations = [], []
    for index, video in enumerate(description("eval72")["videos"]):
        first, last = shared["video_frames"][index : index + 2]
        pointers = shared["frame_ptr"][first : last + 1]
        rows = slice(pointers[0], pointers[-1])
        case = {
            "boxes": boxes[rows],
            "scores_q": found["scores_q"][rows],
            "frame_ptr": pointers - pointers[0],
        }
        detections.append(detections_of(case, video))
        tubes = [
            true_tube(
                truth["gt_sf"][row],
                truth["gt_boxes"][truth["gt_ptr"][row] : truth["gt_ptr"][row + 1]],
                truth["gt_class"][row],
                number,
            )
            for number, row in enumerate(np.flatnonzero(truth["gt_video"] == index))
        ]
        annotations.append(VideoAnnotation(video, len(pointers) - 1, 320, 240, tuple(tubes)))
    return detections, annotations
