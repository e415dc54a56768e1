"""A shifted network that sees a clip frame by frame, as it comes.

TSM (Lin et al., arXiv 1811.08383, section 4.3): the shift takes from the past only, so what it
takes is kept from one frame to the next and nothing is computed twice.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

import data
from recognition.heads.segment_classifier import SegmentClassifier
from recognition.temporal_shift import TemporalShift


@dataclass(frozen=True)
class OnlineState:
    """What an online network remembers of the frames that it has seen.

    Attributes:
        past: of each shift, in the order of the network, the channels that it hands on, `(clips,
            channels, height, width)`; empty before the first frame.
    """

    past: tuple[Tensor, ...] = ()


class OnlineClassifier:
    """A classifier of one frame after the other.

    The scores of frame t are those that the network has for segment t of a clip of all frames so
    far, before the consensus.

    Example:
        classifier, state = OnlineClassifier(model), OnlineState()
        for frame in frames:
            scores, state = classifier.step(frame, state)

    Args:
        model: with `past_only` shifts; what is used is a copy of it, as it is now.

    Raises:
        InputError: the network shifts from the future too, or not at all.
    """

    def __init__(self, model: SegmentClassifier) -> None:
        self.model = copy.deepcopy(model).finish_training()
        self._shifts = [m for m in self.model.modules() if isinstance(m, TemporalShift)]
        if not self._shifts or not all(shift.past_only for shift in self._shifts):
            raise data.InputError(
                "the network needs frames of the future; build it with past_only to run it online"
            )

    def step(self, frames: Tensor, state: OnlineState) -> tuple[Tensor, OnlineState]:
        """The scores of the next frame of each clip, and what the one after it needs.

        Args:
            frames: `(clips, channels, height, width)`.
            state: after the frame before, or a new one.

        Returns:
            Scores `(clips, classes)` before a softmax, and the state.

        Raises:
            ValueError: the frames are not as many or as large as those before.
        """
        memories: list[list[Tensor | None]] = [[past] for past in state.past] or [
            [None] for _ in self._shifts
        ]
        for shift, memory in zip(self._shifts, memories, strict=True):
            shift.memory = memory
        try:
            with torch.no_grad():
                scores = self.model.image_scores(frames)
        finally:
            for shift in self._shifts:
                shift.memory = None
        return scores, OnlineState(tuple(past for (past,) in memories if past is not None))
