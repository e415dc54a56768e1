"""Samples loaded in other processes."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import Dataset

from data import InputError
from training.loading import load


class Numbers(Dataset):
    """Each its own number, but for the one that is damaged."""

    def __getitem__(self, key):
        if key == 4:
            raise InputError("4: is damaged; replace it")
        return torch.tensor(key), key


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_are_told_as_they_are(workers):
    batches = load(Numbers(), batch_size=2, sampler=range(6), num_workers=workers)
    assert [part.tolist() for part in next(batches)] == [[0, 1], [0, 1]]
    assert [part.tolist() for part in next(batches)] == [[2, 3], [2, 3]]
    with pytest.raises(InputError, match=r"^4: is damaged; replace it$"):
        next(batches)


@pytest.mark.parametrize("workers", [0, 2])
def test_samples_may_come_alone(workers):
    samples = load(Numbers(), batch_size=None, sampler=[3, 4], num_workers=workers)
    number, key = next(samples)
    assert number.shape == () and int(number) == key == 3
    with pytest.raises(InputError, match=r"^4: is damaged; replace it$"):
        next(samples)


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_may_be_told_before_the_others_of_their_batch(workers):
    told = load(Numbers(), told=True, batch_size=2, sampler=[3, 4, 4, 4, 5], num_workers=workers)
    found = ["error" if isinstance(each, InputError) else each[1].tolist() for each in told]
    assert found == ["error", [3], "error", "error", [5]]


def test_errors_may_be_told_in_the_place_of_samples():
    samples = load(Numbers(), told=True, batch_size=None, sampler=[4, 5])
    assert isinstance(next(samples), InputError)
    assert next(samples)[1] == 5
