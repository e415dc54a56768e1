"""The embedded data set: short videos rendered on first use, in the layout of UCF24.

Seven actions of people-like figures, each the change of one quantity: coming nearer or going away,
crouching or standing up, rising or sinking, and crossing the scene to the left or the right. Looks
and poses do not depend on what a figure does, figures of all heights stand upright or crouch, and
the two actions of a pair are each other's reversal in time (crossing is its own), so a single frame
does not tell them apart; two consecutive frames do. Nor does a mirrored image show another action.
From each frame of a tube to the next frame of the video, a figure moves by one step of its action;
before and after it stays as it is, like the bystanders, who look the same.

As in UCF24, a video has one class, the name of its folder, and all its tubes have that class (tube
label = video label): so the accuracy over videos is defined. Several figures act in a video, at
their own times, some of them twice; figures pass in front of each other (the larger in front) and
behind posts, and some videos begin or end with a stretch where nobody is there.
"""

import json
import os
import pickle
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data.annotation import VideoAnnotation
from data.command import progress
from data.errors import InputError
from data.files import folder_beside
from data.synthetic_backdrop import Backdrop
from data.synthetic_figures import Image, draw_figure, paint, visible_box
from data.synthetic_scene import CLASSES, MAX_ACTORS, SIZE, Figure, plan_scene
from data.tube import Tube
from data.video_writer import VideoWriter

VERSION = 3
RECORD = "dataset.json"
MIN_FRAMES, MIN_WIDTH, MIN_HEIGHT = 48, 160, 120
EXAMPLE_SEED = 1073  # its video shows all actions, spread over time
SPLITS = ("train", "test")


@dataclass(frozen=True)
class _Tube:
    """Frame of the first box, and boxes (T, 4): x1, y1, x2, y2, whole pixels, x2, y2 exclusive."""

    start: int
    label: int
    boxes: NDArray[np.int64]


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV from splitting work on images this small: on a busy machine it mostly waits."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _render(
    rng: np.random.Generator, labels: Sequence[int], frames: int, width: int, height: int
) -> tuple[Image, list[_Tube]]:
    """Render a video (T, H, W, 3) whose actors have the given labels, and its tubes."""
    if frames < MIN_FRAMES or width < MIN_WIDTH or height < MIN_HEIGHT or width < height:
        raise ValueError(
            f"frames, width, height = {frames}, {width}, {height}: at least {MIN_FRAMES}, "
            f"{MIN_WIDTH}, {MIN_HEIGHT} are needed, and frames no higher than wide"
        )
    figures = plan_scene(rng, labels, frames, height, width)
    backdrop = Backdrop(rng, height, width)
    video = np.empty((frames, height, width, 3), np.uint8)
    boxes = np.zeros((len(figures), frames, 4), np.int64)
    for index in range(frames):
        image = backdrop.frame(index)
        by_size = sorted(range(len(figures)), key=lambda f: float(figures[f].track[index, SIZE]))
        for number in by_size:
            figure = figures[number]
            if figure.opacity[index] == 0:
                continue
            x, y, size, squash = (float(value) for value in figure.track[index])
            patch = draw_figure(figure.look, figure.poses[index], (x, y), size, squash)
            paint(image, patch, float(figure.opacity[index]))
            boxes[number, index] = np.clip(visible_box(patch), 0, (width, height, width, height))
        for patch in backdrop.post_patches(index):
            paint(image, patch, 1.0)
        video[index] = image
    return video, _tubes(figures, boxes)


def _tubes(figures: Sequence[Figure], boxes: NDArray[np.int64]) -> list[_Tube]:
    return [
        _Tube(begin, figure.label, boxes[number, begin:end])
        for number, figure in enumerate(figures)
        for begin, end in figure.acts
    ]


def render_video(
    label: int | str, *, frames: int = 60, width: int = 160, height: int = 120, seed: int = 123
) -> tuple[Image, VideoAnnotation]:
    """Render one video in memory.

    Args:
        label: Class of its actors, a name or an index of CLASSES.
        frames: Length of the video.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        seed: Everything random follows from it.

    Returns:
        Frames (frames, height, width, 3), RGB, and the ground truth.

    Raises:
        ValueError: The video would be too short or too small for the actions.
    """
    rng = np.random.default_rng([seed, 2])
    number = CLASSES.index(label) if isinstance(label, str) else label
    labels = [number] * int(rng.integers(1, MAX_ACTORS + 1))
    with _one_opencv_thread():
        video, tubes = _render(rng, labels, frames, width, height)
    truth = tuple(
        Tube.ground_truth(tube.start, tube.boxes.astype(np.float32), tube.label, index)
        for index, tube in enumerate(tubes)
    )
    return video, VideoAnnotation(CLASSES[number], frames, width, height, truth)


def write_example_video(path: Path, *, width: int = 320, height: int = 240) -> None:
    """Write a video of 120 frames, 25 a second, that is in no split of the embedded data set.

    Unlike the videos of the data set, it shows different actions at once.
    """
    rng = np.random.default_rng([EXAMPLE_SEED, 3])
    with _one_opencv_thread():
        video, _ = _render(rng, list(rng.permutation(len(CLASSES))), 120, width, height)
    with VideoWriter(path, width, height, 25) as writer:
        for image in video:
            writer.write(image)


def _stored(values: NDArray[np.int64]) -> NDArray[Any]:
    """Return numbers in the smallest type that holds them, as the published annotations have."""
    return values.astype(np.uint8 if values.max(initial=0) < 256 else np.uint16)


def _write_video(
    folder: Path, name: str, seed: Sequence[int], size: tuple[int, int, int]
) -> dict[str, Any]:
    """Render a video into `rgb-images` and return its entry for `pyannot.pkl`.

    `size` is frames, width, height.
    """
    label = CLASSES.index(name.split("/")[0])
    rng = np.random.default_rng(list(seed))
    labels = [label] * int(rng.integers(1, MAX_ACTORS + 1))
    video, tubes = _render(rng, labels, *size)
    images = folder / "rgb-images" / name
    images.mkdir(parents=True)
    quality = [
        cv2.IMWRITE_JPEG_QUALITY, 95,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]  # fmt: skip
    for index, image in enumerate(video):
        done, data = cv2.imencode(".jpg", image[..., ::-1], quality)
        if not done:
            raise OSError(f"{images}: frame {index} could not be encoded")
        (images / f"{index + 1:05d}.jpg").write_bytes(data.tobytes())
    annotations = []
    for tube in tubes:
        x1, y1, x2, y2 = tube.boxes.T
        boxes = np.stack([x1 + 1, y1 + 1, x2 - x1, y2 - y1], axis=1)
        annotations.append(
            {
                "label": tube.label,
                "sf": tube.start,
                "ef": tube.start + len(boxes),
                "boxes": _stored(boxes),
            }
        )
    return {"annotations": annotations, "numf": _stored(np.array(len(video)))[()], "label": label}


def _names(count: int, group: int) -> list[str]:
    """Return `count` names, the classes in turn; groups number on from `group`, as in UCF101."""
    names = []
    for index in range(count):
        turn, label = divmod(index, len(CLASSES))
        name = f"v_{CLASSES[label]}_g{group + turn:02d}_c01"
        names.append(f"{CLASSES[label]}/{name}")
    return names


def _write_dataset(folder: Path, parameters: dict[str, int]) -> None:
    size = (parameters["frames"], parameters["width"], parameters["height"])
    test = _names(parameters["test"], 1)
    train = _names(parameters["train"], 1 + -(-len(test) // len(CLASSES)))
    jobs = [
        (name, (parameters["seed"], split, index))
        for split, names in enumerate((train, test))
        for index, name in enumerate(names)
    ]
    with _one_opencv_thread(), ThreadPoolExecutor(os.cpu_count()) as pool:
        written = pool.map(lambda job: _write_video(folder, job[0], job[1], size), jobs)
        bar = progress(written, total=len(jobs), description="render", unit="video")
        entries = list(bar)
    videos = dict(sorted((name, entry) for (name, _), entry in zip(jobs, entries, strict=True)))
    (folder / "pyannot.pkl").write_bytes(pickle.dumps(videos, protocol=3))
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    (folder / "splitfiles").mkdir()
    for split, names in zip(SPLITS, (train, test), strict=True):
        path = folder / "splitfiles" / f"{split}list01.txt"
        path.write_text("".join(f"{name}\n" for name in sorted(names)))
    record = {"format": "action-tubes/embedded", "version": VERSION, "parameters": parameters}
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n")


def _is_finished(root: Path, parameters: dict[str, int]) -> bool:
    try:
        record = json.loads((root / RECORD).read_text())
    except (OSError, ValueError):
        return False
    return bool(record.get("version") == VERSION and record.get("parameters") == parameters)


def render_dataset(
    root: Path | str,
    *,
    train: int = 280,
    test: int = 28,
    frames: int = 60,
    width: int = 160,
    height: int = 120,
    seed: int = 123,
) -> None:
    """Render the embedded data set into `root`, unless it is there already.

    Writes `rgb-images/<Class>/<video>/00001.jpg ...`, `pyannot.pkl`, `classes.txt`,
    `splitfiles/trainlist01.txt` and `testlist01.txt`, as UCF24 has them (boxes x, y, w, h with
    1-based x, y; `sf` 0-based, `ef` exclusive). The files are the same for the same arguments. It
    is rendered beside `root` and moved there when complete.

    Args:
        root: Folder of the data set; an older one of ours is replaced, any other folder is not.
        train: Number of training videos, the classes in turn.
        test: Number of test videos, the classes in turn.
        frames: Length of every video.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        seed: Everything random follows from it and a video's place in its split.

    Raises:
        ValueError: Videos too short, too small, or fewer than classes.
        InputError: `root` holds something else.
    """
    root = Path(root)
    parameters = {
        "train": train, "test": test, "frames": frames,
        "width": width, "height": height, "seed": seed,
    }  # fmt: skip
    if min(train, test) < len(CLASSES):
        raise ValueError(f"train, test = {train}, {test}: at least {len(CLASSES)} are needed")
    if _is_finished(root, parameters):
        return
    if root.exists() and any(root.iterdir()) and not (root / RECORD).exists():
        raise InputError(
            f"{root} holds something else than the embedded data set; name another folder"
        )
    with folder_beside(root) as folder:
        fresh, old = folder / "fresh", folder / "old"
        fresh.mkdir()
        _write_dataset(fresh, parameters)
        if root.exists():
            shutil.move(root, old)
        try:
            fresh.rename(root)
        except OSError:
            # Another process may have finished the same data set in the meantime.
            if not _is_finished(root, parameters):
                raise
