"""Joins the detections of two streams: `python tubes/fuse_streams.py RGB --top FLOW`.

`tubes/build.py` joins streams itself, and links them with all their scores; this command is for who
wants the joined detections for their frame-mAP. In them a box has the score of its class alone.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data import CommandParser, Detections, InputError, run_command, write_run_record
from data.command import counted, positive, save_root_option
from data.interchange.files import video_path
from data.processes import in_processes
from evaluation.ground_truth import ground_truth_options, open_ground_truth
from evaluation.result_files import format_options, reading_context
from evaluation.settings_options import read_settings, settings_options
from tubes.build_options import DEFAULT_FUSION, OPTION_HELP
from tubes.fusion import FUSIONS
from tubes.settings import TubeSettings
from tubes.video_streams import VideoStreams, find_streams, fused

_SETTINGS = ("conf_thresh", "topk", "nms_thresh", "keep")


@dataclass(frozen=True)
class Fusing:
    """How the streams of a video are joined, and where the result goes.

    Attributes:
        fusion: A name of `tubes.FUSIONS`.
        settings: Of the class filter.
        folder: For a file of detections for each video.
    """

    fusion: str
    settings: TubeSettings
    folder: Path

    def __call__(self, streams: VideoStreams) -> int:
        """Writes the joined detections of a video and returns the number of boxes.

        Raises:
            InputError: A file is wrong, or the streams do not fit.
        """
        loaded = streams.load()
        try:
            joined = fused(loaded, self.fusion, self.settings)
        except ValueError as error:
            raise InputError(f"{streams}: {error}") from None
        found = joined if isinstance(joined, Detections) else joined.by_class()
        found.save(video_path(self.folder, streams.name, ".npz"))
        return len(found.boxes)


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the joined detections of all videos.

    Args:
        argv: Arguments; None stands for those of the process.

    Raises:
        InputError: An option or a file is wrong.
    """
    args = _parse_options(argv)
    settings = read_settings(args, TubeSettings)
    folder = args.save_root / "fused"
    truth = None
    if args.dataset:
        truth = open_ground_truth(args.dataset, args.data_root, args.train_split, args.split)
    streams = find_streams(args.detections, args.top, args.format, reading_context(args, truth))
    boxes = list(in_processes(Fusing(args.fusion, settings, folder), streams, args.workers))
    figures = {"videos": len(boxes), "boxes": sum(boxes)}
    write_run_record(folder, vars(args), figures)
    print(f"{counted(sum(boxes), 'box')} in {counted(len(boxes), 'video')}: {folder}")
    print(
        f"evaluate them: python evaluation/frame_map.py {shlex.quote(str(folder))} --dataset NAME"
    )
    print("link them: python tubes/build.py with the same detections, --top and --fusion")


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        prog="python tubes/fuse_streams.py",
        description="Join the detections of two streams, as tubes/build.py --top does before it "
        "links them, and write them to SAVE_ROOT/fused for evaluation/frame_map.py. Each box has "
        "the score of its class alone, so tubes are built of the streams, not of these.",
        epilog="example: python tubes/fuse_streams.py runs/rgb --top runs/flow --fusion boost",
    )
    parser.add_argument(
        "detections",
        nargs="+",
        type=Path,
        metavar="DETECTIONS",
        help="files or folders of detections of the first stream",
    )
    format_options(parser)
    parser.add_argument(
        "--top",
        type=Path,
        required=True,
        metavar="PATH",
        help="detections of the second stream, of flow, with the same names as the first",
    )
    parser.add_argument(
        "--fusion",
        choices=FUSIONS,
        default=DEFAULT_FUSION,
        help="how the streams are joined (default: %(default)s)",
    )
    parser.add_argument(
        "--workers", type=positive, default=1, metavar="N", help="processes (default: %(default)s)"
    )
    save_root_option(parser)
    ground_truth_options(parser, required=False)
    settings_options(parser, TubeSettings(), {name: OPTION_HELP[name] for name in _SETTINGS})
    return parser.parse_args(argv)


if __name__ == "__main__":
    run_command(main)
