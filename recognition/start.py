"""What a network starts from: weights of images, of another network, or of another data set."""

from __future__ import annotations

import data
from data.command import counted
from recognition.heads.segment_classifier import SegmentClassifier, first_layer, widened
from recognition.published import own_names, tune_from
from weights import load_tensors


def start_from(model: SegmentClassifier, path: str, *, repeated: bool = False) -> int:
    """Take over the tensors of a file that have the names and shapes of the network's.

    So a file of ImageNet starts the image network, and one of TSN all of SeqVLAD but its own layer
    (SeqVLAD's `--resume_type tsn`). A first layer of three channels is made one of as many as the
    network has.

    Args:
        model: filled in place.
        path: of any checkpoint.
        repeated: see `change_first_layer`.

    Returns:
        How many tensors were taken over.

    Raises:
        InputError: there is none.
    """
    own = model.state_dict()
    named = own_names(load_tensors(path), own)
    name = f"{first_layer(model)[0]}.weight"
    kernel = named.get(name)
    if kernel is not None and kernel.dim() == 4 and kernel.shape[1] == 3:
        named[name] = widened(kernel, own[name].shape[1], repeated=repeated)
    taken = {k: v for k, v in named.items() if k in own and own[k].shape == v.shape}
    if not any(tensor.dim() > 1 for tensor in taken.values()):
        raise data.InputError(
            f"{path}: has no tensor of this network; name a file of the same --arch with "
            "--init_weights, or none"
        )
    model.load_state_dict(taken, strict=False)
    return len(taken)


def tune(model: SegmentClassifier, path: str, dataset: str, modality: str) -> int:
    """Take over what TSM's `--tune_from` takes of a file.

    Args:
        model: filled in place.
        path: of the file.
        dataset: that is trained on.
        modality: of the network.

    Returns:
        How many tensors were taken over.

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
    return len(tuning.taken)
