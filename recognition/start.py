"""What a network starts from: weights of images, of another network, or of another data set."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import data
from data.command import counted
from recognition.heads.segment_classifier import SegmentClassifier, first_layer, widened
from recognition.models import Classifier
from recognition.published import tune_from
from recognition.saved_models import named_as
from weights import load_tensors

_COUNTER = "num_batches_tracked"  # files of old have none
_NAMED = 4


@dataclass(frozen=True)
class Transfer:
    """What a network takes over of a file.

    Attributes:
        taken: how many tensors.
        kept: names of the network's tensors that the file does not fill.
        left: names of those of the file, as the network would name them, that do not fit.
    """

    taken: int
    kept: Sequence[str]
    left: Sequence[str]

    def told(self, path: str) -> str:
        """The same in a line.

        Args:
            path: of the file.
        """
        text = f"{counted(self.taken, 'tensor')} from {path}"
        if self.kept:
            text += f"; as they were: {_some(self.kept)}"
        return text + (f"; left out of the file: {_some(self.left)}" if self.left else "")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def start_from(model: Classifier, path: str, *, repeated: bool = False) -> Transfer:
    """Take over the tensors of a file that have the names and shapes of the network's.

    So a file of ImageNet starts the image network, one of TSN all of SeqVLAD but its own layer
    (SeqVLAD's `--resume_type tsn`), and one of Kinetics a 3D network but its linear layer (SRTG's
    `--pretrained_3d`). A first layer of images for three channels is made one of as many as the
    network has, if these are others.

    Args:
        model: filled in place.
        path: of any checkpoint.
        repeated: see `change_first_layer`.

    Returns:
        What was taken over and what was not.

    Raises:
        InputError: there is nothing to take over.
    """
    own = model.state_dict()
    named = named_as(model, load_tensors(path))
    if isinstance(model, SegmentClassifier):
        name = f"{first_layer(model)[0]}.weight"
        kernel = named.get(name)
        if kernel is not None and kernel.dim() == 4 and kernel.shape[1] == 3 != own[name].shape[1]:
            named[name] = widened(kernel, own[name].shape[1], repeated=repeated)
    taken = {k: v for k, v in named.items() if k in own and own[k].shape == v.shape}
    if not any(tensor.dim() > 1 for tensor in taken.values()):
        raise data.InputError(
            f"{path}: has no tensor of this network; name a file of the same --arch with "
            "--init_weights, or none"
        )
    model.load_state_dict(taken, strict=False)
    return _transfer(taken, own, named)


def tune(model: Classifier, path: str, dataset: str, modality: str) -> Transfer:
    """Take over what TSM's `--tune_from` takes of a file.

    Args:
        model: filled in place.
        path: of the file.
        dataset: that is trained on.
        modality: of the network.

    Returns:
        What was taken over and what was not.

    Raises:
        InputError: the file has tensors that the network has not, or in other shapes.
    """
    own = model.state_dict()
    tuning = tune_from(load_tensors(path), own, path, dataset, modality)
    wrong = tuning.foreign + [k for k, v in tuning.taken.items() if own[k].shape != v.shape]
    if wrong:
        raise data.InputError(
            f"{path}: has {wrong[0]} ({counted(len(wrong), 'tensor')}), which this "
            "network has not or in another shape; give the options of its network, or take what "
            "fits with --init_weights"
        )
    model.load_state_dict(tuning.taken, strict=False)
    return _transfer(tuning.taken, own, tuning.taken)


def _transfer(taken: Collection[str], own: Collection[str], named: Collection[str]) -> Transfer:
    kept = [k for k in own if k not in taken and not k.endswith(_COUNTER)]
    return Transfer(len(taken), kept, [k for k in named if k not in taken])
