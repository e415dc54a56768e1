"""Networks of reference cases, built from what the cases say of the published constructors."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from recognition.heads.segment_classifier import SegmentClassifier
from recognition.models import build_model
from recognition.published import own_names
from recognition.segment_models import SegmentSettings
from tests.reference_cases import fill_state, make_input

ModelT = TypeVar("ModelT", bound=torch.nn.Module)

# Ours, where the published constructors have other names.
_NAMES = {"base_model": "arch", "num_class": "classes", "consensus_type": "consensus"}
_SAME = {
    *("modality", "dropout", "shift_place", "temporal_pool", "non_local", "fuse_before_net"),
    *("num_centers", "redu_dim", "with_relu", "seqvlad_type", "init_method"),
}


def settings_of(constructor: dict[str, Any]) -> SegmentSettings:
    """The settings of a published network."""
    named = {_NAMES.get(key, key): value for key, value in constructor.items()}
    settings = {k: v for k, v in named.items() if k in _SAME or k in _NAMES.values()}
    settings["segments"] = named.get("num_segments") or named["timesteps"]
    if named.get("is_shift"):
        settings["shift_div"] = named["shift_div"]
    if named.get("is_gray"):
        settings["num_frame"] = named["num_frame"]
    if "activation" in named:
        settings["activation"] = named["activation"] or "none"
    return SegmentSettings(**settings)


def load(model: ModelT, description: dict[str, Any]) -> ModelT:
    """The network with the weights of a case, in double precision."""
    state = fill_state(description["manifest"], description["gain"], description["seed"])
    tensors = {key: torch.from_numpy(array) for key, array in state.items()}
    tensors = own_names(tensors, model.state_dict().keys())
    missing, unexpected = model.double().load_state_dict(tensors, strict=False)
    assert not unexpected and all(key.endswith("num_batches_tracked") for key in missing)
    return model.eval()


def network_of(description: dict[str, Any]) -> SegmentClassifier:
    """The network of a case."""
    return load(build_model(settings_of(description["constructor"])), description)


def input_of(description: dict[str, Any]) -> Tensor:
    """The input of a case."""
    given = {k: v for k, v in description["input"].items() if k != "meaning"}
    return torch.from_numpy(make_input(**given, seed=description["seed"]))


def error(found: Tensor, wanted: np.ndarray) -> float:
    """The largest error, of the largest number."""
    assert found.shape == wanted.shape
    return float(np.abs(found.numpy() - wanted).max() / np.abs(wanted).max())
