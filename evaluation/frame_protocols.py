"""Protocols of frame-mAP: which boxes of a frame are detections, and how they are compared."""

from dataclasses import dataclass
from typing import Literal

from data.validation import positive
from evaluation.average_precision import Method

Selection = Literal["class_filter", "hard_nms", "soft_nms", "best_class", "threshold"]


@dataclass(frozen=True)
class FrameSettings:
    """Numbers of a frame protocol; the defaults are those of ROAD's test script for RGB.

    Attributes:
        conf_thresh: Detections must score higher than this.
        topk: At most so many of the best detections of a class and frame enter the NMS.
        nms_thresh: IoU above which the NMS drops the lower-scoring box.
        keep: At most so many of the best detections of a class and frame remain after the NMS;
            None stands for all.
        iou_thresh: Least IoU with a true box.

    Raises:
        ValueError: A setting is out of its range.
    """

    conf_thresh: float = 0.01
    topk: int = 20
    nms_thresh: float = 0.45
    keep: int | None = None
    iou_thresh: float = 0.5

    def __post_init__(self) -> None:
        for name in ("topk", "keep"):
            if getattr(self, name) is not None:
                positive(getattr(self, name), name)
        for name in ("conf_thresh", "nms_thresh", "iou_thresh"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")


@dataclass(frozen=True)
class FrameProtocol:
    """How the boxes of single frames are chosen, compared with the truth and ranked.

    All programs look at every frame, annotated or not. What is measured counts from 0 to 1, also
    where the program prints percent.

    Attributes:
        name: As the commands call it.
        selection: `class_filter`: each class by itself, threshold, best `topk`, NMS, best `keep`.
            `hard_nms`: the same without the two limits. `soft_nms`: as that, but MOC's NMS keeps
            what it suppresses, at its score times 1 minus the IoU. `best_class`: threshold and NMS
            on 1 minus the background, all classes together, and then the best class of each box, at
            its score times 1 minus the background. `threshold`: nothing but the threshold.
        method: How the area under the precision-recall curve is taken.
        settings: Numbers; those that the selection has no use for are not looked at.
        clip_first: Whether the class filter takes boxes that are clipped to the frame already.
        only_free: Whether a detection looks for the best true box among those that no better one
            took; else it is wrong when the best of all is taken.
        only_true_classes: Whether classes without true boxes are left out of the mean; else they
            count 0.
    """

    name: str
    selection: Selection
    method: Method
    settings: FrameSettings
    clip_first: bool = False
    only_free: bool = True
    only_true_classes: bool = False


# gurkirt/realtime-action-detection: `test-ucf24.py` with `utils/evaluation.py`; for flow it has a
# conf_thresh of 0.05.
FRAME_ROAD = FrameProtocol("road", "class_filter", "envelope", FrameSettings())
# The same repository: `frameAp.m`, whose figures it asks to publish. In a frame with true boxes of
# two classes it would let a detection take one of the other class; UCF24 has none, and here none
# does.
FRAME_ROAD_MATLAB = FrameProtocol(
    "road-matlab", "class_filter", "envelope", FrameSettings(topk=50, keep=20), clip_first=True
)
# vkalogeiton/caffe, branch act-detector, `ACT.py`, `frameAP`.
FRAME_ACT = FrameProtocol("act", "hard_nms", "trapezoid", FrameSettings(nms_thresh=0.3))
# MCG-NJU/MOC-Detector, `ACT_utils`, `frameAP`.
FRAME_MOC = FrameProtocol("moc", "soft_nms", "trapezoid", FrameSettings(nms_thresh=0.6))
# wei-tim/YOWO, `evaluation_ucf24_jhmdb`, which is R. Padilla's Object-Detection-Metrics. The boxes
# in its files went through an NMS of 0.4 before they were rounded; a second one would change them.
FRAME_YOWO = FrameProtocol(
    "yowo",
    "best_class",
    "envelope",
    FrameSettings(conf_thresh=0.005, nms_thresh=1),
    only_free=False,
    only_true_classes=True,
)
# gurkirt/3D-RetinaNet, `modules/evaluation.py`.
FRAME_RETINANET3D = FrameProtocol(
    "retinanet3d", "threshold", "trapezoid", FrameSettings(conf_thresh=0.025)
)
FRAME_PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        FRAME_ROAD,
        FRAME_ROAD_MATLAB,
        FRAME_ACT,
        FRAME_MOC,
        FRAME_YOWO,
        FRAME_RETINANET3D,
    )
}
