"""How fast detectors run on a CPU, beside the same networks computed plainly.

Everything that is compared takes turns in one run; medians are printed. The plain AMTNet is that of
`plain_amtnet.py`.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from plain_amtnet import PlainAMTNet
from torch import Tensor, nn
from turns import in_turns, ratio

import data
from data.class_filter import filter_frame, new_filter_buffers
from data.synthetic import render_video
from detection import Detector, MicroTubeNetwork
from detection.postprocess import detection_rows
from tubes import TubeStream
from tubes.settings import LinkSettings

CLASSES = 24
NAMES = tuple(f"class {number}" for number in range(CLASSES))
SHIPPED = "amtnet-mobilenetv2-jhmdb21"
WIDTH, HEIGHT = 320, 240


def main() -> None:
    """Prints all figures."""
    threads = torch.get_num_threads()
    with _threads(1):
        _vgg_stream()
        _post_processing()
    print(f"on {threads} cores:")
    _light_detector()


@torch.inference_mode()
def _vgg_stream() -> None:
    """AMTNet in a running video, and micro-tube by micro-tube."""
    network = _lively(MicroTubeNetwork("vgg16", CLASSES))
    plain = PlainAMTNet(CLASSES + 1).load(network).eval()
    detector = Detector(network, NAMES, "vgg16")
    frames = torch.randint(0, 256, (2, 1, 3, 300, 300)).float() - 120
    terms = [detector.frame_terms([frame]) for frame in frames]

    def whole() -> tuple[Tensor, Tensor]:
        found: tuple[Tensor, Tensor] = plain(frames.transpose(0, 1))
        return found

    def running() -> tuple[Tensor, Tensor]:
        terms[1] = detector.frame_terms([frames[1]])
        return detector.combine(terms)

    for ours, wanted in zip(running(), whole(), strict=True):
        difference = ((ours - wanted).abs().max() / wanted.abs().max()).item()
        assert difference <= 1e-4, difference
    seconds = in_turns({"plain": whole, "ours": running}, rounds=5)
    plain_time, our_time = (statistics.median(times) for times in seconds.values())
    print(
        f"VGG AMTNet, one core, a frame: micro-tube by micro-tube {plain_time:.2f} s, "
        f"in a running video {our_time:.2f} s, {ratio(seconds):.2f} times faster"
    )


def _post_processing() -> None:
    """The outputs for one frame, down to the boxes of each class that are linked."""
    random = np.random.default_rng(0)
    network = MicroTubeNetwork("vgg16", CLASSES)
    priors, settings = network.priors, LinkSettings()
    offsets = torch.from_numpy(random.normal(0, 1, (len(priors), 8)).astype(np.float32))
    buffers = new_filter_buffers(CLASSES, settings.topk, settings.keep, len(priors))
    for background in (11.1, 0.0):
        scores = torch.from_numpy(
            random.normal(0, 2, (len(priors), CLASSES + 1)).astype(np.float32)
        )
        scores[:, 0] += background
        probabilities = torch.softmax(scores, 1)[:, 1:]
        candidates = int((probabilities > settings.conf_thresh).sum()) // CLASSES

        def process(scores: Tensor = scores) -> None:
            rows = detection_rows(scores, offsets, priors, (WIDTH, HEIGHT))
            filter_frame(
                *rows,
                np.float32(settings.conf_thresh),
                np.float32(settings.nms_thresh),
                settings.keep,
                buffers,
            )

        seconds = in_turns({"ours": process}, rounds=200)["ours"]
        print(
            f"post-processing, one core, {len(priors)} priors, {CLASSES} classes, {candidates} "
            f"candidates of a class: {1e3 * statistics.median(seconds):.2f} ms a frame"
        )


def _light_detector() -> None:
    """From a video file to tubes, with the shipped weights."""
    images, _ = render_video(0, frames=120, width=WIDTH, height=HEIGHT)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        with data.VideoWriter(path, WIDTH, HEIGHT, 25) as writer:
            for image in images:
                writer.write(image)
        backends = {"PyTorch": None, "onnxruntime": "onnx"}
        runs = {
            f"{name}, {batch_size} frame(s) at once": partial(
                _tubes, Detector.load(SHIPPED, backend=backend), path, batch_size
            )
            for name, backend in backends.items()
            for batch_size in (1, 8)
        }
        for name, seconds in in_turns(runs, rounds=3).items():
            print(
                f"  light detector, {name}, decoding to linking of {WIDTH}x{HEIGHT}: "
                f"{len(images) / statistics.median(seconds):.0f} frames/s"
            )


def _tubes(detector: Detector, path: Path, batch_size: int) -> None:
    stream = detector.stream(batch_size)
    tubes = TubeStream(len(detector.classes), WIDTH, HEIGHT)
    with data.open_video(path) as video:
        for frame in video:
            for rows in stream.update(frame):
                tubes.update(*rows)
    for rows in stream.finish():
        tubes.update(*rows)
    tubes.finish()


def _lively(network: MicroTubeNetwork) -> MicroTubeNetwork:
    """Weights that keep signals as strong as they are, so that outputs tell something."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return network


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    yield
    torch.set_num_threads(before)


if __name__ == "__main__":
    main()
