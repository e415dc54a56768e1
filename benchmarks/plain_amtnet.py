"""AMTNet as published, read plainly: the reference of `benchmarks/detector.py`.

Saha, Singh and Cuzzolin, "AMTNet: Action-Micro-Tube regression by end-to-end trainable deep
architecture", ICCV 2017, for RGB micro-tubes of S frames: every frame of every micro-tube goes
through SSD300's VGG16, the 3x3 neighbourhood of each cell is gathered, and linear layers look at
those of all frames. The loss is SSD's (Liu et al., ECCV 2016), sample by sample.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detection import MicroTubeNetwork

PLAN = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)
CHANNELS = (512, 1024, 512, 256, 256, 256)
SIDES = (38, 19, 10, 5, 3, 1)
PRIORS = (4, 6, 6, 6, 4, 4)
CONV4_3_END, TAPS = 23, 9


class PlainAMTNet(nn.Module):
    """Class scores `(B, P, C)` and offsets `(B, P, 4 S)` of micro-tubes `(B, S, 3, 300, 300)`.

    Args:
        outputs: classes and background, C.
        seq_len: frames in a micro-tube, S.
    """

    def __init__(self, outputs: int, seq_len: int = 2) -> None:
        super().__init__()
        self.outputs, self.seq_len = outputs, seq_len
        self.vgg = nn.ModuleList(_vgg())
        self.extras = nn.ModuleList(
            [
                nn.Conv2d(1024, 256, 1),
                nn.Conv2d(256, 512, 3, stride=2, padding=1),
                nn.Conv2d(512, 128, 1),
                nn.Conv2d(128, 256, 3, stride=2, padding=1),
                nn.Conv2d(256, 128, 1),
                nn.Conv2d(128, 256, 3),
                nn.Conv2d(256, 128, 1),
                nn.Conv2d(128, 256, 3),
            ]
        )
        self.scale = nn.Parameter(torch.full((512,), 20.0))
        inputs = [seq_len * TAPS * channels for channels in CHANNELS]
        self.loc = nn.ModuleList(
            [nn.Linear(i, a * 4 * seq_len) for i, a in zip(inputs, PRIORS, strict=True)]
        )
        self.conf = nn.ModuleList(
            [nn.Linear(i, a * outputs) for i, a in zip(inputs, PRIORS, strict=True)]
        )
        # Where the nine neighbours of each cell lie in the padded map.
        for index, side in enumerate(SIDES):
            cells = torch.arange((side + 2) ** 2).view(side + 2, side + 2)
            taps = [cells[y : y + side, x : x + side] for y in range(3) for x in range(3)]
            self.register_buffer(f"neighbours_{index}", torch.stack(taps, -1).view(-1, TAPS))

    def forward(self, micro_tubes: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        batch = len(micro_tubes)
        maps = self.core(micro_tubes.flatten(0, 1))
        scores, offsets = [], []
        for index, features in enumerate(maps):
            gathered = self.gather(features, index).unflatten(0, (batch, self.seq_len))
            frames = torch.cat(gathered.unbind(1), -1)
            scores.append(self.conf[index](frames).view(batch, -1, self.outputs))
            offsets.append(self.loc[index](frames).view(batch, -1, 4 * self.seq_len))
        return torch.cat(scores, 1), torch.cat(offsets, 1)

    def core(self, images: Tensor) -> list[Tensor]:
        """The six source maps of frames."""
        x, maps = images, []
        for index, layer in enumerate(self.vgg, start=1):
            x = layer(x)
            if index == CONV4_3_END:
                norm = x.pow(2).sum(1, keepdim=True).sqrt().clamp(min=1e-12)
                maps.append(self.scale[None, :, None, None] * (x / norm))
        maps.append(x)
        for index, layer in enumerate(self.extras):
            x = F.relu(layer(x), inplace=True)
            if index % 2 == 1:
                maps.append(x)
        return maps

    def gather(self, features: Tensor, index: int) -> Tensor:
        """Features of the neighbourhood of each cell, `(N, C, H, W)` to `(N, H W, 9 C)`."""
        padded = F.pad(features / TAPS, (1, 1, 1, 1), mode="replicate")
        cells = padded.flatten(2).transpose(1, 2)
        return cells[:, getattr(self, f"neighbours_{index}")].flatten(2)

    def load(self, network: MicroTubeNetwork) -> PlainAMTNet:
        """Take the weights of our network; returns itself."""
        own, state = self.state_dict(), network.state_dict()
        for name, tensor in state.items():
            core, _, rest = name.partition(".")
            if core == "backbone":
                own["scale" if rest == "L2Norm.weight" else rest].copy_(tensor)
                continue
            index, kind = rest.split(".")
            if kind == "weight":
                tensor = tensor.permute(1, 0, 3, 4, 2).flatten(1)
            own[f"loc.{index}.{kind}"].copy_(tensor[: len(own[f"loc.{index}.{kind}"])])
            own[f"conf.{index}.{kind}"].copy_(tensor[len(own[f"loc.{index}.{kind}"]) :])
        return self


def plain_loss(scores: Tensor, offsets: Tensor, classes: Tensor, targets: Tensor) -> Tensor:
    """The multi-box loss; arguments as those of `detection.loss.multi_box_loss`."""
    total, count = scores.new_zeros(()), (classes > 0).sum()
    for sample in range(len(scores)):
        positive = classes[sample] > 0
        total = total + F.smooth_l1_loss(
            offsets[sample][positive], targets[sample][positive], reduction="sum"
        )
        entropy = F.cross_entropy(scores[sample], classes[sample], reduction="none")
        negatives = entropy[~positive].topk(3 * int(positive.sum())).values
        total = total + entropy[positive].sum() + negatives.sum()
    return total / count


def _vgg() -> list[nn.Module]:
    layers: list[nn.Module] = []
    channels = 3
    for width in PLAN:
        if width:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        else:
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
    layers.append(nn.MaxPool2d(3, stride=1, padding=1))
    layers += [nn.Conv2d(512, 1024, 3, padding=6, dilation=6), nn.ReLU(inplace=True)]
    layers += [nn.Conv2d(1024, 1024, 1), nn.ReLU(inplace=True)]
    return layers
