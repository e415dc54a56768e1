"""Prints the frame-mAP of anybody's detections or tubes.

python evaluation/frame_map.py runs/detections --dataset embedded
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from data import CommandParser, Detections, InputError, VideoTubes, run_command
from evaluation.box_convention import (
    CONTINUOUS,
    BoxConvention,
    box_convention_option,
    choose_convention,
)
from evaluation.confusion import BOX_SCORE, frame_confusion
from evaluation.error_shares import error_figures, error_line
from evaluation.frame_boxes import FrameBoxes, boxes_of_tubes
from evaluation.frame_errors import analyse_frame_errors
from evaluation.frame_evaluation import choose_boxes, evaluate_frame_boxes
from evaluation.frame_protocols import FRAME_PROTOCOLS, FRAME_ROAD, FrameProtocol, FrameSettings
from evaluation.frame_report import frame_figures, frame_rows, frame_table
from evaluation.ground_truth import (
    GroundTruth,
    VideoOrigin,
    ground_truth_options,
    open_ground_truth,
    origin_facts,
    report_coverage,
    tubes_by_video,
)
from evaluation.recall_curves import frame_recall
from evaluation.report_files import report_options, write_reports
from evaluation.report_page import frame_page
from evaluation.result_files import format_options, read_box_files, reading_context
from evaluation.tube_report import recall_figures, recall_line

OPTION_HELP = {
    "conf_thresh": "detections must score higher; road has 0.05 for flow",
    "topk": "detections of a class and frame that enter the NMS",
    "nms_thresh": "IoU above which the NMS drops a box",
    "keep": "detections of a class and frame that the NMS leaves at most",
    "iou_thresh": "least IoU with a true box",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the frame-mAP of detections or tubes.

    Args:
        argv: Arguments; None stands for those of the process.

    Raises:
        InputError: An option or a file is wrong.
    """
    args = _parse_options(argv)
    protocol = FRAME_PROTOCOLS[args.protocol]
    settings = _settings(args, protocol)
    truth = open_ground_truth(args.dataset, args.data_root, args.train_split, args.split)
    found, origins, convention = _read(args, truth, protocol, settings)
    report_coverage(origins, truth)
    rules = {
        "protocol": protocol,
        "iou_thresh": settings.iou_thresh,
        "convention": convention,
        "annotated_only": args.frames == "annotated",
    }
    evaluation = evaluate_frame_boxes(found, truth.videos, truth.classes, **rules)
    errors = analyse_frame_errors(found, truth.videos, truth.classes, **rules)
    confused = frame_confusion(found, truth.videos, truth.classes, **rules)
    recall = frame_recall(
        found, truth.videos, truth.classes, protocol=protocol, convention=convention
    )
    figures = {
        "ground_truth": truth.name,
        "settings": asdict(settings),
        **frame_figures(evaluation),
        "confusion": {
            "boxes": confused.counts,
            "iou_thresh": settings.iou_thresh,
            "min_score": BOX_SCORE,
        },
        "errors": error_figures(errors),
        "recall": recall_figures(recall),
    }
    write_reports(
        args,
        figures,
        frame_rows(evaluation),
        lambda: frame_page(
            origin_facts(args.results, origins, truth), evaluation, errors, recall, confused
        ),
    )
    print(frame_table(evaluation))
    print(error_line(errors))
    print(recall_line(recall, 0.5, "boxes of a frame"))


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        prog="python evaluation/frame_map.py",
        description="Frame-mAP of detections, or of the boxes of tubes.",
        epilog="example: python evaluation/frame_map.py runs/detections --dataset embedded",
    )
    parser.add_argument(
        "results",
        nargs="+",
        type=Path,
        metavar="RESULTS",
        help="files or folders of detections, or else of tubes",
    )
    format_options(parser)
    ground_truth_options(parser, required=True)
    parser.add_argument(
        "--protocol",
        choices=list(FRAME_PROTOCOLS),
        default=FRAME_ROAD.name,
        help="which boxes are detections, and rules of the comparison (default: %(default)s)",
    )
    parser.add_argument(
        "--frames",
        choices=("every", "annotated"),
        default="every",
        help="look at every frame, or only at those with true boxes (default: %(default)s)",
    )
    group = parser.add_argument_group("settings", "defaults are those of the protocol")
    for name, text in OPTION_HELP.items():
        whole = name in ("topk", "keep")
        group.add_argument(
            f"--{name}", type=int if whole else float, metavar="N" if whole else "X", help=text
        )
    box_convention_option(parser, default=None)
    report_options(parser)
    return parser.parse_args(argv)


def _settings(args: argparse.Namespace, protocol: FrameProtocol) -> FrameSettings:
    """The settings of the protocol, but for those that were given."""
    given = {name: getattr(args, name) for name in OPTION_HELP if getattr(args, name) is not None}
    try:
        return replace(protocol.settings, **given)
    except ValueError as error:
        raise InputError(f"{error}; give another --{str(error).split()[0]}") from None


def _read(
    args: argparse.Namespace, truth: GroundTruth, protocol: FrameProtocol, settings: FrameSettings
) -> tuple[list[FrameBoxes], dict[str, VideoOrigin], BoxConvention]:
    """Boxes of all videos that count, what all that were read say, and the box convention."""
    found: list[FrameBoxes] = []
    origins: dict[str, VideoOrigin] = {}
    models: set[str] = set()
    convention = CONTINUOUS
    for video in read_box_files(args.results, args.format, reading_context(args, truth)):
        models.add(video.model)
        convention = choose_convention(args.box_convention, models, protocol.name)
        origins[video.video] = VideoOrigin.of(video)
        found += _boxes(video, truth, protocol, settings, convention)
    return found, origins, convention


def _boxes(
    video: Detections | VideoTubes,
    truth: GroundTruth,
    protocol: FrameProtocol,
    settings: FrameSettings,
    convention: BoxConvention,
) -> list[FrameBoxes]:
    if isinstance(video, Detections):
        return choose_boxes([video], truth.videos, truth.classes, protocol, settings, convention)
    tubes = tubes_by_video([video], truth.classes)[video.video]
    return [boxes_of_tubes(video.video, tubes)]


if __name__ == "__main__":
    run_command(main)
