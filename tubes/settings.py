"""The settings of linking and trimming, with ROAD's values as defaults."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.validation import positive

LINKINGS = ("class", "agnostic")
COSTS = ("score", "scrSim", "scrMinusSim")
ORDERINGS = ("road", "road-display")
TRIMMINGS = ("labels", "background", "none")


# Those of 3D-RetinaNet for the 24 classes of UCF24 (gurkirt/3D-RetinaNet, `tube_helper`).
RETINANET3D_ALPHAS = (
    *(1.0, 1.0, 16.0, 3.0, 1.0, 8.0, 16.0, 16.0, 10.0, 10.0, 3.0, 16.0),
    *(16.0, 10.0, 1.0, 8.0, 16.0, 16.0, 16.0, 2.0, 1.0, 8.0, 2.0, 16.0),
)


def _choice(default: str, choices: tuple[str, ...]) -> str:
    made: str = field(default=default, metadata={"choices": choices})
    return made


@dataclass(frozen=True)
class LinkSettings:
    """How detections are linked into paths; the defaults are those of ROAD's `online-tubes`.

    Attributes:
        linking: "class" links every class on its own by its score; "agnostic" makes one set of
            paths for all classes, by 1 - background, where paths are sought where their motion
            takes them (3D-RetinaNet).
        cost: What a path gains by a detection that overlaps it, and by which it chooses: its class
            "score"; "scrSim", 1 - the Euclidean distance of all scores from those found last; or
            "scrMinusSim", the sum of both.
        ordering: Which path chooses first. "road": by the mean of their `jump_gap` + 1 best scores,
            new ones last. "road-display", the published demo: by the mean of the 20 best, new ones
            too.
        conf_thresh: Detections of a class must score higher than this.
        topk: At most so many of the best detections of a class and frame enter the NMS.
        nms_thresh: IoU above which the NMS drops the lower-scoring box.
        keep: At most so many detections of a class and frame are linked.
        iou_thresh: Least IoU of successive boxes of a path.
        jump_gap: A path ends when it was missed in this many frames in a row.
        min_found: Paths found in fewer frames are dropped.

    Raises:
        ValueError: A setting is out of its range.
    """

    linking: str = _choice("class", LINKINGS)
    cost: str = _choice("score", COSTS)
    ordering: str = _choice("road", ORDERINGS)
    conf_thresh: float = 0.001
    topk: int = 50
    nms_thresh: float = 0.45
    keep: int = 10
    iou_thresh: float = 0.1
    jump_gap: int = 3
    min_found: int = 4

    def __post_init__(self) -> None:
        _check_choices(self, linking=LINKINGS, cost=COSTS, ordering=ORDERINGS)
        _check_counts(self, "topk", "keep", "jump_gap", "min_found")
        _check_fractions(self, "conf_thresh", "nms_thresh", "iou_thresh")


@dataclass(frozen=True)
class TubeSettings(LinkSettings):
    """How tubes are built; the defaults are those of ROAD's `online-tubes`.

    Attributes:
        trimming: "labels" gives every frame of a path one of the classes, and the frames with the
            path's own are its tubes (ROAD's code); "background" decides between the path's class
            and the background (ROAD's paper); "none" makes every path a tube, for clips that were
            cut to what is done in them.
        alpha: Cost of a change of label in the trimming; higher values give fewer and longer tubes.
        alphas: Such a cost for the paths of each class in place of `alpha`; empty for one of all.
        classes_per_path: At most so many classes of an agnostic path become tubes.
        score_topk: The score of a tube is the mean of so many of its best class scores.
        min_frames: Shorter tubes are dropped; a clip shorter than this gives none.
        min_score: Tubes must score higher than this.

    Raises:
        ValueError: A setting is out of its range.
    """

    trimming: str = _choice("labels", TRIMMINGS)
    alpha: float = 5.0
    alphas: tuple[float, ...] = ()
    classes_per_path: int = 10
    score_topk: int = 40
    min_frames: int = 10
    min_score: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choices(self, trimming=TRIMMINGS)
        _check_counts(self, "classes_per_path", "score_topk", "min_frames")
        _check_fractions(self, "min_score")
        for alpha in (self.alpha, *self.alphas):
            if not (math.isfinite(alpha) and alpha >= 0):
                raise ValueError(f"alpha must be 0 or more, not {alpha}")

    def class_alphas(self, classes: int) -> NDArray[np.float64]:
        """Returns the cost of a change for the paths of each class, float64 (classes,).

        Raises:
            ValueError: `alphas` are of another number of classes.
        """
        if self.alphas and len(self.alphas) != classes:
            raise ValueError(
                f"alphas must be one for each of {classes} classes, not {len(self.alphas)}"
            )
        return np.array(self.alphas or (self.alpha,) * classes, np.float64)


def _check_choices(settings: LinkSettings, **choices: tuple[str, ...]) -> None:
    for name, allowed in choices.items():
        if getattr(settings, name) not in allowed:
            raise ValueError(f"{name} must be one of {allowed}, not {getattr(settings, name)!r}")


def _check_counts(settings: LinkSettings, *names: str) -> None:
    for name in names:
        positive(getattr(settings, name), name)


def _check_fractions(settings: LinkSettings, *names: str) -> None:
    for name in names:
        if not 0 <= getattr(settings, name) <= 1:
            raise ValueError(f"{name} must lie between 0 and 1, not {getattr(settings, name)}")
