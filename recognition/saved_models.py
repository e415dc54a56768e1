"""Classifiers from checkpoints: ours, which describe themselves, and published ones."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import data
from recognition.heads.clip_classifier import ClipClassifier
from recognition.models import Classifier, Settings, build_model, settings_of
from recognition.published import own_names, settings_of_name
from recognition.published_clips import own_clip_names
from recognition.recognised import recognised_settings
from weights import ClassifierCheckpoint, load_classifier

# Settings of our files that tests may choose otherwise.
_CHANGEABLE = ("segments", "frames")
_CLASSIFIERS = (
    *("new_fc.bias", "base_model.fc.bias", "base_model.classifier.bias"),
    *("fc.bias", "classifier.bias"),  # of files of the image network alone
)


def described(settings: Settings, classes: Sequence[str], **others: Any) -> dict[str, Any]:
    """What a checkpoint of a classifier says of itself; see `weights.ClassifierCheckpoint`.

    Args:
        settings: of the network.
        classes: names of the classes.
        others: such as "figures".
    """
    return {"model": asdict(settings), "classes": list(classes), **others}


def load_model(
    weights: str | os.PathLike[str], **settings: Any
) -> tuple[Classifier, Settings, ClassifierCheckpoint]:
    """The network of a checkpoint, in evaluation mode.

    Args:
        weights: see `weights.load_classifier`.
        settings: of `SegmentSettings` or `ClipSettings`, which a published file and its name do not
            tell, or which are wrong there; of ours `segments` and `frames` may be changed.

    Returns:
        The network, its settings, and the checkpoint.

    Raises:
        InputError: the file is no such checkpoint, or the settings are of another network.
    """
    checkpoint = load_classifier(weights)
    if checkpoint.published:
        told = recognised_settings(checkpoint.state)
        told = told or settings_of_name(checkpoint.path) | _told_by_tensors(checkpoint)
    else:
        told = dict(checkpoint.metadata["model"])
        for name, value in settings.items():
            if name not in _CHANGEABLE and told.get(name, value) != value:
                raise data.InputError(
                    f"{checkpoint.path}: says that its {name} is {told[name]}, not {value}; leave "
                    "the option out"
                )
    told |= settings
    needed = ("classes",) if "backbone" in told else ("arch", "classes", "segments")
    missing = [name for name in needed if name not in told]
    if missing:
        raise data.InputError(
            f"{checkpoint.path}: neither the file nor its name tells the {', '.join(missing)} of "
            "the network; give them as options"
        )
    found = settings_of(told)
    model = build_model(found)
    load_state(model, checkpoint.state, str(checkpoint.path))
    return model.eval(), found, checkpoint


def load_state(model: Classifier, state: Mapping[str, Any], path: str) -> None:
    """Fill a network with the tensors of a checkpoint, all of them.

    Raises:
        InputError: there are others than the network's, or of other shapes.
    """
    own = model.state_dict()
    named = named_as(model, state)
    # Files of old have no counters of batches.
    missing = [k for k in own if k not in named and not k.endswith("num_batches_tracked")]
    foreign = [k for k in named if k not in own]
    other = [k for k in own if k in named and named[k].shape != own[k].shape]
    for names, problem in (
        (missing, "lacks"),
        (foreign, "has more than the network, such as"),
        (other, "has in another shape"),
    ):
        if names:
            raise data.InputError(
                f"{path}: {problem} {names[0]} ({len(names)} tensors); give the settings of its "
                "network, or another file"
            )
    model.load_state_dict(named, strict=False)


def named_as(model: Classifier, state: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors of any file by the names of a network, where it has them."""
    own = model.state_dict()
    if not isinstance(model, ClipClassifier):
        return own_names(state, own)
    named = own_clip_names(state)
    kernel = named.get("fc_action.weight")
    if kernel is not None:  # of I3D a convolution of one step
        named["fc_action.weight"] = kernel.flatten(1)
    return named


def _told_by_tensors(checkpoint: ClassifierCheckpoint) -> dict[str, Any]:
    """What the tensors of a published file tell of its network."""
    state = {name.removeprefix("module."): tensor for name, tensor in checkpoint.state.items()}
    told: dict[str, Any] = {}
    for name in _CLASSIFIERS:
        if name in state:
            told["classes"] = len(state[name])
            break
    if checkpoint.metadata.get("arch"):
        told["arch"] = checkpoint.metadata["arch"]
    centers = state.get("base_model.global_pool.centers")
    if centers is not None:
        told["num_centers"], told["redu_dim"] = centers.shape
        shared = "base_model.global_pool.share_w" in state
        if not shared:
            told["seqvlad_type"] = "unshare_bidirect"
    return told
