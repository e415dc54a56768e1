"""The 3D networks that look at clips: ResNeXt-101, I3D, SlowFast, R(2+1)D, those of SRTG, MTNet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from recognition.backbones import inception3d, mtnet, resnet3d, resnext3d, slowfast
from recognition.backbones.resnet3d import ResNet3D, ResNet3DSettings
from recognition.input_format import InputFormat


@dataclass(frozen=True)
class Backbone3D:
    """A 3D network.

    Attributes:
        build: makes it without its classifier; told the channels of a frame, and of recursion the
            gate and the place (see `ResNet3DSettings`).
        widths: channels of the maps that it gives, of each path.
        strides: frames of a clip for a step of these maps, of each path.
        rgb: how it wants its images.
        flow: how it wants those of flow; None if it is known for RGB only.
    """

    build: Callable[[int, str | None, str], nn.Module]
    widths: Sequence[int]
    strides: Sequence[int]
    rgb: InputFormat
    flow: InputFormat | None = None

    @property
    def of_srtg(self) -> bool:
        """Whether it is trained and tested as SRTG and MTNet, not as late temporal modelling."""
        return self.rgb is _SRTG


def _of_srtg(_: int, recursion: str | None, place: str, **others: Any) -> nn.Module:
    return ResNet3D(ResNet3DSettings(recursion=recursion, place=place, **others))


def _r2plus1d_34(*_: object) -> nn.Module:
    network = ResNet3D(ResNet3DSettings(34, "2plus1d", pool=False, caffe=True))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            # Caffe2 means the other share by momentum; published results are of these numbers.
            module.eps, module.momentum = 1e-3, 0.9
    return network


def _mtnet(size: str, groups: int, *_: object) -> nn.Module:
    return mtnet.MTNet(size, groups)


_HALF = (0.5,)
_I3D = InputFormat(224, _HALF, _HALF)
_RESNEXT = InputFormat(112, (114.7748, 107.7354, 99.4750), (1.0,), divide=False)
_RESNEXT_FLOW = InputFormat(112, (127.5,), (1.0,), divide=False)
_SLOWFAST = InputFormat(224, (0.45,), (0.225,))
_R2PLUS1D = InputFormat(112, (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))
# Means of red, green and blue, taken from blue, green and red, as published.
_SRTG = InputFormat(224, (124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),), bgr=True)
_WIDE = {"groups": 1, "group_width": 128}
_SIZES: dict[str, dict[str, Any]] = {
    **{f"{{}}_{depth}": {"depth": depth} for depth in resnet3d.DEPTHS},
    "{}xt50_32x4d": {"depth": 50, "groups": 32, "group_width": 4},
    "{}xt101_32x8d": {"depth": 101, "groups": 32, "group_width": 8},
    "wide_{}50_2": {"depth": 50, **_WIDE},
    "wide_{}101_2": {"depth": 101, **_WIDE},
}
RESNETS_3D: dict[str, dict[str, Any]] = {
    name.format(prefix): {"kind": kind, **sizes}
    for prefix, kind in (("r3d", "3d"), ("r2plus1d", "2plus1d"))
    for name, sizes in _SIZES.items()
}
"""Settings of the 3D ResNets of SRTG, see `ResNet3DSettings`."""

BACKBONES_3D = {
    "resneXt3D101": Backbone3D(
        lambda channels, *_: resnext3d.build_resnext3d(channels),
        *((2048,), (16,), _RESNEXT, _RESNEXT_FLOW),
    ),
    "I3D": Backbone3D(
        lambda channels, *_: inception3d.build_inception3d(channels),
        *((1024,), (8,), _I3D, _I3D),
    ),
    "slowfast50": Backbone3D(
        lambda *_: slowfast.SlowFast(), slowfast.WIDTHS, slowfast.STRIDES, _SLOWFAST
    ),
    "r2plus1d34": Backbone3D(_r2plus1d_34, (512,), (8,), _R2PLUS1D),
    **{
        name: Backbone3D(partial(_of_srtg, **told), (512,), (16,), _SRTG)
        for name, told in RESNETS_3D.items()
    },
    **{
        f"mtnet_{size}{end}": Backbone3D(
            partial(_mtnet, size, groups), mtnet.widths(512), (16, 16), _SRTG
        )
        for end, groups in (("", 1), ("_g8", 8))
        for size in mtnet.SIZES
    },
}
