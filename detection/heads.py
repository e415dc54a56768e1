"""Micro-tube heads: class scores and box offsets of all frames from the features of all frames.

Saha, Singh and Cuzzolin, "AMTNet: Action-Micro-Tube regression by end-to-end trainable deep
architecture", ICCV 2017. Both heads split over the frames of a micro-tube: each frame adds a term
that depends on the frame and its place in the micro-tube alone, so a stream computes the terms of
a frame once although every frame is in several micro-tubes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Head(nn.Module, ABC):
    """What the network knows of a head."""

    @abstractmethod
    def term(self, features: Tensor, place: int) -> Tensor:
        """What frames add in one place of their micro-tubes: `(N, C, H, W)` to `(N, D, H, W)`."""

    @abstractmethod
    def combine(self, terms: Tensor) -> Tensor:
        """The outputs `(N, O, H, W)` from the sum `(N, D, H, W)` of the terms of all frames."""


class LinearHead(Head):
    """The published head: linear over the 3x3 neighbourhoods of all frames, as a convolution.

    The published layer gathers each cell's replicate-padded 3x3 neighbourhood, divides it by 9 and
    applies a linear layer, which is this convolution. The weight keeps the linear layer's scale and
    9 divides the outcome, so that optimisation is as published too.

    Args:
        channels: channels of the feature map.
        frames: frames in a micro-tube, S.
        outputs: sizes of the linear layers that are merged here: (4 S A, A (classes + 1)).
    """

    TAPS = 9

    def __init__(self, channels: int, frames: int, outputs: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(frames, sum(outputs), channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(sum(outputs)))
        # Xavier's bound follows the shape of each published linear layer.
        for rows, size in zip(self.weight.split(list(outputs), dim=1), outputs, strict=True):
            bound = (6 / (frames * self.TAPS * channels + size)) ** 0.5
            nn.init.uniform_(rows, -bound, bound)

    def term(self, features: Tensor, place: int) -> Tensor:
        """See `Head.term`."""
        return F.conv2d(F.pad(features, (1, 1, 1, 1), mode="replicate"), self.weight[place])

    def combine(self, terms: Tensor) -> Tensor:
        """See `Head.combine`."""
        return terms / self.TAPS + self.bias[:, None, None]


class LightHead(Head):
    """A depthwise-separable head with one hidden layer across the frames, for light backbones.

    As in SSDLite, a depthwise 3x3 convolution and pointwise ones take the place of a full
    convolution. The hidden layer lets the frames interact, which motion needs: without it no
    output could depend on more than a sum of what each frame shows.

    Args:
        channels: channels of the feature map.
        frames: frames in a micro-tube, S.
        outputs: output sizes (4 S A, A (classes + 1)).
        hidden: width of the hidden layer.
    """

    def __init__(
        self, channels: int, frames: int, outputs: tuple[int, ...], hidden: int = 128
    ) -> None:
        super().__init__()
        self.depthwise = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU6(inplace=True),
        )
        self.pointwise = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(channels, hidden, 1, bias=False), nn.BatchNorm2d(hidden))
                for _ in range(frames)
            ]
        )
        self.output = nn.Conv2d(hidden, sum(outputs), 1)
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.zeros_(self.output.bias)  # type: ignore[arg-type]

    def term(self, features: Tensor, place: int) -> Tensor:
        """See `Head.term`."""
        term: Tensor = self.pointwise[place](self.depthwise(features))
        return term

    def combine(self, terms: Tensor) -> Tensor:
        """See `Head.combine`."""
        outputs: Tensor = self.output(F.relu6(terms))
        return outputs
