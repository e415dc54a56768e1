"""The options that every training has."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import data
from data.command import count, positive
from training.precision import PRECISIONS

# They may differ when a run is resumed: they change nothing that is computed.
_FREE = (
    *("device", "num_workers", "overwrite", "save_root", "data_root", "ngpu"),
    *("monitor", "visdom", "vis_port"),
)


def training_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of how a training is computed, watched and stored."""
    add = parser.add_argument
    add("--num_workers", "-j", type=count, default=2, help="loading processes")
    add("--accumulate", type=positive, default=1, help="parts of a step, to save memory")
    add("--precision", choices=PRECISIONS, default="float32", help="bfloat16 or float16: mixed")
    add("--compile", action="store_true", help="compile the network (torch.compile)")
    add("--ngpu", type=positive, default=1, help="GPUs of this machine, a process for each")
    data.monitor_options(parser)
    data.common_options(parser)


def check_parts(parser: data.CommandParser, options: argparse.Namespace) -> None:
    """Sees to it that a batch can be shared.

    Raises:
        InputError: it cannot.
    """
    parts = int(os.environ.get("WORLD_SIZE", "1")) * options.accumulate
    if options.batch_size % parts:
        parser.error(
            f"--batch_size {options.batch_size} cannot be divided into {parts} equal parts, one "
            "for each process and each of --accumulate; change one of them"
        )


def fixed_options(options: argparse.Namespace, free: Collection[str] = ()) -> dict[str, Any]:
    """The options that a run keeps when it is resumed, as JSON has them.

    Args:
        options: all.
        free: names of those that may differ, beside the ones that always may.
    """
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(options).items()
        if name not in _FREE and name not in free
    }
