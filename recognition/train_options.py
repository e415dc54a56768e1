"""The options of training, by the names that the published programs have, and recipes."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import data
from data.command import count, positive
from recognition.backbones import BACKBONES
from recognition.backbones.resnet3d import PLACE_NAMES
from recognition.clip_models import CLIP_MODELS, HEADS
from recognition.heads.seqvlad import DIRECTIONS
from recognition.listed_data import data_options
from recognition.models import Settings
from recognition.segment_models import MODALITIES, SegmentSettings
from recognition.squeeze_recursion import GATES
from training.options import check_parts, training_options

FROM_SCRATCH, FROM_IMAGENET = "none", "imagenet"
RECIPES = Path(__file__).parent / "recipes"
# May differ when a run is resumed, beside what always may.
FREE = ("eval_freq", "root_path", "frame_names", "train_list", "val_list", "skip_bad_videos")
# Options that networks of the other kind have no use for.
_OF_IMAGES = (
    *("modality", "num_segments", "consensus_type", "shift", "shift_div", "shift_place"),
    *("past_only", "temporal_pool", "non_local", "gray", "num_frame", "interval"),
    *("fuse_before_net", "num_centers", "redu_dim", "seqvlad_type", "activation", "with_relu"),
    *("init_method", "tune_from", "npb", "fc_lr5", "two_steps", "sampling_method", "reverse"),
    "dense_sample",
)
_OF_CLIPS = (
    *(
        "clip_length",
        "head",
        "gates",
        "place",
        "train_frame_interval",
        "val_frame_interval",
        "fine_tune",
    ),
    *("multigrid", "cycles"),
)


def recipe_names() -> list[str]:
    """The recipes that come with the program."""
    return sorted(path.stem for path in RECIPES.glob("*.json"))


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command, those of a recipe filled in.

    Raises:
        InputError: an option is not usable.
    """
    parser = data.CommandParser(
        prog="python recognition/train.py",
        description="Train a classifier of clips: TSN, TSM, LSNet, SeqVLAD, late temporal "
        "modelling (BERT), SRTG or MTNet. It resumes where it stopped. Several GPUs or machines: "
        "--ngpu, or torchrun.",
        epilog="example: python recognition/train.py --recipe tsm_embedded",
    )
    parser.add_argument(
        "--recipe",
        choices=recipe_names(),
        help="options of a published command, or of one on the embedded data set, which others "
        "given beside it change",
    )
    data_options(parser)
    parser.add_argument("--modality", choices=tuple(MODALITIES), default="RGB")
    _list_options(parser)
    _network_options(parser)
    _clip_options(parser)
    _rate_options(parser)
    training_options(parser)
    usual = {name: parser.get_default(name) for name in (*_OF_IMAGES, *_OF_CLIPS)}
    named, _ = parser.parse_known_args(argv)
    if named.recipe:
        parser.set_defaults(**_recipe(named.recipe))
    options = parser.parse_args(argv)
    options.init_weights = options.init_weights or (
        FROM_SCRATCH if options.arch in CLIP_MODELS else FROM_IMAGENET
    )
    if not 0 < options.lr < math.inf or not 0 <= options.weight_decay < math.inf:
        parser.error("--lr must be a positive number and --weight_decay one of at least 0")
    of_clips = options.arch in CLIP_MODELS
    for name in _OF_IMAGES if of_clips else _OF_CLIPS:
        if getattr(options, name) != usual[name]:
            kinds = ("image networks", "a 3D network") if of_clips else ("3D networks", "none")
            parser.error(f"--{name} is for {kinds[0]}, and --arch {options.arch} is {kinds[1]}")
    if of_clips:
        options.modality = CLIP_MODELS[options.arch].modality
    shares = (options.momentum, options.dampening, options.dropout or 0.0, options.ema)
    if not all(0 <= share < 1 for share in shares):
        parser.error("--momentum, --dampening, --dropout and --ema must be 0 to less than 1")
    if options.nesterov and (options.dampening or not options.momentum):
        parser.error("--nesterov needs a --momentum, and no --dampening")
    if options.cycles != "both" and not options.multigrid:
        parser.error("--cycles are those of --multigrid; add it")
    if options.multigrid and (options.lr_type != "step" or not options.lr_steps):
        parser.error("--multigrid has its own rates between --lr_steps; use --lr_type step")
    if options.consensus_type != "avg":
        parser.error("--consensus_type identity has a prediction of each segment; train with avg")
    if options.two_steps and not options.num_centers:
        parser.error("--two_steps trains SeqVLAD first; add --num_centers")
    check_parts(parser, options)
    return options


def model_settings(options: argparse.Namespace, classes: int) -> Settings:
    """The settings of the network that the options describe.

    Raises:
        InputError: options that do not go together.
    """
    if options.arch in CLIP_MODELS:
        named = CLIP_MODELS[options.arch]
        for name in ("gates", "place"):
            if getattr(options, name) and named.recursion is None:
                raise data.InputError(
                    f"--{name}: {options.arch} has no recursion; take one such as srtg_r3d_18"
                )
        return replace(
            named,
            classes=classes,
            frames=options.clip_length or named.frames,
            head=options.head or named.head,
            dropout=named.dropout if options.dropout is None else options.dropout,
            recursion=named.recursion and (options.gates or named.recursion),
            place=options.place or named.place,
        )
    known = {field.name for field in fields(SegmentSettings)}
    told = {name: value for name, value in vars(options).items() if name in known}
    told |= {
        "classes": classes,
        "segments": options.num_segments,
        "consensus": options.consensus_type,
        "dropout": 0.5 if options.dropout is None else options.dropout,
        "shift_div": options.shift_div if options.shift else 0,
        "num_frame": options.num_frame if options.gray else 0,
    }
    return SegmentSettings(**told)


def _recipe(name: str) -> dict[str, Any]:
    options: dict[str, Any] = json.loads((RECIPES / f"{name}.json").read_text())["options"]
    return options


def _list_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("lists").add_argument
    add("--train_list", type=Path, help="list of videos (default: of the data set)")
    add("--val_list", type=Path, help="the same to validate on")
    add("--skip_bad_videos", action="store_true", help="train without videos that are damaged")


def _network_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("network").add_argument
    add(
        "--arch",
        choices=(*BACKBONES, *CLIP_MODELS),
        default="BNInception",
        metavar="NAME",
        help=f"an image network: {', '.join(BACKBONES)}; or a 3D network: one of late temporal "
        "modelling, such as rgb_resneXt3D64f101_bert10_FRMB, or of SRTG and MTNet, such as "
        "srtg_r3d_50 or mtnet_s",
    )
    add("--num_segments", "--timesteps", type=positive, default=3, help="of a clip")
    add("--consensus_type", choices=("avg", "identity"), default="avg", help="avg to train")
    add(
        "--dropout",
        type=float,
        help="share dropped in front of the linear layer (default: 0.5; of 3D networks as "
        "published)",
    )
    add("--shift", action="store_true", help="TSM")
    add("--shift_div", type=positive, default=8, help="a channel of so many is shifted each way")
    add("--shift_place", default="blockres", help="block, blockres, or twelve digits")
    add("--past_only", action="store_true", help="shift from the past only, to run online")
    add("--temporal_pool", action="store_true", help="half of the segments from the second stage")
    add("--non_local", action="store_true", help="with non-local blocks (resnet50)")
    add("--gray", action="store_true", help="LSNet: segments are stacks of grey images")
    add("--num_frame", type=positive, default=3, help="images of a stack")
    add("--interval", type=count, default=0, help="frames left out between those of a stack")
    add("--fuse_before_net", action="store_true", help="all stacks are one image")
    add("--num_centers", type=count, default=0, help="SeqVLAD of so many centres")
    add("--redu_dim", type=positive, default=512, help="channels of its features")
    add("--seqvlad_type", choices=DIRECTIONS, default="seqvlad", help="its directions in time")
    add("--activation", choices=("none", "softmax"), default="none", help="of its assignments")
    add("--with_relu", action="store_true", help="its features are not negative")
    inits = ("orthogonal", "xavier_normal", "uniform")
    add("--init_method", choices=inits, default="orthogonal", help="how its weights start")
    add("--input_size", type=positive, help="side of the crops (default: of the network)")
    add(
        "--init_weights",
        help="imagenet (torchvision's), a file, or none (default: imagenet; of 3D networks none)",
    )
    add("--tune_from", help="TSM's file of another data set")


def _clip_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("3D networks").add_argument
    add("--clip_length", type=positive, help="frames of a clip (default: of the network)")
    add(
        "--head",
        choices=HEADS,
        help="what makes a vector of the steps of time: their mean, BERT, ... (default: of the "
        "network)",
    )
    add("--gates", choices=GATES, help="which clips SRTG's blocks multiply (default: off, all)")
    add(
        "--place", choices=PLACE_NAMES, help="where in a block they do it (default: final, its end)"
    )
    intervals: dict[str, Any] = {"type": positive, "nargs": "+", "metavar": "N"}
    add(
        "--train_frame_interval",
        **intervals,
        help="distances of frames, of which one is drawn (default: 2; late temporal modelling: 1, "
        "and one only)",
    )
    add("--val_frame_interval", **intervals, help="likewise in validation")
    add(
        "--fine_tune", action="store_true", help="all but recurrent layers learn at 0.6 of the rate"
    )
    add(
        "--multigrid",
        nargs="?",
        choices=("wu", "srtg"),
        const="wu",
        help="larger batches of shorter and smaller clips: wu as in the paper, srtg as SRTG has it",
    )
    add(
        "--cycles",
        choices=("both", "long", "short", "none"),
        default="both",
        help="those of --multigrid; none with srtg: only its rates",
    )


def _rate_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("recipe").add_argument
    add("--epochs", type=positive, default=45)
    add("--batch_size", "-b", type=positive, default=64, help="clips, of all processes together")
    add("--optim", choices=("SGD", "Adam", "AdamW"), default="SGD")
    add("--lr", type=float, default=0.001)
    add(
        "--lr_type",
        choices=("step", "cos", "plateau"),
        default="step",
        help="plateau: a tenth after six validations without a smaller loss",
    )
    add("--lr_steps", type=positive, nargs="*", default=[20, 40], help="epochs at which it falls")
    add("--momentum", type=float, default=0.9, help="of SGD")
    add("--dampening", type=float, default=0.0, help="likewise")
    add("--nesterov", action="store_true", help="likewise")
    add("--weight_decay", "--wd", type=float, default=5e-4)
    add("--clip_gradient", "--gd", type=float, default=0.0, help="largest length of the gradient")
    add("--npb", action="store_true", help="no partial BN: all normalisation learns")
    add(
        "--fc_lr5",
        action=argparse.BooleanOptionalAction,
        help="the linear layer learns faster (default: with a shift, unless --tune_from is of the "
        "same data set)",
    )
    add("--two_steps", type=count, default=0, help="epochs in which only SeqVLAD learns")
    methods = ("tsn", "random", "reverse")
    add("--sampling_method", choices=methods, default="tsn", help="frames of SeqVLAD's clips")
    add("--reverse", action="store_true", help="turn half of these, with random")
    add("--dense_sample", action="store_true", help="clips of 64 frames")
    add("--ema", type=float, default=0.0, help="decay of the running average of the weights")
    add("--eval_freq", type=positive, default=5, help="epochs to a validation")
