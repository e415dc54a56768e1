"""The commands one after another with the shipped weights, as users run them: is anything found?"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from data import load_tubes
from data.synthetic import render_dataset

ROOT = Path(__file__).parents[1]


def _run(*arguments: str | Path) -> str:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_video_goes_in_and_tubes_come_out(tmp_path: Path) -> None:
    _run("demo/run.py", "--save_root", tmp_path, "--device=cpu")
    (folder,) = (path for path in (tmp_path / "demo").iterdir() if path.is_dir())
    assert {"overlay.mp4", "report.html", "run.json", "tubes.json"} <= {
        path.name for path in folder.iterdir()
    }
    (found,) = load_tubes(folder / "tubes.json")
    assert len(found.tubes) >= 3
    assert len({tube.label for tube in found.tubes}) >= 2


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos like those of the embedded data set, of another seed than those trained on."""
    root = tmp_path_factory.mktemp("unseen") / "ucf24"
    render_dataset(root, train=7, test=7, seed=7)
    return root


def test_detections_and_tubes_of_unseen_videos_are_good(unseen: Path, tmp_path: Path) -> None:
    dataset = ("--dataset=ucf24", f"--data_root={unseen}", f"--save_root={tmp_path}")
    _run("detection/detect.py", *dataset, "--weights=amtnet-mobilenetv2-embedded", "--device=cpu")
    printed = _run("tubes/build.py", f"--data_root={unseen}", f"--save_root={tmp_path}")
    for threshold in ("0.2", "0.5", "0.75", "0.5:0.95"):
        assert threshold in printed
    assert json.loads((tmp_path / "tubes" / "run.json").read_text())["figures"]["tubes"] > 0
    truth = ("--dataset=ucf24", f"--data_root={unseen}", "--split=test")
    printed = _run("evaluation/frame_map.py", tmp_path / "detections", *truth)
    assert float(printed.split()[-1]) > 0.6
