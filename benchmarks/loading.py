"""How fast two consecutive frames are read at random from videos, as training does.

Beside the folders of JPEG images that AMTNet reads with OpenCV: the same folders through our
reader, and H.264 files of the same videos with a key frame every 12 frames, as the clips of UCF24
have them, and with one only. Rendered videos of 320x240 pixels and 120 frames; every way reads the
same places, the ways in turn, on one core.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from data import VideoReader, open_video, read_frames
from data.synthetic import render_video

WIDTH, HEIGHT, FRAMES, VIDEOS = 320, 240, 120, 4
SAMPLES, ROUNDS = 30, 15


def main() -> None:
    """Prints samples a second, and the ratio to AMTNet's way."""
    cv2.setNumThreads(1)
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        folders, files, long_files = _write(Path(folder))
        open_folders, open_files, open_long_files = (
            [open_video(path) for path in paths] for paths in (folders, files, long_files)
        )
        ways: dict[str, Callable[[int, int], object]] = {
            "JPEG folder, cv2.imread": lambda video, frame: _imread(folders[video], frame),
            "JPEG folder": lambda video, frame: _pair(open_folders[video], frame),
            "H.264 file": lambda video, frame: _pair(open_files[video], frame),
            "H.264 file, opened for each": lambda video, frame: _pair(files[video], frame),
            "H.264 file, one key frame": lambda video, frame: _pair(open_long_files[video], frame),
            "H.264 file, read from the start": lambda video, frame: _read(files[video], frame),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            places = [
                (int(random.integers(VIDEOS)), int(random.integers(FRAMES - 1)))
                for _ in range(SAMPLES)
            ]
            for name, read in ways.items():
                started = time.perf_counter()
                for place in places:
                    read(*place)
                seconds[name].append((time.perf_counter() - started) / SAMPLES)
        for video in [*open_folders, *open_files, *open_long_files]:
            video.close()
    reference = next(iter(seconds.values()))
    print(f"two frames at random of {WIDTH}x{HEIGHT} videos, medians of {ROUNDS} rounds")
    for name, times in seconds.items():
        ratio = statistics.median(r / t for r, t in zip(reference, times, strict=True))
        rate = 1 / statistics.median(times)
        print(f"  {name:<36}{rate:>8,.0f} samples/s {ratio:>7.2f} x cv2.imread")


def _write(root: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Renders the videos and writes each as a folder of JPEG images and as two files."""
    folders = [root / f"{number}" for number in range(VIDEOS)]
    files = [root / f"{number}.mp4" for number in range(VIDEOS)]
    long_files = [root / f"{number}_long.mp4" for number in range(VIDEOS)]
    for number in range(VIDEOS):
        images, _ = render_video(number, frames=FRAMES, width=WIDTH, height=HEIGHT, seed=number)
        _encode(files[number], images, "12")
        _encode(long_files[number], images, "250")
        folders[number].mkdir()
        for index, image in enumerate(images):
            path = folders[number] / f"{index + 1:05d}.jpg"
            cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return folders, files, long_files


def _encode(path: Path, images: Iterable[npt.NDArray[np.uint8]], key_frame_every: str) -> None:
    import av

    with av.open(str(path), "w") as container:
        options = {"g": key_frame_every, "preset": "veryfast", "crf": "20"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def _imread(folder: Path, frame: int) -> list[object]:
    """As AMTNet reads a micro-tube."""
    return [cv2.imread(str(folder / f"{number + 1:05d}.jpg")) for number in (frame, frame + 1)]


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
