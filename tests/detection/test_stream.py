"""A stream computes each frame once and gives what micro-tubes one at a time give."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import data
from data import Detections, Frame
from detection import Detector, MicroTubeNetwork, detect_video
from detection.postprocess import detection_rows
from detection.streams import RGB, Stream
from weights import merge_normalisation

CLASSES = ("left", "right")
TWO_STREAMS = (Stream(), Stream("fastOF", 4))


def _network(seq_len=2, basenet="mobilenet_v2_stride16", input_size=64, streams=RGB):
    torch.manual_seed(seq_len)
    fusion_type = "none" if len(streams) == 1 else "mean"
    network = MicroTubeNetwork(basenet, len(CLASSES), seq_len, input_size, streams, fusion_type)
    for head in network.heads:
        torch.nn.init.normal_(head.output.weight, std=0.5)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    # Statistics of some data: with others the output of random layers hardly depends on the input.
    with torch.no_grad():
        network.train()(
            *[torch.randn(8, seq_len, 3 * s.images, input_size, input_size) for s in streams]
        )
    return network.eval()


@pytest.fixture(scope="module")
def detectors():
    return {
        (seq_len, gap): Detector(_network(seq_len), CLASSES, "test", seq_gap=gap)
        for seq_len, gap in ((2, 0), (2, 3), (3, 1))
    } | {"two streams": Detector(_network(streams=TWO_STREAMS), CLASSES, "test", seq_gap=1)}


def _video(frames, seed):
    rng = np.random.default_rng(seed)
    return [
        Frame(rng.integers(0, 256, (48, 64, 3)).astype(np.uint8), index, index / 25)
        for index in range(frames)
    ]


def _resized(image):
    return cv2.resize(image, (64, 64))


def _streamed(detector, video, batch_size=1):
    stream = detector.stream(batch_size)
    rows = [row for frame in video for row in stream.update(frame)]
    return rows + stream.finish()


@pytest.mark.parametrize("place", [0, 1])
def test_stream_equals_one_micro_tube_at_a_time(detectors, place):
    detector = detectors[2, 3]
    video = _video(9, seed=1)
    rows = _streamed(detector, video)
    start = 2 if place == 0 else 4  # frame 8 is the last and ends the micro-tube of frame 4
    pair = [detector.network_input(0, [_resized(video[t].image)]) for t in (start, start + 4)]
    with torch.inference_mode():
        scores, offsets = detector.network(torch.stack(pair, 1))
    boxes, probabilities = detection_rows(
        scores[0], offsets[0], detector.network.priors, (64, 48), place=place
    )
    found_boxes, found_scores = rows[start + 4 * place]
    assert len(boxes) > 0
    assert np.abs(found_boxes - boxes).max() < 1e-3
    assert np.abs(found_scores - probabilities).max() < 1e-5


@given(
    frames=st.integers(1, 14),
    settings_key=st.sampled_from([(2, 0), (2, 3), (3, 1)]),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_rows_of_a_frame_are_final(detectors, frames, settings_key, seed):
    """However a video goes on, each frame gets rows once and those that are out don't change."""
    detector = detectors[settings_key]
    video = _video(frames, seed)
    whole = _streamed(detector, video)
    assert len(whole) == frames
    stream = detector.stream()
    early = [row for frame in video[: frames // 2 + 1] for row in stream.update(frame)]
    for before, after in zip(early, whole, strict=False):
        assert np.array_equal(before[0], after[0]) and np.array_equal(before[1], after[1])


def test_detections_of_a_folder_equal_the_stream(detectors, tmp_path):
    video = _video(5, seed=3)
    for frame in video:
        cv2.imwrite(str(tmp_path / f"{frame.index + 1:05d}.png"), frame.image[:, :, ::-1])
    detections = detect_video(detectors[2, 0], tmp_path, "folder")
    assert (detections.frames, detections.width, detections.height) == (5, 64, 48)
    assert detections.classes == CLASSES and detections.model == "test"
    rows = _streamed(detectors[2, 0], video)
    assert detections == Detections.from_frames(
        video="folder",
        frames=rows,
        width=64,
        height=48,
        frame_rate=detections.frame_rate,
        classes=CLASSES,
        model="test",
    )
    assert np.allclose(detections.scores.sum(1), 1, atol=1e-5)


@given(
    frames=st.integers(1, 14),
    batch_size=st.integers(2, 6),
    settings_key=st.sampled_from([(2, 0), (2, 3), (3, 1), "two streams"]),
)
@settings(max_examples=25, deadline=None)
def test_frames_computed_together_give_the_same(detectors, frames, batch_size, settings_key):
    video = _video(frames, seed=2)
    one_by_one = _streamed(detectors[settings_key], video)
    together = _streamed(detectors[settings_key], video, batch_size)
    assert len(together) == len(one_by_one) == frames
    for (boxes, scores), (wanted_boxes, wanted_scores) in zip(together, one_by_one, strict=True):
        assert np.allclose(boxes, wanted_boxes, atol=1e-2)
        assert np.allclose(scores, wanted_scores, atol=1e-4)


@given(frames=st.integers(1, 12), seq_gap=st.integers(0, 2), stacked=st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_a_live_stream_with_flow_gives_what_stacks_of_the_whole_video_give(
    frames, seq_gap, stacked
):
    """Every frame against the network on stacks chosen with the length known."""
    streams = (Stream(), Stream("fastOF", stacked))
    detector = Detector(_network(streams=streams), CLASSES, "test", seq_gap=seq_gap)
    video = _video(frames, seed=4)
    flow = data.FlowStream(data.flow_estimator("fastOF"))
    flows = [image for frame in video if (image := flow.update(frame))] + [flow.finish()]
    kinds = [[_resized(frame.image) for frame in kind] for kind in (video, flows)]
    rows = _streamed(detector, video)
    assert len(rows) == frames
    for start in range(frames - seq_gap - 1):
        inputs = []
        for index, (stream, images) in enumerate(zip(streams, kinds, strict=True)):
            stacks = [
                np.concatenate([images[min(t, frames - 1)] for t in stream.stack(frame, frames)], 2)
                for frame in (start, start + seq_gap + 1)
            ]
            inputs.append(detector.network_input(index, stacks)[None])
        with torch.inference_mode():
            scores, offsets = detector.network(*inputs)
        boxes, probabilities = detection_rows(
            scores[0], offsets[0], detector.network.priors, (64, 48)
        )
        assert np.allclose(rows[start][0], boxes, atol=1e-2)
        assert np.allclose(rows[start][1], probabilities, atol=1e-4)


def test_merging_normalisation_changes_nothing():
    network = _network().double()
    clips = torch.rand(2, 2, 3, 64, 64, dtype=torch.float64)
    with torch.inference_mode():
        before = network(clips)
        merge_normalisation(network)
        after = network(clips)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    for ours, wanted in zip(after, before, strict=True):
        assert torch.allclose(ours, wanted, atol=1e-9)


def test_memory_of_a_stream_is_bounded(detectors):
    stream = detectors[2, 3].stream()
    for frame in _video(12, seed=0):
        stream.update(frame)
        assert len(stream._terms) <= 8


def test_streams_of_different_lengths_are_told(detectors, tmp_path):
    for name, frames in (("rgb", 6), ("flow", 5)):
        (tmp_path / name).mkdir()
        for frame in _video(frames, seed=3):
            cv2.imwrite(str(tmp_path / name / f"{frame.index + 1:05d}.png"), frame.image)
    folders = {"rgb": tmp_path / "rgb", "fastOF": tmp_path / "flow"}
    with pytest.raises(data.InputError, match="flow: ends after 5 images, before the other stream"):
        detect_video(
            detectors["two streams"],
            tmp_path / "rgb",
            "video",
            open_input=lambda kind: data.open_video(folders[kind]),
        )
