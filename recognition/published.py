"""What the names of published files of TSN, TSM, LSNet and SeqVLAD and of their tensors say."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from recognition.backbones.mobilenet_v2 import own_block_names

TensorT = TypeVar("TensorT")

_WRAPPER = ".net."  # the shift around a layer
_NAME = re.compile(
    r"TSM_(?P<dataset>[^_]+)_(?P<modality>RGB|Flow)_(?P<arch>[^_]+)"
    r"(?:_shift(?P<shift_div>\d+)_(?P<shift_place>[^_]+))?(?P<rest>_.*)?"
)
_SEGMENTS = re.compile(r"_segment(\d+)")


def settings_of_name(path: str | Path) -> dict[str, Any]:
    """The settings of a network that the name of a TSM file or of its folder tells.

    Args:
        path: such as TSM_kinetics_RGB_resnet50_shift8_blockres_avg_segment8_e50.pth, or
            ckpt.best.pth.tar in a folder of such a name. Other folders are not looked at: of the
            published script, one with "shift" in its name breaks the reading.

    Returns:
        Settings by the names of `SegmentSettings`; none if the name tells nothing.
    """
    path = Path(path)
    for name in (path.name, path.parent.name):
        found = _NAME.search(name)
        if found:
            rest = found["rest"] or ""
            settings: dict[str, Any] = {
                "modality": found["modality"],
                "arch": found["arch"],
                "shift_div": int(found["shift_div"] or 0),
                "temporal_pool": "tpool" in rest,
                "non_local": "_nl" in rest,
            }
            if found["shift_place"]:
                settings["shift_place"] = found["shift_place"]
            segments = _SEGMENTS.search(rest)
            return settings | ({"segments": int(segments[1])} if segments else {})
    return {}


def own_names(published: Mapping[str, TensorT], wanted: Collection[str]) -> dict[str, TensorT]:
    """The tensors of a published file by the names of a network.

    Args:
        published: with or without `module.`; of the image network alone, as torchvision's files and
            that of the online demo are, or of a whole classifier.
        wanted: the names of the network.

    Returns:
        All tensors; those that the network does not have keep a name of their own.
    """
    # A file and a network that both have shifts have the same, or are not of the same kind.
    shifted = [any(_WRAPPER in name for name in names) for names in (published, wanted)]
    plain = {} if all(shifted) else {name.replace(_WRAPPER, "."): name for name in wanted}
    named = {}
    for name, tensor in own_block_names(published).items():
        name = name.removeprefix("module.")
        if not name.startswith(("base_model.", "new_fc.")):
            name = f"base_model.{name}"
        if name not in wanted:
            name = re.sub(r"^base_model\.(fc|classifier)\.", "new_fc.", name)
        if name not in wanted:
            name = plain.get(name.replace(_WRAPPER, "."), name)
        named[name] = tensor
    return named


@dataclass(frozen=True)
class Tuning:
    """What fine-tuning takes of a file.

    Attributes:
        taken: tensors by the names of the network.
        kept: names of what the network keeps of its own.
        foreign: names of what the file has and the network has not.
    """

    taken: dict[str, Any]
    kept: list[str]
    foreign: list[str]


def tune_from(
    published: Mapping[str, Any], wanted: Collection[str], path: str, dataset: str, modality: str
) -> Tuning:
    """What TSM's `--tune_from` takes of a file.

    Where the file is of another data set, which its name tells, its classifier is left out; where
    it is of RGB and the network of flow, all tensors called `conv1.weight` are, which of a ResNet
    without shifts is the first convolution of every block.

    Args:
        published: tensors of the file.
        wanted: the names of the network.
        path: of the file.
        dataset: that is trained on.
        modality: of the network.
    """
    taken = {}
    for name, tensor in published.items():
        name = name.removeprefix("module.")
        if name not in wanted and name.replace(".net", "") in wanted:
            name = name.replace(".net", "")
        taken[name] = tensor
    for name in wanted:
        if name not in taken and name.replace(".net", "") in taken:
            taken[name] = taken.pop(name.replace(".net", ""))
    left_out = [] if dataset in path else ["fc"]
    if modality == "Flow" and "Flow" not in path:
        left_out.append("conv1.weight")
    taken = {k: v for k, v in taken.items() if not any(part in k for part in left_out)}
    return Tuning(
        {name: tensor for name, tensor in taken.items() if name in wanted},
        [name for name in wanted if name not in taken],
        [name for name in taken if name not in wanted],
    )
