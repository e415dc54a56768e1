"""Tubes of a running video: linking and trimming in one online program of bounded memory.

ROAD links online but trims the finished paths (gurkirt/realtime-action-detection, issues 2, 18 and
20); here both happen while the frames come. What the result equals is said and proved in
`tubes.online_trimming`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.validation import count
from tubes.link_state import MISSED, NUMBER, START
from tubes.linker import OnlineLinker
from tubes.online_trimming import finish_trimming, live_tubes, trim_frame
from tubes.settings import TRIMMINGS, TubeSettings
from tubes.trim_state import TrimRules, new_trim_state, with_look_back


@dataclass(frozen=True)
class FinishedTube:
    """A tube that nothing to come can change.

    Attributes:
        id: The same for as long as the tube lived.
        path: Number of the linker's path that it is part of.
        label: Class.
        score: Mean of its best class scores.
        start: First frame, 0-based.
        end: The frame after the last one.
    """

    id: int
    path: int
    label: int
    score: float
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class LiveTubes:
    """The tubes that live, or ended so lately that their end may still change; K of them.

    Attributes:
        ids: The same for as long as a tube lives, shape (K,).
        paths: Number of the linker's path that each is part of, shape (K,).
        labels: Class, shape (K,).
        scores: Mean of the best class scores so far, float32 (K,).
        boxes: Corners of the box found last, in pixels of the frame, float32 (K, 4).
        starts: First frame, 0-based, shape (K,).
        ends: The frame after the last one, or -1 while the tube lives, shape (K,).
        unseen: For how many frames its path has not been found, shape (K,).
    """

    ids: NDArray[np.int64]
    paths: NDArray[np.int64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    unseen: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


class TubeStream:
    """Links and trims the detections of a stream frame by frame.

    Args:
        num_classes: Number of classes without background.
        width: Width of the frame in pixels.
        height: Height of the frame in pixels.
        settings: Settings of all steps; None stands for ROAD's.
        look_back: So many frames of a path may still change: a second's worth is a good choice.
            None never settles a frame before its path ends, which gives the offline result and
            takes memory for as long as the longest live path.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        num_classes: int,
        width: int,
        height: int,
        settings: TubeSettings | None = None,
        *,
        look_back: int | None = 25,
    ) -> None:
        settings = settings or TubeSettings()
        if look_back is not None:
            count(look_back, "look_back")
        if settings.linking == "agnostic":
            raise ValueError("linking must be 'class' where tubes are trimmed online")
        self._linker = OnlineLinker(num_classes, width, height, settings, keep_history=False)
        self._unlimited = look_back is None
        self._ended = False
        self._rules = TrimRules(
            mode=TRIMMINGS.index(settings.trimming),
            alphas=settings.class_alphas(num_classes),
            look_back=np.iinfo(np.int64).max if look_back is None else look_back,
            min_frames=settings.min_frames,
            min_found=settings.min_found,
            min_score=np.float32(settings.min_score),
        )
        self._state = new_trim_state(
            len(self._linker.state.whole),
            {"labels": num_classes, "background": 2, "none": 1}[settings.trimming],
            64 if look_back is None else look_back,
            settings.score_topk,
            settings.min_frames,
        )

    @property
    def frames(self) -> int:
        """How many frames were fed."""
        return self._linker.frames

    def update(self, boxes: ArrayLike, scores: ArrayLike) -> tuple[FinishedTube, ...]:
        """Takes the detections of the next frame; arguments as in `OnlineLinker.update`.

        Returns:
            The tubes that are finished now.

        Raises:
            ValueError: As `OnlineLinker.update`, or the stream has ended; nothing has changed then.
        """
        if self._ended:
            raise ValueError("the stream has ended with finish(); make a new one")
        scores = np.ascontiguousarray(scores, np.float32)
        self._linker.update(boxes, scores)
        return self._trim(scores)

    def _trim(self, scores: NDArray[np.float32]) -> tuple[FinishedTube, ...]:
        links, frame = self._linker.state, self.frames - 1
        if self._unlimited:
            self._make_room(frame)
        return _finished(trim_frame(links, self._state, self._rules, scores, frame))

    def live(self) -> LiveTubes:
        """Returns the tubes that live or ended lately."""
        links = self._linker.state
        tubes, scores = live_tubes(links, self._state, self._rules)
        slots = tubes[:, 1]
        return LiveTubes(
            ids=tubes[:, 0],
            paths=links.whole[slots, NUMBER],
            labels=tubes[:, 2],
            scores=scores,
            boxes=links.single[slots, :4] - np.float32(1),
            starts=tubes[:, 3],
            ends=tubes[:, 4],
            unseen=links.whole[slots, MISSED],
        )

    def finish(self) -> tuple[FinishedTube, ...]:
        """Ends the stream and returns the tubes of the paths that were live."""
        self._ended = True
        return _finished(finish_trimming(self._linker.state, self._state, self._rules))

    def _make_room(self, frame: int) -> None:
        """Lengthens the rings to the longest live path."""
        links = self._linker.state
        alive = links.live[np.arange(links.live.shape[1]) < links.living[:, None]]
        longest = int(frame + 1 - links.whole[alive, START].min(initial=frame))
        if longest >= self._state.score.shape[1]:
            look_back, min_frames = 2 * longest, self._rules.min_frames
            self._state = with_look_back(self._state, look_back, min_frames)


def _finished(
    emitted: tuple[NDArray[np.int64], NDArray[np.float32]],
) -> tuple[FinishedTube, ...]:
    return tuple(
        FinishedTube(id=number, path=path, label=label, score=score, start=start, end=end)
        for (number, path, label, start, end), score in zip(
            emitted[0].tolist(), emitted[1].tolist(), strict=True
        )
    )
