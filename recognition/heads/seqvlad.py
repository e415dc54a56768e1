"""SeqVLAD: a recurrent assignment of local features to centres, summed over a clip.

Xu et al., Sequential Video VLAD (IEEE TIP 2018), section III, as the code of its authors has it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

DIRECTIONS = ("seqvlad", "bidirect", "unshare_bidirect")


class SeqVLAD(nn.Module):
    """One vector of the feature maps of a clip; takes the place of an image network's pooling.

    A shared convolution and a recurrence with three gates give each place of each frame its
    assignment to the centres; the differences of features and centres are summed with it.

    Args:
        timesteps: frames of a clip.
        centers: number of centres.
        reduced: channels that features are reduced to, if these are fewer.
        channels: of the feature maps.
        direction: "seqvlad" (forward in time), "bidirect" (also backward, with the same weights),
            or "unshare_bidirect" (with other weights).
        softmax: whether assignments to the centres of a place add up to 1.
        relu: whether reduced features are not negative.
        init: how recurrent weights and centres start: "orthogonal", "xavier_normal", "uniform".
    """

    def __init__(
        self,
        timesteps: int,
        centers: int = 64,
        reduced: int = 512,
        *,
        channels: int = 1024,
        direction: str = "seqvlad",
        softmax: bool = True,
        relu: bool = False,
        init: str = "orthogonal",
    ) -> None:
        super().__init__()
        self.timesteps, self.softmax, self.relu = timesteps, softmax, relu
        self.direction = direction
        reduces = reduced < channels
        width = reduced if reduces else channels
        self.size = centers * width
        # One prefix for each set of recurrent weights.
        self._sets = ("f_", "b_") if direction == "unshare_bidirect" else ("",)
        for prefix in self._sets:
            for gate in "rzh":
                self._add(f"{prefix}U_{gate}", centers, centers, 3, 3)
        if reduces:
            self._add("redu_w", reduced, channels, 1, 1)
        for prefix in self._sets:
            self._add(f"{prefix}share_w", centers, width, 1, 1)
        self._add("centers", centers, width)
        for prefix in self._sets:
            self._add(f"{prefix}share_b", centers)
        if reduces:
            self._add("redu_b", reduced)
        self.reset_parameters("xavier_normal" if direction != "seqvlad" else init)

    def reset_parameters(self, init: str) -> None:
        """Draw all parameters anew, as the published code does."""
        recurrent = {
            "orthogonal": nn.init.orthogonal_,
            "xavier_normal": nn.init.xavier_normal_,
            "uniform": lambda tensor: nn.init.uniform_(tensor, 0, 0.01),
        }[init]
        for name, parameter in self.named_parameters():
            if parameter.dim() == 1:
                nn.init.uniform_(parameter)
            elif "U_" in name or name == "centers":
                recurrent(parameter)
            else:
                nn.init.xavier_normal_(parameter)

    def forward(self, maps: Tensor) -> Tensor:
        """The vectors of clips, of length 1.

        Args:
            maps: `(clips * timesteps, channels, height, width)`, frames of a clip in a row.

        Returns:
            `(clips, centers * width)`, one centre after the other.
        """
        features = self._reduced(maps)
        states = torch.stack(self._states(features))
        if len(self._sets) == 2:
            assignment = self._activated(states).sum(0)
        else:
            assignment = self._activated(states.sum(0))
        weights, places = (
            part.unflatten(0, (-1, self.timesteps)).movedim(2, 1).flatten(2)
            for part in (assignment, features)
        )
        centers = weights.sum(2, keepdim=True) * self.get_parameter("centers")
        summed = weights @ places.transpose(1, 2) - centers
        return functional.normalize(functional.normalize(summed, dim=2).flatten(1), dim=1)

    def hidden_states(self, maps: Tensor) -> list[Tensor]:
        """The states of the recurrence, of each direction, in the order of time.

        Args:
            maps: see `forward`.

        Returns:
            `(clips * timesteps, centers, height, width)` of one direction or of both.
        """
        return self._states(self._reduced(maps))

    def _add(self, name: str, *shape: int) -> None:
        self.register_parameter(name, nn.Parameter(torch.empty(shape)))

    def _reduced(self, maps: Tensor) -> Tensor:
        if "redu_w" not in self._parameters:
            return maps
        reduced = functional.conv2d(
            maps, self.get_parameter("redu_w"), self.get_parameter("redu_b")
        )
        return functional.relu(reduced) if self.relu else reduced

    def _activated(self, state: Tensor) -> Tensor:
        return state.softmax(-3) if self.softmax else state

    def _states(self, features: Tensor) -> list[Tensor]:
        passes = [(self._sets[0], False)]
        if self.direction != "seqvlad":
            passes.append((self._sets[-1], True))
        return [self._recurrence(features, prefix, backward) for prefix, backward in passes]

    def _recurrence(self, features: Tensor, prefix: str, backward: bool) -> Tensor:
        """The states of one direction.

        The published code gives all gates the same term of the input.
        """
        weights = {name: self.get_parameter(f"{prefix}U_{name}") for name in "rzh"}
        gates = torch.cat([weights["z"], weights["r"]])
        shared = functional.conv2d(
            features,
            self.get_parameter(f"{prefix}share_w"),
            self.get_parameter(f"{prefix}share_b"),
        ).unflatten(0, (-1, self.timesteps))
        steps = shared.unbind(1)
        state = torch.zeros_like(steps[0])
        states = []
        for step in reversed(steps) if backward else steps:
            update, reset = torch.sigmoid(
                functional.conv2d(state, gates, padding=1) + torch.cat([step, step], 1)
            ).chunk(2, 1)
            candidate = torch.tanh(step + functional.conv2d(reset * state, weights["h"], padding=1))
            state = torch.lerp(candidate, state, update)
            states.append(state)
        return torch.stack(states[::-1] if backward else states, 1).flatten(0, 1)
