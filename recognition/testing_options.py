"""The options of `recognition/test.py`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import data
from data.command import count, positive
from evaluation.report_files import report_options
from recognition.backbones import BACKBONES
from recognition.backbones.resnet3d import PLACE_NAMES
from recognition.clip_models import ClipSettings
from recognition.crops import TEST_CROPS
from recognition.heads.seqvlad import DIRECTIONS
from recognition.listed_data import data_options
from recognition.models import Settings
from recognition.segment_models import MODALITIES
from recognition.squeeze_recursion import GATES
from training.options import fixed_options
from training.precision import PRECISIONS

_OF_IMAGES = (
    *("arch", "test_segments", "num_frame", "activation", "seqvlad_type", "with_relu"),
    *("full_res", "dense_sample", "twice_sample", "sequences", "interval"),
)
_OF_CLIPS = ("multiple_clips", "clip_length", "gates", "place", "val_frame_interval")
# Change nothing that is computed.
FREE = ("batch_size", "json", "csv", "html", "save_scores", "root_path", "skip_bad_videos")
# Are in the name of a test's folder without being asked for, or are no part of one.
_UNNAMED = ("weights", "dataset", "frame_names")


def parse_test_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options of `recognition/test.py`.

    Args:
        argv: as the user wrote them; None: of the process.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    if options.save_scores and options.save_scores.suffix != ".npz":
        parser.error(f"--save_scores {options.save_scores}: must end in .npz")
    if options.dense_sample + options.twice_sample + options.sequences > 1:
        parser.error("--dense_sample, --twice_sample and --sequences exclude each other")
    return options


def _parser() -> data.CommandParser:
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
    return parser


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
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


def protocol_name(options: argparse.Namespace) -> str:
    """What is not usual in a test, so that the results of two are not in one folder."""
    parser, parts = _parser(), []
    for name in fixed_options(options, (*FREE, *_UNNAMED)):
        value = getattr(options, name)
        if value != parser.get_default(name):
            given = value if isinstance(value, list) else [value]
            shown = (part.stem if isinstance(part, Path) else str(part) for part in given)
            parts.append(f"_{name}" if value is True else f"_{name}_{'-'.join(shown)}")
    return "".join(parts)


def check_options(options: argparse.Namespace, settings: Settings) -> None:
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
