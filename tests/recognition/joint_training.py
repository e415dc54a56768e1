"""Trains a small classifier on made-up clips in double precision; torchrun may start it twice.

Its argument is the folder for the weights and losses.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from recognition.models import create_model
from recognition.objective import ClipObjective
from tests.training.joint_training import Losses
from training.distributed import end_processes, rank, start_processes
from training.settings import TrainerSettings
from training.trainer import Trainer

SEGMENTS, CLASSES, STEPS = 4, 3, 5


class MadeUpClips:
    """Noise, decided by the draw."""

    def __len__(self) -> int:
        return 16

    def __getitem__(self, key: tuple[int, int]) -> tuple[torch.Tensor, int]:
        random = torch.Generator().manual_seed(key[0])
        clip = torch.randn(3 * SEGMENTS, 32, 32, generator=random, dtype=torch.float64)
        return clip, key[0] % CLASSES


def main(folder: Path) -> None:
    """Trains some steps and writes the weights."""
    device = start_processes(torch.device("cpu"))
    torch.manual_seed(0)
    model = create_model("tsm_resnet18", CLASSES, SEGMENTS, dropout=0).double().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    losses = Losses()
    trainer = Trainer(
        model,
        ClipObjective(),
        optimizer,
        torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        MadeUpClips(),
        folder,
        settings=TrainerSettings(4, clip_gradient=1.0),
        monitor=losses if rank() == 0 else None,
        options={},
    )
    trainer.log_step = 1
    trainer.train(STEPS, STEPS, lambda _: {})
    if rank() == 0:
        steps = [record["loss"] for record in losses.records if "loss" in record]
        torch.save({"weights": model.state_dict(), "steps": steps}, folder / "trained.pt")
    end_processes()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
