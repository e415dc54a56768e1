"""Protocols: the choices in which published evaluations of tubes differ."""

from dataclasses import dataclass

from evaluation.average_precision import Method


@dataclass(frozen=True)
class Protocol:
    """How tubes are compared with the truth and ranked.

    Attributes:
        name: As the commands call it.
        strict: Whether the IoU must be greater than the threshold, or only reach it.
        single_frame_counts: Whether tubes with a single frame in common overlap at all.
        method: How the area under the precision-recall curve is taken.
    """

    name: str
    strict: bool
    single_frame_counts: bool
    method: Method


# gurkirt/realtime-action-detection and corrected-UCF101-Annots, `get_PR_curve`.
ROAD = Protocol("road", strict=True, single_frame_counts=False, method="envelope")
# Tube IoU as the mean of frame IoUs over all frames that either tube covers (Gkioxari and Malik,
# arXiv 1411.6031) and the precision envelope (Peng and Schmid, ECCV 2016).
UCF_SPORTS = Protocol("ucf_sports", strict=False, single_frame_counts=True, method="envelope")
PROTOCOLS = {protocol.name: protocol for protocol in (ROAD, UCF_SPORTS)}
