"""How much faster a running video is when the features of each frame are computed once.

Every frame is in two micro-tubes. The reference computes each micro-tube whole. Both take the same
frames in turns, in one run; the ratio of the medians is printed.
"""

from __future__ import annotations

import itertools
import statistics
import time

import numpy as np
import torch

from data import Frame
from detection import Detector, MicroTubeNetwork
from detection.postprocess import detection_rows

BASENETS = ("mobilenet_v2", "vgg16")
FRAMES = 12
WIDTH, HEIGHT = 320, 240


def main() -> None:
    """Prints a line for each backbone."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8)
    frames = [Frame(image, index, index / 25) for index, image in enumerate(images)]
    print("backbone      once each   micro-tube whole   ratio   (ms a frame)")
    for basenet in BASENETS:
        network = MicroTubeNetwork(basenet, num_classes=24)
        classes = tuple(f"class {number}" for number in range(24))
        once, whole = _compare(Detector(network, classes, basenet), frames)
        print(f"{basenet:<12} {1e3 * once:>10.1f} {1e3 * whole:>18.1f} {whole / once:>7.2f}")


def _compare(detector: Detector, frames: list[Frame]) -> tuple[float, float]:
    """Median seconds a frame of the stream and of whole micro-tubes."""
    stream = detector.stream()
    stream.update(frames[0])
    once, whole = [], []
    for previous, frame in itertools.pairwise(frames):
        started = time.perf_counter()
        stream.update(frame)
        between = time.perf_counter()
        _whole_micro_tube(detector, previous, frame)
        once.append(between - started)
        whole.append(time.perf_counter() - between)
    return statistics.median(once), statistics.median(whole)


@torch.inference_mode()
def _whole_micro_tube(detector: Detector, previous: Frame, frame: Frame) -> None:
    inputs = [detector.network_input(each.image) for each in (previous, frame)]
    scores, offsets = detector.network(torch.stack(inputs, 1))
    detection_rows(scores[0], offsets[0], detector.network.priors, (WIDTH, HEIGHT))


if __name__ == "__main__":
    main()
