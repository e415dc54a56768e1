"""In which numbers networks compute."""

from __future__ import annotations

import torch

PRECISIONS = ("float32", "bfloat16", "float16")
"""Of these, the last two are mixed: what does not bear so few digits is in float32."""

_KINDS = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """What makes PyTorch compute so, inside of a `with` statement.

    Args:
        device: on which.
        precision: one of `PRECISIONS`.
    """
    mixed = precision in _KINDS
    return torch.autocast(device.type, _KINDS[precision] if mixed else None, enabled=mixed)
