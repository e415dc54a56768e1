"""BERT over the feature vectors of a clip, one for each step of time.

Late temporal modelling (Kalfaoglu et al., arXiv 2008.01232, section 3.1), as the code of its
authors has it: a norm that is not `nn.LayerNorm`, and hidden steps in training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

HEADS = 8
DROPOUT = 0.1
# Of the steps of a clip so many are seen in training.
VISIBLE = 0.8


class Bert(nn.Module):
    """One layer of BERT with a token for the class, which stands before the steps.

    Args:
        width: of the vectors; a multiple of eight.
        steps: of a clip.
        scaled: how parameters start: in proportion to `width ** -0.5`, all linear layers normally
            distributed (the published BERT2); otherwise as the published BERT5.
    """

    def __init__(self, width: int, steps: int, *, scaled: bool = False) -> None:
        super().__init__()
        self.clsToken = nn.Parameter(torch.empty(1, 1, width))
        positions = nn.Parameter(torch.empty(1, steps + 1, width))
        self.embedding = nn.ModuleDict({"learnedPosition": nn.ParameterDict({"pe": positions})})
        self.transformer_blocks = nn.ModuleList([_Block(width)])
        self.dropout = nn.Dropout(DROPOUT)
        self._start(positions, width**-0.5 if scaled else 0.02, all_layers=scaled)

    def forward(self, vectors: Tensor, visible: Tensor | None = None) -> Tensor:
        """What becomes of the class token and of each step.

        Args:
            vectors: `(clips, steps, width)`.
            visible: bool `(clips, steps + 1)`, which of the token and the steps are looked at; by
                default in training each step is with probability 0.8 and the token always, in
                evaluation all are.

        Returns:
            `(clips, steps + 1, width)`, the class token first.
        """
        clips, steps, _ = vectors.shape
        if visible is None and self.training:
            visible = torch.rand(clips, steps + 1, device=vectors.device) < VISIBLE
            visible[:, 0] = True
        state = torch.cat([self.clsToken.expand(clips, -1, -1), vectors], 1)
        positions: Tensor = self.get_parameter("embedding.learnedPosition.pe")
        state = self.dropout(state + positions)
        for block in self.transformer_blocks:
            state = block(state, visible)
        return state

    def _start(self, positions: nn.Parameter, deviation: float, *, all_layers: bool) -> None:
        nn.init.normal_(self.clsToken, std=deviation)
        nn.init.normal_(positions, std=deviation)
        if all_layers:
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    nn.init.normal_(module.weight, std=0.02)
                    nn.init.zeros_(module.bias)


class _Block(nn.Module):
    """Attention and two linear layers, each added to what it gets, which is normed before."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = _Attention(width)
        self.feed_forward = _FeedForward(width)
        self.input_sublayer = nn.ModuleDict({"norm": _Norm(width)})
        self.output_sublayer = nn.ModuleDict({"norm": _Norm(width)})
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, state: Tensor, visible: Tensor | None) -> Tensor:
        attended = self.attention(self.input_sublayer["norm"](state), visible)
        state = state + self.dropout(attended)
        state = state + self.dropout(self.feed_forward(self.output_sublayer["norm"](state)))
        output: Tensor = self.dropout(state)
        return output


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        # Of queries, keys and values.
        self.linear_layers = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.output_linear = nn.Linear(width, width)

    def forward(self, state: Tensor, visible: Tensor | None) -> Tensor:
        query, key, value = (
            layer(state).unflatten(2, (HEADS, -1)).transpose(1, 2) for layer in self.linear_layers
        )
        attended = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if visible is None else visible[:, None, None],
            dropout_p=DROPOUT if self.training else 0.0,
        )
        output: Tensor = self.output_linear(attended.transpose(1, 2).flatten(2))
        return output


class _FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.w_1, self.w_2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, state: Tensor) -> Tensor:
        output: Tensor = self.w_2(
            self.dropout(functional.gelu(self.w_1(state), approximate="tanh"))
        )
        return output


class _Norm(nn.Module):
    """Unlike `nn.LayerNorm`: the deviation is the unbiased one, and what is added to it is not
    added to the variance.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a_2, self.b_2 = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, state: Tensor) -> Tensor:
        deviation, mean = torch.std_mean(state, -1, keepdim=True)
        return self.a_2 * (state - mean) / (deviation + 1e-6) + self.b_2
