"""What a network sees of videos: which frames, and what becomes of them, as its system has it."""

from __future__ import annotations

import argparse

from data.errors import InputError
from recognition.clip_models import ClipSettings
from recognition.clip_sampling import LateTemporalSampling, SpreadSampling, WholeVideo
from recognition.clip_transforms import (
    KineticsViews,
    LateTemporalTraining,
    LateTemporalViews,
    SrtgTraining,
    SrtgViews,
    is_of_srtg,
    srtg_appearance,
    srtg_sizes,
)
from recognition.clips import Clips, GridSampling, Sampling, Transform
from recognition.listed_data import ListedData
from recognition.models import Settings, format_of
from recognition.training_sampling import sampling, training_sampling, validation_sampling
from recognition.transforms import (
    evaluation_transform,
    training_transform,
    validation_transform,
)


def training_clips(
    settings: Settings, options: argparse.Namespace, listed: ListedData
) -> dict[str, Clips]:
    """The clips of both parts of the data.

    Args:
        settings: of the network.
        options: of `recognition/train.py`.
        listed: the videos, "train" and "val", all of which are used.
    """
    wanted = format_of(settings, options.input_size)
    seed, skip_bad, frames = options.seed, options.skip_bad_videos, listed.frames
    train, val = listed.videos["train"], listed.videos["val"]
    if isinstance(settings, ClipSettings):
        sizes, shown = srtg_sizes(listed.name, wanted.crop_size), settings.frames
        chosen = _clip_sampling(settings, "random", options.train_frame_interval, listed.name)
        changed = (
            SrtgTraining(wanted, shown, sizes, srtg_appearance(listed.name), listed.mirror)
            if settings.of_srtg
            else LateTemporalTraining(wanted, listed.mirror)
        )
        return {
            "train": Clips(train, frames, chosen, changed, seed, skip_bad=skip_bad),
            "val": Clips(
                val,
                frames,
                _clip_sampling(settings, "one", options.val_frame_interval, listed.name),
                SrtgViews(wanted, shown, sizes) if settings.of_srtg else LateTemporalViews(wanted),
                seed,
            ),
        }
    grey = settings.num_frame > 0
    drawn = training_transform(wanted, options.modality, mirror=listed.mirror, grey=grey)
    centre = validation_transform(wanted, options.modality, grey=grey)
    return {
        "train": Clips(
            train, frames, training_sampling(settings, options), drawn, seed, skip_bad=skip_bad
        ),
        "val": Clips(val, frames, validation_sampling(settings, options), centre, seed),
    }


def testing_views(
    settings: Settings, options: argparse.Namespace, dataset: str, input_size: int | None
) -> tuple[Sampling, Transform]:
    """Which frames a test looks at, and what becomes of them.

    Args:
        settings: of the network.
        options: of `recognition/test.py`.
        dataset: name of the data set.
        input_size: side of the crops in pixels, where it is not the published one.
    """
    wanted = format_of(settings, input_size)
    if isinstance(settings, ClipSettings) and settings.head == "paired":
        return WholeVideo(), KineticsViews(wanted)
    if isinstance(settings, ClipSettings):
        mode = "all" if options.multiple_clips else "one"
        chosen = _clip_sampling(settings, mode, options.val_frame_interval, dataset)
        if settings.of_srtg:
            published = input_size is None and is_of_srtg(dataset)
            sizes = srtg_sizes(dataset, None if published else wanted.crop_size)
            return chosen, SrtgViews(wanted, settings.frames, sizes)
        return chosen, LateTemporalViews(wanted, options.test_crops)
    transform = evaluation_transform(
        wanted,
        settings.modality,
        crops=options.test_crops,
        full_resolution=options.full_res,
        grey=settings.num_frame > 0,
    )
    return sampling(_mode(options), settings, options), transform


def _clip_sampling(
    settings: ClipSettings, mode: str, intervals: list[int] | None, dataset: str
) -> GridSampling:
    """The published distances of frames are 2 (SRTG) and 1 (late temporal modelling).

    Raises:
        InputError: there are several of late temporal modelling.
    """
    if settings.of_srtg:
        spread = tuple(intervals or (2,))
        return SpreadSampling(mode, settings.frames, spread, is_of_srtg(dataset))
    (stride, *others) = intervals or (1,)
    if others:
        raise InputError(
            "--train_frame_interval, --val_frame_interval: networks of late temporal modelling "
            "have frames at one distance; give one"
        )
    return LateTemporalSampling(mode, settings.frames, stride)


def _mode(options: argparse.Namespace) -> str:
    if options.dense_sample:
        return "dense-test"
    if options.twice_sample:
        return "twice"
    return "sequences" if options.sequences else "test"
