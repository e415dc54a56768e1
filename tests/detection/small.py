"""A small detector and a small data set, for tests of commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

import data
from detection import MicroTubeNetwork
from detection.streams import RGB, Stream
from weights import merge_normalisation, save_checkpoint

CLASSES = ("right", "left")
SIDE = 64


def small_network(
    seq_len: int = 2,
    streams: Sequence[Stream] = RGB,
    fusion_type: str = "none",
    basenet: str = "mobilenet_v2_stride16",
) -> MicroTubeNetwork:
    """A network as checkpoints hold it, whose outputs differ from place to place."""
    torch.manual_seed(seq_len)
    side = 300 if basenet == "vgg16" else SIDE
    network = MicroTubeNetwork(basenet, len(CLASSES), seq_len, side, streams, fusion_type)
    for module in network.modules():  # statistics as training leaves them
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    for head in network.heads:
        if hasattr(head, "output"):
            torch.nn.init.normal_(head.output.weight, std=0.5)
    merge_normalisation(network.eval())
    return network


def description(network: MicroTubeNetwork, seq_gap: int = 0) -> dict[str, object]:
    """The metadata of a checkpoint."""
    return {
        "basenet": network.basenet,
        "classes": list(CLASSES),
        "seq_len": network.seq_len,
        "seq_gap": seq_gap,
        "input_size": network.input_size,
        "streams": [vars(stream) for stream in network.streams],
        "fusion_type": network.fusion_type,
    }


def save_small(path: Path, network: MicroTubeNetwork, seq_gap: int = 0) -> Path:
    """Writes the checkpoint of a network."""
    save_checkpoint(path, network.state_dict(), description(network, seq_gap))
    return path


def write_images(folder: Path, frames: int, step: int, suffix: str = ".png") -> list[list[float]]:
    """Writes images of a bright square that moves; returns its boxes."""
    folder.mkdir(parents=True)
    boxes = []
    for index in range(frames):
        x = 20 + step * index if step > 0 else 40 + step * index
        image = np.full((48, 64, 3), 90, np.uint8)
        image[14:34, x : x + 16] = 250
        cv2.imwrite(str(folder / f"{index + 1:05d}{suffix}"), image)
        boxes.append([x, 14, x + 16, 34])
    return boxes


def write_squares(root: Path) -> Path:
    """Writes two short videos of a bright square and their annotation; returns its path."""
    videos, media = {}, {}
    for name, step in (("right", 2), ("left", -2)):
        boxes = write_images(root / name, 12, step)
        tube = data.Tube.ground_truth(0, np.array(boxes, np.float32)[:10], int(step < 0), 0)
        videos[name] = data.VideoAnnotation(name, 12, 64, 48, (tube,))
        media[name] = root / name
    annotations = data.Annotations(CLASSES, videos, {"train": ("right", "left"), "test": ("left",)})
    data.save_annotations(root / "squares.json", annotations, media)
    return root / "squares.json"
