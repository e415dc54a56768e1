"""Test a classifier of clips: `python recognition/test.py WEIGHTS --test_crops 3`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import data
from data.command import count, positive
from data.video_list_check import check_listed_videos
from evaluation import score_accuracy
from evaluation.report_files import report_options
from recognition.backbones import BACKBONES
from recognition.backbones.resnet3d import PLACE_NAMES
from recognition.clip_models import ClipSettings
from recognition.clips import Clips
from recognition.crops import TEST_CROPS
from recognition.heads.seqvlad import DIRECTIONS
from recognition.listed_data import ListedData, data_options, listed_data, numbered_classes
from recognition.models import Classifier, Settings
from recognition.partial_scores import resumable_scores
from recognition.pipelines import testing_views
from recognition.saved_models import load_model
from recognition.score_files import Scores, write_scores
from recognition.score_report import names_of_classes, report_scores
from recognition.scoring import video_scores
from recognition.segment_models import MODALITIES, SegmentSettings
from recognition.squeeze_recursion import GATES
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
from training.precision import PRECISIONS
from training.run import BEST_WEIGHTS, LAST_WEIGHTS

_OF_IMAGES = (
    *("arch", "test_segments", "num_frame", "activation", "seqvlad_type", "with_relu"),
    *("full_res", "dense_sample", "twice_sample", "sequences", "interval"),
)
_OF_CLIPS = ("multiple_clips", "clip_length", "gates", "place", "val_frame_interval")
# Change nothing that is computed.
_FREE = ("batch_size", "json", "csv", "html", "save_scores", "root_path", "skip_bad_videos")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command.

    Raises:
        InputError: an option, the checkpoint or a list is not usable, or a video cannot be read.
    """
    options = _parse_options(argv)
    try:
        _test(options, start_processes(named_device(options.device)))
    finally:
        end_processes()


def _test(options: argparse.Namespace, device: torch.device) -> None:
    model, settings, checkpoint = load_model(options.weights, **_given_settings(options))
    lists = {"val": options.test_list}
    of_seqvlad = isinstance(settings, SegmentSettings) and settings.num_centers > 0
    _check_options(options, settings)
    if isinstance(settings, ClipSettings) and options.val_frame_interval is None:
        trained = checkpoint.metadata.get("recipe") or {}
        options.val_frame_interval = trained.get("val_frame_interval")
    learned = tuple(checkpoint.metadata.get("classes") or ())
    listed = listed_data(options, lists, settings.modality, of_seqvlad=of_seqvlad, classes=learned)
    _check_classes(learned, listed, checkpoint.path)
    checked = check_listed_videos(listed.videos["val"], listed.frames, settings.classes)
    videos = checked.usable(skip_bad=options.skip_bad_videos)[: options.max_num]
    input_size = options.input_size or checkpoint.metadata.get("input_size")
    views = testing_views(settings, options, listed.name, input_size)
    clips = Clips(videos, listed.frames, *views)
    name = checkpoint.name
    if checkpoint.path.name in (BEST_WEIGHTS, LAST_WEIGHTS):
        name = f"{checkpoint.path.resolve().parent.name}_{name}"  # the run's
    folder = options.save_root / "tested" / f"{name}_{listed.name}"
    own = range(rank(), len(videos), world_size())
    network = model.finish_training().to(device)
    compute = partial(_scores, options, network, clips, own, channels=_channels(settings))
    partly = folder / f"scores.{rank()}-of-{world_size()}.partial"
    if options.overwrite:
        partly.unlink(missing_ok=True)
    described = {
        **fixed_options(options, _FREE),
        "size": checkpoint.path.stat().st_size,
        "videos": [video.name for video in videos],
    }
    rows = resumable_scores(partly, described, len(own), settings.classes, compute)
    logits = gathered(rows, len(videos))
    if rank() == 0:
        for note in checked.notes():
            print(f"note: {note}", file=sys.stderr)
        labels = np.array([video.label for video in videos])
        written = options.save_scores or folder / "scores.npz"
        if not np.isfinite(logits).all():
            raise data.InputError(
                f"{checkpoint.path}: gives scores that are no numbers; test other weights"
            )
        write_scores(written, Scores(logits, labels, tuple(video.name for video in videos)))
        classes = checkpoint.metadata.get("classes") or listed.classes
        if len(classes) != settings.classes:
            classes = names_of_classes(None, settings.classes)
        origin = {"Weights": str(checkpoint.path), "Data": listed.name}
        accuracies = {name: score_accuracy(logits, labels)}
        report_scores(options, folder, origin, accuracies, classes)
        print(f"scores: {written}")
    wait_for_all()
    partly.unlink(missing_ok=True)


def _scores(
    options: argparse.Namespace,
    model: Classifier,
    clips: Clips,
    videos: Sequence[int],
    first: int,
    *,
    channels: int | None,
) -> Iterator[NDArray[np.float32]]:
    """The scores of some videos, from the first on that is left."""
    scores = video_scores(
        model,
        clips,
        videos[first:],
        channels=channels,
        batch_size=options.batch_size,
        num_workers=options.num_workers,
        precision=options.precision,
    )
    bar: data.ProgressBar[None] = data.progress(total=len(videos), description="test", unit="video")
    with bar:
        bar.update(first)
        for row in scores:
            yield row
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


def _given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of the network that the options give, where files do not tell them."""
    named = {
        "arch": options.arch,
        "modality": options.modality,
        "segments": options.test_segments,
        "num_frame": options.num_frame,
        "activation": options.activation,
        "seqvlad_type": options.seqvlad_type,
        "with_relu": options.with_relu or None,
        "frames": options.clip_length,
        "recursion": options.gates,
        "place": options.place,
    }
    return {name: value for name, value in named.items() if value is not None}


def _check_options(options: argparse.Namespace, settings: Settings) -> None:
    """Refuses options of another kind of network.

    Raises:
        InputError: they are given.
    """
    of_clips = isinstance(settings, ClipSettings)
    foreign = _OF_IMAGES if of_clips else _OF_CLIPS
    given = [name for name in foreign if getattr(options, name) not in (None, False, 0)]
    if given:
        kind = "image networks" if of_clips else "3D networks"
        raise data.InputError(f"--{given[0]} is for {kind}, of which {options.weights} is none")
    if of_clips and options.test_crops not in (1, 10):
        raise data.InputError(f"--test_crops {options.test_crops}: 3D networks have 1 or 10")
    if isinstance(settings, ClipSettings):
        whole = settings.head == "paired"
        if options.test_crops > 1 and (settings.of_srtg or whole):
            raise data.InputError(
                f"--test_crops {options.test_crops}: {settings.backbone} is tested by the centre; "
                "leave it out"
            )
        given = [name for name in _OF_CLIPS if whole and getattr(options, name)]
        if given:
            raise data.InputError(
                f"--{given[0]}: the I3D of Kinetics sees whole videos; leave it out"
            )


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = data.CommandParser(
        prog="python recognition/test.py",
        description="Test a classifier of clips by the protocol of its system: "
        "scores are the mean over clips and crops. What a published file's name says of its "
        "network need not be given. It goes on where it was stopped, and shares videos under "
        "torchrun. Several networks: recognition/merge.py adds their scores.",
        epilog="example: python recognition/test.py best.safetensors --test_crops 3 --full_res",
    )
    parser.add_argument("weights", help="checkpoint: a file of ours or a published one, or a name")
    data_options(parser)
    add = parser.add_argument
    add("--test_list", type=Path, help="list of videos (default: the data set's for validation)")
    add("--test_segments", "--timesteps", type=positive, help="segments of a clip (TSN: 25)")
    add("--test_crops", type=int, choices=TEST_CROPS, default=1, help="views of each clip")
    add("--full_res", action="store_true", help="crops as high as the scaled images")
    add("--dense_sample", action="store_true", help="10 clips of 64 frames")
    add("--twice_sample", action="store_true", help="2 clips, of middles and beginnings")
    add("--sequences", action="store_true", help="25 clips, each a frame later (SeqVLAD)")
    add("--multiple_clips", action="store_true", help="all clips of a video (3D networks)")
    add(
        "--clip_length",
        type=positive,
        help="frames of a clip (3D networks, where the file does not tell)",
    )
    add("--gates", choices=GATES, help="of SRTG's blocks, likewise (default: off, all multiply)")
    add("--place", choices=PLACE_NAMES, help="where these are, likewise (default: final)")
    add(
        "--val_frame_interval",
        type=positive,
        nargs="+",
        metavar="N",
        help="distances of frames, of which one is drawn (3D networks; default: as in training, "
        "or 2; late temporal modelling: 1, and one only)",
    )
    add("--input_size", type=positive, help="side of the crops (default: of the network)")
    add("--arch", choices=tuple(BACKBONES), help="image network, where the file does not tell")
    add("--modality", choices=tuple(MODALITIES), help="likewise")
    add("--num_frame", type=positive, help="grey images of a stack (LSNet), likewise")
    add("--interval", type=count, default=0, help="frames left out between those of a stack")
    add("--activation", choices=("none", "softmax"), help="of SeqVLAD, likewise")
    add("--seqvlad_type", choices=DIRECTIONS, help="likewise")
    add("--with_relu", action="store_true", help="likewise")
    add("--batch_size", type=positive, default=8, help="clips that are looked at together")
    add("--num_workers", "-j", type=count, default=2, help="loading processes")
    add("--max_num", type=positive, help="test so many videos only")
    add("--precision", choices=PRECISIONS, default="float32", help="bfloat16 or float16: mixed")
    add("--skip_bad_videos", action="store_true", help="leave out videos that are damaged")
    add("--save_scores", type=Path, metavar="FILE", help="where scores are written (.npz)")
    report_options(parser)
    data.common_options(parser)
    options = parser.parse_args(argv)
    if options.save_scores and options.save_scores.suffix != ".npz":
        parser.error(f"--save_scores {options.save_scores}: must end in .npz")
    if options.dense_sample + options.twice_sample + options.sequences > 1:
        parser.error("--dense_sample, --twice_sample and --sequences exclude each other")
    return options


if __name__ == "__main__":
    data.run_command(main)
