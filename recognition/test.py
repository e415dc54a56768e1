"""Test a classifier of clips: `python recognition/test.py WEIGHTS --test_crops 3`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import compress, zip_longest
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import data
from data.command import counted
from data.video_list import ListedVideo
from data.video_list_check import check_listed_videos
from evaluation import score_accuracy
from recognition.clip_models import ClipSettings
from recognition.clips import SKIP_BAD, Clips, DamagedVideoError
from recognition.listed_data import ListedData, listed_data, numbered_classes
from recognition.models import Classifier, Settings, check_clips, format_of
from recognition.partial_scores import resumable_scores
from recognition.pipelines import testing_views
from recognition.saved_models import load_model
from recognition.score_files import Scores, write_scores
from recognition.score_report import names_of_classes, report_scores
from recognition.scoring import video_scores
from recognition.segment_models import SegmentSettings
from recognition.testing_options import (
    FREE,
    check_options,
    given_settings,
    parse_test_options,
    protocol_name,
)
from training.distributed import (
    end_processes,
    gathered,
    named_device,
    rank,
    start_processes,
    wait_for_all,
    world_size,
)
from training.options import fixed_options
from training.run import BEST_WEIGHTS, LAST_WEIGHTS

# The scores of a video that was found to be damaged.
_LEFT_OUT = -np.inf


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command.

    Raises:
        InputError: an option, the checkpoint or a list is not usable, or a video cannot be read.
    """
    options = parse_test_options(argv)
    try:
        _test(options, start_processes(named_device(options.device)))
    except DamagedVideoError as error:
        raise data.InputError(f"{error}, or {SKIP_BAD}") from error
    finally:
        end_processes()


def _test(options: argparse.Namespace, device: torch.device) -> None:
    protocol = protocol_name(options)
    model, settings, checkpoint = load_model(options.weights, **given_settings(options))
    lists = {"val": options.test_list}
    of_seqvlad = isinstance(settings, SegmentSettings) and settings.num_centers > 0
    check_options(options, settings)
    if isinstance(settings, ClipSettings) and options.val_frame_interval is None:
        trained = checkpoint.metadata.get("recipe") or {}
        options.val_frame_interval = trained.get("val_frame_interval")
    input_size = options.input_size or checkpoint.metadata.get("input_size")
    if options.input_size or options.clip_length:
        check_clips(model, settings.clip_channels, format_of(settings, input_size).crop_size)
    learned = tuple(checkpoint.metadata.get("classes") or ())
    listed = listed_data(options, lists, settings.modality, of_seqvlad=of_seqvlad, classes=learned)
    _check_classes(learned, listed, checkpoint.path)
    checked = check_listed_videos(listed.videos["val"], listed.frames, settings.classes)
    videos = checked.usable(skip_bad=options.skip_bad_videos)[: options.max_num]
    views = testing_views(settings, options, listed.name, input_size)
    clips = Clips(videos, listed.frames, *views)
    name = checkpoint.name
    if checkpoint.path.name in (BEST_WEIGHTS, LAST_WEIGHTS):
        name = f"{checkpoint.path.resolve().parent.name}_{name}"  # the run's
    folder = options.save_root / "tested" / f"{name}_{listed.name}{protocol}"
    own = range(rank(), len(videos), world_size())
    network = model.finish_training().to(device)
    compute = partial(_scores, options, network, clips, own, settings)
    partly = folder / f"scores.{rank()}-of-{world_size()}.partial"
    if options.overwrite:
        partly.unlink(missing_ok=True)
    described = {
        **fixed_options(options, FREE),
        "size": checkpoint.path.stat().st_size,
        "videos": [video.name for video in videos],
    }
    rows = resumable_scores(partly, described, len(own), settings.classes, compute)
    logits = gathered(rows, len(videos))
    if rank() == 0:
        for note in checked.notes():
            print(f"note: {note}", file=sys.stderr)
        videos, logits = _read_ones(videos, logits, listed.name)
        if not np.isfinite(logits).all():
            raise data.InputError(
                f"{checkpoint.path}: gives scores that are no numbers; test other weights"
            )
        labels = np.array([video.label for video in videos])
        written = options.save_scores or folder / "scores.npz"
        write_scores(written, Scores(logits, labels, tuple(video.name for video in videos)))
        classes = learned or listed.classes
        if len(classes) != settings.classes:
            classes = names_of_classes(None, settings.classes)
        origin = {"Weights": str(checkpoint.path), "Data": listed.name}
        accuracies = {name: score_accuracy(logits, labels)}
        report_scores(options, folder, origin, accuracies, classes)
        print(f"scores: {written}")
    wait_for_all()
    partly.unlink(missing_ok=True)


def _read_ones(
    videos: Sequence[ListedVideo], logits: NDArray[np.float32], name: str
) -> tuple[list[ListedVideo], NDArray[np.float32]]:
    """The videos that were not left out, and their scores.

    Raises:
        InputError: there are none.
    """
    read = ~(logits == _LEFT_OUT).all(1)
    if not read.any():
        raise data.InputError(f"{name}: every video is damaged; get them again")
    if not read.all():
        left = counted(int((~read).sum()), "damaged video")
        print(f"note: without {left}, such as {videos[read.argmin()].name}", file=sys.stderr)
    return list(compress(videos, read)), logits[read]


def _scores(
    options: argparse.Namespace,
    model: Classifier,
    clips: Clips,
    videos: Sequence[int],
    settings: Settings,
    first: int,
) -> Iterator[NDArray[np.float32]]:
    """The scores of some videos, from the first on that is left; those left out get `_LEFT_OUT`."""
    scores = video_scores(
        model,
        clips,
        videos[first:],
        channels=_channels(settings),
        batch_size=options.batch_size,
        num_workers=options.num_workers,
        precision=options.precision,
        skip_bad=options.skip_bad_videos,
    )
    bar: data.ProgressBar[None] = data.progress(total=len(videos), description="test", unit="video")
    with bar:
        bar.update(first)
        for row in scores:
            yield np.full(settings.classes, _LEFT_OUT, np.float32) if row is None else row
            bar.update()


def _channels(settings: Settings) -> int | None:
    """Channels of a clip; None where it is the whole video."""
    whole = isinstance(settings, ClipSettings) and settings.head == "paired"
    return None if whole else settings.clip_channels


def _check_classes(learned: tuple[str, ...], listed: ListedData, path: Path) -> None:
    """Refuses data of other classes, or in another order, than the network has learned.

    Raises:
        InputError: they are.
    """
    if learned not in ((), listed.classes, numbered_classes(len(learned))):
        pairs = zip_longest(learned, listed.classes)
        number, (own, other) = next((n, pair) for n, pair in enumerate(pairs) if len(set(pair)) > 1)
        raise data.InputError(
            f"{path}: has learned {own!r} as class {number}, which of {listed.name} is {other!r}; "
            "give the data set and the file of class names that it was trained with"
        )


if __name__ == "__main__":
    data.run_command(main)
