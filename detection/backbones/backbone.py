"""What the rest of the detector knows of a backbone, and what light backbones have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

from torch import Tensor, nn
from torchvision.models import WeightsEnum
from torchvision.models.mobilenetv2 import InvertedResidual

import data
from detection.streams import Normalisation

# What torchvision does to images.
IMAGENET = Normalisation((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
# Within an image flow spreads over a quarter of the range that colours do.
_SPREAD_OF_FLOW = 0.25


class Backbone(nn.Module, ABC):
    """A function from frames to a list of feature maps, finest first.

    A new one is a file with a class like those here, and a line in `detection.backbones`. It takes
    the number n of images that are stacked for a frame.

    Attributes:
        channels: channels of each feature map.
        strides: pixels between the cells of each map that the priors assume, or None where the
            cells divide the input evenly (see `detection.priors`).
        input_size: height and width in pixels that the published recipe resizes frames to.
        of_pictures: how images are normalised that are no flow images.
    """

    channels: tuple[int, ...]
    strides: tuple[int | None, ...]
    input_size: int
    of_pictures: Normalisation

    @abstractmethod
    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute the feature maps.

        Args:
            images: `(N, 3 n, H, W)` RGB images one after the other, see `normalisation`.

        Returns:
            One `(N, channels[k], h_k, w_k)` tensor for each source map.
        """

    @abstractmethod
    def imagenet_state(self) -> Mapping[str, Tensor]:
        """The weights that torchvision has for this backbone, by its names, of one RGB image.

        Raises:
            InputError: they cannot be downloaded.
        """

    def normalisation(self, *, flow: bool) -> Normalisation:
        """How images are normalised, flow images or others."""
        return self.of_pictures

    def pretrained_layers(self) -> list[nn.Module]:
        """The layers that ImageNet weights initialise, whose normalisation stays frozen then."""
        return []

    def early_layers(self) -> list[nn.Module]:
        """Those of them that fine-tuning leaves alone: edges and textures, most of the work."""
        return []


class LightBackbone(Backbone):
    """A classifier's layers up to stride 32, and three more that halve the map."""

    strides = (None,) * 6
    input_size = 224
    of_pictures = IMAGENET

    def normalisation(self, *, flow: bool) -> Normalisation:
        """See `Backbone.normalisation`; flow is spread as colours are, which the layers expect."""
        if not flow:
            return self.of_pictures
        red, green, blue = (_SPREAD_OF_FLOW * std for std in self.of_pictures.std)
        return Normalisation((float(data.NO_MOTION),) * 3, (red, green, blue))


def extra_layers(channels: Sequence[int]) -> nn.ModuleList:
    """Inverted residuals that halve the map, from each of the channels to the next."""
    return nn.ModuleList(
        [InvertedResidual(a, b, stride=2, expand_ratio=0.25) for a, b in pairwise(channels)]
    )


def stacked(first: nn.Module, images: int) -> nn.Conv2d:
    """A first layer like this one for so many RGB images in place of one, with fresh weights."""
    old = cast(nn.Conv2d, first)
    if images == 1:
        return old
    geometry: dict[str, Any] = {
        name: getattr(old, name) for name in ("kernel_size", "stride", "padding")
    }
    return nn.Conv2d(
        images * old.in_channels, old.out_channels, bias=old.bias is not None, **geometry
    )


def downloaded(weights: WeightsEnum) -> dict[str, Tensor]:
    """Weights of torchvision, from its cache or its server, their hash checked.

    Raises:
        InputError: they cannot be downloaded.
    """
    try:
        state: dict[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise data.InputError(
            f"{weights.url}: cannot be downloaded ({error}); download it yourself and name the "
            "file with --init_weights"
        ) from None
    return state
