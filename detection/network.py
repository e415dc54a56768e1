"""The micro-tube network: one or two streams of frames, a backbone each, and common heads."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from detection.backbones import VGG16, Backbone, create_backbone
from detection.convolution import Convolution, Kept
from detection.heads import ConvolutionHead, Head, LightHead, LinearHead
from detection.priors import PRIORS_PER_CELL, prior_boxes
from detection.streams import RGB, Stream, check_streams
from weights import merge_normalisation

FrameTerms = list[list[Tensor]]
"""What one frame adds to its micro-tubes: by source map, then by place in the micro-tube."""


class MicroTubeNetwork(nn.Module):
    """Class scores of micro-tubes and box offsets of their frames, for every prior box.

    With VGG16, micro-tubes of several frames are those of AMTNet (Saha, Singh and Cuzzolin, ICCV
    2017) and those of one frame ROAD's SSD (Singh et al., ICCV 2017), as in their published code; a
    light backbone gets light heads. Two streams are fused before the heads, map by map: their
    features are added ("sum"), averaged ("mean") or put side by side ("cat").

    Args:
        basenet: name of the backbone (see `detection.backbones`).
        num_classes: action classes, without background.
        seq_len: frames in a micro-tube, S.
        input_size: side in pixels of the square that frames are resized to; None: the backbone's.
        streams: what it looks at: base, or base and extra.
        fusion_type: of the streams; "none" for one.

    Attributes:
        priors: `(P, 4)` prior boxes, centre form, fractions of the frame.
        normalisation: of the images of each stream.

    Raises:
        ValueError: the streams do not fit the fusion.
    """

    priors: Tensor

    def __init__(
        self,
        basenet: str,
        num_classes: int,
        seq_len: int = 2,
        input_size: int | None = None,
        streams: Sequence[Stream] = RGB,
        fusion_type: str = "none",
    ) -> None:
        super().__init__()
        check_streams(streams, fusion_type)
        self.backbone = create_backbone(basenet, streams[0].images)
        self.extra_backbone = (
            create_backbone(basenet, streams[1].images) if len(streams) > 1 else None
        )
        self.basenet = basenet
        self.num_classes = num_classes
        self.seq_len = seq_len
        self.input_size = input_size or self.backbone.input_size
        self.streams = tuple(streams)
        self.normalisation = tuple(
            self.backbone.normalisation(flow=stream.shows_motion) for stream in streams
        )
        self.fusion_type = fusion_type
        self.heads = nn.ModuleList(self._new_heads())
        self.fine_tuning = False
        self.register_buffer(
            "priors",
            prior_boxes(self._map_sizes(), self.backbone.strides, self.input_size),
            persistent=False,
        )

    def forward(self, *micro_tubes: Tensor) -> tuple[Tensor, Tensor]:
        """Score and regress a batch of micro-tubes.

        Args:
            micro_tubes: for each stream `(B, S, 3 n, H, W)` RGB images, one after the other, as
                its `normalisation` has them.

        Returns:
            Class scores before softmax `(B, P, classes + 1)`, background in column 0, and offsets
            `(B, P, 4 S)`, frame by frame, as published.
        """
        # First frames first, so that the features of one place lie together in memory.
        by_place = [stream.transpose(0, 1).flatten(0, 1) for stream in micro_tubes]
        maps = self._features(
            [frames.contiguous(memory_format=torch.channels_last) for frames in by_place]
        )
        return self._outputs(
            [head.term(x, place) for place, x in enumerate(features.chunk(self.seq_len))]
            for head, features in zip(self._heads(), maps, strict=True)
        )

    def frame_terms(self, *frames: Tensor) -> FrameTerms:
        """What frames add to the micro-tubes they are part of, whatever their place in them.

        Args:
            frames: for each stream `(N, 3 n, H, W)`, as in `forward`.

        Returns:
            By source map and place, `(N, O, h, w)` tensors for `combine`.
        """
        return [
            head.terms(features, self.seq_len)
            for head, features in zip(self._heads(), self._features(frames), strict=True)
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

    def finish_training(self) -> MicroTubeNetwork:
        """Make ready for use: the weights change no more, wherever they are; returns itself."""
        self.eval().requires_grad_(False)
        merge_normalisation(self)
        for module in self.modules():
            if isinstance(module, Convolution | LinearHead | ConvolutionHead):
                module.kept = Kept()
        return self.use_channels_last()

    def start_fine_tuning(self) -> None:
        """Merge the normalisation of pretrained layers and leave the early ones as they are.

        A data set for fine-tuning is too small to estimate them anew.
        """
        self.fine_tuning = True
        for stream, backbone in zip(self.streams, self.backbones(), strict=True):
            for layer in backbone.pretrained_layers():
                merge_normalisation(layer)
            # Edges and textures of other images than RGB have to be learned.
            for layer in backbone.early_layers() if stream == Stream() else ():
                layer.requires_grad_(False)

    def backbones(self) -> list[Backbone]:
        """The backbone of each stream."""
        return (
            [self.backbone] if self.extra_backbone is None else [self.backbone, self.extra_backbone]
        )

    def _features(self, frames: Sequence[Tensor]) -> list[Tensor]:
        """The source maps of frames, streams fused."""
        maps = [backbone(x) for backbone, x in zip(self.backbones(), frames, strict=True)]
        if self.fusion_type == "none":
            return cast(list[Tensor], maps[0])
        pairs = zip(*maps, strict=True)
        if self.fusion_type == "cat":
            return [torch.cat(pair, 1) for pair in pairs]
        return [(base + extra) / (2 if self.fusion_type == "mean" else 1) for base, extra in pairs]

    def _new_heads(self) -> Iterator[Head]:
        """Heads for the source maps, finest first."""
        for index, (width, priors) in enumerate(
            zip(self.backbone.channels, PRIORS_PER_CELL, strict=True)
        ):
            channels = width * (2 if self.fusion_type == "cat" else 1)
            outputs = (4 * self.seq_len * priors, priors * (self.num_classes + 1))
            if not isinstance(self.backbone, VGG16):
                yield LightHead(channels, self.seq_len, outputs, finest=index == 0)
            elif self.seq_len > 1:
                yield LinearHead(channels, self.seq_len, outputs)
            else:
                yield ConvolutionHead(channels, outputs)

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
            offsets.append(rows[..., :box_columns].reshape(rows.shape[0], -1, 4 * self.seq_len))
            scores.append(rows[..., box_columns:].reshape(rows.shape[0], -1, self.num_classes + 1))
        return torch.cat(scores, 1), torch.cat(offsets, 1)

    def _map_sizes(self) -> list[int]:
        """Cells a side of each source map, found by a forward pass that computes nothing."""
        shapes_only = copy.deepcopy(self.backbone).to("meta").eval()
        channels = 3 * self.streams[0].images
        side = self.input_size
        maps = shapes_only(torch.empty(1, channels, side, side, device="meta"))
        return [features.shape[-1] for features in maps]
