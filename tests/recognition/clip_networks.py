"""3D networks of reference cases, with the weights of these."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor

from recognition.published_clips import own_clip_names
from tests.reference_cases import fill_state, make_input

ModelT = TypeVar("ModelT", bound=torch.nn.Module)

needs_all_cases = pytest.mark.skipif(
    "REFERENCE_CASES" not in os.environ, reason="needs the reference cases"
)


def state_of(description: dict[str, Any]) -> dict[str, Tensor]:
    """The tensors of a case by their published names."""
    arrays: dict[str, np.ndarray] = {}
    for key, shape, dtype in description["manifest"]:
        gain, scale = description["gain"], 1.0
        for rule in description.get("fill_overrides") or ():
            if rule["contains"] in key:
                gain, scale = rule.get("gain", gain), rule.get("scale", scale)
        filled = fill_state([[key, shape, dtype]], gain, description.get("seed", 0))
        arrays |= {name: scale * array for name, array in filled.items()}
    for name, other in (description.get("aliases") or {}).items():
        arrays[name] = arrays[other]
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def load(model: ModelT, state: dict[str, Tensor]) -> ModelT:
    """The network with these tensors, in double precision."""
    missing, unexpected = model.double().load_state_dict(state, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    return model.eval()


def load_published(model: ModelT, description: dict[str, Any]) -> ModelT:
    """The network with the tensors of a published file."""
    return load(model, own_clip_names(state_of(description)))


def input_of(given: dict[str, Any], seed: int = 0) -> Tensor:
    """The input of a case."""
    known = {k: given[k] for k in ("name", "shape", "seed", "low", "high") if k in given}
    return torch.from_numpy(make_input(**{"seed": seed, **known}))
