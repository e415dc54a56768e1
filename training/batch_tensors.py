"""The tensors of a batch: one, a list of them, or a list of such lists."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def shape_of(batch: Any) -> tuple[int, ...]:
    """The shape of the first tensor of a batch."""
    return tuple(batch.shape) if isinstance(batch, Tensor) else shape_of(batch[0])


def moved(batch: Any, device: torch.device) -> Any:
    """Tensors, or lists of them and of lists, on a device."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    return [moved(part, device) for part in batch]


def pieces_of(batch: Any, parts: int) -> list[Any]:
    """A batch in parts, each as the batch is."""
    if isinstance(batch, Tensor):
        return list(batch.chunk(parts))
    return [list(piece) for piece in zip(*(pieces_of(part, parts) for part in batch), strict=True)]


def smallest_piece(samples: int, parts: int) -> int:
    """Samples in the smallest of `pieces_of` a batch, which is the last one."""
    return len(pieces_of(torch.empty(samples), parts)[-1])
