"""How well actions are known before they are over.

ROAD predicts while a video runs: Singh, Saha, Sapienza, Torr and Cuzzolin, Online real-time
multiple spatiotemporal action localisation and prediction, ICCV 2017, section 4.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from data import Detections, Tube, VideoAnnotation
from evaluation.accuracy import video_accuracy
from evaluation.box_convention import CONTINUOUS, BoxConvention
from evaluation.protocols import ROAD, Protocol
from evaluation.tube_evaluation import TubeEvaluation, evaluate_tubes

FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, eq=False)
class EarlyPrediction:
    """How good tubes are of which only the first part of each video was seen.

    Attributes:
        fractions: Seen part of each video, 0 to 1, shape (F,).
        evaluations: Of each part; see `evaluate_early`. Shape (F,).
    """

    fractions: tuple[float, ...]
    evaluations: tuple[TubeEvaluation, ...]

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Video accuracy after each part, 0 to 1."""
        return tuple(evaluation.accuracy for evaluation in self.evaluations)

    def mean_average_precisions(self, *thresholds: float) -> tuple[float, ...]:
        """Video-mAP after each part, 0 to 1, as mean over the thresholds named.

        Raises:
            ValueError: A threshold was not evaluated.
        """
        return tuple(
            evaluation.mean_average_precision(*thresholds) for evaluation in self.evaluations
        )


def evaluate_early(
    tubes_of_part: Callable[[float], Mapping[str, Sequence[Tube]]],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    *,
    fractions: Sequence[float] = FRACTIONS,
    thresholds: Sequence[float] | None = None,
    protocol: Protocol = ROAD,
    convention: BoxConvention = CONTINUOUS,
) -> EarlyPrediction:
    """Evaluates the tubes that can be built when only the first part of each video was seen.

    The accuracy asks for the class of the whole video. The tubes are compared with the part of the
    true ones that was seen: those that have not begun are not asked for yet, and a tube need not
    reach into the future.

    Args:
        tubes_of_part: Returns, for a fraction, tubes by video, built anew from the detections of
            the frames seen (`first_part`): cutting finished tubes would use what came later, since
            trimming and the choice of tubes look at their whole length.
        truth: See `evaluate_tubes`.
        classes: See `evaluate_tubes`.
        fractions: Parts of each video, above 0 and up to 1.
        thresholds: See `evaluate_tubes`.
        protocol: See `evaluate_tubes`.
        convention: See `evaluate_tubes`.

    Raises:
        InputError: A label has no class.
        ValueError: A fraction is out of its range.
    """
    evaluations = []
    for fraction in fractions:
        tubes = tubes_of_part(fraction)
        evaluation = evaluate_tubes(
            tubes,
            [_seen(video, fraction) for video in truth],
            classes,
            thresholds=thresholds,
            protocol=protocol,
            convention=convention,
        )
        evaluations.append(replace(evaluation, accuracy=video_accuracy(tubes, truth)))
    return EarlyPrediction(tuple(fractions), tuple(evaluations))


def first_part(detections: Detections, fraction: float) -> Detections:
    """Returns the detections of the first frames of a video, as if it ended after them.

    Args:
        detections: Of the whole video.
        fraction: How much of it is seen, above 0 and up to 1; begun frames count.

    Raises:
        ValueError: The fraction is out of its range.
    """
    offsets = detections.offsets[: _frames_seen(detections.frames, fraction) + 1]
    return replace(
        detections,
        boxes=detections.boxes[: offsets[-1]],
        scores=detections.scores[: offsets[-1]],
        offsets=offsets,
    )


def _seen(video: VideoAnnotation, fraction: float) -> VideoAnnotation:
    """The first part of a video and what of the true tubes is in it."""
    frames = _frames_seen(video.frames, fraction)
    tubes = [
        replace(
            tube,
            boxes=tube.boxes[: frames - tube.start],
            scores=tube.scores[: frames - tube.start],
        )
        for tube in video.tubes
        if tube.start < frames
    ]
    return replace(video, frames=frames, tubes=tuple(tubes))


def _frames_seen(frames: int, fraction: float) -> int:
    if not 0 < fraction <= 1:
        raise ValueError(f"fractions must be above 0 and at most 1, not {fraction}")
    # Of 10 frames 0.3 are 3, though 0.1 * 3 * 10 is above 3.
    return math.ceil(round(frames * fraction, 6))
