"""Trains a small network on made-up samples in double precision; torchrun may start it twice.

Its arguments are the folder for the weights and losses, and "clips" for a 3D network.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from detection.loss import MicroTubeObjective
from detection.network import MicroTubeNetwork
from detection.streams import Stream
from recognition import create_model
from recognition.objective import ClipObjective
from training.distributed import end_processes, rank, start_processes
from training.settings import TrainerSettings
from training.trainer import Trainer
from weights import merge_normalisation

SIDE, BATCH, STEPS = 32, 8, 5
STREAMS = (Stream(), Stream("fastOF", 2))


class MadeUpSamples:
    """Noise with random targets, decided by the draw."""

    def __init__(self, priors: int) -> None:
        self.priors = priors

    def __len__(self) -> int:
        return 16

    def __getitem__(self, key: tuple[int, int]) -> tuple[list[Tensor], Tensor, Tensor]:
        random = torch.Generator().manual_seed(key[0])
        images = [
            torch.randn(2, 3 * stream.images, SIDE, SIDE, generator=random, dtype=torch.float64)
            for stream in STREAMS
        ]
        # Other numbers of positives in each sample: the loss is divided by their sum.
        classes = torch.randint(1, 4, (self.priors,), generator=random)
        classes[torch.rand(self.priors, generator=random) > 0.01 * (1 + key[0] % 4)] = 0
        offsets = torch.randn(self.priors, 8, generator=random, dtype=torch.float64)
        return images, classes, offsets


class MadeUpClips:
    """Noise with random classes, decided by the draw."""

    def __len__(self) -> int:
        return 16

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int]:
        random = torch.Generator().manual_seed(key[0])
        return torch.randn(12, SIDE, SIDE, generator=random, dtype=torch.float64), key[0] % 3


class Losses:
    """Keeps what a monitor is told."""

    def __init__(self) -> None:
        self.records: list[object] = []

    def log(self, record: object) -> None:
        """Takes a record."""
        self.records.append(record)

    def resume_at(self, iteration: int) -> None:
        """Begins anew."""
        self.records.clear()


def main(
    folder: Path, accumulate: int = 1, *, merged: bool = False, of_clips: bool = False
) -> None:
    """Trains some steps and writes the weights; without batch normalisation if it is merged."""
    device = start_processes(torch.device("cpu"))
    torch.manual_seed(0)
    network: Any
    if of_clips:
        network = create_model("r3d_18", 3, frames=4).double()
        learning: tuple[Any, Any] = ClipObjective(), MadeUpClips()
    else:
        network = MicroTubeNetwork("mobilenet_v2_stride16", 3, 2, SIDE, STREAMS, "sum").double()
        learning = MicroTubeObjective(), MadeUpSamples(len(network.priors))
    objective, samples = learning
    if merged:
        merge_normalisation(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)
    losses = Losses()
    trainer = Trainer(
        network.to(device),
        objective,
        optimizer,
        torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        samples,
        folder,
        settings=TrainerSettings(BATCH, accumulate, average_decay=0.9),
        monitor=losses if rank() == 0 else None,
        options={},
    )
    trainer.log_step = 1
    trainer.train(STEPS, STEPS, lambda _: trainer.means.taken())
    if rank() == 0:
        steps = [
            {k: v for k, v in r.items() if k not in ("seconds", "speed")} for r in losses.records
        ]
        torch.save({"weights": network.state_dict(), "steps": steps}, folder / "trained.pt")
    end_processes()


if __name__ == "__main__":
    main(Path(sys.argv[1]), of_clips="clips" in sys.argv)
