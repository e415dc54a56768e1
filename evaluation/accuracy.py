"""Video accuracy: is the surest tube of a video of the right class."""

from collections.abc import Mapping, Sequence

from data import Tube, VideoAnnotation


def predicted_label(tubes: Sequence[Tube]) -> int | None:
    """Returns the class of the highest-scoring tube, the first of equal ones; None for no tube."""
    return max(tubes, key=lambda tube: tube.score).label if tubes else None


def video_accuracy(tubes: Mapping[str, Sequence[Tube]], truth: Sequence[VideoAnnotation]) -> float:
    """Returns the fraction of videos whose highest-scoring tube has the right class.

    ROAD's rule: a video's class is that of its last annotated tube, and a video without any tube
    counts as wrong. Videos without annotated tubes have no class and are left out.

    Args:
        tubes: Detected tubes by video; labels are those of the truth.
        truth: The videos that count.

    Returns:
        From 0 to 1; not a number if no video has a class.
    """
    return label_accuracy([predicted_label(tubes.get(video.name, ())) for video in truth], truth)


def label_accuracy(labels: Sequence[int | None], truth: Sequence[VideoAnnotation]) -> float:
    """Returns the same for classes predicted for the videos, one each; None is always wrong."""
    right = [
        label == video.tubes[-1].label
        for label, video in zip(labels, truth, strict=True)
        if video.tubes
    ]
    return sum(right) / len(right) if right else float("nan")
