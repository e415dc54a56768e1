"""Heads: class scores and box offsets of all frames of a micro-tube from the features of all.

Saha, Singh and Cuzzolin, "AMTNet: Action-Micro-Tube regression by end-to-end trainable deep
architecture", ICCV 2017; for single frames ROAD's (Singh et al., "Online real-time multiple
spatiotemporal action localisation and prediction", ICCV 2017). All heads split over the frames of a
micro-tube: each frame adds a term that depends on the frame and its place in the micro-tube alone,
so a stream computes the terms of a frame once although every frame is in several micro-tubes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detection.convolution import Kept, convolve


class Head(nn.Module, ABC):
    """What the network knows of a head."""

    @abstractmethod
    def term(self, features: Tensor, place: int) -> Tensor:
        """What frames add in one place of their micro-tubes: `(N, C, H, W)` to `(N, D, H, W)`."""

    def terms(self, features: Tensor, places: int) -> list[Tensor]:
        """What frames add in each of the places of micro-tubes."""
        return [self.term(features, place) for place in range(places)]

    @abstractmethod
    def combine(self, terms: Tensor, finer: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Join the frames of micro-tubes.

        Args:
            terms: sum of the terms of all frames, `(N, D, H, W)`.
            finer: what the head of the next finer map passes on; None for the finest map.

        Returns:
            The outputs `(N, O, H, W)`, and what is passed on to the head of the next coarser map.
        """


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
    kept: Kept | None = None

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
        return convolve(_continued(features), self.weight[place])

    def terms(self, features: Tensor, places: int) -> list[Tensor]:
        """See `Head.terms`; by one convolution."""
        weight = self.weight.flatten(0, 1)
        return list(convolve(_continued(features), weight, kept=self.kept).chunk(places, 1))

    def combine(self, terms: Tensor, finer: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `Head.combine`."""
        return terms / self.TAPS + self.bias[:, None, None], None


class ConvolutionHead(Head):
    """The published head of single frames: a convolution with zero padding.

    Args:
        channels: channels of the feature map.
        outputs: output sizes (4 A, A (classes + 1)).
    """

    kept: Kept | None = None

    def __init__(self, channels: int, outputs: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(sum(outputs), channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(sum(outputs)))
        for rows in self.weight.split(list(outputs)):
            nn.init.xavier_uniform_(rows)

    def term(self, features: Tensor, place: int) -> Tensor:
        """See `Head.term`."""
        return convolve(features, self.weight, self.bias, 1, self.kept)

    def combine(self, terms: Tensor, finer: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `Head.combine`."""
        return terms, None


class LightHead(Head):
    """A depthwise-separable head with hidden layers across the frames, for light backbones.

    As in SSDLite, a depthwise 3x3 convolution and pointwise ones take the place of a full
    convolution. The hidden layers let the frames interact, which motion needs: without them no
    output could depend on more than a sum of what each frame shows. They are passed on to the next
    coarser map, since only fine maps show a motion of few pixels, which the coarse maps have to
    tell of large figures.

    Args:
        channels: channels of the feature map.
        frames: frames in a micro-tube, S.
        outputs: output sizes (4 S A, A (classes + 1)).
        finest: whether no finer map's head passes its hidden layer on to this one.
        hidden: width of the hidden layers.
    """

    def __init__(
        self,
        channels: int,
        frames: int,
        outputs: tuple[int, ...],
        *,
        finest: bool,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        self.depthwise = _depthwise(channels)
        self.pointwise = nn.ModuleList([_pointwise(channels, hidden) for _ in range(frames)])
        self.from_finer = (
            None
            if finest
            else nn.Sequential(*_depthwise(hidden, stride=2), *_pointwise(hidden, hidden))
        )
        self.mix = nn.Sequential(*_depthwise(hidden), *_pointwise(hidden, hidden))
        # The second hidden layer begins as the first one, as residual branches do.
        nn.init.zeros_(cast(nn.BatchNorm2d, self.mix[-1]).weight)
        self.output = nn.Conv2d(hidden, sum(outputs), 1)
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.zeros_(self.output.bias)  # type: ignore[arg-type]

    def term(self, features: Tensor, place: int) -> Tensor:
        """See `Head.term`."""
        term: Tensor = self.pointwise[place](self.depthwise(features))
        return term

    def terms(self, features: Tensor, places: int) -> list[Tensor]:
        """See `Head.terms`; what the places have in common is computed once."""
        seen = self.depthwise(features)
        return [self.pointwise[place](seen) for place in range(places)]

    def combine(self, terms: Tensor, finer: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `Head.combine`."""
        if self.from_finer is not None:
            terms = terms + self.from_finer(finer)
        hidden = F.relu6(terms)
        hidden = F.relu6(hidden + self.mix(hidden))
        return self.output(hidden), hidden


def heads_side_by_side(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Light heads of two streams side by side, from those of a network for each.

    The hidden layers begin as the mean of what both networks would have there, and what follows
    them as the mean of both: one network given twice keeps its outputs. The two should be related,
    one having started from the other, for their hidden layers to mean the same.

    Args:
        first: tensors of the network of the first stream, normalisation merged.
        second: likewise.

    Returns:
        The tensors of `heads` that both have.
    """
    joined = {}
    for name, one in first.items():
        other = second.get(name)
        if not name.startswith("heads.") or other is None or other.shape != one.shape:
            continue
        if ".depthwise." in name:  # works on each channel
            joined[name] = torch.cat([one, other])
        elif ".pointwise." in name and one.ndim > 1:
            joined[name] = torch.cat([one, other], 1) / 2
        else:
            joined[name] = (one + other) / 2
    return joined


def _continued(features: Tensor) -> Tensor:
    """A map with its border repeated, as the published head pads it."""
    return F.pad(features, (1, 1, 1, 1), mode="replicate")


def _depthwise(channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU6(inplace=True),
    )


def _pointwise(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))
