"""The options of the commands that build tubes: detections, ground truth, settings."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data import InputError
from evaluation.box_convention import box_convention_option
from evaluation.ground_truth import GroundTruth, ground_truth_options
from evaluation.protocols import PROTOCOLS, ROAD
from evaluation.result_files import format_options
from evaluation.settings_options import read_settings, settings_options
from tubes.fusion import FUSIONS
from tubes.settings import RETINANET3D_ALPHAS, TubeSettings

# What fits any two streams: the mean, ROAD's best, needs the scores of all prior boxes.
DEFAULT_FUSION = "cat"

OPTION_HELP = {
    "linking": "link each class on its own, or one set of paths for all classes",
    "cost": "what a path gains by a detection: its score, the similarity of all scores, or both",
    "ordering": "which path chooses first: as ROAD's evaluation or as its published demo does it",
    "trimming": "cut paths in time by labelling each frame with a class, or with the path's class "
    "or background; or not at all, which is the default for data sets whose tubes all span their "
    "clips",
    "alpha": "cost of a change of class in the trimming: higher, for fewer and longer tubes",
    "conf_thresh": "detections of a class must score higher",
    "topk": "detections of a class and frame that enter the NMS",
    "nms_thresh": "IoU above which the NMS drops a box",
    "keep": "detections of a class and frame that are linked",
    "iou_thresh": "least IoU of successive boxes",
    "jump_gap": "misses in a row that end a path",
    "min_found": "paths found in fewer frames are dropped",
    "classes_per_path": "classes of an agnostic path that become tubes",
    "score_topk": "best frame scores that make the score of a tube",
    "min_frames": "least length of a tube",
    "min_score": "tubes must score higher",
}


def build_options(
    parser: argparse.ArgumentParser, detections: str, *, truth_required: bool
) -> None:
    """Adds the options; `parse_build_options` parses them.

    Args:
        parser: Where the options go.
        detections: Help text of the detections; they may be left out if the truth may.
        truth_required: Whether the ground truth must be named.
    """
    parser.add_argument(
        "detections",
        nargs="+" if truth_required else "*",
        type=Path,
        metavar="DETECTIONS",
        help=detections,
    )
    format_options(parser)
    parser.add_argument(
        "--top",
        type=Path,
        metavar="PATH",
        help="detections of a second stream, of flow, with the same names as the first",
    )
    parser.add_argument(
        "--fusion",
        choices=FUSIONS,
        help=f"how the streams are joined (default: {DEFAULT_FUSION})",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes (default: %(default)s)"
    )
    ground_truth_options(parser, required=truth_required)
    parser.add_argument(
        "--protocol",
        choices=sorted(PROTOCOLS),
        default=ROAD.name,
        help="rules of the evaluation (default: %(default)s)",
    )
    settings_options(parser, TubeSettings(), OPTION_HELP)
    parser.add_argument(
        "--alphas",
        type=_alphas,
        default=(),
        metavar="X,X,...",
        help="costs of a change of label for the paths of each class, in place of --alpha; "
        "retinanet3d: those of 3D-RetinaNet for UCF24",
    )
    parser.set_defaults(trimming=None, alpha=None)  # so that it shows whether they were given
    box_convention_option(parser, default=None)


def parse_build_options(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None
) -> argparse.Namespace:
    """Parses and checks the options.

    Raises:
        InputError: One is wrong.
    """
    args = parser.parse_args(argv)
    if args.workers < 1:
        raise InputError(f"--workers {args.workers}: must be at least 1")
    if args.fusion and args.top is None:
        raise InputError(f"--fusion {args.fusion}: joins two streams; name the second with --top")
    args.fusion = args.fusion or DEFAULT_FUSION
    chosen_settings(args, None)
    return args


def chosen_settings(args: argparse.Namespace, truth: GroundTruth | None) -> TubeSettings:
    """Returns the settings that were asked for; what is not trimmed by default is told on stderr.

    Raises:
        InputError: A value is out of its range, or has no effect.
    """
    by_default = args.trimming is None and truth is not None and truth.trimmed
    trimming = "none" if by_default else args.trimming or TubeSettings.trimming
    _check_costs(args, trimming)
    if by_default:
        print("note: not trimmed, since all true tubes span their clips", file=sys.stderr)
    alpha = TubeSettings.alpha if args.alpha is None else args.alpha
    given = argparse.Namespace(**{**vars(args), "trimming": trimming, "alpha": alpha})
    return read_settings(given, TubeSettings)


def _check_costs(args: argparse.Namespace, trimming: str) -> None:
    """Checks that the costs of a change of label are of use where they were given."""
    for name in ("alpha", "alphas"):
        if trimming == "none" and getattr(args, name) not in (None, ()):
            chosen = (
                "with --trimming none" if args.trimming else "where true tubes span their clips"
            )
            raise InputError(
                f"--{name}: has no effect {chosen}, since nothing is trimmed; leave it out, or "
                "trim with --trimming labels or background"
            )
    if args.alphas and args.alpha is not None:
        raise InputError(
            f"--alpha {args.alpha:g}: has no effect, since --alphas gives a cost to each class; "
            "leave one of them out"
        )


def _alphas(text: str) -> tuple[float, ...]:
    """The value of --alphas."""
    if text == "retinanet3d":
        return RETINANET3D_ALPHAS
    try:
        return TubeSettings(alphas=tuple(float(number) for number in text.split(","))).alphas
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}; give one number a class") from None
