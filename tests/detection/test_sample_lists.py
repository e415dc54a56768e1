"""The published sample lists: entry by entry those of the original systems."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import data
from detection.sample_lists import (
    amtnet_daly,
    amtnet_daly_full_test,
    amtnet_jhmdb21,
    amtnet_ucf24,
    published_samples,
    road_ucf24,
)
from detection.samples import micro_tubes
from tests.data.reference import needs_samples, sample


def _video(name="a", frames=40, spans=((0, 40),), label=0):
    tubes = [
        data.Tube.ground_truth(start, [[t, 1, t + 10, 20] for t in range(start, end)], label, k)
        for k, (start, end) in enumerate(spans)
    ]
    return data.VideoAnnotation(name, frames, 320, 240, tuple(tubes))


def _starts(samples):
    return [found.frames[0] for found in samples]


@pytest.fixture(scope="module")
def published():
    """The published annotation in the conventions of both systems, read once."""
    return {name: data.read_ucf24(sample("ucf24"), name) for name in ("amtnet", "road")}


@needs_samples
@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("full_test", [False, True], ids=["list", "fulltest"])
@pytest.mark.parametrize("system", ["amtnet", "road"])
def test_lists_of_ucf24_are_those_of_the_systems(published, case, system, full_test, split):
    name = {"amtnet": "enumeration_ucf24_sl2_gap0", "road": "enumeration_road_ucf24"}[system]
    wanted = case(name + ("_fulltest" if full_test else ""))[0][split]
    annotations = published[system]
    dataset = data.Dataset("ucf24", annotations, {})
    training = split == "train"
    samples = published_samples(
        dataset,
        annotations.split(split),
        seq_len=1 if system == "road" else 2,
        training=training,
        full_test=full_test,
    )
    without = [found for found in samples if not found.tubes]
    boxes_or_tubes = sum(len(found.tubes) for found in samples)
    classes = Counter(annotations.classes[found.tubes[0].label] for found in samples if found.tubes)
    places = [
        f"{found.video}:{','.join(str(t + (system == 'road')) for t in found.frames)};"
        for found in samples
    ]
    digest = hashlib.sha256("".join(places).encode()).hexdigest()
    kind = "frame" if system == "road" else "clip"
    assert len(samples) == wanted["total"]
    assert len(without) == wanted[f"{kind}s_without_ground_truth"]
    assert boxes_or_tubes == wanted["boxes" if system == "road" else "micro_tubes"]
    assert classes == wanted[f"{kind}s_per_class"]
    assert digest == wanted["sha256_of_video_and_frame" + ("" if system == "road" else "s")]
    first = wanted.get("first_20") or wanted["first_5"]
    names = sorted(annotations.videos)
    for found, entry in zip(samples, first, strict=False):
        assert (names.index(found.video), found.video) == (entry["video_index"], entry["video"])
        boxes = [
            [tube.boxes[t - tube.start].tolist() for t in found.frames] for tube in found.tubes
        ] or [[[0.0] * 4] * len(found.frames)]
        assert ([tube.label for tube in found.tubes] or [9999]) == entry["labels"]
        if system == "road":
            assert found.frames == (entry["frame_1_based"] - 1,)
            assert [box for (box,) in boxes] == entry["boxes_xyxy"]
        else:
            assert list(found.frames) == entry["frames_0_based"]
            assert boxes == entry["boxes_xyxy_per_tube_per_frame"]


@needs_samples
def test_the_own_list_holds_all_published_training_samples(published):
    videos = published["amtnet"].split("train")[::50]
    own = set(itertools.starmap(_place, ((s,) for s in micro_tubes(videos, 2, 0))))
    listed = {_place(s) for s in amtnet_ucf24(videos, training=True)}
    assert listed < own


def _place(found):
    return found.video, found.frames


@pytest.mark.parametrize(
    ("label", "training", "starts"),
    [
        (0, True, list(range(38))),  # 1.00; the start 38 is possible and not in the list
        (1, True, [int(k * 0.8) for k in range(48)]),  # steps below 1 repeat samples
        (2, True, [0, 4, 8, 12, 16, 20, 25, 29, 33, 37]),  # 4.19
        (1, False, list(range(0, 38, 4))),
        (2, False, [0, 16, 33]),
    ],
)
def test_steps_of_amtnet(label, training, starts):
    assert _starts(amtnet_ucf24([_video(label=label)], training=training)) == starts


def test_longer_micro_tubes_and_gaps():
    video = _video(frames=30, spans=((0, 30),))
    six = amtnet_ucf24([video], 6, training=True)
    assert six[0].frames == (0, 1, 2, 3, 4, 5) and _starts(six)[:5] == [0, 1, 2, 3, 4]
    assert _starts(six)[9] == 9 and _starts(six)[10] == 11  # 1.11
    assert _starts(six)[-1] == 23  # below 30 - 6
    gap = amtnet_ucf24([video], 2, 3, training=True)
    assert gap[0].frames == (0, 4) and _starts(gap)[-1] == 24  # below 30 - 5
    several = amtnet_ucf24([video, _video("b")], 2, 20, training=True)
    differences = [found.frames[1] - found.frames[0] for found in several]
    assert list(dict.fromkeys(differences)) == [1, 2, 4, 8]
    # The list of videos is gone through once for each gap.
    order = [video for video, _ in itertools.groupby(found.video for found in several)]
    assert order == ["a", "b"] * 4
    test = amtnet_ucf24([video], 2, 20, training=False)
    assert {found.frames[1] - found.frames[0] for found in test} == {2}
    full = amtnet_ucf24([_video()], 2, 20, training=False, full_test=True)  # stands for itself
    assert [found.frames for found in full] == [(0, 21), (18, 39)]
    with pytest.raises(data.InputError, match=r"samples of 3 frames, only of 2 or 6"):
        amtnet_ucf24([video], 3, training=True)


def test_what_is_kept_and_what_the_full_test_adds():
    video = _video(frames=12, spans=((0, 6), (4, 9)))
    kept = amtnet_ucf24([video], training=True)
    # A tube begins between 3 and 4, one ends between 5 and 6, and after 8 there is none.
    assert [(found.frames[0], [tube.id for tube in found.tubes]) for found in kept] == [
        *((start, [0]) for start in range(3)),
        (4, [0, 1]),
        (6, [1]),
        (7, [1]),
    ]
    full = amtnet_ucf24([video], training=False, full_test=True)
    assert _starts(full) == list(range(11))
    assert [found.frames[0] for found in full if not found.tubes] == [3, 5, 8, 9, 10]


def test_jhmdb21_has_every_start_in_training_and_two_of_three_in_testing():
    video = _video(frames=12, spans=((0, 12),))
    assert _starts(amtnet_jhmdb21([video], training=True)) == list(range(10))
    assert _starts(amtnet_jhmdb21([video], training=False)) == [0, 1, 3, 4, 6, 7, 9]
    full = amtnet_jhmdb21([video], training=False, full_test=True)
    assert _starts(full) == list(range(11))
    dataset = _dataset("jhmdb21", [video])
    assert published_samples(dataset, [video], training=False) == (
        amtnet_jhmdb21([video], training=False)
    )


def test_road_takes_single_frames():
    video = _video(frames=8, spans=((2, 5),))
    assert _starts(road_ucf24([video], training=True)) == [2, 3, 4]
    assert _starts(road_ucf24([video], training=True, full_test=True)) == [2, 3, 4]
    assert _starts(road_ucf24([video], training=False)) == [3]
    full = road_ucf24([video], training=False, full_test=True)
    assert _starts(full) == list(range(8))
    assert [len(found.tubes) for found in full] == [0, 0, 1, 1, 1, 0, 0, 0]


def test_daly_pairs_key_frames():
    video = _video(frames=50, spans=((0, 40), (5, 31), (20, 21), (49, 50)))
    keys = {"a": ((2, 12, 39), (12, 30), (20,), (49,))}
    found = amtnet_daly([video], keys)
    assert [(s.frames, [tube.id for tube in s.tubes]) for s in found] == [
        ((2, 12), [0]),
        ((12, 39), [0, 1]),
        ((20, 21), [2]),
        ((48, 49), [3]),
    ]
    merged = found[1].tubes[1]  # has the boxes of its own key frames, 12 and 30, at the ends
    assert (merged.start, merged.end) == (12, 40)
    assert merged.boxes[[0, -1]].tolist() == [[12, 1, 22, 20], [30, 1, 40, 20]]
    for single, box in ((found[2], [20, 1, 30, 20]), (found[3], [49, 1, 59, 20])):
        assert single.tubes[0].boxes.tolist() == [box, box]
    full = amtnet_daly_full_test([_video(frames=10, spans=((0, 10),))], 2)
    assert [s.frames for s in full] == [(0, 3), (3, 6), (6, 9)]
    assert not any(s.tubes for s in full)
    assert _starts(amtnet_daly_full_test([_video(frames=5, spans=())])) == [0, 1, 2, 3]
    dataset = _dataset("daly", [video], keys)
    assert [s.frames for s in published_samples(dataset, [video])] == [s.frames for s in found]
    assert len(published_samples(dataset, [video], training=False, full_test=True)) == 49
    with pytest.raises(data.InputError, match=r"only of 2;"):
        published_samples(dataset, [video], seq_len=6)


def _dataset(name, videos, key_frames=None):
    named = {video.name: video for video in videos}
    annotations = data.Annotations(data.UCF24_CLASSES, named, {"test": tuple(named)})
    return data.Dataset(name, annotations, dict.fromkeys(named, Path()), key_frames or {})


def test_other_data_sets_have_no_published_list():
    with pytest.raises(data.InputError, match=r"'mine' has no published list.*list all"):
        published_samples(_dataset("mine", [_video()]), [_video()])


def test_samples_fit_the_rest_of_training():
    """Boxes are where `TrainingSamples` looks for them."""
    for found in amtnet_ucf24([_video(spans=((3, 20), (10, 20)))], training=True):
        for tube in found.tubes:
            boxes = np.stack([tube.boxes[t - tube.start] for t in found.frames])
            assert boxes.shape == (2, 4)
