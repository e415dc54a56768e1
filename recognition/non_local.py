"""Non-local blocks (Wang et al., arXiv 1711.07971) of TSM and of late temporal modelling."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class NonLocal(nn.Module):
    """Attention over all places of all segments, added to the input (embedded Gaussian).

    It begins as the identity: scale and shift of the last normalisation are zeros.

    Args:
        channels: of the input.
        sampled: as in TSM: half of the channels inside, and what is attended to are maxima of two
            by two places; otherwise all channels and places, and what they have in common is
            divided by the square root of the number of places.
    """

    def __init__(self, channels: int, *, sampled: bool = True) -> None:
        super().__init__()
        inner = channels // 2 if sampled else channels
        self.sampled = sampled
        self.theta = nn.Conv3d(channels, inner, 1)
        self.phi, self.g = (
            nn.Sequential(nn.Conv3d(channels, inner, 1), nn.MaxPool3d((1, 2, 2)))
            if sampled
            else nn.Conv3d(channels, inner, 1)
            for _ in range(2)
        )
        norm = nn.BatchNorm3d(channels)
        nn.init.zeros_(norm.weight)
        self.W = nn.Sequential(nn.Conv3d(inner, channels, 1), norm)

    def forward(self, clips: Tensor) -> Tensor:
        """Takes and gives `(clips, channels, segments, height, width)`."""
        queries, keys, values = (
            part(clips).flatten(2).transpose(1, 2) for part in (self.theta, self.phi, self.g)
        )
        scale = 1.0 if self.sampled else keys.shape[1] ** -0.5
        seen = functional.scaled_dot_product_attention(queries, keys, values, scale=scale)
        output: Tensor = self.W(seen.transpose(1, 2).unflatten(2, clips.shape[2:])) + clips
        return output


class NonLocalBlock(nn.Module):
    """A block of an image network, and a non-local one behind it.

    Args:
        block: of the image network.
        channels: that it gives.
        segments: of a clip.
    """

    def __init__(self, block: nn.Module, channels: int, segments: int) -> None:
        super().__init__()
        self.block, self.nl, self.segments = block, NonLocal(channels), segments

    def forward(self, frames: Tensor) -> Tensor:
        """Takes `(clips * segments, channels, height, width)`."""
        clips = self.block(frames).unflatten(0, (-1, self.segments)).transpose(1, 2)
        output: Tensor = self.nl(clips).transpose(1, 2).flatten(0, 1)
        return output
