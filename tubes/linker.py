"""The online linker: detections go in frame by frame, action paths come out.

A path is one class followed through the video: a box, a class score and all scores for every frame
from the first to the last in which it was found. ROAD's incremental linking
(gurkirt/realtime-action-detection; Singh et al., arXiv 1611.08563, section 3.4), and its
class-agnostic form, one set of paths for all classes (gurkirt/3D-RetinaNet, `gen_agent_paths`).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data import Detections
from data.class_filter import FilterBuffers, new_filter_buffers
from data.validation import positive, reversed_sides
from tubes.link_state import (
    LABEL,
    MISSED,
    NEWEST,
    NUMBER,
    SEEN,
    START,
    LinkRules,
    new_history,
    new_state,
    with_room,
)
from tubes.link_step import link_frame
from tubes.link_video import (
    PROBLEMS,
    REVERSED,
    compact_rows,
    filter_boxes,
    filter_rules,
    find_problem,
    finish_paths,
    has_reversed,
    link_frames,
)
from tubes.paths import LinkedPaths, LivePaths
from tubes.settings import COSTS, LinkSettings

# Finished paths of a class are listed by the mean of so many of their best scores; so are the live
# ones of the published demo.
STRENGTH_FRAMES = 20

ROAD = LinkSettings()

Distance = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.floating]]


class OnlineLinker:
    """Links the detections of a video, fed frame by frame, into paths.

    Args:
        num_classes: Number of classes without background.
        width: Width of the frame in pixels.
        height: Height of the frame in pixels.
        settings: How detections are linked; None stands for ROAD's settings.
        distance: Takes the last boxes of paths, float32 (L, 4), and boxes of detections, float32
            (K, 4), in pixels, and returns how far they are apart, (L, K). None stands for 1 - IoU,
            which is compiled, with `max_distance` 1 - `settings.iou_thresh`.
        max_distance: A path takes no detection that is farther away.
        keep_history: Whether `finish` can return all paths. Without it, memory is bounded by the
            number of classes, whatever the length of the stream.

    Attributes:
        state: The live paths, for the online trimming.

    Raises:
        ValueError: An argument is out of its range.
        TypeError: `distance` is no function.
    """

    def __init__(
        self,
        num_classes: int,
        width: int,
        height: int,
        settings: LinkSettings | None = None,
        *,
        distance: Distance | None = None,
        max_distance: float = 0.0,
        keep_history: bool = True,
    ) -> None:
        for name, value in {"num_classes": num_classes, "width": width, "height": height}.items():
            positive(value, name)
        if not max_distance >= 0 or (max_distance > 0 and distance is None):
            raise ValueError(f"max_distance must be 0 or more, of a distance, not {max_distance}")
        if distance is not None and not callable(distance):
            raise TypeError(f"distance must be a function, not {distance!r}")
        self._settings = settings = settings or ROAD
        self._classes = num_classes
        self._agnostic = settings.linking == "agnostic"
        self._distance = distance
        self._filter = filter_rules(settings, width, height)
        displayed = settings.ordering == "road-display"
        self._rules = LinkRules(
            iou_threshold=np.float32(settings.iou_thresh),
            max_distance=np.float32(max_distance),
            jump_gap=settings.jump_gap,
            cost=COSTS.index(settings.cost),
            sort_new=displayed,
            best=STRENGTH_FRAMES if displayed else settings.jump_gap + 1,
        )
        self._linked_classes = 1 if self._agnostic else num_classes
        self.state = new_state(
            self._linked_classes,
            settings.keep,
            settings.jump_gap,
            self._rules.best,
            0 if settings.cost == "score" else num_classes + 1,
            self._agnostic,
        )
        self._keep_history = keep_history
        self._history = new_history(0)
        self._buffers, self._pixels = self._new_space(64)
        self._frames = 0
        self._rows = 0
        self._boxes: list[NDArray[np.float32]] = [np.zeros((0, 4), np.float32)]
        self._scores: list[NDArray[np.float32]] = [np.zeros((0, num_classes + 1), np.float32)]
        self._source: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]

    @property
    def frames(self) -> int:
        """How many frames were fed."""
        return self._frames

    def update(self, boxes: ArrayLike, scores: ArrayLike) -> None:
        """Takes the detections of the next frame.

        Args:
            boxes: Corners x1, y1, x2, y2 in pixels of the frame, shape (N, 4); N may be 0.
            scores: Scores of all classes, background last, shape (N, num_classes + 1).

        Raises:
            ValueError: The shapes do not fit, a number is not finite, a score is not from 0 to 1 or
                a box has its corners reversed; nothing has changed then.
        """
        boxes, scores = self._checked(boxes, scores)
        self._make_room(len(boxes))
        linked = self._linked_scores(scores)
        if self._distance is None:
            self._link_frames(boxes, linked, scores, np.array([0, len(boxes)]))
        else:
            filter_boxes(self._filter, self._buffers, self._pixels, boxes, linked)
            picks = self._buffers.picks[: self._buffers.starts[-1]]
            self._link(self._pixels, linked, scores, picks, self._buffers.starts)
        self._remember(boxes, scores, self._buffers.picks[: self._buffers.starts[-1]])

    def update_all(self, detections: Detections) -> None:
        """Takes all frames of a video at once; the same as `update` with one after the other.

        Raises:
            ValueError: As `update`.
        """
        if self._distance is not None:
            for frame in range(detections.frames):
                self.update(*detections.frame(frame))
            return
        boxes = np.ascontiguousarray(detections.boxes)
        scores = np.ascontiguousarray(detections.scores)
        self._check_shapes(boxes, scores)
        # `Detections` has seen to the rest.
        if has_reversed(boxes):
            wrong = detections.frames_of(reversed_sides(boxes).any(axis=1).argmax())
            raise ValueError(f"{PROBLEMS[REVERSED]} (frame {self._frames + wrong})")
        self._make_room(
            int(np.diff(detections.offsets).max(initial=0)),
            detections.frames * self._linked_classes * self._settings.keep,
        )
        self._link_frames(boxes, self._linked_scores(scores), scores, detections.offsets)
        self._remember(boxes, scores, None, detections.frames)

    def update_picked(self, boxes: ArrayLike, scores: ArrayLike, starts: ArrayLike) -> None:
        """Takes detections of the next frame that were filtered already, such as fused ones.

        Args:
            boxes: Corners x1, y1, x2, y2 in pixels of the frame, class after class, in each by
                falling class score, at most `settings.keep` of each, shape (N, 4).
            scores: Scores of all classes, background last, shape (N, num_classes + 1).
            starts: Where each class begins, shape (classes + 1,).

        Raises:
            ValueError: As `update`, but for reversed corners, or a class has too many boxes.
        """
        boxes, scores = self._checked(boxes, scores, picked=True)
        starts = np.array(starts, np.int64)
        if len(starts) != self._linked_classes + 1 or starts[0] != 0 or starts[-1] != len(boxes):
            raise ValueError(f"starts must go from 0 to the number of boxes, {len(boxes)}")
        if (np.diff(starts) < 0).any() or (np.diff(starts) > self._settings.keep).any():
            raise ValueError(f"starts must give each class at most {self._settings.keep} boxes")
        self._make_room(len(boxes))
        pixels = self._clipped(boxes) + np.float32(1)
        picks = np.arange(len(boxes))
        self._link(pixels, self._linked_scores(scores), scores, picks, starts)
        self._remember(boxes, scores, picks)

    def live(self) -> LivePaths:
        """Returns the paths that may go on."""
        state = self.state
        slots = self._live_slots()
        return LivePaths(
            ids=state.whole[slots, NUMBER],
            labels=slots // state.live.shape[1],
            boxes=state.single[slots, :4] - np.float32(1),
            scores=state.single[slots, NEWEST],
            starts=state.whole[slots, START],
            found=state.whole[slots, SEEN],
            unseen=state.whole[slots, MISSED],
        )

    def finish(self) -> LinkedPaths:
        """Returns the paths of the frames fed so far; feeding may go on afterwards.

        Raises:
            ValueError: The history is not kept.
        """
        if not self._keep_history:
            raise ValueError("keep_history must be True for the linker to return all paths")
        paths, totals, rows, row_ptr, found, found_ptr = finish_paths(
            self.state, self._history, self._settings.min_found, STRENGTH_FRAMES
        )
        source = _joined(self._source)
        rows, kept = compact_rows(rows, source)
        return LinkedPaths(
            ids=paths[:, NUMBER],
            labels=paths[:, LABEL],
            starts=found[found_ptr[:-1]],
            missed=paths[:, MISSED],
            path_scores=totals,
            rows=rows,
            row_ptr=row_ptr,
            found=found,
            found_ptr=found_ptr,
            boxes=self._clipped(_joined(self._boxes)[kept]),
            scores=_joined(self._scores)[kept],
            source=source[kept],
        )

    def _checked(
        self, boxes: ArrayLike, scores: ArrayLike, *, picked: bool = False
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The arguments as arrays that can be linked."""
        boxes = np.ascontiguousarray(boxes, np.float32)
        scores = np.ascontiguousarray(scores, np.float32)
        self._check_shapes(boxes, scores)
        problem = find_problem(boxes, scores)
        if problem and not (picked and problem == REVERSED):
            raise ValueError(f"{PROBLEMS[problem]} (frame {self._frames})")
        return boxes, scores

    def _check_shapes(self, boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> None:
        frame = f"(frame {self._frames})"
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"boxes must have the shape (N, 4), not {boxes.shape} {frame}")
        if scores.shape != (len(boxes), self._classes + 1):
            wanted = (len(boxes), self._classes + 1)
            raise ValueError(f"scores must have the shape {wanted}, not {scores.shape} {frame}")

    def _clipped(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        limits = np.array([self._filter.right, self._filter.bottom])
        return np.hstack([np.maximum(boxes[:, :2], 0), np.minimum(boxes[:, 2:], limits)])

    def _linked_scores(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scores by which paths are linked: of each class, or of being no background."""
        return 1 - scores[:, -1:] if self._agnostic else scores

    def _make_room(self, rows: int, nodes: int | None = None) -> None:
        """Enlarges the working space for a frame of so many rows, and the history for nodes."""
        if rows > self._buffers.rows.shape[1]:
            # Twice the size: frames that grow a little would make the space anew again and again.
            self._buffers, self._pixels = self._new_space(2 * rows)
        if self._keep_history:
            most = rows * self._linked_classes if nodes is None else nodes
            self._history = with_room(self._history, most)

    def _new_space(self, rows: int) -> tuple[FilterBuffers, NDArray[np.float32]]:
        settings = self._settings
        buffers = new_filter_buffers(self._linked_classes, settings.topk, settings.keep, rows)
        return buffers, np.zeros((rows, 4), np.float32)

    def _link_frames(
        self,
        boxes: NDArray[np.float32],
        linked: NDArray[np.float32],
        scores: NDArray[np.float32],
        offsets: NDArray[np.int64],
    ) -> None:
        link_frames(
            self.state,
            self._history,
            self._rules,
            self._filter,
            self._buffers,
            self._pixels,
            boxes,
            linked,
            scores,
            offsets,
            self._frames,
            self._rows,
        )

    def _link(
        self,
        pixels: NDArray[np.float32],
        linked: NDArray[np.float32],
        scores: NDArray[np.float32],
        picks: NDArray[np.int64],
        starts: NDArray[np.int64],
    ) -> None:
        """Links picked detections, with the user's distance if there is one."""
        distances = np.zeros((0, 0), np.float32)
        if self._distance is not None:
            last = self.state.single[self._live_slots(), :4] - np.float32(1)
            shape = (len(last), len(picks))
            distances = np.full(shape, np.inf, np.float32)
            if all(shape):
                found = np.asarray(self._distance(last, pixels[picks] - np.float32(1)))
                if found.shape != shape:
                    raise ValueError(f"distance must return the shape {shape}, not {found.shape}")
                distances[:] = found
        link_frame(
            self.state,
            self._history,
            self._rules,
            self._frames,
            self._rows,
            pixels,
            linked,
            scores,
            picks,
            starts,
            distances,
        )

    def _remember(
        self,
        boxes: NDArray[np.float32],
        scores: NDArray[np.float32],
        picks: NDArray[np.int64] | None,
        frames: int = 1,
    ) -> None:
        """Counts the frames, and keeps the rows that were picked, or with None all."""
        count = len(boxes)
        if self._keep_history and len(boxes):
            rows = np.arange(len(boxes))
            if picks is not None:
                # The caller may use the arrays again.
                rows = np.unique(picks) if len(picks) < len(boxes) else rows
                boxes, scores = boxes[rows], scores[rows]
            self._boxes.append(boxes)
            self._scores.append(scores)
            self._source.append(rows + self._rows)
        self._frames += frames
        self._rows += count

    def _live_slots(self) -> NDArray[np.int64]:
        """Slots of the live paths, class after class."""
        state = self.state
        return state.live[np.arange(state.live.shape[1]) < state.living[:, None]]


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """All rows of some arrays, the first of which is empty; without a copy if that can be."""
    return parts[-1] if len(parts) <= 2 else np.concatenate(parts)
