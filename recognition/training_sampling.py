"""Which frames are looked at in training and in validation."""

from __future__ import annotations

import argparse

from recognition.models import SegmentSettings
from recognition.sampling import SegmentSampling

# SeqVLAD's method `reverse` never reverses.
_SEQVLAD = {"tsn": "random", "reverse": "random", "random": "sorted"}


def training_sampling(settings: SegmentSettings, options: argparse.Namespace) -> SegmentSampling:
    """The random frames of training.

    Args:
        settings: of the network.
        options: "dense_sample", "sampling_method", "reverse", "interval" and "data_type", as of
            `recognition/train.py`.
    """
    mode = "dense" if options.dense_sample else _SEQVLAD[options.sampling_method]
    if mode == "sorted" and options.reverse:
        mode = "sorted-reverse"
    return sampling(mode, settings, options)


def validation_sampling(settings: SegmentSettings, options: argparse.Namespace) -> SegmentSampling:
    """The frames of a validation; with "dense_sample" they are random too, as in TSM.

    Args:
        settings: of the network.
        options: "dense_sample", "interval" and "data_type", as of `recognition/train.py`.
    """
    return sampling("dense" if options.dense_sample else "centre", settings, options)


def sampling(mode: str, settings: SegmentSettings, options: argparse.Namespace) -> SegmentSampling:
    """The frames of a network, in a way of `recognition.sampling.MODES`.

    Args:
        mode: the way.
        settings: of the network.
        options: "interval" and "data_type".
    """
    if settings.num_frame:
        video_file = options.data_type == "video"
        return SegmentSampling(
            mode, settings.segments, settings.num_frame, options.interval, video_file
        )
    return SegmentSampling(mode, settings.segments, settings.length)
