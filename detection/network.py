"""The micro-tube network: AMTNet with one stream (`fusion_type=NONE`)."""

from __future__ import annotations

import copy
from collections.abc import Container, Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from detection.backbones import VGG16, create_backbone
from detection.heads import Head, LightHead, LinearHead
from detection.priors import PRIORS_PER_CELL, prior_boxes

FrameTerms = list[list[Tensor]]
"""What one frame adds to its micro-tubes: by source map, then by place in the micro-tube."""


class MicroTubeNetwork(nn.Module):
    """Class scores of micro-tubes and box offsets of their frames, for every prior box.

    Saha, Singh and Cuzzolin, "AMTNet", ICCV 2017, as in the published AMTNet code; a light backbone
    gets light heads.

    Args:
        basenet: name of the backbone (see `detection.backbones`).
        num_classes: action classes, without background.
        seq_len: frames in a micro-tube, S.
        input_size: side in pixels of the square that frames are resized to; None: the backbone's.

    Attributes:
        priors: `(P, 4)` prior boxes, centre form, fractions of the frame.
    """

    priors: Tensor

    def __init__(
        self, basenet: str, num_classes: int, seq_len: int = 2, input_size: int | None = None
    ) -> None:
        super().__init__()
        self.backbone = create_backbone(basenet)
        self.num_classes = num_classes
        self.seq_len = seq_len
        self.input_size = input_size or self.backbone.input_size
        outputs = [(4 * seq_len * k, k * (num_classes + 1)) for k in PRIORS_PER_CELL]
        maps = enumerate(zip(self.backbone.channels, outputs, strict=True))
        linear = isinstance(self.backbone, VGG16)
        self.heads = nn.ModuleList(
            [
                LinearHead(channels, seq_len, sizes)
                if linear
                else LightHead(channels, seq_len, sizes, finest=index == 0)
                for index, (channels, sizes) in maps
            ]
        )
        self.fine_tuning = False
        self.register_buffer(
            "priors",
            prior_boxes(self._map_sizes(), self.backbone.strides, self.input_size),
            persistent=False,
        )

    def forward(self, micro_tubes: Tensor) -> tuple[Tensor, Tensor]:
        """Score and regress a batch of micro-tubes.

        Args:
            micro_tubes: `(B, S, 3, H, W)` RGB frames, `(value - mean) / std` of the backbone.

        Returns:
            Class scores before softmax `(B, P, classes + 1)`, background in column 0, and offsets
            `(B, P, 4 S)`, frame by frame, as published.
        """
        # First frames first, so that the features of one place lie together in memory.
        by_place = micro_tubes.transpose(0, 1).flatten(0, 1)
        maps = self.backbone(by_place.contiguous(memory_format=torch.channels_last))
        return self._outputs(
            [head.term(x, place) for place, x in enumerate(features.chunk(self.seq_len))]
            for head, features in zip(self._heads(), maps, strict=True)
        )

    def frame_terms(self, frames: Tensor) -> FrameTerms:
        """What frames add to the micro-tubes they are part of, whatever their place in them.

        Args:
            frames: `(N, 3, H, W)`, as in `forward`.

        Returns:
            By source map and place, `(N, O, h, w)` tensors for `combine`.
        """
        return [
            [head.term(features, place) for place in range(self.seq_len)]
            for head, features in zip(self._heads(), self.backbone(frames), strict=True)
        ]

    def combine(self, micro_tube: Sequence[FrameTerms]) -> tuple[Tensor, Tensor]:
        """The outputs of `forward` from the terms of the S frames of a micro-tube, in order."""
        return self._outputs(
            [frame[index][place] for place, frame in enumerate(micro_tube)]
            for index in range(len(self.heads))
        )

    def use_channels_last(self) -> MicroTubeNetwork:
        """Lay the convolutions' weights out as CPUs and GPUs compute fastest; returns itself."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)
        return self

    def start_fine_tuning(self) -> None:
        """Merge the normalisation of pretrained layers and leave the early ones as they are.

        A data set for fine-tuning is too small to estimate them anew.
        """
        self.fine_tuning = True
        for layer in self.backbone.pretrained_layers():
            merge_normalisation(layer)
        for layer in self.backbone.early_layers():
            layer.requires_grad_(False)

    def _heads(self) -> list[Head]:
        return [cast(Head, head) for head in self.heads]

    def _outputs(self, terms_by_map: Iterable[list[Tensor]]) -> tuple[Tensor, Tensor]:
        """The outputs of `forward` from the terms of all frames, finest map first."""
        outputs, passed_on = [], None
        for head, terms in zip(self._heads(), terms_by_map, strict=True):
            output, passed_on = head.combine(sum(terms[1:], start=terms[0]), passed_on)
            outputs.append(output)
        return self._by_prior(outputs)

    def _by_prior(self, outputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Split the heads' `(B, O, h, w)` outputs into scores and offsets, a row for each prior."""
        scores, offsets = [], []
        for output, priors in zip(outputs, PRIORS_PER_CELL, strict=True):
            rows = output.permute(0, 2, 3, 1)
            box_columns = 4 * self.seq_len * priors
            offsets.append(rows[..., :box_columns].reshape(len(rows), -1, 4 * self.seq_len))
            scores.append(rows[..., box_columns:].reshape(len(rows), -1, self.num_classes + 1))
        return torch.cat(scores, 1), torch.cat(offsets, 1)

    def _map_sizes(self) -> list[int]:
        """Cells a side of each source map, found by a forward pass that computes nothing."""
        shapes_only = copy.deepcopy(self.backbone).to("meta").eval()
        maps = shapes_only(torch.empty(1, 3, self.input_size, self.input_size, device="meta"))
        return [features.shape[-1] for features in maps]


def merge_normalisation(network: nn.Module, only: Container[str] | None = None) -> None:
    """Merge batch normalisations, as they are at inference, into the convolutions before them.

    Normalisation by stored statistics is an affine map; merged, it costs nothing.

    Args:
        network: changed in place.
        only: names of the convolutions meant; None: all.
    """
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Sequential):
            for index in range(len(module) - 1):
                layer, following = module[index], module[index + 1]
                meant = only is None or f"{name}.{index}" in only
                if meant and isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
                    module[index] = fuse_conv_bn_eval(layer.eval(), following.eval())
                    module[index + 1] = nn.Identity()
