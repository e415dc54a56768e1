"""A clip classified by a network that looks at all of its frames together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from weights import merge_normalisation


class ClipClassifier(nn.Module):
    """A 3D network, what narrows its maps, what makes a vector of them, and a linear layer.

    Args:
        features: gives maps `(N, C, T', H', W')` of clips `(N, C, T, H, W)`, or those of two paths.
        mappers: of the maps of each path: what they go through.
        head: makes vectors of the maps of all paths, see `recognition.heads.late_temporal`.
        width: length of the vectors.
        classes: number of classes.
        channels: of a frame.
    """

    def __init__(
        self,
        features: nn.Module,
        mappers: Sequence[nn.Module],
        head: nn.Module,
        width: int,
        classes: int,
        *,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.features, self.mappers = features, nn.ModuleList(mappers)
        self.head, self.channels = head, channels
        self.fc_action = nn.Linear(width, classes)
        nn.init.xavier_uniform_(self.fc_action.weight)
        nn.init.zeros_(self.fc_action.bias)

    def forward(self, clips: Tensor) -> Tensor:
        """The scores of clips, before a softmax.

        Args:
            clips: `(clips, frames * channels, height, width)`, one frame after the other.

        Returns:
            `(clips, classes)`.
        """
        frames = clips.unflatten(1, (-1, self.channels)).transpose(1, 2)
        if frames.device.type == "cpu":
            # With channels last, convolutions need not rearrange their input.
            frames = frames.contiguous(memory_format=torch.channels_last_3d)
        maps = self.features(frames)
        paths = maps if isinstance(maps, tuple) else (maps,)
        mapped = (mapper(path) for mapper, path in zip(self.mappers, paths, strict=True))
        output: Tensor = self.fc_action(self.head(*mapped))
        return output

    def finish_training(self) -> ClipClassifier:
        """Make ready for use: the weights change no more; returns itself."""
        self.eval().requires_grad_(False)
        merge_normalisation(self.features)
        merge_normalisation(self.mappers)
        return self
