"""The examples of docs/formats.md and docs/flow.md are right."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import Detections, InputError, find_problems, load_annotations, load_tubes
from data.flow import main
from tests.data.media import write_video

DOCUMENT = Path(__file__).parents[2] / "docs" / "formats.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
JSON_BLOCKS = [text for language, text in BLOCKS if language == "json"]
PYTHON_BLOCKS = [text for language, text in BLOCKS if language == "python"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("videos").mkdir()
    Path("videos/monday.mp4").touch()
    Path("annotations.json").write_text(JSON_BLOCKS[0], encoding="utf-8")


def test_annotations() -> None:
    assert find_problems("annotations.json") == []
    (block,) = [text for text in PYTHON_BLOCKS if "load_annotations" in text]
    exec(block, {})
    assert load_annotations("copy.json") == load_annotations("annotations.json")


def test_messages() -> None:
    wrong = JSON_BLOCKS[0].replace('"label": "wave"', '"label": "wav"')
    wrong = wrong.replace("[101, 80, 181.5, 300]", "[600, 80, 645, 300]")
    Path("annotations.json").write_text(wrong, encoding="utf-8")
    problems = find_problems("annotations.json")
    assert len(problems) == 2
    for problem in problems:
        assert f"    {problem}\n" in DOCUMENT.read_text(encoding="utf-8")


def test_tubes() -> None:
    Path("tubes.json").write_text(JSON_BLOCKS[1], encoding="utf-8")
    (video,) = load_tubes("tubes.json")
    assert (video.video, video.tubes[0].label, video.tubes[0].end) == ("monday", 1, 14)


def test_detections() -> None:
    names = {}
    for frame in range(2):
        names[f"boxes_of_frame_{frame}"] = np.full((frame + 1, 4), frame)
        names[f"scores_of_frame_{frame}"] = np.full((frame + 1, 3), 0.25)
    (block,) = [text for text in PYTHON_BLOCKS if "Detections" in text]
    exec(block, names)
    assert names["boxes"].tolist() == [[1] * 4] * 2
    with np.load("monday.npz") as file:
        assert json.loads(str(file["metadata"])) == json.loads(JSON_BLOCKS[2])
        arrays = dict(file)
    np.savez("other.npz", **arrays | {"boxes": arrays["boxes"].astype(np.float64)})
    assert Detections.load("other.npz") == Detections.load("monday.npz")


def test_flow() -> None:
    document = (DOCUMENT.parent / "flow.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    write_video(Path("my_video.mp4"), frames=60)
    names: dict[str, Any] = {}
    exec(block, names)
    assert names["flow"].index == 59
    commands = re.findall(r"^    python data/flow\.py (.+)$", document, re.MULTILINE)
    for options in commands[1:]:
        if options.startswith("--dataset"):
            with pytest.raises(InputError, match=r"DATA: no such folder|my_data"):
                main(shlex.split(options))
        else:
            main(shlex.split(options))
            assert Path("fastOF-images/my_video/00060.jpg").exists()
    assert len(commands) == 4
