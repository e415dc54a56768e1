"""Non-local blocks (Wang et al., arXiv 1711.07971), as TSM adds them to ResNet-50."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class NonLocal(nn.Module):
    """Attention over all places of all segments, added to the input (embedded Gaussian).

    It begins as the identity: scale and shift of the last normalisation are zeros.

    Args:
        channels: of the input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.theta = nn.Conv3d(channels, inner, 1)
        self.phi = nn.Sequential(nn.Conv3d(channels, inner, 1), nn.MaxPool3d((1, 2, 2)))
        self.g = nn.Sequential(nn.Conv3d(channels, inner, 1), nn.MaxPool3d((1, 2, 2)))
        norm = nn.BatchNorm3d(channels)
        nn.init.zeros_(norm.weight)
        self.W = nn.Sequential(nn.Conv3d(inner, channels, 1), norm)

    def forward(self, clips: Tensor) -> Tensor:
        """Takes and gives `(clips, channels, segments, height, width)`."""
        queries, keys, values = (
            part(clips).flatten(2).transpose(1, 2) for part in (self.theta, self.phi, self.g)
        )
        seen = functional.scaled_dot_product_attention(queries, keys, values, scale=1.0)
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
