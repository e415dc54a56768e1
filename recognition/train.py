"""Train a classifier of clips: `python recognition/train.py --recipe tsm_embedded`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import data
from data.command import counted
from data.processes import keep_freed_memory
from data.video_list import digest_of
from data.video_list_check import check_listed_videos
from evaluation.accuracy_report import accuracy_page
from recognition.clip_models import ClipSettings
from recognition.clips import SKIP_BAD, Clips, DamagedVideoError
from recognition.grid_options import grid_of
from recognition.listed_data import ListedData, listed_data
from recognition.models import Classifier, Settings, build_model, check_clips, format_of
from recognition.objective import ClipObjective, validation_figures
from recognition.optimisation import first_stage, make_optimizer, make_schedule
from recognition.pipelines import training_clips
from recognition.results_table import add_row
from recognition.saved_models import described
from recognition.segment_models import SegmentSettings
from recognition.start import start_from, tune
from recognition.train_options import (
    FREE,
    FROM_IMAGENET,
    FROM_SCRATCH,
    model_settings,
    parse_options,
)
from training.batch_tensors import smallest_piece
from training.distributed import (
    end_processes,
    named_device,
    rank,
    start_on_gpus,
    start_processes,
    world_size,
)
from training.multigrid import GridStep
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
    except DamagedVideoError as error:
        raise data.InputError(f"{error}, or {SKIP_BAD}") from error
    finally:
        end_processes()


def _train(options: argparse.Namespace, device: torch.device) -> int:
    torch.manual_seed(options.seed)
    lists = {"train": options.train_list, "val": options.val_list}
    listed = listed_data(options, lists, options.modality, of_seqvlad=options.num_centers > 0)
    settings = model_settings(options, len(listed.classes))
    model = _network(options, settings)
    clips = training_clips(settings, options, _checked(options, listed, settings))
    grid, steps_per_epoch = grid_of(options, settings, len(clips["train"])) or (
        None,
        max(1, len(clips["train"]) // options.batch_size),
    )
    _check_smallest(options, settings, model, grid, len(clips["train"]))
    model = model.to(device)
    steps = int(options.epochs * steps_per_epoch) if grid is None else len(grid)
    optimizer = make_optimizer(model, options)
    folder = _run_folder(options, listed, settings)

    def validate(trainer: Trainer, iteration: int) -> Mapping[str, Any]:
        figures = _validate(options, listed, settings, clips["val"], trainer, iteration)
        learned = trainer.means.taken()
        if rank() == 0:
            epoch = round(iteration / steps_per_epoch) - 1
            add_row(folder / "val_results.csv", epoch, figures)
            if learned:
                add_row(folder / "train_results.csv", epoch, learned)
        return figures

    def make_trainer(monitor: data.Monitor | None) -> Trainer:
        return Trainer(
            model,
            ClipObjective(),
            optimizer,
            make_schedule(optimizer, options, int(steps_per_epoch), grid),
            clips["train"],
            folder,
            settings=trainer_settings(options, clip_gradient=options.clip_gradient),
            monitor=monitor,
            options=fixed_options(options, FREE) | {"videos": digest_of(clips["train"].videos)},
            first_stage=first_stage(model, options, int(steps_per_epoch)),
            grid=grid,
        )

    run_training(
        options,
        folder,
        make_trainer,
        validate,
        steps=steps,
        val_step=max(1, round(options.eval_freq * steps_per_epoch)),
        length=f"{counted(round(steps / steps_per_epoch), 'epoch')}, {counted(steps, 'step')} of "
        f"{counted(min(options.batch_size, len(clips['train'])), 'clip')}"
        f"{'' if grid is None else ' and more'}",
    )
    return 0


def _network(options: argparse.Namespace, settings: Settings) -> Classifier:
    """The network that the options describe, with the weights from which it starts."""
    imagenet = options.init_weights == FROM_IMAGENET and not options.tune_from
    model = build_model(settings, pretrained=imagenet, partial_bn=not options.npb)
    if options.tune_from:
        transfer = tune(model, options.tune_from, options.dataset, options.modality)
    elif options.init_weights in (FROM_IMAGENET, FROM_SCRATCH):
        return model
    else:
        repeated = options.fuse_before_net and options.gray and options.num_frame == 3
        transfer = start_from(model, options.init_weights, repeated=repeated)
    if rank() == 0:
        print(transfer.told(options.tune_from or options.init_weights))
    return model


def _check_smallest(
    options: argparse.Namespace,
    settings: Settings,
    model: Classifier,
    grid: Sequence[GridStep] | None,
    videos: int,
) -> None:
    """Sees to it that the network takes the smallest clips of the training.

    Raises:
        InputError: it does not.
    """
    size, channels = format_of(settings, options.input_size).crop_size, settings.clip_channels
    batch = min(options.batch_size, videos)
    if grid and isinstance(settings, ClipSettings):
        frames, size = min((step.frames, step.size) for step in grid)
        channels = frames * settings.channels
        batch = min(step.batch for step in grid)
    together = world_size() * smallest_piece(batch // world_size(), options.accumulate)
    check_clips(model, channels, size, together)


def _checked(options: argparse.Namespace, listed: ListedData, settings: Settings) -> ListedData:
    """The data without videos that cannot be used.

    Raises:
        InputError: there are such videos, or no others.
    """
    least = settings.segments if isinstance(settings, SegmentSettings) else 1
    usable = {}
    for part, videos in listed.videos.items():
        found = check_listed_videos(videos, listed.frames, len(listed.classes), least)
        usable[part] = found.usable(skip_bad=options.skip_bad_videos)
        if rank() == 0:
            for note in found.notes():
                print(f"note: {part}: {note}", file=sys.stderr)
    return replace(listed, videos=usable)


def _run_folder(options: argparse.Namespace, listed: ListedData, settings: Settings) -> Path:
    """The folder of a run, named as TSM names its experiments."""
    if isinstance(settings, ClipSettings):
        gates = f"gates_{settings.recursion}_{settings.place}" if settings.recursion else ""
        grid = f"multigrid_{options.multigrid}" if options.multigrid else ""
        name = f"{options.arch}_{listed.name}_clip{settings.frames}"
        return _named(
            options, name, options.head or "", gates, grid, f"e{options.epochs}", _rates(options)
        )
    shift = f"_shift{settings.shift_div}_{settings.shift_place}" if options.shift else ""
    family = "SeqVLAD" if options.num_centers else "TSM" if options.shift else "TSN"
    return _named(
        options,
        f"{family}_{listed.name}_{options.modality}_{options.arch}{shift}",
        "tpool" if options.temporal_pool else "",
        f"gray{options.num_frame}" if options.gray else "",
        f"{options.consensus_type}_segment{options.num_segments}_e{options.epochs}",
        _rates(options),
        "dense" if options.dense_sample else "",
        "nl" if options.non_local else "",
    )


def _rates(options: argparse.Namespace) -> str:
    return options.lr_type if options.lr_type != "step" else ""


def _named(options: argparse.Namespace, *parts: str) -> Path:
    folder: Path = options.save_root / "recognition" / "_".join(part for part in parts if part)
    return folder


def _validate(
    options: argparse.Namespace,
    listed: ListedData,
    settings: Settings,
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
        skip_bad=options.skip_bad_videos,
    )
    if rank() == 0:
        print(f"step {iteration}: top-1 {figures['top1']:.4f}, top-5 {figures['top5']:.4f}")
        metadata = described(
            settings,
            listed.classes,
            input_size=format_of(settings, options.input_size).crop_size,
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
