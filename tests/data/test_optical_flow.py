"""Optical flow: its direction and size, the flow images, and the stream of them."""

from __future__ import annotations

import urllib.error
import urllib.request
import weakref
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from data import FlowStream, Frame, InputError, encode_flow, flow_estimator, optical_flow


def texture(height: int = 96, width: int = 128, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Smooth noise, uint8 (height, width, 3)."""
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.asarray(cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX), np.uint8)


@pytest.mark.parametrize(
    ("flow", "levels"),
    [
        ((0, 0), (128, 128, 128)),
        ((1, 0), (144, 128, 144)),
        ((0, -2), (128, 96, 160)),
        ((3, 4), (176, 192, 208)),
        ((0.02, -0.05), (128, 127, 129)),
        ((7.9, 0), (254, 128, 254)),
        ((8, -8), (255, 0, 255)),  # 8 pixels and more
        ((-1000, 1000), (0, 255, 255)),
    ],
)
def test_a_flow_image_shows_16_levels_a_pixel_around_128(
    flow: tuple[float, float], levels: tuple[int, int, int]
) -> None:
    image = encode_flow(np.full((2, 3, 2), flow, np.float32))
    assert image.dtype == np.uint8 and image.shape == (2, 3, 3)
    assert (image == levels).all()


@pytest.mark.parametrize("motion", [(0, 0), (3, 0), (0, 2), (-4, 1), (2, -5)])
def test_motion_is_to_the_right_and_down(motion: tuple[int, int]) -> None:
    first = texture()
    second = np.roll(first, motion[::-1], (0, 1))
    flow = flow_estimator("fastOF")(first, second)
    assert flow.shape == (96, 128, 2) and flow.dtype == np.float32
    assert np.abs(np.median(flow[16:-16, 16:-16], (0, 1)) - motion).max() < 0.1


def test_the_flow_depends_on_the_two_images_only() -> None:
    images = [texture(seed=seed) for seed in range(3)]
    used, threads = flow_estimator("fastOF"), cv2.getNumThreads()
    used(images[2], images[0])
    flows = [used(images[0], images[1])]
    try:
        for number in (1, 2, 4):
            cv2.setNumThreads(number)
            flows.append(flow_estimator("fastOF")(images[0], images[1]))
    finally:
        cv2.setNumThreads(threads)
    assert all(np.array_equal(flow, flows[0]) for flow in flows)


@pytest.mark.parametrize("size", [(1, 1), (4, 30), (30, 4), (11, 11), (47, 63)])
def test_small_images(size: tuple[int, int]) -> None:
    image = texture(*size)
    flow = flow_estimator("fastOF")(image, image)
    assert flow.shape == (*size, 2)
    assert np.abs(flow).max() < 0.1


def frames(count: int) -> list[Frame]:
    """A picture that moves 2 pixels a frame to the right."""
    return [Frame(np.roll(texture(), 2 * i, 1), i, i / 10) for i in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_a_stream_gives_every_flow_image_one_frame_late(count: int) -> None:
    estimator = flow_estimator("fastOF")
    stream, given = FlowStream(estimator), frames(count)
    for _ in range(2):  # a stream that ended can be used again
        late = [stream.update(frame) for frame in given]
        flows = [*late, stream.finish()][1:]
        assert late[:1] == [None][:count]
        assert [flow and (flow.index, flow.time) for flow in flows] == (
            [(frame.index, frame.time) for frame in given]
        )
        for first, second, flow in zip(given, given[1:], flows, strict=False):
            assert flow is not None
            expected = encode_flow(estimator(first.image, second.image))
            assert np.array_equal(flow.image, expected)
        if count > 1:
            assert flows[-1] is not None and flows[-2] is not None
            assert np.array_equal(flows[-1].image, flows[-2].image)
    if count == 1:
        assert flows[0] is not None and (flows[0].image == 128).all()
    assert stream.finish() is None


def test_a_stream_keeps_one_frame() -> None:
    stream = FlowStream(lambda first, second: np.zeros((*first.shape[:2], 2), np.float32))
    kept = []
    for index in range(5):
        image = np.zeros((4, 4, 3), np.uint8)
        kept.append(weakref.ref(image))
        stream.update(Frame(image, index, 0.0))
        del image
    assert [reference() is not None for reference in kept] == [False] * 4 + [True]


def test_a_stream_can_be_reset() -> None:
    stream = FlowStream(flow_estimator("fastOF"))
    stream.update(frames(1)[0])
    stream.reset()
    assert stream.update(frames(1)[0]) is None


def test_unknown_types_are_refused() -> None:
    with pytest.raises(ValueError, match="input_type must be one of fastOF, raft, not brox"):
        flow_estimator("brox")


@pytest.fixture
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def unreachable(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    optical_flow._raft_network.cache_clear()
    yield
    optical_flow._raft_network.cache_clear()


@pytest.mark.usefixtures("_no_weights")
def test_raft_without_its_weights_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        flow_estimator("raft", "cpu")
    message = str(caught.value)
    assert "no network" in message and "or use the input type fastOF" in message
    assert f"into {tmp_path / 'hub' / 'checkpoints'}" in message


@pytest.mark.usefixtures("_no_weights")
def test_raft_is_that_of_torchvision(tmp_path: Path) -> None:
    import torch
    from torchvision.models.optical_flow import Raft_Large_Weights, raft_large

    torch.manual_seed(0)
    network = raft_large(weights=None).eval()
    weights = Raft_Large_Weights.C_T_SKHT_V2
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(network.state_dict(), folder / weights.url.rpartition("/")[2])
    estimator = flow_estimator("raft", "cpu")
    first, second = texture(128, 136), texture(128, 136, seed=1)
    tensors = [torch.from_numpy(image).permute(2, 0, 1)[None] for image in (first, second)]
    with torch.inference_mode():
        expected = network(*weights.transforms()(*tensors))[-1][0].permute(1, 2, 0)
    flow = estimator(first, second)
    assert flow.dtype == np.float32 and flow.flags.c_contiguous
    assert np.allclose(flow, expected, atol=1e-3)
    # Any size: what is added repeats the border.
    padded = estimator(*(np.pad(i[:90, :131], ((0, 38), (0, 5), (0, 0)), "edge")
                         for i in (first, second)))  # fmt: skip
    assert np.allclose(estimator(first[:90, :131], second[:90, :131]), padded[:90, :131], atol=1e-3)
