"""Prints the video-mAP, the mean tube IoU and the video accuracy of anybody's tubes.

python evaluation/video_map.py runs/tubes/tubes.json --dataset embedded
"""

from collections.abc import Sequence
from pathlib import Path

from data import CommandParser, load_tubes, run_command
from evaluation.box_convention import BOX_CONVENTIONS, box_convention_option
from evaluation.ground_truth import (
    ground_truth_options,
    open_ground_truth,
    report_coverage,
    tubes_by_video,
)
from evaluation.protocols import PROTOCOLS, ROAD
from evaluation.tube_evaluation import evaluate_tubes
from evaluation.tube_report import class_table, tube_table


def main(argv: Sequence[str] | None = None) -> None:
    """Prints how good tubes are.

    Args:
        argv: Arguments; None stands for those of the process.

    Raises:
        InputError: An option or a file is wrong.
    """
    parser = CommandParser(
        description="Video-mAP, mean tube IoU and video accuracy of tubes.",
        epilog="example: python evaluation/video_map.py runs/tubes/tubes.json --dataset embedded",
    )
    parser.add_argument(
        "tubes", nargs="+", type=Path, metavar="TUBES", help="JSON files as in docs/formats.md"
    )
    ground_truth_options(parser, required=True)
    parser.add_argument(
        "--protocol",
        choices=sorted(PROTOCOLS),
        default=ROAD.name,
        help="rules of the comparison (default: %(default)s)",
    )
    box_convention_option(parser)
    args = parser.parse_args(argv)
    videos = [video for path in args.tubes for video in load_tubes(path)]
    truth = open_ground_truth(args.dataset, args.data_root, args.train_split, args.split)
    tubes = tubes_by_video(videos, truth.classes)
    report_coverage(tubes, truth)
    evaluation = evaluate_tubes(
        tubes,
        truth.videos,
        truth.classes,
        protocol=PROTOCOLS[args.protocol],
        convention=BOX_CONVENTIONS[args.box_convention],
    )
    print(class_table(evaluation))
    print()
    print(tube_table(evaluation))


if __name__ == "__main__":
    run_command(main)
