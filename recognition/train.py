"""Train a classifier of clips: `python recognition/train.py --recipe tsm_embedded`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

import data
from data.command import counted
from data.processes import keep_freed_memory
from data.video_list import digest_of
from data.video_list_check import check_listed_videos
from evaluation.accuracy_report import accuracy_page
from recognition.clips import Clips
from recognition.heads.segment_classifier import SegmentClassifier
from recognition.listed_data import ListedData, listed_data
from recognition.models import ModelSettings, build_model, format_of
from recognition.objective import ClipObjective, validation_figures
from recognition.optimisation import first_stage, make_optimizer, make_schedule
from recognition.saved_models import described
from recognition.start import start_from, tune
from recognition.train_options import (
    FREE,
    FROM_IMAGENET,
    FROM_SCRATCH,
    model_settings,
    parse_options,
)
from recognition.training_sampling import training_sampling, validation_sampling
from recognition.transforms import training_transform, validation_transform
from training.distributed import (
    end_processes,
    named_device,
    rank,
    start_on_gpus,
    start_processes,
)
from training.options import fixed_options
from training.run import BEST_WEIGHTS, LAST_WEIGHTS, run_training, trainer_settings
from training.trainer import Trainer
from weights import load_classifier, save_classifier

PAGE = "validation.html"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Raises:
        InputError: an option, the data set or a state to resume is not usable.
    """
    options = parse_options(argv)
    start_on_gpus(options.ngpu, "recognition.train", sys.argv[1:] if argv is None else argv)
    keep_freed_memory()
    try:
        return _train(options, start_processes(named_device(options.device)))
    finally:
        end_processes()


def _train(options: argparse.Namespace, device: torch.device) -> int:
    torch.manual_seed(options.seed)
    lists = {"train": options.train_list, "val": options.val_list}
    listed = listed_data(options, lists, options.modality, of_seqvlad=options.num_centers > 0)
    settings = model_settings(options, len(listed.classes))
    model = _network(options, settings).to(device)
    clips = _clips(options, listed, settings)
    steps_per_epoch = max(1, len(clips["train"]) // options.batch_size)
    optimizer = make_optimizer(model, options)
    folder = _run_folder(options, listed, settings)
    steps = options.epochs * steps_per_epoch

    def make_trainer(monitor: data.Monitor | None) -> Trainer:
        return Trainer(
            model,
            ClipObjective(),
            optimizer,
            make_schedule(optimizer, options, steps_per_epoch),
            clips["train"],
            folder,
            settings=trainer_settings(options, clip_gradient=options.clip_gradient),
            monitor=monitor,
            options=fixed_options(options, FREE) | {"videos": digest_of(clips["train"].videos)},
            first_stage=first_stage(model, options, steps_per_epoch),
        )

    run_training(
        options,
        folder,
        make_trainer,
        partial(_validate, options, listed, settings, clips["val"]),
        steps=steps,
        val_step=options.eval_freq * steps_per_epoch,
        length=f"{counted(options.epochs, 'epoch')}, {counted(steps, 'step')} of "
        f"{counted(min(options.batch_size, len(clips['train'])), 'clip')}",
    )
    return 0


def _network(options: argparse.Namespace, settings: ModelSettings) -> SegmentClassifier:
    """The network that the options describe, with the weights from which it starts."""
    imagenet = options.init_weights == FROM_IMAGENET and not options.tune_from
    model = build_model(settings, pretrained=imagenet, partial_bn=not options.npb)
    if options.tune_from:
        taken = tune(model, options.tune_from, options.dataset, options.modality)
    elif options.init_weights in (FROM_IMAGENET, FROM_SCRATCH):
        return model
    else:
        repeated = settings.fuse_before_net and settings.num_frame == 3
        taken = start_from(model, options.init_weights, repeated=repeated)
    if rank() == 0:
        print(f"{taken} tensors from {options.tune_from or options.init_weights}")
    return model


def _clips(
    options: argparse.Namespace, listed: ListedData, settings: ModelSettings
) -> dict[str, Clips]:
    """The clips of both parts of the data.

    Raises:
        InputError: videos cannot be used, or there are none.
    """
    checked = {}
    for part, videos in listed.videos.items():
        found = check_listed_videos(videos, listed.frames, len(listed.classes), settings.segments)
        checked[part] = found.usable(skip_bad=options.skip_bad_videos)
        if rank() == 0:
            for note in found.notes():
                print(f"note: {part}: {note}", file=sys.stderr)
    wanted = format_of(settings, options.input_size)
    grey = settings.num_frame > 0
    train = training_transform(wanted, options.modality, mirror=listed.mirror, grey=grey)
    val = validation_transform(wanted, options.modality, grey=grey)
    seed, frames = options.seed, listed.frames
    return {
        "train": Clips(
            checked["train"],
            frames,
            training_sampling(settings, options),
            train,
            seed,
            skip_bad=options.skip_bad_videos,
        ),
        "val": Clips(checked["val"], frames, validation_sampling(settings, options), val, seed),
    }


def _run_folder(options: argparse.Namespace, listed: ListedData, settings: ModelSettings) -> Path:
    """The folder of a run, named as TSM names its experiments."""
    shift = f"_shift{settings.shift_div}_{settings.shift_place}" if options.shift else ""
    family = "SeqVLAD" if options.num_centers else "TSM" if options.shift else "TSN"
    parts = [
        f"{family}_{listed.name}_{options.modality}_{options.arch}{shift}",
        "tpool" if options.temporal_pool else "",
        f"gray{options.num_frame}" if options.gray else "",
        f"{options.consensus_type}_segment{options.num_segments}_e{options.epochs}",
        options.lr_type if options.lr_type != "step" else "",
        "dense" if options.dense_sample else "",
        "nl" if options.non_local else "",
    ]
    folder: Path = options.save_root / "recognition" / "_".join(part for part in parts if part)
    return folder


def _validate(
    options: argparse.Namespace,
    listed: ListedData,
    settings: ModelSettings,
    clips: Clips,
    trainer: Trainer,
    iteration: int,
) -> Mapping[str, Any]:
    """The figures of a step; its weights are the last ones, and the best if none were better."""
    model = trainer.trained_network
    figures, accuracy = validation_figures(
        model,
        clips,
        batch_size=options.batch_size,
        num_workers=options.num_workers,
        classes=len(listed.classes),
    )
    if rank() == 0:
        print(f"step {iteration}: top-1 {figures['top1']:.4f}, top-5 {figures['top5']:.4f}")
        metadata = described(
            settings,
            listed.classes,
            input_size=options.input_size,
            recipe=fixed_options(options, FREE),
            data=f"{listed.name}, split {options.split}",
            figures={"iteration": iteration, **figures},
        )
        names = [LAST_WEIGHTS]
        if figures["top1"] >= _best_so_far(trainer.folder):
            names.append(BEST_WEIGHTS)
        for name in names:
            save_classifier(trainer.folder / name, model.state_dict(), metadata)
        with data.atomic_write(trainer.folder / PAGE, "w") as file:
            accuracies = {f"step {iteration}": accuracy}
            file.write(accuracy_page({"Data": listed.name}, accuracies, listed.classes))
    return figures


def _best_so_far(folder: Path) -> float:
    path = folder / BEST_WEIGHTS
    if not path.exists():
        return 0.0
    figures: float = load_classifier(path).metadata["figures"]["top1"]
    return figures


if __name__ == "__main__":
    data.run_command(main)
