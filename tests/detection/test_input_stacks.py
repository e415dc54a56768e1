"""The images that a detector looks at: which are stacked, and what the network sees of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detection.detection_stream import _Stacks
from detection.detector import Detector
from detection.network import MicroTubeNetwork
from detection.streams import Stream

VIDEO_FRAMES = 40


def _image(number, kind):
    """The synthetic image of the reference cases, number counted from 1, RGB."""
    rows, columns, channels = np.ogrid[:240, :320, :3]
    bgr = (5 * number + columns // 2 + rows + 40 * channels + 60 * kind) % 256
    return bgr.astype(np.uint8)[:, :, ::-1]


@pytest.mark.parametrize("name", ["dataset_item_none_brox5", "dataset_item_sum_rgb1_brox5"])
def test_published_items(case, name):
    """Which images are read for the frames of a micro-tube, and the tensors made of them."""
    description, _ = case(name)
    settings = description["settings"]
    streams = {"base": Stream(settings["input_type_base"], settings["input_frames_base"])}
    if settings["fusion"] != "none":
        streams["extra"] = Stream(settings["input_type_extra"], settings["input_frames_extra"])
    network = MicroTubeNetwork(
        "vgg16", 24, streams=list(streams.values()), fusion_type=settings["fusion"]
    )
    detector = Detector(network, ("class",) * 24, "test")
    compared = 0
    for item in description["items"]:
        for index, (which, stream) in enumerate(streams.items()):
            stacks = [list(stream.stack(t, VIDEO_FRAMES)) for t in item["frames_0_based"]]
            read = sorted({t + 1 for stack in stacks for t in stack})
            assert read == sorted(set(item[f"image_numbers_read_{which}"]))
            kind = int(stream.input_type != "rgb")
            images = [
                np.concatenate([cv2.resize(_image(t + 1, kind), (300, 300)) for t in stack], axis=2)
                for stack in stacks
            ]
            tensor = detector.network_input(index, images)
            wanted = item[f"{which}_tensor"]
            assert list(tensor.shape) == wanted["shape"]
            means = np.array(wanted["mean_per_frame_and_channel"])
            assert np.abs(tensor.mean((2, 3)).numpy() - means).max() < 0.02
            values = np.array(wanted["value_at_row100_col200"])
            assert np.abs(tensor[:, :, 100, 200].numpy() - values).max() <= 1
            compared += 1
    assert compared >= len(description["items"])


@pytest.mark.parametrize("images", range(1, 8))
@pytest.mark.parametrize("frames", range(1, 16))
def test_stacks_of_a_running_video_are_those_of_the_whole(images, frames):
    """A stack is final some frames after its own, though nobody knows where the end is."""
    stream = Stream("fastOF", images)
    stacks = _Stacks(stream, images)
    made = []
    for index in range(frames):
        stacks.add(np.full((1, 1, 3), index, np.uint8))
        while stacks.ready(ended=False):
            made.append(stacks.next(ended=False))
    while stacks.ready(ended=True):
        made.append(stacks.next(ended=True))
    found = [stack[0, 0, ::3].tolist() for stack in made]
    wanted = [[min(t, frames - 1) for t in stream.stack(f, frames)] for f in range(frames)]
    assert found == wanted


def test_published_stacks():
    """FACTS of AMTNet, section 5.2, with images counted from 1."""
    for images in range(1, 8):
        for frames in range(images, 20):
            for frame in range(1, frames + 1):
                first = frame - images // 2
                if frame + images // 2 >= frames and images > 1:
                    first = frames - images + 1
                first = max(1, first)
                found = [t + 1 for t in Stream("brox", images).stack(frame - 1, frames)]
                assert found == list(range(first, first + images))
