"""The options of training: the published ones by their names, and what the recipe decides."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import data
from data.command import count, positive
from detection.backbones import BACKBONES
from detection.recipes import RECIPES, recipe_of
from detection.streams import FUSION_TYPES, Stream
from evaluation import FrameSettings
from training.options import check_parts, training_options

FROM_SCRATCH, FROM_IMAGENET = "none", "imagenet"
# May differ when a run is resumed, beside what always may.
FREE = ("val_step",)


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command, the recipe's defaults filled in.

    Raises:
        InputError: an option is not usable.
    """
    parser = data.CommandParser(
        prog="python detection/train.py",
        description="Train a micro-tube detector, or with --seq_len 1 one of single frames. It "
        "resumes where it stopped. Several GPUs or machines: --ngpu, or torchrun.",
        epilog="example: python detection/train.py --input_type_base rgb --max_iter 2000",
    )
    _data_options(parser)
    _network_options(parser)
    _recipe_options(parser)
    _run_options(parser)
    options = parser.parse_args(argv)
    recipe = recipe_of(options.basenet, options.dataset, options.seq_len)
    for name, value in asdict(recipe).items():
        if getattr(options, name, value) is None:
            setattr(options, name, value)
    if not 0 < options.lr < math.inf or not 0 <= options.weight_decay < math.inf:
        parser.error("--lr must be a positive number and --weight_decay one of at least 0")
    if not 0 <= options.momentum < 1 or not 0 <= options.ema < 1:
        parser.error("--momentum and --ema must be at least 0 and less than 1")
    _fill_streams(parser, options)
    check_parts(parser, options)
    return options


def streams_of(options: argparse.Namespace) -> list[Stream]:
    """The streams that the options name."""
    streams = [Stream(options.input_type_base, options.input_frames_base)]
    if options.fusion_type != "none":
        streams.append(Stream(options.input_type_extra, options.input_frames_extra))
    return streams


def run_folder(options: argparse.Namespace, dataset: str) -> Path:
    """The folder of a run, named as AMTNet names its experiments, plus the backbone."""
    kinds = options.input_type_base
    if options.fusion_type != "none":
        kinds = f"{options.fusion_type}-{kinds}-{options.input_type_extra}"
    name = (
        f"AMTNet-{dataset}-s{options.train_split}-{kinds}"
        f"-{options.basenet}-sl{options.seq_len:02d}sg{options.seq_gap:02d}"
        f"-bs{options.batch_size:02d}-lr{round(options.lr * 1e5):05d}"
    )
    folder: Path = options.save_root / "training" / name
    return folder


def validation_settings(options: argparse.Namespace) -> FrameSettings:
    """Which boxes count in a validation."""
    return FrameSettings(
        conf_thresh=options.conf_thresh,
        topk=options.topk,
        nms_thresh=options.nms_thresh,
        iou_thresh=options.iou_thresh,
    )


def _data_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("data").add_argument
    add("--dataset", default="embedded", help="name, or own annotation JSON")
    add("--data_root", type=Path, help="where the data set is")
    add("--train_split", type=int, default=1, help="published split, 1 to 3")
    add("--fit_on", default="train", help="part of the data set to train on")
    add("--validate_on", default="test", help="part to validate on")
    add(
        "--sample_list",
        choices=("all", "published"),
        default="all",
        help="all micro-tubes with ground truth, or those that AMTNet or ROAD take of this data "
        "set (default: all)",
    )


def _network_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("network").add_argument
    add("--basenet", choices=tuple(BACKBONES), default="mobilenet_v2_stride16")
    add("--seq_len", type=positive, default=2, help="frames in a micro-tube; 1: single frames")
    add(
        "--fusion_type",
        type=str.lower,
        choices=FUSION_TYPES,
        help="how two streams are fused (default: cat with --input_type_extra, else none)",
    )
    add("--input_type_base", choices=data.INPUT_TYPES, default="rgb")
    add("--input_type_extra", choices=data.INPUT_TYPES, help="of the second stream")
    add("--input_frames_base", type=positive, default=1, help="images stacked for a frame")
    add("--input_frames_extra", type=positive, default=5, help="the same of the second stream")
    add("--init_weights_extra", help="checkpoint from which the second stream starts")


def _recipe_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("recipe", f"Defaults: {_defaults()}.").add_argument
    add("--init_weights", help="checkpoint to start from, imagenet (torchvision's), or none")
    add("--ssd_dim", type=positive, help="side of the input")
    add("--seq_gap", type=count, help="frames left out between those of a micro-tube")
    add("--batch_size", type=positive, help="micro-tubes in a step, of all processes together")
    add("--lr", type=float, help="learning rate")
    add("--momentum", type=float, help="of SGD, with which vgg16 is trained")
    add("--weight_decay", type=float)
    add("--warm_up", type=count, help="steps in which the learning rate rises")
    add("--stepvalues", type=_steps, help="steps at which it falls, such as 10000,30000")
    add("--gamma", type=float, help="factor by which it falls then")
    add("--max_iter", type=positive, help="steps")
    add("--ema", type=float, help="decay of the running average of the weights, 0 for none")


def _defaults() -> str:
    """The defaults of the recipes, in words."""
    texts = []
    for name, recipe in RECIPES.items():
        values = asdict(recipe)
        for other in ("max_expansion", "flow_as_motion"):
            del values[other]
        if recipe.stepvalues:
            values["stepvalues"] = ",".join(map(str, recipe.stepvalues))
        else:  # AdamW, whose rate falls at the end
            for other in ("stepvalues", "gamma", "momentum"):
                del values[other]
        values["ssd_dim"] = recipe.ssd_dim or "the backbone's"
        texts.append(f"{name}: " + ", ".join(f"{option} {x}" for option, x in values.items()))
    return "; ".join(texts)


def _run_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--val_step", type=positive, default=1000, help="steps to a validation")
    defaults = {"iou_thresh": 0.5, "conf_thresh": 0.01, "nms_thresh": 0.45}
    for name, value in defaults.items():
        add(f"--{name}", type=float, default=value, help=f"of the validation (default: {value})")
    add("--topk", type=positive, default=50, help="of the validation (default: 50)")
    add("--man_seed", dest="seed", type=int, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    training_options(parser)


def _fill_streams(parser: data.CommandParser, options: argparse.Namespace) -> None:
    if options.fusion_type is None:
        options.fusion_type = "cat" if options.input_type_extra else "none"
    if options.fusion_type == "none":
        if options.input_type_extra or options.init_weights_extra:
            parser.error("--fusion_type none has no second stream; leave out the options of it")
    elif options.input_type_extra is None:
        options.input_type_extra = "brox"


def _steps(text: str) -> tuple[int, ...]:
    return tuple(positive(part) for part in text.split(","))
