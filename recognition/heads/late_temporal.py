"""What makes one vector of the feature maps of a clip, in front of the linear layer.

Late temporal modelling (Kalfaoglu et al., arXiv 2008.01232): BERT, and what it is compared with.
Feature maps are `(N, channels, T, H, W)`, one of each path of the network.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from recognition.heads.bert import Bert
from recognition.non_local import NonLocal

_LSTM_WIDTH, _LSTM_LAYERS = 450, 2


class PooledHead(nn.Module):
    """The mean over time and space, the paths one after the other.

    Args:
        channels: of the paths.
        dropout: share of numbers dropped in training.
    """

    def __init__(self, channels: Sequence[int], *, dropout: float) -> None:
        super().__init__()
        self.width = sum(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, *maps: Tensor) -> Tensor:
        """Vectors `(N, width)`."""
        output: Tensor = self.dropout(torch.cat([part.mean((2, 3, 4)) for part in maps], 1))
        return output


class PairedHead(nn.Module):
    """The mean over the pairs of neighbouring steps: the classifier of I3D for Kinetics.

    Its linear layer is a convolution of one step; the mean over steps may be taken before it.

    Args:
        channels: of the maps.
        dropout: share of numbers dropped in training.
    """

    def __init__(self, channels: int, *, dropout: float) -> None:
        super().__init__()
        self.width = channels
        self.dropout = nn.Dropout(dropout)

    def forward(self, maps: Tensor) -> Tensor:
        """Vectors `(N, channels)`; a single step is that of a video too short for a pair."""
        steps = steps_of(maps)
        if steps.shape[1] == 1:
            steps = steps.expand(-1, 2, -1)
        output: Tensor = self.dropout((steps[:, 1:] + steps[:, :-1]).mean(1) / 2)
        return output


class BertHead(nn.Module):
    """The class token of BERT over the steps of time.

    Args:
        channels: of the maps.
        steps: of time.
        dropout: share of numbers dropped in training.
        normalised: whether the vectors of steps have length 1 (the published "bert2", which is for
            I3D); otherwise they are as they are ("bert10").
    """

    def __init__(
        self, channels: int, steps: int, *, dropout: float, normalised: bool = False
    ) -> None:
        super().__init__()
        self.width = channels
        self.bert = Bert(channels, steps, scaled=normalised)
        self.dropout, self.normalised = nn.Dropout(dropout), normalised

    def forward(self, maps: Tensor) -> Tensor:
        """Vectors `(N, channels)`."""
        vectors = steps_of(maps)
        if self.normalised:
            vectors = vectors / vectors.norm(dim=2, keepdim=True)
        output: Tensor = self.dropout(self.bert(vectors)[:, 0])
        return output


class LateBertHead(nn.Module):
    """The class tokens of one BERT for each of two paths.

    Args:
        channels: of the paths.
        steps: of time, likewise.
        dropout: share of numbers dropped in training.
    """

    def __init__(self, channels: Sequence[int], steps: Sequence[int], *, dropout: float) -> None:
        super().__init__()
        self.width = sum(channels)
        self.bert_slow, self.bert_fast = (
            Bert(width, length) for width, length in zip(channels, steps, strict=True)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, slow: Tensor, fast: Tensor) -> Tensor:
        """Vectors `(N, width)`."""
        tokens = [self.bert_slow(steps_of(slow))[:, 0], self.bert_fast(steps_of(fast))[:, 0]]
        output: Tensor = self.dropout(torch.cat(tokens, 1))
        return output


class EarlyBertHead(nn.Module):
    """One BERT over the steps of the slow path, with the means of the fast one behind them.

    Args:
        channels: of the paths.
        steps: of the slow path.
        dropout: share of numbers dropped in training.
    """

    def __init__(self, channels: Sequence[int], steps: int, *, dropout: float) -> None:
        super().__init__()
        self.width = sum(channels)
        self.bert = Bert(self.width, steps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, slow: Tensor, fast: Tensor) -> Tensor:
        """Vectors `(N, width)`."""
        steps = slow.shape[2]
        pooled = [functional.adaptive_avg_pool3d(part, (steps, 1, 1)) for part in (slow, fast)]
        output: Tensor = self.dropout(self.bert(steps_of(torch.cat(pooled, 1)))[:, 0])
        return output


class LstmHead(nn.Module):
    """What an LSTM gives at the last step.

    Args:
        channels: of the maps.
        dropout: share of numbers dropped in training.
    """

    width = _LSTM_WIDTH

    def __init__(self, channels: int, *, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, self.width, _LSTM_LAYERS, batch_first=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, maps: Tensor) -> Tensor:
        """Vectors `(N, 450)`."""
        states, _ = self.lstm(steps_of(maps))
        output: Tensor = self.dropout(states[:, -1])
        return output


class ConcatenationHead(nn.Module):
    """A linear layer of all steps.

    Args:
        channels: of the maps.
        steps: of time.
        width: of the vectors.
        dropout: share of numbers dropped in training.
        non_local: whether a non-local block is in front of it.
    """

    def __init__(
        self, channels: int, steps: int, width: int, *, dropout: float, non_local: bool = False
    ) -> None:
        super().__init__()
        self.width = width
        self.non_local = NonLocal(channels, sampled=False) if non_local else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels * steps, width)

    def forward(self, maps: Tensor) -> Tensor:
        """Vectors `(N, width)`."""
        vectors = self.non_local(maps).mean((3, 4)).flatten(1)
        output: Tensor = self.linear(self.dropout(vectors))
        return output


def steps_of(maps: Tensor) -> Tensor:
    """The means over space of feature maps `(N, C, T, H, W)`: vectors `(N, T, C)`."""
    return maps.mean((3, 4)).transpose(1, 2)
