"""A clip classified by an image network that looks at each of its segments.

TSN (Wang et al., arXiv 1608.00859, section 3) and what was made of it: TSM, LSNet, SeqVLAD.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from weights import merge_normalisation

CONSENSUS = ("avg", "identity")


class SegmentClassifier(nn.Module):
    """An image network, a linear layer, and the mean over segments.

    Parameters have the names of published files, less the `module.` of these.

    Args:
        network: gives vectors; its classifier, a module of that name, passes them on.
        classifier: that name.
        width: length of the vectors.
        classes: number of classes.
        segments: of a clip that the network looks at one by one; 1 if it sees the clip as a whole.
        vectors: of a clip that the network gives: fewer than segments if it pools them.
        consensus: "avg" for the mean over segments, "identity" for the predictions of each.
        dropout: share of a vector's numbers dropped in training; with 0 the network's own
            classifier is the linear layer, as in published files.
        differences: whether segments are consecutive images whose differences the network sees
            (RGBDiff).
        partial_bn: whether in training all batch normalisation of images but the first stays as it
            is.
    """

    def __init__(
        self,
        network: nn.Module,
        classifier: str,
        width: int,
        classes: int,
        *,
        segments: int,
        vectors: int,
        consensus: str = "avg",
        dropout: float = 0.5,
        differences: bool = False,
        partial_bn: bool = False,
    ) -> None:
        super().__init__()
        self.base_model = network
        layer = nn.Linear(width, classes)
        nn.init.normal_(layer.weight, 0, 0.001)
        nn.init.zeros_(layer.bias)
        if dropout:
            setattr(network, classifier, nn.Dropout(dropout))
            self.new_fc: nn.Linear | None = layer
        else:
            setattr(network, classifier, layer)
            self.new_fc = None
        self.segments, self.vectors = segments, vectors
        self.consensus, self.differences = consensus, differences
        self.partial_bn = partial_bn
        for norm in self.frozen_norms():
            norm.requires_grad_(False)

    @property
    def classifier(self) -> nn.Linear:
        """The linear layer."""
        if self.new_fc is not None:
            return self.new_fc
        return next(m for m in reversed(list(self.modules())) if isinstance(m, nn.Linear))

    def forward(self, clips: Tensor) -> Tensor:
        """The scores of clips, before a softmax.

        Args:
            clips: `(clips, segments * channels, height, width)`: segments one after the other, and
                in each the images that are stacked.

        Returns:
            `(clips, classes)`, or `(clips, segments, classes)` without a consensus.

        Raises:
            ValueError: there are no so many segments.
        """
        if clips.dim() != 4 or clips.shape[1] % self.segments:
            raise ValueError(
                f"clips must be (clips, {self.segments} segments * channels, height, width), not "
                f"{tuple(clips.shape)}"
            )
        images = clips.unflatten(1, (self.segments, -1)).flatten(0, 1)
        if self.differences:
            stacked = images.unflatten(1, (-1, 3))
            images = (stacked[:, 1:] - stacked[:, :-1]).flatten(1, 2)
        scores = self.image_scores(images).unflatten(0, (-1, self.vectors))
        return scores.mean(1) if self.consensus == "avg" else scores

    def image_scores(self, images: Tensor) -> Tensor:
        """The scores of each vector of the image network, `(vectors, classes)`.

        Args:
            images: `(clips * segments, channels, height, width)`.
        """
        # With channels last, convolutions need not rearrange their input.
        vectors: Tensor = self.base_model(images.contiguous(memory_format=torch.channels_last))
        return vectors if self.new_fc is None else self.new_fc(vectors)

    def train(self, mode: bool = True) -> SegmentClassifier:
        """As of any module; normalisation that is frozen stays as in evaluation."""
        super().train(mode)
        for norm in self.frozen_norms():
            norm.eval()
        return self

    def finish_training(self) -> SegmentClassifier:
        """Make ready for use: the weights change no more; returns itself."""
        self.eval().requires_grad_(False)
        merge_normalisation(self.base_model)
        return self

    def frozen_norms(self) -> Iterator[nn.BatchNorm2d]:
        """The batch normalisation that partial BN leaves as it is."""
        if self.partial_bn:
            norms = [m for m in self.base_model.modules() if isinstance(m, nn.BatchNorm2d)]
            yield from norms[1:]


def first_layer(network: nn.Module) -> tuple[str, nn.Conv2d]:
    """The first convolution of an image network, and its name."""
    return next((n, m) for n, m in network.named_modules() if isinstance(m, nn.Conv2d))


def widened(kernel: Tensor, channels: int, *, repeated: bool = False) -> Tensor:
    """A kernel for another number of channels.

    Args:
        kernel: `(out, 3, height, width)`.
        channels: that the new one has.
        repeated: whether it is repeated; otherwise each channel gets the mean (TSN, section 3.2).
    """
    if repeated:
        return kernel.repeat(1, channels // kernel.shape[1], 1, 1)
    return kernel.mean(1, keepdim=True).expand(-1, channels, -1, -1)


def change_first_layer(network: nn.Module, channels: int, *, repeated: bool = False) -> None:
    """Have the first convolution of an image network take another number of channels.

    Args:
        network: whose first convolution takes three; it is changed in place.
        channels: that it takes from now on.
        repeated: see `widened`.
    """
    name, first = first_layer(network)
    changed = nn.Conv2d(
        channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    with torch.no_grad():
        changed.weight.copy_(widened(first.weight, channels, repeated=repeated))
        if first.bias is not None and changed.bias is not None:
            changed.bias.copy_(first.bias)
    owner, _, last = name.rpartition(".")
    network.get_submodule(owner).register_module(last, changed)
