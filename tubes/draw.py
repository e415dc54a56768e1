"""Draws how the detections of a video are linked and trimmed: `python tubes/draw.py DETECTIONS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data import CommandParser, Detections, InputError, atomic_path, run_command
from data.interchange.files import video_path
from evaluation.result_files import check_corners
from tubes.linker import OnlineLinker
from tubes.paths import ActionPath
from tubes.settings import TRIMMINGS, TubeSettings
from tubes.trimming import trim
from tubes.tube_stream import TubeStream

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More paths are not told apart by their colours.
MOST_PATHS = 5


@dataclass(frozen=True)
class Announcement:
    """When a stream told of a tube; frames.

    Attributes:
        start: First frame of the tube.
        end: The frame after its last one.
        started: In which frame its start was announced first.
        ended: In which frame its end was announced first, or that of the last frame.
        settled: In which frame it became final, or that of the last frame.
    """

    start: int
    end: int
    started: int
    ended: int
    settled: int


def main(argv: Sequence[str] | None = None) -> None:
    """Writes two pictures: the paths of a class, and the trimming of its strongest path.

    Args:
        argv: Arguments; None stands for those of the process.

    Raises:
        InputError: An option or a file is wrong.
    """
    parser = CommandParser(
        prog="python tubes/draw.py",
        description="Draw how the detections of a video are linked into paths (VIDEO-linking.png), "
        "and how the strongest path is trimmed while the stream runs (VIDEO-trimming.png).",
        epilog="example: python tubes/draw.py runs/detections/video.npz --trimming background",
    )
    parser.add_argument("detections", type=Path, metavar="DETECTIONS", help="an .npz file")
    parser.add_argument("--label", metavar="CLASS", help="(default: that of the strongest path)")
    parser.add_argument(
        "--trimming", choices=TRIMMINGS[:2], default=TRIMMINGS[0], help="(default: %(default)s)"
    )
    parser.add_argument(
        "--alpha", type=float, default=TubeSettings.alpha, help="(default: %(default)s)"
    )
    parser.add_argument(
        "--save_root", type=Path, default=Path("runs"), metavar="FOLDER", help="for the pictures"
    )
    args = parser.parse_args(argv)
    try:
        settings = TubeSettings(trimming=args.trimming, alpha=args.alpha)
    except ValueError as error:
        raise InputError(f"--alpha: {error}") from None
    video = Detections.load(args.detections)
    check_corners(video, args.detections)
    linker = OnlineLinker(len(video.classes), video.width, video.height, settings)
    linker.update_all(video)
    paths = linker.finish()
    if args.label is not None and args.label not in video.classes:
        raise InputError(
            f"--label {args.label}: is no class of {args.detections}; it has "
            f"{', '.join(video.classes)}"
        )
    wanted = [p for p in paths if args.label in (None, video.classes[p.label])]
    if not wanted:
        raise InputError(f"{args.detections}: has no such paths; name another --label or file")
    strongest = max(wanted, key=lambda path: path.path_score)
    own = [path for path in wanted if path.label == strongest.label]
    own.sort(key=lambda path: -path.path_score)
    pictures = [
        video_path(args.save_root, video.video, f"-{what}.png") for what in ("linking", "trimming")
    ]
    draw_linking(pictures[0], video, own[:MOST_PATHS])
    index = next(i for i, path in enumerate(paths) if path.id == strongest.id)
    runs = trim(paths, settings.class_alphas(len(video.classes)), settings.trimming)
    tubes = [
        (strongest.start + int(start), strongest.start + int(end))
        for path, start, end in zip(runs.paths, runs.starts, runs.ends, strict=True)
        if path == index and end - start >= settings.min_frames
    ]
    told = announcements(video, settings, strongest.id, round(video.frame_rate))
    draw_trimming(pictures[1], video, strongest, tubes, told)
    print(" ".join(map(str, pictures)))


def announcements(
    video: Detections, settings: TubeSettings, path: int, look_back: int
) -> list[Announcement]:
    """Returns what a stream tells of the tubes of one path, and when.

    Args:
        video: The detections to feed.
        settings: Of linking and trimming.
        path: Number of the path.
        look_back: Frames that may still change.
    """
    stream = TubeStream(
        len(video.classes), video.width, video.height, settings, look_back=look_back
    )
    started: dict[int, int] = {}
    ended: dict[int, int] = {}
    told = []
    for frame in range(video.frames + 1):
        finished = stream.update(*video.frame(frame)) if frame < video.frames else stream.finish()
        for tube in finished:
            if tube.path == path:
                when = min(frame, video.frames - 1)
                told.append(
                    Announcement(
                        start=tube.start,
                        end=tube.end,
                        started=started.get(tube.id, when),
                        ended=ended.get(tube.id, when),
                        settled=when,
                    )
                )
        live = stream.live()
        for number, end in zip(live.ids.tolist(), live.ends.tolist(), strict=True):
            started.setdefault(number, frame)
            if end >= 0:
                ended.setdefault(number, frame)
            else:
                ended.pop(number, None)
    return told


def draw_linking(path: Path, video: Detections, paths: Sequence[ActionPath]) -> None:
    """Draws where the boxes of a class are, frame by frame, and the paths that join them.

    Args:
        path: The picture to write.
        video: What was detected.
        paths: Paths of one class, at least one.
    """
    label = paths[0].label
    frames = np.repeat(np.arange(video.frames), np.diff(video.offsets))
    scores = video.scores[:, label]
    centres = video.boxes[:, [0, 2]].mean(axis=1)

    def draw(axes: Axes) -> None:
        axes.scatter(frames, centres, s=2 + 30 * scores, c="0.75", linewidths=0)
        for each in paths:
            found = each.found - each.start
            (line,) = axes.plot(each.found, each.boxes[found][:, [0, 2]].mean(axis=1), linewidth=1)
            axes.text(
                each.end, each.boxes[-1, [0, 2]].mean(), f" {each.id}", color=line.get_color()
            )
        axes.set_ylabel("centre of the box, x in pixels")
        axes.set_title(
            f"{video.classes[label]!r} in {video.video!r}: boxes by score, and the "
            f"{len(paths)} strongest paths"
        )

    _picture(path, draw)


def draw_trimming(
    path: Path,
    video: Detections,
    strongest: ActionPath,
    tubes: Sequence[tuple[int, int]],
    told: Sequence[Announcement],
) -> None:
    """Draws the scores of a path, its tubes, and when a stream told of them.

    Args:
        path: The picture to write.
        video: What was detected.
        strongest: The path.
        tubes: First frame and the frame after the last of each tube of the offline trimming.
        told: What a stream told.
    """
    frames = np.arange(strongest.start, strongest.end)
    others = np.delete(strongest.scores[:, :-1], strongest.label, axis=1)

    def draw(axes: Axes) -> None:
        axes.plot(frames, strongest.scores[:, strongest.label], color="C0", label="score")
        if others.shape[1]:
            axes.plot(frames, others.max(axis=1), color="C1", linewidth=1, label="best other class")
        axes.plot(frames, strongest.scores[:, -1], color="0.6", linewidth=1, label="background")
        for index, (start, end) in enumerate(tubes):
            name = "tube, offline" if index == 0 else None
            axes.axvspan(start - 0.5, end - 0.5, color="C0", alpha=0.15, label=name)
        for index, each in enumerate(told):
            for height, frame, colour, name in (
                (-0.06, each.started, "C2", "its start is told"),
                (-0.06, each.ended, "C3", "its end is told"),
                (-0.06, each.settled, "k", "it is settled"),
            ):
                axes.plot(
                    frame,
                    height,
                    "|",
                    color=colour,
                    markersize=12,
                    markeredgewidth=2,
                    label=name if index == 0 else None,
                )
            axes.plot(
                [each.start, each.end - 1],
                [-0.06, -0.06],
                color="C0",
                linewidth=3,
                label="tube, online" if index == 0 else None,
            )
        axes.set_ylabel("score")
        axes.set_title(f"path {strongest.id}, {video.classes[strongest.label]!r}")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small")

    _picture(path, draw)


def _picture(path: Path, draw: Callable[[Axes], None]) -> None:
    """Writes a picture over the frames of a video, atomically."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw(axes)
    axes.set_xlabel("frame")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


if __name__ == "__main__":
    run_command(main)
