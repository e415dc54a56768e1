"""Protocols: the choices in which published evaluations of tubes differ."""

from dataclasses import dataclass, replace

from evaluation.average_precision import Method

# What "0.5:0.95" averages.
RANGE_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


@dataclass(frozen=True)
class Protocol:
    """How tubes are compared with the truth and ranked.

    Matching needs no choice: whether the tubes of a video choose by falling score, as in ROAD, or
    all tubes of a class over all videos, as in the others, they choose in the same order, since
    only those of one video compete. What is measured counts from 0 to 1, also where the published
    program prints percent.

    Attributes:
        name: As the commands call it.
        strict: Whether the IoU must be greater than the threshold, or only reach it.
        single_frame_counts: Whether tubes with a single frame in common overlap at all.
        method: How the area under the precision-recall curve is taken.
        tube_nms: Before the comparison, tubes are dropped that overlap a better one of their class
            by more than this; None for no such step.
        added_positives: Added to the number of true tubes in the recall.
        thresholds: Those that its program prints.
        averaged: Those of which it prints the mean.
    """

    name: str
    strict: bool
    single_frame_counts: bool
    method: Method
    tube_nms: float | None = None
    added_positives: float = 0.0
    thresholds: tuple[float, ...] = (0.2, 0.5, 0.75)
    averaged: tuple[float, ...] = RANGE_THRESHOLDS

    @property
    def evaluated(self) -> tuple[float, ...]:
        """All thresholds that its figures are made from, ascending."""
        return tuple(sorted({*self.thresholds, *self.averaged}))


# gurkirt/realtime-action-detection and corrected-UCF101-Annots, `get_PR_curve`.
ROAD = Protocol("road", strict=True, single_frame_counts=False, method="envelope")
# vkalogeiton/caffe, branch act-detector, `ACT.py`.
ACT = Protocol("act", strict=False, single_frame_counts=True, method="trapezoid", tube_nms=0.3)
# MCG-NJU/MOC-Detector, `ACT_utils`: MOC links and suppresses detections in another way than ACT,
# but evaluates tubes as it does.
MOC = replace(ACT, name="moc")
# wei-tim/YOWO, `core/eval_results.py`.
YOWO = Protocol(
    "yowo",
    strict=False,
    single_frame_counts=False,
    method="envelope",
    tube_nms=0.3,
    added_positives=1e-5,
    thresholds=(0.05, 0.1, 0.2, 0.3, 0.5, 0.75),
)
# gurkirt/3D-RetinaNet, `modules/evaluation.py`: its summary for UCF24 ends at 0.9.
RETINANET3D = Protocol(
    "retinanet3d",
    strict=False,
    single_frame_counts=True,
    method="trapezoid",
    averaged=RANGE_THRESHOLDS[:-1],
)
# Tube IoU as the mean of frame IoUs over all frames that either tube covers (Gkioxari and Malik,
# arXiv 1411.6031) and the precision envelope (Peng and Schmid, ECCV 2016).
UCF_SPORTS = Protocol(
    "ucfsports",
    strict=False,
    single_frame_counts=True,
    method="envelope",
    thresholds=(0.2, 0.5),
)
PROTOCOLS = {
    protocol.name: protocol for protocol in (ROAD, ACT, MOC, YOWO, RETINANET3D, UCF_SPORTS)
}
