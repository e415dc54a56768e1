"""What TSM's online demo shows of the scores of Jester's gestures."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

NO_GESTURE = 2
_OTHER_THINGS = 0
# Pulling a hand in, rolling and turning hands, which the network sees everywhere.
_DOUBTFUL = (7, 8, 21, 22, 3)
_SUMMED, _KEPT = 12, 20


class ShownGesture:
    """The gesture to show after each frame: that of the last frames together, and steady.

    A gesture that is shown is replaced by another only when it was shown twice. The published demo
    fails where the first one is not "no gesture"; here the history begins with two of these.
    """

    def __init__(self) -> None:
        self._scores: deque[npt.NDArray[np.floating]] = deque(maxlen=_SUMMED)
        self._shown = deque([NO_GESTURE, NO_GESTURE], maxlen=_KEPT)

    def update(self, scores: npt.NDArray[np.floating]) -> int:
        """The gesture after a frame.

        Args:
            scores: of the frame, before a softmax, `(27,)`.
        """
        self._scores.append(scores)
        return self.steady(int(np.sum(self._scores, axis=0).argmax()))

    def steady(self, label: int) -> int:
        """The gesture to show where one was seen.

        Args:
            label: that was seen.
        """
        before, last = self._shown[-2], self._shown[-1]
        if label in _DOUBTFUL:
            label = last
        elif label == _OTHER_THINGS:
            label = NO_GESTURE
        if label != last and last != before:
            label = last
        self._shown.append(label)
        return label

    @property
    def history(self) -> Sequence[int]:
        """The last 20 gestures shown."""
        return list(self._shown)
