"""The temporal shift, temporal pooling, and networks that see clips frame by frame."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import data
from recognition.models import create_model
from recognition.online import OnlineClassifier, OnlineState
from recognition.temporal_shift import (
    TemporalPool,
    TemporalShift,
    shifted_in_place,
    temporally_shifted,
)
from tests.reference_cases import make_input


def test_published_shifts_and_gradients(case):
    description, arrays = case("temporal_shift")
    for row in description["cases"]:
        frames, gradient = (
            torch.from_numpy(make_input(**{"low": -1, "high": 1, **entry}, seed=row["seed"]))
            for entry in (row["input"], row["gradient_of"])
        )
        frames.requires_grad_()
        shifted = temporally_shifted(frames, row["num_segments"], row["shift_div"])
        assert np.array_equal(shifted.detach().numpy(), arrays[row["output"]])
        shifted.backward(gradient)
        assert np.array_equal(frames.grad.numpy(), arrays[row["gradient"]])


def test_published_temporal_pool(case):
    description, arrays = case("temporal_shift")
    row = description["temporal_pool"]
    frames = torch.from_numpy(make_input(**row["input"], seed=row["seed"]))
    pooled = TemporalPool(torch.nn.Identity(), row["num_segments"])(frames)
    assert np.array_equal(pooled.numpy(), arrays[row["output"]])


@given(
    clips=st.integers(1, 3),
    segments=st.integers(1, 5),
    channels=st.integers(1, 20),
    divisor=st.integers(1, 10),
    past_only=st.booleans(),
)
def test_each_channel_comes_from_one_segment(clips, segments, channels, divisor, past_only):
    if channels < 2 * (channels // divisor):
        divisor = 2
    fold = channels // divisor
    numbered = torch.arange(1.0, clips * segments * channels + 1).view(-1, channels, 1, 1)
    shifted = temporally_shifted(numbered, segments, divisor, past_only=past_only)
    shifted = shifted.view(clips, segments, channels)
    frames = numbered.view(clips, segments, channels)
    for channel in range(channels):
        first, second = channel < fold, fold <= channel < 2 * fold
        step = (1 if first else 0) if past_only else -1 if first else 1 if second else 0
        for segment in range(segments):
            come_from = segment - step
            wanted = torch.zeros(clips)
            if 0 <= come_from < segments:
                wanted = frames[:, come_from, channel]
            assert torch.equal(shifted[:, segment, channel], wanted)


@pytest.mark.parametrize("past_only", [False, True])
def test_gradients_of_the_shift(past_only):
    frames = torch.randn(6, 5, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda frames: temporally_shifted(frames, 3, 2, past_only=past_only), frames
    )


def test_the_shift_keeps_the_layout_of_channels():
    frames = torch.randn(8, 16, 3, 3)
    shifted = temporally_shifted(frames.contiguous(memory_format=torch.channels_last), 4)
    assert shifted.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(shifted, temporally_shifted(frames, 4))


def test_the_shift_leaves_its_input_alone():
    frames = torch.randn(8, 16, 3, 3)
    before = frames.clone()
    with torch.no_grad():
        temporally_shifted(frames, 4)
    assert torch.equal(frames, before)


@given(
    clips=st.integers(1, 3),
    segments=st.integers(1, 5),
    channels=st.integers(2, 20),
    divisor=st.integers(2, 10),
    past_only=st.booleans(),
)
def test_the_shift_in_place_is_the_other_one_and_is_undone(
    clips, segments, channels, divisor, past_only
):
    # Behind other numbers in memory, as parts of larger tensors are.
    more = torch.randn(1 + clips * segments, channels, 2, 3)
    frames = more.contiguous(memory_format=torch.channels_last)[1:]
    before = frames.clone()
    wanted = temporally_shifted(frames, segments, divisor, past_only=past_only)
    with shifted_in_place(frames, segments, divisor, past_only=past_only):
        assert torch.equal(frames, wanted)
    assert torch.equal(frames, before)
    with (
        pytest.raises(KeyError),
        shifted_in_place(frames, segments, divisor, past_only=past_only),
    ):
        raise KeyError
    assert torch.equal(frames, before)


def test_other_layouts_in_memory_are_shifted_too():
    frames = torch.randn(6, 8, 2, 3)
    shift = TemporalShift(torch.nn.Identity(), 3)
    with torch.no_grad():
        assert torch.equal(shift(frames), temporally_shifted(frames, 3))


@pytest.mark.parametrize("place", ["block", "blockres"])
def test_networks_shift_alike_with_and_without_gradients(place):
    model = create_model("tsm_resnet18", 4, 3, shift_place=place).double().eval()
    clips = torch.randn(2, 9, 32, 32, dtype=torch.float64)
    with_gradients = model(clips)
    with torch.no_grad():
        assert torch.equal(model(clips), with_gradients)


@settings(max_examples=5, deadline=None)
@given(
    name=st.sampled_from(["tsm_mobilenetv2", "tsm_resnet18"]),
    place=st.sampled_from(["block", "blockres"]),
    clips=st.integers(1, 2),
    frames=st.integers(1, 5),
    cut=st.integers(0, 4),
    seed=st.integers(0, 9),
)
def test_frame_by_frame_is_as_the_whole_clip(name, place, clips, frames, cut, seed):
    """Also when the state was saved in the middle."""
    torch.manual_seed(seed)
    model = create_model(
        name, 4, frames, past_only=True, shift_place=place, consensus="identity"
    ).double()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    images = torch.randn(clips, frames, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        whole = model.eval()(images.flatten(1, 2))
    classifier, state = OnlineClassifier(model), OnlineState()
    for place_in_clip in range(frames):
        if place_in_clip == cut:
            file = io.BytesIO()
            torch.save(state.past, file)
            file.seek(0)
            state = OnlineState(torch.load(file, weights_only=True))
        scores, state = classifier.step(images[:, place_in_clip], state)
        assert torch.allclose(scores, whole[:, place_in_clip], rtol=1e-9, atol=1e-9)


def test_frames_of_another_size_need_a_new_state():
    classifier = OnlineClassifier(create_model("tsm_mobilenetv2", 4, 1, past_only=True))
    _, state = classifier.step(torch.randn(1, 3, 64, 64), OnlineState())
    for other in (torch.randn(2, 3, 64, 64), torch.randn(1, 3, 96, 96)):
        with pytest.raises(ValueError, match="begin with a new state"):
            classifier.step(other, state)
    classifier.step(torch.randn(1, 3, 64, 64), state)


def test_networks_that_need_the_future_do_not_run_online():
    for name in ("tsm_resnet18", "tsn_resnet18"):
        with pytest.raises(data.InputError, match="past_only"):
            OnlineClassifier(create_model(name, 4, 4))
