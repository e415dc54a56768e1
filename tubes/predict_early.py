"""Tells how early actions are known: `python tubes/predict_early.py DETECTIONS --dataset NAME`.

Tubes are built from the first 10 %, 20 %, ... of each video as if it ended there, and compared with
what of the true ones was seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from data import CommandParser, InputError, VideoTubes, run_command
from data.processes import in_processes
from evaluation.box_convention import choose_convention
from evaluation.early_prediction import FRACTIONS, evaluate_early, first_part
from evaluation.early_report import early_figures, early_page, early_rows, early_table
from evaluation.ground_truth import (
    VideoOrigin,
    open_ground_truth,
    origin_facts,
    report_coverage,
    tubes_by_video,
)
from evaluation.protocols import PROTOCOLS
from evaluation.report_files import report_options, write_reports
from evaluation.result_files import reading_context
from tubes.build_options import build_options, chosen_settings, parse_build_options
from tubes.settings import TubeSettings
from tubes.tube_builder import build_tubes
from tubes.video_streams import VideoStreams, find_streams, fused


@dataclass(frozen=True)
class PartsBuilding:
    """How the tubes of the first parts of a video are built.

    Attributes:
        fusion: How two streams are joined, a name of `tubes.FUSIONS`.
        settings: Settings of linking and trimming.
    """

    fusion: str
    settings: TubeSettings

    def __call__(self, streams: VideoStreams) -> list[VideoTubes]:
        """Builds tubes from each of `FRACTIONS` of a video.

        Raises:
            InputError: A file is wrong, or the streams do not fit.
        """
        loaded = streams.load()
        try:
            return [
                build_tubes(
                    fused([first_part(each, seen) for each in loaded], self.fusion, self.settings),
                    self.settings,
                )
                for seen in FRACTIONS
            ]
        except ValueError as error:
            raise InputError(f"{streams}: {error}") from None


def main(argv: Sequence[str] | None = None) -> None:
    """Prints accuracy and video-mAP after each part of the videos.

    Args:
        argv: Arguments; None stands for those of the process.

    Raises:
        InputError: An option or a file is wrong.
    """
    args = _parse_options(argv)
    truth = open_ground_truth(args.dataset, args.data_root, args.train_split, args.split)
    settings = chosen_settings(args, truth)
    streams = find_streams(args.detections, args.top, args.format, reading_context(args, truth))
    videos = list(in_processes(PartsBuilding(args.fusion, settings), streams, args.workers))
    parts = {
        seen: tubes_by_video(own, truth.classes)
        for seen, own in zip(FRACTIONS, zip(*videos, strict=True), strict=True)
    }
    # The last part is the whole video.
    report_coverage({own[-1].video: VideoOrigin.of(own[-1]) for own in videos}, truth)
    models = {video.model for own in videos for video in own}
    early = evaluate_early(
        parts.__getitem__,
        truth.videos,
        truth.classes,
        protocol=PROTOCOLS[args.protocol],
        convention=choose_convention(args.box_convention, models, args.protocol),
    )
    figures = {
        "ground_truth": truth.name,
        "settings": asdict(settings),
        **early_figures(early),
    }
    write_reports(
        args,
        figures,
        early_rows(early),
        lambda: early_page(origin_facts(args.detections, parts[1.0], truth), early),
    )
    print(early_table(early))


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        prog="python tubes/predict_early.py",
        description="Early prediction: video accuracy and video-mAP when only the first part of "
        "each video was seen. The class of a video is that of the whole; of the true tubes counts "
        "what was seen. Tubes shorter than --min_frames are none, so a short part of a short video "
        "predicts nothing.",
        epilog="example: python tubes/predict_early.py runs/detections --dataset embedded",
    )
    build_options(parser, "files or folders", truth_required=True)
    report_options(parser)
    return parse_build_options(parser, argv)


if __name__ == "__main__":
    run_command(main)
