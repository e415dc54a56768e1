"""Which samples AMTNet and ROAD train and test on: their published lists, entry by entry.

AMTNet: Saha, Singh and Cuzzolin, AMTnet: Action-micro-tube regression by end-to-end trainable deep
architecture, ICCV 2017, repository gurkirt/AMTNet at d042d09. ROAD: Singh et al., Online real-time
multiple spatiotemporal action localisation and prediction, ICCV 2017, repository
gurkirt/realtime-action-detection at 9dd8e1b.

`detection.samples.micro_tubes` is the project's own list: every start frame, with the same rule
of what is kept. The published lists of UCF24 take start frames in steps that differ from class to
class, so that every class has about 5000 samples (AMTNet's with 2 frames, ROAD's), and a fraction
of these for testing; they never start at the last frame possible. So what is listed here is there
as well, save for what the full tests add: places without ground truth, which have no tubes (the
originals write label 9999 and a box of zeros), and DALY, whose list pairs key frames.

The originals read the boxes of UCF24 in conventions of their own, which
`read_ucf24(convention="amtnet")` and "road" give. Which places are listed does not depend on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

import data
from detection.samples import MicroTube

# Steps between start frames by UCF24 class, in the order of UCF24_CLASSES and by frames in a
# sample: from AMTNet's table for 2 and 6, from ROAD's for 1.
UCF24_STEPS: Mapping[int, tuple[float, ...]] = {
    1: (
        *(1.03, 0.75, 4.22, 1.32, 0.80, 2.36, 1.99, 2.66, 2.68, 4.51, 5.56, 2.46),
        *(3.17, 2.76, 3.89, 2.28, 4.01, 3.08, 6.06, 3.28, 1.51, 3.05, 0.60, 3.84),
    ),
    2: (
        *(1.00, 0.80, 4.19, 1.30, 0.85, 2.34, 1.98, 2.64, 2.66, 4.49, 5.53, 2.44),
        *(3.15, 2.74, 3.77, 2.26, 4.00, 3.06, 6.04, 3.25, 1.47, 3.02, 0.70, 3.82),
    ),
    6: (
        *(1.11, 0.85, 5.10, 1.53, 1.00, 2.82, 2.38, 3.21, 3.21, 5.49, 6.78, 2.95),
        *(3.82, 3.34, 4.16, 2.74, 4.90, 3.75, 7.44, 3.92, 1.64, 3.61, 0.76, 4.68),
    ),
}

# In AMTNet's options for UCF24, this gap stands for others: 1 in testing, in training all of
SEVERAL_GAPS = 20
TRAINING_GAPS = (0, 1, 3, 7)


def published_samples(
    dataset: data.Dataset,
    videos: Sequence[data.VideoAnnotation],
    seq_len: int = 2,
    seq_gap: int = 0,
    *,
    training: bool = True,
    full_test: bool = False,
) -> list[MicroTube]:
    """List the published samples of a data set; see the function of the data set.

    Args:
        dataset: "ucf24" (with 1 frame ROAD's list, else AMTNet's), "jhmdb21" or "daly".
        videos: of a split of it.
        seq_len: frames in a sample, S.
        seq_gap: frames left out between two frames of a sample.
        training: whether to list as for training videos, or as for test videos.
        full_test: whether to list everything that the full test of the systems looks at.

    Raises:
        InputError: nothing is published for the data set or for so many frames.
    """
    if dataset.name == "ucf24" and seq_len == 1:
        return road_ucf24(videos, training=training, full_test=full_test)
    if dataset.name == "ucf24":
        return amtnet_ucf24(videos, seq_len, seq_gap, training=training, full_test=full_test)
    if dataset.name == "jhmdb21":
        return amtnet_jhmdb21(videos, seq_len, seq_gap, training=training, full_test=full_test)
    if dataset.name == "daly":
        _check_length(seq_len, (2,))
        if full_test:
            return amtnet_daly_full_test(videos, seq_gap)
        return amtnet_daly(videos, dataset.key_frames)
    raise data.InputError(
        f"data set {dataset.name!r} has no published list of samples, only ucf24, jhmdb21 and "
        "daly have; list all of its micro-tubes"
    )


def amtnet_ucf24(
    videos: Sequence[data.VideoAnnotation],
    seq_len: int = 2,
    seq_gap: int = 0,
    *,
    training: bool,
    full_test: bool = False,
) -> list[MicroTube]:
    """List the micro-tubes of UCF24 as AMTNet does (data/shared.py, make_lists_ucf).

    Args:
        videos: of a split; they are taken in the order of their names.
        seq_len: frames in a micro-tube, S: 2 or 6.
        seq_gap: frames left out between two frames of a micro-tube (in a full test this is
            AMTNet's eval_gap); `SEVERAL_GAPS` stands for others.
        training: whether these are training videos. Others have steps four times as long, of at
            least 4 frames.
        full_test: list micro-tubes one after the other, those without ground truth as well.

    Returns:
        Where a tube is there in all S frames and none in only some of them; in a full test the
        other places too, without tubes.

    Raises:
        InputError: there are no steps for S frames.
    """
    _check_length(seq_len, (2, 6))
    gaps: tuple[int, ...] = (seq_gap,)
    if seq_gap == SEVERAL_GAPS and not full_test:
        gaps = TRAINING_GAPS if training else (1,)
    found = []
    for gap in gaps:
        for video in _by_name(videos):
            ratio = _class_step(video, seq_len)
            step = ratio if training else max(1.0, ratio) * 4
            found += _amtnet_video(video, seq_len, gap, step, full_test)
    return found


def amtnet_jhmdb21(
    videos: Sequence[data.VideoAnnotation],
    seq_len: int = 2,
    seq_gap: int = 0,
    *,
    training: bool,
    full_test: bool = False,
) -> list[MicroTube]:
    """List the micro-tubes of J-HMDB-21 as AMTNet does.

    Every start frame in training, two of three in testing; arguments and result as in
    `amtnet_ucf24`, where seq_len may be any from 2 and seq_gap stands for itself. The original
    takes the length of a clip from its tube; this one the frames both have.
    """
    step = 1.0 if training else 1.5
    return [
        sample
        for video in _by_name(videos)
        for sample in _amtnet_video(video, seq_len, seq_gap, step, full_test)
    ]


def road_ucf24(
    videos: Sequence[data.VideoAnnotation], *, training: bool, full_test: bool = False
) -> list[MicroTube]:
    """List the single frames of UCF24 as ROAD does (data/ucf24.py, make_lists).

    Args:
        videos: of a split; they are taken in the order of their names.
        training: whether these are training videos. Others have steps three times as long, of at
            least 3 frames.
        full_test: take every frame, of other than training videos those without ground truth too.

    Returns:
        Samples of one frame, those with tubes and in a full test as said.
    """
    found = []
    for video in _by_name(videos):
        ratio = _class_step(video, 1)
        step = ratio if training else max(1.0, ratio) * 3
        starts = np.arange(video.frames) if full_test else np.arange(0, video.frames - 1, step)
        for start in starts.astype(int).tolist():
            sample = _sample(video, (start,))
            if sample is None and full_test and not training:
                sample = MicroTube(video.name, (start,), ())
            if sample is not None:
                found.append(sample)
    return found


def amtnet_daly(
    videos: Sequence[data.VideoAnnotation],
    key_frames: Mapping[str, Sequence[Sequence[int]]],
) -> list[MicroTube]:
    """List the pairs of key frames of DALY as AMTNet does, for training and testing alike.

    A pair is two successive key frames of a tube, however far apart; a tube with one key frame
    gives this frame and the next (the one before, if it is the last) with its box twice. Tubes
    whose pairs begin in the same frame are one sample, with the frames of the first of them. The
    order within a video is that of the frames. That of the original is not known to be the same:
    the list was read from its source, the annotation is not at hand.

    Args:
        videos: of a split, in its order.
        key_frames: of each tube of each video, see `Dataset.key_frames`.

    Returns:
        Samples of two frames. Their tubes run from the first to the second, with the boxes of
        their own two key frames at the ends.
    """
    found = []
    for video in videos:
        samples: dict[int, MicroTube] = {}
        for tube, keys in zip(video.tubes, key_frames[video.name], strict=True):
            for first, second in itertools.pairwise(keys):
                _add_pair(samples, video.name, (first, second), tube, (first, second))
            if len(keys) == 1:
                first = max(0, min(keys[0], video.frames - 2))
                _add_pair(samples, video.name, (first, first + 1), tube, (keys[0], keys[0]))
        found += [samples[first] for first in sorted(samples)]
    return found


def amtnet_daly_full_test(
    videos: Sequence[data.VideoAnnotation], seq_gap: int = 0
) -> list[MicroTube]:
    """List the pairs of frames of DALY's full test as AMTNet does, all without ground truth."""
    step = seq_gap + 1
    return [
        MicroTube(video.name, (start, min(video.frames - 1, start + step)), ())
        for video in videos
        for start in [*range(0, video.frames - step - 1, step), video.frames - step - 1]
        if start >= 0
    ]


def _add_pair(
    samples: dict[int, MicroTube],
    video: str,
    frames: tuple[int, int],
    tube: data.Tube,
    keys: tuple[int, int],
) -> None:
    """Adds a tube's boxes in two key frames to the sample that begins in the same frame."""
    if frames[0] in samples:
        frames = (frames[0], samples[frames[0]].frames[1])
    ends = tube.boxes[[key - tube.start for key in keys]]
    boxes = np.linspace(ends[0], ends[1], frames[1] - frames[0] + 1, dtype=np.float32)
    between = data.Tube.ground_truth(frames[0], boxes, tube.label, tube.id)
    earlier = samples[frames[0]].tubes if frames[0] in samples else ()
    samples[frames[0]] = MicroTube(video, frames, (*earlier, between))


def _amtnet_video(
    video: data.VideoAnnotation, seq_len: int, gap: int, step: float, full_test: bool
) -> list[MicroTube]:
    if full_test:
        step = (seq_len - 1) * (gap + 1)
    # The bound is exclusive: the last start that is possible is left out.
    numbers = np.arange(0, video.frames - ((seq_len - 1) * gap + seq_len), step)
    starts: list[int] = numbers.astype(int).tolist()
    last = video.frames - int(step) - 1
    if full_test and last >= 0 and last not in starts:
        starts.append(last)
    found = []
    for start in starts:
        frames = tuple(start + place * (gap + 1) for place in range(seq_len))
        sample = _sample(video, frames)
        if sample is None and full_test:
            sample = MicroTube(video.name, frames, ())
        if sample is not None:
            found.append(sample)
    return found


def _sample(video: data.VideoAnnotation, frames: tuple[int, ...]) -> MicroTube | None:
    """The sample at these frames if a tube is there in all of them and none in only some."""
    whole = []
    for tube in video.tubes:
        there = sum(tube.start <= frame < tube.end for frame in frames)
        if there == len(frames):
            whole.append(tube)
        elif there:
            return None
    return MicroTube(video.name, frames, tuple(whole)) if whole else None


def _class_step(video: data.VideoAnnotation, seq_len: int) -> float:
    # All tubes of a video of UCF24 have its class, and every annotated video has one.
    return UCF24_STEPS[seq_len][video.tubes[0].label]


def _by_name(videos: Sequence[data.VideoAnnotation]) -> list[data.VideoAnnotation]:
    return sorted(videos, key=lambda video: video.name)


def _check_length(seq_len: int, known: tuple[int, ...]) -> None:
    if seq_len not in known:
        raise data.InputError(
            f"there is no published list of samples of {seq_len} frames, only of "
            f"{' or '.join(map(str, known))}; list all micro-tubes, or take another --seq_len"
        )
