"""The settings of linking and trimming, with ROAD's values as defaults."""

import math
from dataclasses import dataclass, field

TRIMMINGS = ("labels", "none")


@dataclass(frozen=True)
class TubeSettings:
    """How tubes are built; the defaults are those of ROAD's `online-tubes`.

    Attributes:
        trimming: "labels" gives every frame of a path one of the classes, and the frames with the
            path's own are its tubes; "none" makes every path a tube, for clips that were cut to
            what is done in them.
        alpha: Cost of a change of label in the trimming; higher values give fewer and longer tubes.
        conf_thresh: Detections of a class must score higher than this.
        topk: At most so many of the best detections of a class and frame enter the NMS.
        nms_thresh: IoU above which the NMS drops the lower-scoring box.
        keep: At most so many detections of a class and frame are linked.
        iou_thresh: Least IoU of successive boxes of a path.
        jump_gap: A path ends when it was missed in this many frames in a row; one found in no more
            frames than this is dropped.
        score_topk: The score of a tube is the mean of so many of its best class scores.
        min_frames: Shorter tubes are dropped; a clip shorter than this gives none.
        min_score: Tubes must score higher than this.

    Raises:
        ValueError: A setting is out of its range.
    """

    trimming: str = field(default="labels", metadata={"choices": TRIMMINGS})
    alpha: float = 5.0
    conf_thresh: float = 0.001
    topk: int = 50
    nms_thresh: float = 0.45
    keep: int = 10
    iou_thresh: float = 0.1
    jump_gap: int = 3
    score_topk: int = 40
    min_frames: int = 10
    min_score: float = 0.0

    def __post_init__(self) -> None:
        if self.trimming not in TRIMMINGS:
            raise ValueError(f"trimming must be one of {TRIMMINGS}, not {self.trimming!r}")
        for name in ("topk", "keep", "jump_gap", "score_topk", "min_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("conf_thresh", "nms_thresh", "iou_thresh", "min_score"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")
        if not (math.isfinite(self.alpha) and self.alpha >= 0):
            raise ValueError(f"alpha must be 0 or more, not {self.alpha}")
