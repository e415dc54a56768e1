"""Which samples are trained on when: shuffled batches that can be taken up anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class ResumableOrder(Sampler[list[tuple[int, int]]]):
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

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
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


class PartOfBatches(Sampler[list[tuple[int, int]]]):
    """What one of several processes takes of each batch.

    Args:
        batches: the whole ones.
        rank: number of the process.
        world_size: how many there are.
    """

    def __init__(self, batches: ResumableOrder, rank: int, world_size: int) -> None:
        self.batches, self.rank, self.world_size = batches, rank, world_size

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for batch in self.batches:
            size = len(batch) // self.world_size
            yield batch[self.rank * size : (self.rank + 1) * size]
