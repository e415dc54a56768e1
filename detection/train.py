"""Train a micro-tube detector: `python detection/train.py --input_type_base rgb`."""

from __future__ import annotations

import argparse
import copy
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

import data
from detection.backbones import BACKBONES
from detection.detector import Detector, choose_device, detect_video
from detection.network import MicroTubeNetwork
from detection.recipes import (
    light_optimizer,
    published_optimizer,
    recipe_of,
    start_from_pretrained,
)
from detection.samples import TrainingSamples
from detection.trainer import LOG_FILE, STATE_FILE, Trainer
from evaluation import evaluate_frames
from weights import load_tensors, save_checkpoint

WEIGHTS_FILE = "model.safetensors"
FROM_SCRATCH = "none"
# Options that may differ when a run is resumed: they change nothing that is computed.
_FREE_OPTIONS = ("device", "num_workers", "overwrite", "save_root", "val_step")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Raises:
        InputError: an option, the data set or a state to resume is not usable.
    """
    options = parse_options(argv)
    torch.manual_seed(options.seed)
    device = choose_device(options.device)
    dataset = data.open_dataset(
        options.dataset,
        data_root=options.data_root or options.save_root / "data",
        split=options.train_split,
    )
    for part in (options.fit_on, options.validate_on):
        for video in dataset.annotations.split(part):
            dataset.video_path(video.name)  # a missing video is told now, not hours later
    network = MicroTubeNetwork(
        options.basenet, len(dataset.annotations.classes), options.seq_len, options.ssd_dim
    )
    if options.init_weights != FROM_SCRATCH:
        taken = start_from_pretrained(network, load_tensors(options.init_weights))
        if not taken:
            raise data.InputError(
                f"{options.init_weights}: no tensor fits {options.basenet}; name weights of the "
                "same backbone with --init_weights"
            )
        print(f"{len(taken)} tensors from {options.init_weights}")
    network.to(device).use_channels_last()
    if options.basenet == "vgg16":
        optimizer, schedule = published_optimizer(network, options.lr, options.weight_decay)
    else:
        optimizer, schedule = light_optimizer(
            network, options.lr, options.weight_decay, options.max_iter
        )
    samples = TrainingSamples(
        dataset,
        options.fit_on,
        network,
        seq_gap=options.seq_gap,
        max_expansion=recipe_of(options.basenet, options.dataset).max_expansion,
        seed=options.seed,
    )
    folder = run_folder(options, dataset.name)
    if options.overwrite and folder.exists():
        shutil.rmtree(folder)  # only now that nothing can be wrong with the options
    folder.mkdir(parents=True, exist_ok=True)
    fixed = {k: _plain(v) for k, v in vars(options).items() if k not in _FREE_OPTIONS}
    trainer = Trainer(
        network,
        optimizer,
        schedule,
        samples,
        folder,
        options=fixed,
        batch_size=options.batch_size,
        num_workers=options.num_workers,
        seed=options.seed,
    )
    if trainer.resume():
        print(f"resumed at step {trainer.iteration} from {folder / STATE_FILE}")
    metadata: dict[str, Any] = {
        "basenet": options.basenet,
        "classes": list(dataset.annotations.classes),
        "seq_len": options.seq_len,
        "seq_gap": options.seq_gap,
        "input_size": network.input_size,
        "recipe": fixed,
        "data": f"{dataset.name}, split {options.train_split}, {options.fit_on}",
    }

    def validate(iteration: int) -> Mapping[str, Any]:
        averaged = copy.deepcopy(trainer.averaged_network)
        detector = Detector(
            averaged, dataset.annotations.classes, "", seq_gap=options.seq_gap, device=device
        )
        figures = validation_figures(detector, dataset, options.validate_on)
        print(f"step {iteration}: frame-mAP@0.5 {figures['frame_map']:.4f}")
        described = {**metadata, "figures": {"iteration": iteration, **figures}}
        save_checkpoint(folder / WEIGHTS_FILE, averaged.state_dict(), described)
        return figures

    figures = trainer.train(options.max_iter, options.val_step, validate)
    data.write_run_record(folder, vars(options), figures)
    print(f"weights: {folder / WEIGHTS_FILE}   log: {folder / LOG_FILE}")
    return 0


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command, the recipe's defaults filled in.

    Raises:
        InputError: an option is not usable.
    """
    parser = data.CommandParser(
        prog="python detection/train.py",
        description="Train a micro-tube detector. It resumes where it stopped.",
        epilog="example: python detection/train.py --input_type_base rgb --max_iter 2000",
    )
    parser.add_argument("--dataset", default="embedded", help="name, or own annotation JSON")
    parser.add_argument("--data_root", type=Path, help="where the data set is")
    parser.add_argument("--train_split", type=int, default=1, help="published split, 1 to 3")
    parser.add_argument("--fit_on", default="train", help="part of the data set to train on")
    parser.add_argument("--validate_on", default="test", help="part to validate on")
    parser.add_argument("--input_type_base", choices=("rgb",), default="rgb")
    parser.add_argument("--basenet", choices=tuple(BACKBONES), default="mobilenet_v2_stride16")
    parser.add_argument("--seq_len", type=_positive, default=2, help="frames in a micro-tube")
    recipe_options = parser.add_argument_group(
        "recipe", "the defaults follow from --basenet and --dataset"
    )
    add = recipe_options.add_argument
    add("--init_weights", help="checkpoint or ImageNet weights to start from, or none")
    add("--ssd_dim", type=_positive, help="side of the input")
    add("--seq_gap", type=_count, help="frames left out between those of a micro-tube")
    add("--batch_size", type=_positive, help="micro-tubes in a step")
    add("--lr", type=float, help="learning rate")
    add("--weight_decay", type=float)
    add("--max_iter", type=_positive, help="steps")
    parser.add_argument("--val_step", type=_positive, default=1000, help="steps to a validation")
    parser.add_argument("--num_workers", type=_count, default=2, help="loading processes")
    data.common_options(parser)
    options = parser.parse_args(argv)
    for name, value in asdict(recipe_of(options.basenet, options.dataset)).items():
        if getattr(options, name, value) is None:
            setattr(options, name, value)
    if options.lr <= 0 or options.weight_decay < 0:
        parser.error("--lr must be positive and --weight_decay not negative")
    return options


def run_folder(options: argparse.Namespace, dataset: str) -> Path:
    """The folder of a run, named as AMTNet names its experiments, plus the backbone."""
    name = (
        f"AMTNet-{dataset}-s{options.train_split}-{options.input_type_base}"
        f"-{options.basenet}-sl{options.seq_len:02d}sg{options.seq_gap:02d}"
        f"-bs{options.batch_size:02d}-lr{round(options.lr * 1e5):05d}"
    )
    folder: Path = options.save_root / "training" / name
    return folder


def validation_figures(detector: Detector, dataset: data.Dataset, split: str) -> dict[str, Any]:
    """Frame-mAP at IoU 0.5 over all frames of a split, and the AP of each class."""
    videos = dataset.annotations.split(split)
    detections = [
        detect_video(detector, dataset.video_path(video.name), video.name)
        for video in data.progress(videos, description="validate", unit="video")
    ]
    result = evaluate_frames(detections, videos, detector.classes)
    precisions = np.round(result.average_precisions, 4).tolist()
    return {
        "frame_map": round(result.mean_average_precision, 4),
        "ap": dict(zip(detector.classes, precisions, strict=True)),
    }


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _positive(text: str) -> int:
    return _whole_number(text, smallest=1)


def _count(text: str) -> int:
    return _whole_number(text, smallest=0)


def _whole_number(text: str, smallest: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = smallest - 1
    if number < smallest:
        raise argparse.ArgumentTypeError(
            f"must be a whole number of at least {smallest}, not {text!r}"
        )
    return number


if __name__ == "__main__":
    data.run_command(main)
