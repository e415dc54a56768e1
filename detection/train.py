"""Train a micro-tube detector: `python detection/train.py --input_type_base rgb`."""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import data
from data.errors import check_each
from data.processes import keep_freed_memory
from detection.detector import Detector, choose_device
from detection.loss import MicroTubeObjective
from detection.network import MicroTubeNetwork
from detection.pretrained import start_from_pretrained
from detection.recipes import make_optimizer, make_schedule, recipe_of
from detection.sample_lists import published_samples
from detection.samples import MicroTube, TrainingSamples, micro_tubes
from detection.train_options import (
    FREE,
    FROM_IMAGENET,
    FROM_SCRATCH,
    parse_options,
    run_folder,
    streams_of,
    validation_settings,
)
from detection.validation import validation_figures
from training.distributed import (
    end_processes,
    rank,
    start_on_gpus,
    start_processes,
    world_size,
)
from training.options import fixed_options
from training.run import BEST_WEIGHTS, LAST_WEIGHTS, run_training, trainer_settings
from training.trainer import Trainer
from weights import load_checkpoint, load_tensors, save_checkpoint


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Raises:
        InputError: an option, the data set or a state to resume is not usable.
    """
    options = parse_options(argv)
    arguments = sys.argv[1:] if argv is None else argv
    start_on_gpus(options.ngpu, "detection.train", arguments)
    keep_freed_memory()
    try:
        return _train(options, start_processes(choose_device(options.device)))
    finally:
        end_processes()


def _train(options: argparse.Namespace, device: torch.device) -> int:
    torch.manual_seed(options.seed)
    dataset = data.open_dataset(
        options.dataset,
        data_root=options.data_root or options.save_root / "data",
        split=options.train_split,
    )
    network = _network(options, len(dataset.annotations.classes)).to(device).use_channels_last()
    _check_inputs(options, dataset)
    optimizer = make_optimizer(network, options.lr, options.momentum, options.weight_decay)
    schedule = make_schedule(
        optimizer,
        warm_up=options.warm_up,
        stepvalues=options.stepvalues,
        gamma=options.gamma,
        max_iter=options.max_iter,
    )
    recipe = recipe_of(options.basenet, options.dataset, options.seq_len)
    samples = TrainingSamples(
        dataset,
        _samples(options, dataset),
        network,
        max_expansion=recipe.max_expansion,
        flow_as_motion=recipe.flow_as_motion,
        seed=options.seed,
    )
    folder = run_folder(options, dataset.name)

    def make_trainer(monitor: data.Monitor | None) -> Trainer:
        return Trainer(
            network,
            MicroTubeObjective(),
            optimizer,
            schedule,
            samples,
            folder,
            settings=trainer_settings(options),
            monitor=monitor,
            options=fixed_options(options, FREE),
        )

    run_training(
        options,
        folder,
        make_trainer,
        partial(_validate, options, dataset, device),
        steps=options.max_iter,
        val_step=options.val_step,
        length=f"{options.max_iter} steps, a validation every {options.val_step}",
    )
    return 0


def _validate(
    options: argparse.Namespace,
    dataset: data.Dataset,
    device: torch.device,
    trainer: Trainer,
    iteration: int,
) -> Mapping[str, Any]:
    """The figures of a step; its weights are the last ones, and the best if none were better."""
    network = copy.deepcopy(trainer.trained_network)
    assert isinstance(network, MicroTubeNetwork)
    classes = dataset.annotations.classes
    detector = Detector(network, classes, "", seq_gap=options.seq_gap, device=device)
    figures = validation_figures(
        detector, dataset, options.validate_on, validation_settings(options)
    )
    if rank() == 0:
        print(f"step {iteration}: frame-mAP@{options.iou_thresh:g} {figures['frame_map']:.4f}")
        described = {
            "basenet": options.basenet,
            "classes": list(classes),
            "seq_len": options.seq_len,
            "seq_gap": options.seq_gap,
            "input_size": network.input_size,
            "streams": [vars(stream) for stream in network.streams],
            "fusion_type": network.fusion_type,
            "recipe": trainer.options,
            "data": f"{dataset.name}, split {options.train_split}, {options.fit_on}",
            "figures": {"iteration": iteration, **figures},
        }
        names = [LAST_WEIGHTS]
        if figures["frame_map"] >= _best_so_far(trainer.folder):
            names.append(BEST_WEIGHTS)
        for name in names:
            save_checkpoint(trainer.folder / name, network.state_dict(), described)
    return figures


def _best_so_far(folder: Path) -> float:
    path = folder / BEST_WEIGHTS
    if not path.exists():
        return 0.0
    figures: float = load_checkpoint(path).metadata["figures"]["frame_map"]
    return figures


def _network(options: argparse.Namespace, classes: int) -> MicroTubeNetwork:
    """The network that the options describe, started from the weights that they name.

    Raises:
        InputError: the weights have nothing in common with it.
    """
    network = MicroTubeNetwork(
        options.basenet,
        classes,
        options.seq_len,
        options.ssd_dim,
        streams_of(options),
        options.fusion_type,
    )
    names = [options.init_weights, options.init_weights_extra or options.init_weights]
    states: list[Mapping[str, Tensor]] = []
    for name, backbone in zip(names, network.backbones(), strict=False):
        if name == FROM_IMAGENET:
            states.append(backbone.imagenet_state())
        else:
            states.append({} if name == FROM_SCRATCH else load_tensors(name))
    taken = start_from_pretrained(network, *states)
    for state, name, own in zip(states, names, ("backbone.", "extra_backbone."), strict=False):
        found = sum(tensor.startswith(own) for tensor in taken)
        if state and not found:
            raise data.InputError(
                f"{name}: has no tensor of a {options.basenet} network; start from another "
                "checkpoint with --init_weights, or from none"
            )
    if taken and rank() == 0:
        print(f"{len(taken)} tensors from {' and '.join(dict.fromkeys(names[: len(states)]))}")
    return network


def _samples(options: argparse.Namespace, dataset: data.Dataset) -> Sequence[MicroTube]:
    """The micro-tubes to train on.

    Raises:
        InputError: there are none.
    """
    videos = dataset.annotations.split(options.fit_on)
    if options.sample_list == "published":
        samples = published_samples(dataset, videos, options.seq_len, options.seq_gap)
    else:
        samples = micro_tubes(videos, options.seq_len, options.seq_gap)
    if not samples:
        raise data.InputError(
            f"data set {dataset.name}: split {options.fit_on!r} has no frames with annotated "
            "tubes; name a split with ground truth"
        )
    return samples


def _check_inputs(options: argparse.Namespace, dataset: data.Dataset) -> None:
    """Sees to it that all videos are there and as annotated, now and not hours later.

    Raises:
        InputError: one is not.
    """
    names = {
        video.name: video
        for part in (options.fit_on, options.validate_on)
        for video in dataset.annotations.split(part)
    }
    own = list(names.values())[rank() :: world_size()]

    def check(video: data.VideoAnnotation) -> None:
        for stream in streams_of(options):
            with dataset.open_input(video.name, stream.input_type) as reader:
                size = reader.width, reader.height
                length = reader.frames
            if size != (video.width, video.height):
                raise data.InputError(
                    f"{reader.path}: is {size[0]}x{size[1]}, and {video.width}x{video.height} in "
                    f"the annotation of {video.name!r}; correct the annotation"
                )
            last = max((tube.end for tube in video.tubes), default=0)
            if length is not None and length < last:
                raise data.InputError(
                    f"{reader.path}: has {length} frames, and tubes up to frame {last - 1} in the "
                    f"annotation of {video.name!r}; correct the annotation, or copy it again"
                )

    check_each(data.progress(own, description="check", unit="video"), check)


if __name__ == "__main__":
    data.run_command(main)
