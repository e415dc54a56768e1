"""The training commands of AMTNet's and ROAD's instructions, on videos of the embedded data set."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

import data
from data.synthetic import CLASSES, render_video

# As published but for the data set, its folders, flow that can be computed, and the few steps.
AMTNET = "--num_workers=0 --ngpu=1 --batch_size=8 --lr=0.0005 --stepvalues=50000 --val_step=10000"
COMMANDS = {
    "amtnet, rgb": f"{AMTNET} --fusion_type=none --input_type_base=rgb",
    "amtnet, sum": f"{AMTNET} --fusion_type=sum --input_type_base=rgb --input_type_extra=fastOF "
    "--input_frames_extra=5",
    "road": "--num_workers=0 --batch_size=32 --lr=0.001 --stepvalues=30000,60000,90000 --seq_len=1 "
    "--input_type_base=rgb",
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Some short videos as those of the embedded data set."""
    folder = tmp_path_factory.mktemp("embedded")
    videos = {}
    for label in range(2):
        images, truth = render_video(label, frames=48, seed=label)
        name = f"video{label}"
        with data.VideoWriter(folder / f"{name}.mp4", truth.width, truth.height, 25) as writer:
            for image in images:
                writer.write(image)
        videos[name] = replace(truth, name=name)
    path = folder / "annotations.json"
    splits = {"train": ("video0", "video1"), "test": ("video0",)}
    media = {name: folder / f"{name}.mp4" for name in videos}
    data.save_annotations(path, data.Annotations(CLASSES, videos, splits), media)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_it_trains(name, dataset, tmp_path):
    command = [sys.executable, "-m", "detection.train", "--basenet=vgg16", f"--dataset={dataset}"]
    command += [*COMMANDS[name].split(), "--max_iter=2", f"--save_root={tmp_path}", "--device=cpu"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (log,) = tmp_path.glob("training/*/log.jsonl")
    (validation,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert validation["iteration"] == 2
    assert set(validation["validation"]["ap"]) <= set(CLASSES)
    (weights,) = tmp_path.glob("training/*/last.safetensors")
    described = json.loads(weights.with_suffix(".json").read_text())
    assert described["basenet"] == "vgg16" and described["input_size"] == 300
    assert described["seq_len"] == (1 if name == "road" else 2)
    assert len(described["streams"]) == (2 if "sum" in name else 1)
