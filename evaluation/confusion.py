"""Which classes are taken for which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data import Tube, VideoAnnotation
from evaluation.accuracy import predicted_label
from evaluation.box_convention import CONTINUOUS, BoxConvention
from evaluation.protocols import ROAD, Protocol
from evaluation.tube_evaluation import find_true_tubes


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """How often one class was taken for another.

    Attributes:
        classes: Class names, C of them.
        counts: True classes in rows, predicted ones in columns, int64 (C + 1, C + 1). The last row
            counts what was found where nothing is, the last column what was not found.
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]


def video_confusion(
    tubes: Mapping[str, Sequence[Tube]], truth: Sequence[VideoAnnotation], classes: Sequence[str]
) -> ConfusionMatrix:
    """Compares the classes of videos with those of their surest tubes; see `video_accuracy`.

    Args:
        tubes: Detected tubes by video.
        truth: The videos that count; those without annotated tubes are left out.
        classes: Class names, to which the labels of both point.
    """
    counts = np.zeros((len(classes) + 1, len(classes) + 1), np.int64)
    for video in truth:
        if video.tubes:
            predicted = predicted_label(tubes.get(video.name, ()))
            counts[video.tubes[-1].label, -1 if predicted is None else predicted] += 1
    return ConfusionMatrix(tuple(classes), counts)


def tube_confusion(
    tubes: Mapping[str, Sequence[Tube]],
    truth: Sequence[VideoAnnotation],
    classes: Sequence[str],
    *,
    threshold: float = 0.5,
    protocol: Protocol = ROAD,
    convention: BoxConvention = CONTINUOUS,
) -> ConfusionMatrix:
    """Compares the classes of true tubes with those of the tubes that found them.

    In each video the detected tubes choose by falling score among the true ones of all classes:
    each takes the one that it overlaps most and that is still free. So a tube in the right place
    with the wrong class counts as confused if no better one is there.

    Args:
        tubes: See `evaluate_tubes`.
        truth: See `evaluate_tubes`.
        classes: See `evaluate_tubes`.
        threshold: Of the tube IoU.
        protocol: See `evaluate_tubes`.
        convention: See `evaluate_tubes`.

    Raises:
        InputError: A label has no class.
    """
    matches = find_true_tubes(
        tubes, truth, classes, [threshold], protocol, convention, any_class=True
    )
    partners = matches.partners[0]
    counts = np.zeros((len(classes) + 1, len(classes) + 1), np.int64)
    # A partner of -1 is the last of these labels: nothing.
    true_labels = np.append(matches.true_labels, len(classes))
    np.add.at(counts, (true_labels[partners], matches.labels), 1)
    missed = np.delete(matches.true_labels, partners[partners >= 0])
    counts[:-1, -1] = np.bincount(missed, minlength=len(classes))
    return ConfusionMatrix(tuple(classes), counts)
