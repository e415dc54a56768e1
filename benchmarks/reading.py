"""How fast clips reach a network from frame databases, folders of frames and video files.

The same videos in all forms. A clip is 16 frames, every second one from a random place on, cut,
resized, mirrored at random and normalised, as for training. Beside a published database that is
read plainly as SRTG reads it.

- Warm, one after the other: the bytes of image files alone, frames alone, and whole clips.
- Cold, one after the other: the files are dropped from the cache and what was found out of a video
  is forgotten, as in a data set larger than the memory, of which each video comes once in an epoch.
- Batches from a loader with two processes that is always waited for: what it prefetches while
  nobody asks would count as speed. What would come out so is printed last.

It takes five minutes.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import cache, partial
from itertools import count, islice
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import numpy.typing as npt
import torch
from plain_database import read_clip, read_contents
from turns import in_turns, ratio
from written_videos import NAMES, write_folder, write_h264, write_published_database

from data import ClipFrames, ListedVideo, clip_frames, write_frame_database
from data.frame_database import FrameDatabase
from data.still_images import encode_image
from data.synthetic import CLASSES, render_video
from recognition import InputFormat, training_transform
from recognition.clips import Clips
from training.loading import load

WIDTH, HEIGHT, FRAMES, VIDEOS = 340, 256, 300, 8
LENGTH, INTERVAL, SIZES, BATCH = 16, 2, (112, 224), 8
ROUNDS, LOADER_ROUNDS, BATCHES = 40, 3, 6
# Of JPEG; and in seconds, how long a step of training is where a loader prefetches.
QUALITY, STEP = 90, 2.5
PUBLISHED, KEYED = "database as published", "database with a key"
PLAIN, FOLDER = "the same, SRTG's reading", "folder of JPEG images"

_draws = count()


class EverySecondFrame:
    """Chooses the frames of clips."""

    def frames_to_read(self, frames: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
        """From a random place on; (1, length)."""
        start = random.integers(frames - (LENGTH - 1) * INTERVAL)
        return start + INTERVAL * np.arange(LENGTH)[None]


class PlainFrames:
    """Reads as SRTG does."""

    def count(self, video: ListedVideo) -> int:
        """As it is known from the start of a training."""
        return FRAMES

    def read(self, video: ListedVideo, indices: Sequence[int]) -> list[npt.NDArray[np.uint8]]:
        """The frames of a clip."""
        return read_clip(video.path, indices)


def main() -> None:
    """Prints all figures."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        forms = _write(root)
        print(f"videos of {FRAMES} frames of {WIDTH}x{HEIGHT}, clips of {LENGTH} frames")
        for form, videos in forms.items():
            print(f"  {form:<34}{_size(videos)}")
        for size in SIZES:
            ways = {name: _clips(forms, name, size) for name in (PLAIN, *forms)}

            def tell(title: str, work: Callable[[Clips], object], ways=ways) -> None:
                runs = {name: partial(work, clips) for name, clips in ways.items()}
                _tell(f"{title}, warm, one core", in_turns(runs, ROUNDS))

            if size == SIZES[0]:
                of_images = {name: ways[name] for name in (PLAIN, PUBLISHED, KEYED, FOLDER)}
                tell("image files, not decoded", _contents, of_images)
                tell("frames", _frames)
            tell(f"clips of {size} pixels", _clip)
            if size == SIZES[0]:
                anew = {name: partial(_clip_anew, forms, name, size) for name in ways}
                seconds = in_turns(anew, ROUNDS, before=partial(_drop, root))
                _tell(f"clips of {size} pixels, cold, one core", seconds)
            _tell(f"clips of {size} pixels, two processes", _loaded(ways))
        _prefetched(ways[KEYED])


def _write(root: Path) -> dict[str, list[ListedVideo]]:
    """The same videos in all forms."""
    forms: dict[str, list[ListedVideo]] = {}
    for number in range(VIDEOS):
        images, _ = render_video(
            CLASSES[number % len(CLASSES)], frames=FRAMES, width=WIDTH, height=HEIGHT, seed=number
        )
        images = list(images)
        coded = [encode_image(image, ".jpg", QUALITY) for image in images]
        keyed = root / f"keyed{number}"
        write_frame_database(keyed, (("rendered", content) for content in coded))
        for form, path, frames in (
            (
                PUBLISHED,
                write_published_database(root / f"published{number}", coded, WIDTH),
                None,
            ),
            (KEYED, keyed, None),
            (FOLDER, write_folder(root / f"folder{number}", coded), FRAMES),
            (
                "H.264, a key frame every 12",
                write_h264(root / f"{number}_12.mp4", images, 12),
                None,
            ),
            (
                "H.264, a key frame every 250",
                write_h264(root / f"{number}_250.mp4", images, 250),
                None,
            ),
        ):
            forms.setdefault(form, []).append(ListedVideo(path.name, path, 0, frames))
    os.sync()  # what is not on the disk yet cannot be dropped from the cache
    return forms


def _clips(forms: Mapping[str, list[ListedVideo]], name: str, size: int) -> Clips:
    transform = training_transform(InputFormat(crop_size=size))
    frames = PlainFrames() if name == PLAIN else ClipFrames(names=NAMES)
    videos = forms[PUBLISHED if name == PLAIN else name]
    return Clips(videos, frames, EverySecondFrame(), transform)


def _contents(clips: Clips) -> object:
    """The image files of a clip."""
    video, chosen = _drawn(clips)
    if isinstance(clips.frames, PlainFrames):
        return read_contents(video.path, chosen)
    if clips.frames.by_name(video):
        return [clips.frames.files(video, index)[0].read_bytes() for index in chosen]
    return list(_kept(video.path).contents(chosen))


def _frames(clips: Clips) -> object:
    """The frames of a clip."""
    return clips.frames.read(*_drawn(clips))


def _drawn(clips: Clips) -> tuple[ListedVideo, list[int]]:
    draw = next(_draws)
    chosen = clips.sampling.frames_to_read(FRAMES, np.random.default_rng(draw))
    return clips.videos[draw % VIDEOS], chosen.ravel().tolist()


@cache
def _kept(path: Path) -> FrameDatabase:
    return FrameDatabase(path, frame_rate=25)


def _clip(clips: Clips) -> object:
    draw = next(_draws)
    return clips[draw, draw % VIDEOS]


def _clip_anew(forms: Mapping[str, list[ListedVideo]], name: str, size: int) -> object:
    """A clip of a video of which nothing is known yet."""
    with mock.patch.object(clip_frames, "_MOST_KEPT", 0):
        return _clip(_clips(forms, name, size))


def _drop(root: Path) -> None:
    """Drops all files from the cache of the system, where it can be asked to."""
    for path in root.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _loaded(ways: Mapping[str, Clips]) -> dict[str, list[float]]:
    """Seconds for a clip from a loader at its pace, in each of some rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(LOADER_ROUNDS):
        order = list(ways.items())
        for name, clips in order if number % 2 else reversed(order):
            loader = _loader(clips)
            started = time.perf_counter()
            for _ in islice(loader, BATCHES):
                pass
            seconds[name].append((time.perf_counter() - started) / (BATCHES * BATCH))
            loader.close()
    return seconds


def _loader(clips: Clips) -> Generator[object, None, None]:
    """Batches without end from two processes, which have begun to work at their pace."""
    keys = ((draw, draw % VIDEOS) for draw in _draws)
    loader = load(clips, sampler=keys, batch_size=BATCH, num_workers=2)
    for _ in islice(loader, 2):
        pass
    return loader


def _prefetched(clips: Clips) -> None:
    """What a loader's speed seems to be where a step leaves it time to prefetch."""
    loader = _loader(clips)
    waits = []
    for _ in range(4):
        time.sleep(STEP)
        started = time.perf_counter()
        next(loader)
        waits.append(time.perf_counter() - started)
    loader.close()
    wait = statistics.median(waits)
    print(
        f"after a step of {STEP} s, in which a batch became ready, it comes in {1e3 * wait:.1f} ms:"
        f" {BATCH / wait:,.0f} clips/s, if that were reading; {BATCH / (STEP + wait):.1f} in truth"
    )


def _tell(title: str, seconds: Mapping[str, list[float]]) -> None:
    print(f"{title}:")
    for name, of_way in seconds.items():
        middle = statistics.median(of_way)
        beside = ratio({PLAIN: seconds[PLAIN], name: of_way}) if name != PLAIN else 1.0
        print(f"  {name:<34}{1e3 * middle:6.1f} ms {1 / middle:6.1f} clips/s {beside:6.2f} x plain")


def _size(videos: Sequence[ListedVideo]) -> str:
    files = [
        file.stat()
        for video in videos
        for file in (video.path.iterdir() if video.path.is_dir() else [video.path])
    ]
    sizes = sum(file.st_size for file in files), sum(512 * file.st_blocks for file in files)
    content, disk = (size / len(videos) / 1e6 for size in sizes)
    number = len(files) // len(videos)
    return f"{content:6.2f} MB a video, {disk:.2f} on the disk, files: {number}"


if __name__ == "__main__":
    main()
