"""Samples loaded in other processes, whose errors are told as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, default_collate, default_convert

from data.errors import InputError


def load(samples: Dataset[Any], *, told: bool = False, **options: Any) -> Iterator[Any]:
    """Yields batches, or single samples where `batch_size` is None.

    PyTorch's loader makes one text of what went wrong in a process and of all the calls that led
    there.

    Args:
        samples: what is loaded.
        told: whether an `InputError` is yielded in the place of its sample; of a batch before the
            batch of the others.
        options: of PyTorch's `DataLoader`, such as `num_workers`; a sampler among them.

    Raises:
        InputError: as a sample raises it, unless it is told.
    """
    alone = "batch_size" in options and options["batch_size"] is None
    collate = _converted if alone else _collated
    for errors, batch in DataLoader(_Told(samples), collate_fn=collate, **options):
        for error in errors:
            if not told:
                raise error
            yield error
        if batch is not None:
            yield batch


class _Told(Dataset[Any]):
    """Samples, or in the place of one what is wrong with it."""

    def __init__(self, samples: Dataset[Any]) -> None:
        self.samples = samples

    def __getitem__(self, key: Any) -> Any:
        try:
            return self.samples[key]
        except InputError as error:
            return error


# What could not be read, and the others if there are any.
_Loaded = tuple[list[InputError], Any]


def _converted(sample: Any) -> _Loaded:
    return ([sample], None) if isinstance(sample, InputError) else ([], default_convert(sample))


def _collated(samples: list[Any]) -> _Loaded:
    errors = [sample for sample in samples if isinstance(sample, InputError)]
    others = [sample for sample in samples if not isinstance(sample, InputError)]
    return errors, default_collate(others) if others else None
