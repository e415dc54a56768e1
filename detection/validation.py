"""Validation while training: frame-mAP of a part of the data set, shared between the processes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch.distributed as dist

import data
from detection.detector import Detector, detect_video
from evaluation import FrameSettings, evaluate_frames
from training.distributed import rank, world_size


def validation_figures(
    detector: Detector, dataset: data.Dataset, split: str, settings: FrameSettings
) -> dict[str, Any]:
    """Frame-mAP over all frames of a split, and the AP of each class.

    Every process detects in its part of the videos; all of them get the figures.
    """
    videos = dataset.annotations.split(split)
    own = videos[rank() :: world_size()]
    detections = [
        detect_video(
            detector,
            dataset.video_path(video.name),
            video.name,
            open_input=partial(dataset.open_input, video.name),
        )
        for video in data.progress(own, description="validate", unit="video")
    ]
    if world_size() > 1:
        gathered: list[Any] = [None] * world_size()
        dist.all_gather_object(gathered, detections)
        detections = [found for part in gathered for found in part]
    result = evaluate_frames(detections, videos, detector.classes, settings=settings)
    precisions = np.round(result.average_precisions, 4).tolist()
    return {
        "frame_map": round(result.mean_average_precision, 4),
        "ap": dict(zip(detector.classes, precisions, strict=True)),
    }
