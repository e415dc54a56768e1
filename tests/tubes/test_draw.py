"""`python tubes/draw.py`: it draws, and says when it cannot."""

from __future__ import annotations

import numpy as np
import pytest

from data import Detections, InputError
from tests.tubes.test_build import write_detections
from tubes import TubeSettings, draw


def test_pictures_of_each_video(tmp_path, capsys):
    folder = write_detections(tmp_path / "found", "a", "b/a")
    for video in ("a", "b/a"):
        options = ["--save_root", str(tmp_path), "--trimming", "background"]
        draw.main([str(folder / f"{video}.npz"), *options])
        said = [tmp_path / f"{video}-{what}.png" for what in ("linking", "trimming")]
        assert capsys.readouterr().out.split() == [str(path) for path in said]
        assert all(path.read_bytes().startswith(b"\x89PNG") for path in said)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "a-linking.png",
        "a-trimming.png",
    ]


def test_when_a_stream_tells_of_a_tube():
    scores = [0.1] * 5 + [0.9] * 20 + [0.1] * 25
    frames = [(np.array([[10, 10, 30, 30]]), np.array([[score, 1 - score]])) for score in scores]
    video = Detections.from_frames(
        "v", frames, width=64, height=48, frame_rate=10.0, classes=("a",), model="m"
    )
    settings = TubeSettings(trimming="background", alpha=1)
    (told,) = draw.announcements(video, settings, 0, look_back=10)
    # Ten frames make a tube; its end pays after two frames, and is settled ten frames later.
    assert (told.start, told.end) == (5, 25)
    assert (told.started, told.ended, told.settled) == (14, 26, 35)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.npz"], "nowhere.npz: no such file"),
        (["found/a.npz", "--label", "swim"], "--label swim: is no class of found/a.npz"),
        (["found/a.npz", "--alpha", "-1"], "alpha must be 0 or more, not -1.0"),
        (["empty.npz"], "empty.npz: has no such paths"),
        (["reversed.npz"], "reversed.npz: video 'v', frame 1: the corners of the box [3.0, 1.0, 2"),
        (["found/a.npz", "--save_root", "empty.npz"], "empty.npz/a-linking.png: cannot be written"),
    ],
)
def test_bad_input(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_detections(tmp_path / "found", "a")
    nothing = (np.zeros((0, 4)), np.zeros((0, 2)))
    Detections.from_frames(
        "v", [nothing] * 3, width=64, height=48, frame_rate=25.0, classes=("a",), model="m"
    ).save("empty.npz")
    wrong = (np.array([[3, 1, 2, 2]]), np.array([[0.5, 0.5]]))
    Detections.from_frames(
        "v", [nothing, wrong], width=64, height=48, frame_rate=25.0, classes=("a",), model="m"
    ).save("reversed.npz")
    with pytest.raises(InputError) as caught:
        draw.main(arguments)
    assert message in str(caught.value)
