"""The commands of docs/own-data.md, word for word, on a small export of CVAT."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from data import VideoWriter, load_annotations, load_tubes
from tests.data.annotation_tools.exports import cvat_box, cvat_task, cvat_track, cvat_xml

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "own-data.md"
COMMANDS = re.findall(r"^    (python .+)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
# For a test, training is to be short.
FEWER_STEPS = " --max_iter 4 --batch_size 2 --ssd_dim 64 --num_workers 0 --device cpu"

WALK, WAVE = "läuft nach rechts", "winkt 手"
LABELS = {WALK: {}, WAVE: {}}
FRAMES = 12
# Name, what the source is called in CVAT, width and height; the last is a folder of images.
VIDEOS = (
    ("monday", "monday.mp4", 64, 48),
    ("tuesday", "tuesday.mp4", 98, 54),
    ("Mittwoch früh", "Mittwoch früh.mp4", 64, 80),
    ("thursday images", None, 66, 50),
)


def _scene(index: int, width: int, height: int) -> tuple[np.ndarray, list[list[float]]]:
    """A frame with two squares, one that goes to the right and one that blinks; their boxes."""
    picture = np.full((height, width, 3), 90, np.uint8)
    boxes = [[4 + 2 * index, 4, 20 + 2 * index, 20], [8, 26, 24, 42]]
    for place, (x1, y1, x2, y2) in enumerate(boxes):
        picture[y1:y2, x1:x2] = 250 if place == 0 or index % 2 else 160
    return picture, [[float(side) for side in box] for box in boxes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder as the page has it: the export and the videos."""
    videos = tmp_path / "my_data" / "videos"
    videos.mkdir(parents=True)
    tasks, tracks = [], []
    for place, (name, source, width, height) in enumerate(VIDEOS):
        images, walking, waving = [], [], []
        for index in range(FRAMES):
            picture, (one, other) = _scene(index, width, height)
            images.append(picture)
            walking.append(cvat_box(index, one, keyframe=index == 0))
            if 2 <= index < 9:
                waving.append(cvat_box(index, other, keyframe=index == 2))
        waving.append(cvat_box(9, other, outside=True))
        if source is None:
            (videos / name).mkdir()
            for index, picture in enumerate(images):
                file = videos / name / f"{index:05d}.png"
                file.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        else:
            with VideoWriter(videos / source, width, height, 25) as writer:
                for picture in images:
                    writer.write(picture)
        tasks.append(
            cvat_task(
                LABELS,
                id=place,
                name=name,
                source=source,
                size=FRAMES,
                width=width,
                height=height,
            )
        )
        tracks.append(cvat_track(2 * place, WALK, walking, task=place))
        tracks.append(cvat_track(2 * place + 1, WAVE, waving, task=place))
    with zipfile.ZipFile(tmp_path / "my_data" / "task.zip", "w") as archive:
        archive.writestr("annotations.xml", cvat_xml(tasks, tracks, project=True))
    return tmp_path


def test_the_page_has_the_whole_chain() -> None:
    scripts = [command.split()[1] for command in COMMANDS]
    assert scripts == [
        "data/import_annotations.py",
        "data/check.py",
        "detection/train.py",
        "detection/detect.py",
        "tubes/build.py",
        "evaluation/frame_map.py",
        "evaluation/video_map.py",
        "demo/run.py",
    ]


def test_import_and_check(folder: Path) -> None:
    for command in COMMANDS[:2]:
        _run(command, folder)
    annotations, media = load_annotations(folder / "my_data" / "annotations.json")
    assert annotations.classes == (WALK, WAVE)
    assert annotations.splits["test"] == ("tuesday",)  # the fourth by name
    assert set(annotations.splits["train"]) == {"Mittwoch früh", "monday", "thursday images"}
    for name, source, width, height in VIDEOS:
        video = annotations.videos[name]
        assert (video.frames, video.width, video.height) == (FRAMES, width, height)
        assert [(tube.start, tube.end) for tube in video.tubes] == [(0, 12), (2, 9)]
        assert media[name].samefile(folder / "my_data" / "videos" / (source or name))


@pytest.mark.slow
def test_every_command_of_the_page(folder: Path) -> None:
    for command in COMMANDS:
        printed = _run(command + FEWER_STEPS * ("train.py" in command), folder)
        if "evaluation/" in command:
            assert "mAP" in printed
    (weights,) = (folder / "runs/training").glob("AMTNet-annotations-*/best.safetensors")
    described = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    assert described["classes"] == [WALK, WAVE]
    (found,) = load_tubes(folder / "runs/tubes/tubes.json")
    assert found.video == "tuesday" and found.classes == (WALK, WAVE)
    assert (folder / "runs/demo/monday/overlay.mp4").exists()


def _run(command: str, folder: Path) -> str:
    """Runs a line of the page in a shell, as its readers do; results go below `folder`."""
    # The reader's folder is that of the repository: scripts are found there by their path.
    for package in ("data", "detection", "tubes", "evaluation", "demo", "weights"):
        if not (folder / package).exists():
            (folder / package).symlink_to(ROOT / package)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [shutil.which("bash") or "sh", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout
