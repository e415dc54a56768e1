"""Prints the video-mAP, the mean tube IoU and the video accuracy of anybody's tubes.

python evaluation/video_map.py runs/tubes/tubes.json --dataset embedded
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from data import CommandParser, InputError, run_command
from evaluation.box_convention import box_convention_option, choose_convention
from evaluation.confusion import tube_confusion, video_confusion
from evaluation.error_shares import error_figures, error_line
from evaluation.ground_truth import (
    VideoOrigin,
    ground_truth_options,
    open_ground_truth,
    origin_facts,
    report_coverage,
    tubes_by_video,
)
from evaluation.protocols import PROTOCOLS, ROAD
from evaluation.recall_curves import tube_recall
from evaluation.report_files import report_options, write_reports
from evaluation.report_page import tube_page
from evaluation.result_files import format_options, read_tube_files, reading_context
from evaluation.tube_errors import analyse_tube_errors
from evaluation.tube_evaluation import evaluate_tubes
from evaluation.tube_report import (
    class_figures,
    class_rows,
    class_table,
    recall_figures,
    recall_line,
    tube_figures,
    tube_table,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Prints how good tubes are.

    Args:
        argv: Arguments; None stands for those of the process.

    Raises:
        InputError: An option or a file is wrong.
    """
    args = _parse_options(argv)
    truth = open_ground_truth(args.dataset, args.data_root, args.train_split, args.split)
    videos = list(read_tube_files(args.tubes, args.format, reading_context(args, truth)))
    tubes = tubes_by_video(videos, truth.classes)
    report_coverage({video.video: VideoOrigin.of(video) for video in videos}, truth)
    protocol = PROTOCOLS[args.protocol]
    convention = choose_convention(
        args.box_convention, {video.model for video in videos}, protocol.name
    )
    evaluation = evaluate_tubes(
        tubes,
        truth.videos,
        truth.classes,
        thresholds=args.thresholds,
        protocol=protocol,
        convention=convention,
    )
    recall = tube_recall(
        tubes, truth.videos, truth.classes, protocol=protocol, convention=convention
    )
    # Curves, errors and confusions are taken at one threshold.
    shown = min(evaluation.thresholds, key=lambda threshold: abs(threshold - 0.5))
    confused = tube_confusion(
        tubes,
        truth.videos,
        truth.classes,
        threshold=shown,
        protocol=protocol,
        convention=convention,
    )
    confused_videos = video_confusion(tubes, truth.videos, truth.classes)
    errors = analyse_tube_errors(
        tubes,
        truth.videos,
        truth.classes,
        iou_thresh=shown,
        protocol=protocol,
        convention=convention,
    )
    figures = {
        "ground_truth": truth.name,
        **tube_figures(evaluation),
        "classes": class_figures(evaluation),
        "recall": recall_figures(recall),
        "confusion": {
            "videos": confused_videos.counts,
            "tubes": confused.counts,
            "iou_thresh": shown,
        },
        "errors": error_figures(errors),
    }
    write_reports(
        args,
        figures,
        class_rows(evaluation),
        lambda: tube_page(
            origin_facts(args.tubes, tubes, truth),
            evaluation,
            errors,
            recall,
            confused,
            confused_videos,
        ),
    )
    print(class_table(evaluation))
    print()
    print(tube_table(evaluation))
    print(error_line(errors))
    print(recall_line(recall, 0.5, "tubes of a video"))


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        prog="python evaluation/video_map.py",
        description="Video-mAP, mean tube IoU and video accuracy of tubes.",
        epilog="example: python evaluation/video_map.py runs/tubes/tubes.json --dataset embedded",
    )
    parser.add_argument(
        "tubes", nargs="+", type=Path, metavar="TUBES", help="files or folders of tubes"
    )
    format_options(parser)
    ground_truth_options(parser, required=True)
    parser.add_argument(
        "--protocol",
        choices=list(PROTOCOLS),
        default=ROAD.name,
        help="rules of the comparison (default: %(default)s)",
    )
    parser.add_argument(
        "--thresholds",
        nargs="+",
        type=float,
        metavar="X",
        help="of the tube IoU (default: those that the program of the protocol prints)",
    )
    box_convention_option(parser, default=None)
    report_options(parser)
    args = parser.parse_args(argv)
    for threshold in args.thresholds or ():
        if not 0 <= threshold <= 1:
            raise InputError(
                f"thresholds must lie between 0 and 1, not {threshold:g}; give another --thresholds"
            )
    return args


if __name__ == "__main__":
    run_command(main)
