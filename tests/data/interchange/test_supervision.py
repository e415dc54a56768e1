"""supervision's Detections: objects that look like them, and real ones where it is installed."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data import Detections, InputError
from data.interchange import (
    from_supervision,
    to_supervision,
    tubes_from_supervision,
    tubes_to_supervision,
)
from tests.data.interchange import samples

VIDEO: dict[str, Any] = {
    "width": 640,
    "height": 480,
    "frame_rate": 25.0,
    "classes": samples.CLASSES,
    "model": "detector",
}


@dataclass
class _Frame:
    """As supervision 0.31 has it."""

    xyxy: Any
    confidence: Any = None
    class_id: Any = None
    tracker_id: Any = None
    data: dict[str, Any] = field(default_factory=dict)


FRAMES = [
    _Frame(
        np.array([[0, 0, 640, 480], [1, 2, 3, 4]], np.float32),
        np.array([0.75, 0.25], np.float32),
        np.array([2, 0]),
        np.array([4, 9]),
        {"class_name": np.array(["wave", "run"])},
    ),
    _Frame(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, int)),
    _Frame(np.array([[5, 6, 7, 8]]), np.array([0.5]), np.array([2]), np.array([4])),
]


def test_detections() -> None:
    video = from_supervision("clip", FRAMES, **VIDEO)
    assert (video.video, video.width, video.model) == ("clip", 640, "detector")
    assert video.offsets.tolist() == [0, 2, 2, 3]
    assert video.boxes.tolist() == [[0, 0, 640, 480], [1, 2, 3, 4], [5, 6, 7, 8]]
    assert video.scores.tolist() == [[0, 0, 0.75, 0.25], [0.25, 0, 0, 0.75], [0, 0, 0.5, 0.5]]


def test_tubes() -> None:
    video = tubes_from_supervision("clip", FRAMES, **VIDEO)
    # The track 4 is missing in frame 1.
    assert [(tube.id, tube.label, tube.start, tube.score) for tube in video.tubes] == [
        (4, 2, 0, 0.75),
        (10, 2, 2, 0.5),
        (9, 0, 0, 0.25),
    ]
    assert video.frames == 3
    assert tubes_from_supervision("clip", FRAMES[1:2], **VIDEO).tubes == ()


@pytest.fixture(params=["alike", "real"])
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "alike":
        monkeypatch.setitem(sys.modules, "supervision", SimpleNamespace(Detections=_Frame))


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize("number", range(20))
def test_nothing_is_lost(number: int) -> None:
    random = np.random.default_rng(number)
    corners = np.sort(random.random((5, 2, 2)), axis=1).astype(np.float32).reshape(5, 4)
    detections = Detections(
        video="clip",
        boxes=corners * 100,
        scores=random.random((5, 4), np.float32),
        offsets=np.array([0, 0, 3, 5]),
        **VIDEO,
    )
    frames = list(to_supervision(detections))
    assert len(frames) == 3
    assert frames[1].data["class_name"].tolist() == [
        samples.CLASSES[label] for label in frames[1].class_id
    ]
    assert (frames[1].confidence == detections.scores[:3, :-1].max(axis=1)).all()
    assert from_supervision("clip", frames, **VIDEO) == detections


@pytest.mark.usefixtures("module")
def test_tubes_come_back() -> None:
    video = tubes_from_supervision("clip", FRAMES, **VIDEO)
    again = tubes_from_supervision("clip", tubes_to_supervision(video), **VIDEO)
    by_id = sorted(video.tubes, key=lambda tube: tube.id)
    assert again == replace(video, tubes=tuple(by_id))


def test_the_package_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(InputError, match="supervision is not installed; install it with"):
        next(to_supervision(from_supervision("clip", FRAMES, **VIDEO)))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"xyxy": np.full((1, 4), np.nan)}, "row 0: the box"),
        ({"xyxy": np.array([[3, 0, 1, 1]])}, "row 0: the corners"),
        ({"xyxy": np.zeros((1, 5))}, r"xyxy must be an array of numbers of the shape \(1, 4\)"),
        ({"confidence": None}, "confidence must be .* not None"),
        ({"confidence": np.array([1.5])}, "the score 1.5"),
        ({"confidence": np.zeros(2)}, "confidence must be"),
        ({"class_id": None}, "class_id must be .* not None"),
        ({"class_id": np.array([3])}, "there is no class 3, the 3 classes .* from 0 to 2"),
        ({"data": {"scores": np.zeros((1, 3))}}, r"scores must be .* \(1, 4\)"),
        ({"data": {"scores": np.full((1, 4), np.nan)}}, "the score nan"),
    ],
)
def test_wrong_frames(changes: dict[str, Any], told: str) -> None:
    frames = [FRAMES[0], replace(FRAMES[2], **changes)]
    with pytest.raises(InputError, match=f"video 'clip', frame 1, row 0: .*{told}|{told}"):
        from_supervision("clip", frames, **VIDEO)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tracker_id": None}, "tracker_id must be .* not None"),
        ({"tracker_id": np.array([-1])}, "-1 is no id of a track"),
        ({"class_id": np.array([1])}, "track 4 has more than one class"),
        ({"confidence": np.array([np.inf])}, "the score inf"),
    ],
)
def test_wrong_tracks(changes: dict[str, Any], told: str) -> None:
    frames = [FRAMES[0], replace(FRAMES[2], **changes)]
    with pytest.raises(InputError, match=f"video 'clip', frame 1.*{told}"):
        tubes_from_supervision("clip", frames, **VIDEO)
