"""How fast clips are classified, learned from and read.

- The temporal shift: TSM beside TSN of the same network, a clip of 8 segments.
- Online: MobileNetV2 at 224 pixels, a frame at a time.
- Training: clips a second.
- Reading: clips for training, 8 frames of 340x256, from folders of frames, frame databases and
  H.264 files, beside one image file at a time by Pillow, as TSN and TSM read; on one core.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from plain_clips import read_clip, training_clip
from turns import in_turns, ratio
from written_videos import NAMES, write_folder, write_published_database

import data
from data.clip_frames import ClipFrames
from data.processes import keep_freed_memory
from data.still_images import encode_image
from data.synthetic import CLASSES, render_video
from data.video_list import ListedVideo
from recognition import (
    InputFormat,
    OnlineClassifier,
    OnlineState,
    SegmentSampling,
    TemporalShift,
    create_model,
    training_transform,
)
from recognition.clips import Clips
from recognition.crops import Crop, draw_crop
from recognition.optimisation import make_optimizer
from recognition.train_options import parse_options
from recognition.transforms import RGB_SCALES

SEGMENTS, SIZE = 8, 224
WIDTH, HEIGHT, FRAMES, VIDEOS = 340, 256, 60, 4


def main() -> None:
    """Prints all figures."""
    keep_freed_memory()  # as the commands do
    print(f"on {torch.get_num_threads()} threads:")
    _shift()
    _online()
    _training()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    _reading()
    torch.set_num_threads(threads)


def _shift() -> None:
    clips = torch.randn(1, 3 * SEGMENTS, SIZE, SIZE)
    for arch, rounds in (("resnet18", 60), ("resnet50", 40), ("mobilenetv2", 80)):
        plain, shifted = (
            create_model(f"{family}_{arch}", 174, SEGMENTS).eval() for family in ("tsn", "tsm")
        )
        # Both use the same memory for their weights: where it lies is worth some percents.
        shared = {name.replace(".net.", "."): part for name, part in shifted.state_dict().items()}
        plain.load_state_dict(shared, assign=True)
        with torch.inference_mode():
            seconds = in_turns(
                {"tsm": partial(shifted, clips), "tsn": partial(plain, clips)}, rounds
            )
            inside = statistics.median(_share_of_shift(shifted, clips) for _ in range(rounds // 4))
        share = 100 * (ratio(seconds) - 1)
        milliseconds = 1e3 * statistics.median(seconds["tsm"])
        print(
            f"  {arch}, {SEGMENTS} segments: TSM {milliseconds:.0f} ms, {share:+.1f} % of TSN; "
            f"{100 * inside:.1f} % of its time is inside of the shift"
        )


def _share_of_shift(model: torch.nn.Module, clips: torch.Tensor) -> float:
    """The part of a network's time that it spends in the shift, which no noise hides."""
    inside = 0.0

    def enter(*_: object) -> None:
        nonlocal inside
        inside -= time.perf_counter()

    def leave(*_: object) -> None:
        nonlocal inside
        inside += time.perf_counter()

    with ExitStack() as hooks:
        for module in model.modules():
            if isinstance(module, TemporalShift):
                hooks.enter_context(module.register_forward_pre_hook(enter))
                hooks.enter_context(module.net.register_forward_pre_hook(leave))
                hooks.enter_context(module.net.register_forward_hook(enter))
                hooks.enter_context(module.register_forward_hook(leave))
        started = time.perf_counter()
        model(clips)
        return inside / (time.perf_counter() - started)


def _online() -> None:
    classifier = OnlineClassifier(create_model("tsm_mobilenetv2", 27, 1, past_only=True))
    frame = torch.randn(1, 3, SIZE, SIZE)
    states = [OnlineState()]

    def step() -> None:
        _, states[0] = classifier.step(frame, states[0])

    seconds = in_turns({"online": step}, rounds=60)["online"]
    print(f"  online TSM, mobilenetv2: {1 / statistics.median(seconds):.0f} frames/s")


def _training() -> None:
    clips, labels = torch.randn(4, 3 * SEGMENTS, SIZE, SIZE), torch.arange(4)
    for name in ("tsm_resnet18", "tsm_mobilenetv2"):
        model = create_model(name, 174, SEGMENTS).train()
        optimizer = make_optimizer(model, parse_options(["--npb", "--shift"]))

        def step(
            model: torch.nn.Module = model, optimizer: torch.optim.Optimizer = optimizer
        ) -> None:
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(model(clips), labels).backward()
            optimizer.step()

        seconds = in_turns({"ours": step}, rounds=5)["ours"]
        print(f"  training, {name}: {len(clips) / statistics.median(seconds):.2f} clips/s")


def _reading() -> None:
    sampling = SegmentSampling("random", SEGMENTS)
    transform = training_transform(InputFormat())
    with tempfile.TemporaryDirectory() as folder:
        kinds = _write(Path(folder))
        readers = {
            kind: Clips(videos, ClipFrames(names=NAMES), sampling, transform)
            for kind, videos in kinds.items()
        }

        def plain(draw: int) -> object:
            random = np.random.default_rng([0, draw])
            video = kinds["folder of frames"][draw % VIDEOS]
            frames = sampling.frames_to_read(FRAMES, random).ravel().tolist()
            crop: Crop = draw_crop(WIDTH, HEIGHT, SIZE, RGB_SCALES, random)
            box = (crop.left, crop.top, crop.left + crop.width, crop.top + crop.height)
            return training_clip(read_clip(video.path, frames), box, mirrored=crop.mirrored)

        ways: dict[str, Callable[[int], object]] = {
            kind: partial(_clip, clips) for kind, clips in readers.items()
        }
        print(f"on one core, clips of {SEGMENTS} frames of {WIDTH}x{HEIGHT} for training:")
        draws = iter(range(10**6))
        for kind, way in ways.items():

            def ours(way: Callable[[int], object] = way) -> None:
                way(next(draws))

            seconds = in_turns({"plain": lambda: plain(next(draws)), kind: ours}, rounds=60)
            rate = 1 / statistics.median(seconds[kind])
            print(f"  {kind}: {rate:.0f} clips/s, {ratio(seconds):.2f} times Pillow's")


def _clip(clips: Clips, draw: int) -> object:
    return clips[draw, draw % VIDEOS]


def _write(root: Path) -> dict[str, list[ListedVideo]]:
    """The same videos in all ways."""
    kinds: dict[str, list[ListedVideo]] = {}
    for number in range(VIDEOS):
        images, _ = render_video(
            CLASSES[number], frames=FRAMES, width=WIDTH, height=HEIGHT, seed=number
        )
        coded = [encode_image(image, ".jpg", quality=95) for image in images]
        folder = write_folder(root / f"folder{number}", coded)
        database = write_published_database(root / f"database{number}", coded, WIDTH)
        file = root / f"video{number}.mp4"
        with data.VideoWriter(file, WIDTH, HEIGHT, 25) as writer:
            for image in images:
                writer.write(image)
        for kind, path, frames in (
            ("folder of frames", folder, FRAMES),
            ("folder of frames, names not known", folder, None),
            ("frame database", database, None),
            ("H.264 file", file, None),
        ):
            kinds.setdefault(kind, []).append(ListedVideo(path.name, path, 0, frames))
    return kinds


if __name__ == "__main__":
    main()
