"""Which samples are trained on when: shuffled batches that can be taken up anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np
from torch.utils.data import Sampler

from training.multigrid import GridStep

Batch = list[tuple[int, ...]]


class ResumableOrder(Sampler[Batch]):
    """Batches of (draw, index) in shuffled epochs, from any iteration on.

    An epoch's last samples that fill no batch are left out, as in AMTNet, TSN and TSM.

    Args:
        samples: number of samples.
        batch_size: samples in a batch.
        first: iteration to begin with.
        last: iteration to end before.
        seed: of the order.
    """

    def __init__(self, samples: int, batch_size: int, first: int, last: int, seed: int) -> None:
        self.samples, self.batch_size = samples, min(batch_size, samples)
        self.first, self.last, self.seed = first, last, seed

    def __len__(self) -> int:
        return self.last - self.first

    def __iter__(self) -> Iterator[Batch]:
        batches = self.samples // self.batch_size
        shuffled_epoch, order = -1, np.empty(0, np.int64)
        for iteration in range(self.first, self.last):
            epoch, batch = divmod(iteration, batches)
            if epoch != shuffled_epoch:
                order = np.random.default_rng([self.seed, epoch]).permutation(self.samples)
                shuffled_epoch = epoch
            chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            first_draw = iteration * self.batch_size
            yield [(first_draw + k, int(index)) for k, index in enumerate(chosen)]


class GridOrder(Sampler[Batch]):
    """Batches of (draw, index, frames, size, stride) of a multigrid schedule, from any step on.

    Shuffled epochs follow each other, and a batch may have samples of two.

    Args:
        samples: number of samples.
        steps: of the whole training.
        first: step to begin with.
        seed: of the order.
    """

    def __init__(self, samples: int, steps: Sequence[GridStep], first: int, seed: int) -> None:
        self.samples, self.steps, self.first, self.seed = samples, steps, first, seed

    def __len__(self) -> int:
        return len(self.steps) - self.first

    def __iter__(self) -> Iterator[Batch]:
        draws = [0, *accumulate(step.batch for step in self.steps)]
        orders: dict[int, list[int]] = {}
        for step, start in zip(self.steps[self.first :], draws[self.first :], strict=False):
            batch: Batch = []
            for draw in range(start, start + step.batch):
                epoch, place = divmod(draw, self.samples)
                if epoch not in orders:
                    random = np.random.default_rng([self.seed, epoch])
                    orders = {epoch: random.permutation(self.samples).tolist()}
                index = orders[epoch][place]
                batch.append((draw, index, step.frames, step.size, step.stride))
            yield batch


class PartOfBatches(Sampler[Batch]):
    """What one of several processes takes of each batch.

    Args:
        batches: the whole ones.
        rank: number of the process.
        world_size: how many there are.
    """

    def __init__(self, batches: ResumableOrder | GridOrder, rank: int, world_size: int) -> None:
        self.batches, self.rank, self.world_size = batches, rank, world_size

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.batches:
            size = len(batch) // self.world_size
            yield batch[self.rank * size : (self.rank + 1) * size]
