"""What the rest of the detector knows of a backbone."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Backbone(nn.Module, ABC):
    """A function from frames to a list of feature maps, finest first.

    Attributes:
        channels: channels of each feature map.
        strides: pixels between the cells of each map that the priors assume, or None where the
            cells divide the input evenly (see `detection.priors`).
        input_size: height and width in pixels that the published recipe resizes frames to.
        mean: RGB values (0..255) that are subtracted from a frame.
        std: RGB values that a frame is then divided by.
    """

    channels: tuple[int, ...]
    strides: tuple[int | None, ...]
    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @abstractmethod
    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute the feature maps.

        Args:
            images: `(N, 3, H, W)` RGB frames, `(value - mean) / std`.

        Returns:
            One `(N, channels[k], h_k, w_k)` tensor for each source map.
        """

    def pretrained_layers(self) -> list[nn.Module]:
        """The layers that ImageNet weights initialise, whose normalisation stays frozen then."""
        return []

    def early_layers(self) -> list[nn.Module]:
        """Those of them that fine-tuning leaves alone: edges and textures, most of the work."""
        return []
