"""How fast frames are read at random from videos, as training does, and whole samples made.

Beside the folders of JPEG images that AMTNet reads with OpenCV: the same folders through our
reader, and H.264 files of the same videos with a key frame every 12 frames, as the clips of UCF24
have them, and with one only. Rendered videos of 320x240 pixels and 120 frames; every way reads the
same places, two consecutive frames each, the ways in turn, on one core. Samples are those of the
light recipe, augmented and matched, as one loading process makes them.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from written_videos import NAMES, write_folder, write_h264

from data import Annotations, Dataset, VideoAnnotation, VideoReader, open_video, read_frames
from data.still_images import encode_image
from data.synthetic import CLASSES, render_video
from detection.network import MicroTubeNetwork
from detection.recipes import LIGHT
from detection.samples import TrainingSamples, micro_tubes

WIDTH, HEIGHT, FRAMES, VIDEOS = 320, 240, 120, 4
SAMPLES, ROUNDS = 30, 15


def main() -> None:
    """Prints samples a second, and the ratio to AMTNet's way."""
    cv2.setNumThreads(1)
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        folders, files, long_files, truths = _write(Path(folder))
        kept_folders, kept_files, kept_long_files = (
            [open_video(path).kept_closed() for path in paths]
            for paths in (folders, files, long_files)
        )
        open_files = [open_video(path) for path in files]
        ways: dict[str, Callable[[int, int], object]] = {
            "JPEG folder, cv2.imread": lambda video, frame: _imread(folders[video], frame),
            "JPEG folder": lambda video, frame: _pair(kept_folders[video], frame),
            "H.264 file": lambda video, frame: _pair(kept_files[video], frame),
            "H.264 file, one key frame": lambda video, frame: _pair(kept_long_files[video], frame),
            "H.264 file, kept open": lambda video, frame: _pair(open_files[video], frame),
            "H.264 file, opened for each": lambda video, frame: _pair(files[video], frame),
            "H.264 file, read from the start": lambda video, frame: _read(files[video], frame),
        }
        places = [
            [
                (int(random.integers(VIDEOS)), int(random.integers(FRAMES - 1)))
                for _ in range(SAMPLES)
            ]
            for _ in range(ROUNDS)
        ]
        print(f"two frames at random of {WIDTH}x{HEIGHT} videos, medians of {ROUNDS} rounds")
        _compare(ways, places)
        for video in open_files:
            video.close()
        whole = {
            "JPEG folder": _samples(folders, truths),
            "H.264 file": _samples(files, truths),
            "H.264 file, one key frame": _samples(long_files, truths),
        }
        length = min(map(len, whole.values()))
        drawn = [
            [(draw, int(index)) for draw, index in enumerate(random.integers(length, size=SAMPLES))]
            for _ in range(ROUNDS)
        ]
        print("samples of the light recipe")
        makers: dict[str, Callable[[int, int], object]] = {
            name: partial(_sample, samples) for name, samples in whole.items()
        }
        _compare(makers, drawn)


def _compare(
    ways: dict[str, Callable[[int, int], object]], places: Sequence[Sequence[tuple[int, int]]]
) -> None:
    """Prints the rate of each way, and its ratio to the first, in rounds of so many places."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for batch in places:
        for name, read in ways.items():
            started = time.perf_counter()
            for place in batch:
                read(*place)
            seconds[name].append((time.perf_counter() - started) / len(batch))
    reference = next(iter(seconds))
    for name, times in seconds.items():
        ratio = statistics.median(r / t for r, t in zip(seconds[reference], times, strict=True))
        rate = 1 / statistics.median(times)
        print(f"  {name:<36}{rate:>8,.0f} samples/s {ratio:>7.2f} x {reference}")


def _samples(media: Sequence[Path], truths: Sequence[VideoAnnotation]) -> TrainingSamples:
    """Training samples from the videos."""
    names = tuple(truth.name for truth in truths)
    annotations = Annotations(CLASSES, dict(zip(names, truths, strict=True)), {"train": names})
    dataset = Dataset("rendered", annotations, dict(zip(names, media, strict=True)))
    network = MicroTubeNetwork("mobilenet_v2", len(CLASSES), input_size=LIGHT.ssd_dim)
    found = TrainingSamples(
        dataset,
        micro_tubes(annotations.split("train"), 2, LIGHT.seq_gap),
        network,
        max_expansion=LIGHT.max_expansion,
        flow_as_motion=LIGHT.flow_as_motion,
        seed=0,
    )
    for index in range(0, len(found), 10):  # the first sample of a video opens it
        found[0, index]
    return found


def _sample(samples: TrainingSamples, draw: int, index: int) -> object:
    return samples[draw, index]


def _write(root: Path) -> tuple[list[Path], list[Path], list[Path], list[VideoAnnotation]]:
    """Renders the videos and writes each as a folder of JPEG images and as two files."""
    truths = []
    folders = [root / f"{number}" for number in range(VIDEOS)]
    files = [root / f"{number}.mp4" for number in range(VIDEOS)]
    long_files = [root / f"{number}_long.mp4" for number in range(VIDEOS)]
    for number in range(VIDEOS):
        images, truth = render_video(number, frames=FRAMES, width=WIDTH, height=HEIGHT, seed=number)
        truths.append(truth)
        write_h264(files[number], images, 12)
        write_h264(long_files[number], images, 250)
        write_folder(folders[number], [encode_image(image, ".jpg", quality=95) for image in images])
    return folders, files, long_files, truths


def _imread(folder: Path, frame: int) -> list[object]:
    """As AMTNet reads a micro-tube."""
    files = [NAMES.files(folder, number)[0] for number in (frame, frame + 1)]
    return [cv2.imread(str(file)) for file in files]


def _pair(video: Path | VideoReader, frame: int) -> object:
    """As our loader reads it."""
    return read_frames(video, [frame, frame + 1])


def _read(file: Path, frame: int) -> None:
    """As a reader that does not seek."""
    with open_video(file) as video:
        for read in video:
            if read.index > frame:
                return


if __name__ == "__main__":
    main()
