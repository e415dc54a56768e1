"""Prints the frame-mAP of detections.

python evaluation/frame_map.py runs/detections --dataset embedded
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from data import CommandParser, Detections, run_command
from evaluation.box_convention import BOX_CONVENTIONS, box_convention_option
from evaluation.detection_files import find_detections, load_detections
from evaluation.frame_evaluation import FrameEvaluation, FrameSettings, evaluate_frames
from evaluation.ground_truth import ground_truth_options, open_ground_truth, report_coverage
from evaluation.settings_options import read_settings, settings_options

OPTION_HELP = {
    "conf_thresh": "detections of a class must score higher",
    "topk": "detections of a class and frame that enter the NMS",
    "nms_thresh": "IoU above which the NMS drops a box",
    "iou_thresh": "least IoU with a true box",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the frame-mAP of detections.

    Args:
        argv: Arguments; None stands for those of the process.

    Raises:
        InputError: An option or a file is wrong.
    """
    parser = CommandParser(
        description="Frame-mAP of detections.",
        epilog="example: python evaluation/frame_map.py runs/detections --dataset embedded",
    )
    parser.add_argument(
        "detections", nargs="+", type=Path, metavar="DETECTIONS", help=".npz files or folders"
    )
    ground_truth_options(parser, required=True)
    settings_options(parser, FrameSettings(), OPTION_HELP)
    box_convention_option(parser)
    args = parser.parse_args(argv)
    settings = read_settings(args, FrameSettings)
    files = find_detections(args.detections)
    truth = open_ground_truth(args.dataset, args.data_root, args.train_split, args.split)
    names: list[str] = []

    def videos() -> Iterator[Detections]:
        for video in load_detections(files):
            names.append(video.video)
            yield video

    evaluation = evaluate_frames(
        videos(),
        truth.videos,
        truth.classes,
        settings=settings,
        convention=BOX_CONVENTIONS[args.box_convention],
    )
    report_coverage(names, truth)
    print(frame_table(evaluation, settings.iou_thresh))


def frame_table(evaluation: FrameEvaluation, iou_thresh: float) -> str:
    """Returns the average precision of each class and their mean as a table."""
    width = max(len("class"), *map(len, evaluation.classes)) + 2
    lines = [f"{'class':<{width}}{'true boxes':>12}{'detections':>12}{f'AP {iou_thresh:g}':>10}"]
    for name, positives, detections, precision in zip(
        evaluation.classes,
        evaluation.positives,
        evaluation.detections,
        evaluation.average_precisions,
        strict=True,
    ):
        lines.append(f"{name:<{width}}{positives:>12}{detections:>12}{precision:>10.4f}")
    lines.append(f"frame-mAP at IoU {iou_thresh:g}: {evaluation.mean_average_precision:.4f}")
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
