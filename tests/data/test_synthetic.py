"""The embedded data set: its layout, that it repeats, and that only motion tells actions apart."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from data import InputError, VideoAnnotation, open_video, read_ucf24
from data.files import folder_beside
from data.restricted_pickle import load_pickle
from data.synthetic import render_dataset, render_video, write_example_video
from data.synthetic_backdrop import Backdrop
from data.synthetic_figures import draw_figure, random_look, random_poses, visible_box
from data.synthetic_scene import (
    ACROSS,
    ACT_FRAMES,
    ACTIONS,
    BYSTANDER,
    CLASSES,
    DOWN,
    FIGURE_HEIGHT,
    GROWTH,
    SIZE,
    SPEED_ACROSS,
    SPEED_DOWN,
    SQUASH,
    SQUASHED,
    SQUASHING,
    Figure,
    plan_scene,
)

FRAMES, WIDTH, HEIGHT = 60, 160, 120
SMALL = {"train": 7, "test": 7, "frames": 48}


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def scene(seed: int) -> list[Figure]:
    rng = np.random.default_rng(seed)
    return plan_scene(rng, [seed % len(CLASSES)] * int(rng.integers(1, 4)), FRAMES, HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic") / "embedded"
    render_dataset(root, **SMALL)
    return root


@pytest.fixture(scope="module")
def videos() -> list[tuple[np.ndarray, VideoAnnotation]]:
    return [render_video(label, seed=seed) for label in CLASSES for seed in range(2)]


def test_same_arguments_give_the_same_files(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.synthetic.os.cpu_count", lambda: 1)
    render_dataset(tmp_path / "again", **SMALL)
    assert contents(tmp_path / "again") == contents(root)


def test_another_seed_gives_another_video() -> None:
    one, _ = render_video("Rise", frames=48, seed=1)
    other, _ = render_video("Rise", frames=48, seed=2)
    assert (one != other).mean() > 0.5


def test_layout_is_that_of_ucf24(root: Path) -> None:
    entries = load_pickle(root / "pyannot.pkl")
    for name, entry in entries.items():
        assert type(name) is str
        label = CLASSES.index(name.split("/")[0])
        assert entry["label"] == label
        assert entry["numf"] == 48
        assert isinstance(entry["numf"], np.uint8)
        assert entry["annotations"]
        for tube in entry["annotations"]:
            assert tube["label"] == label
            assert len(tube["boxes"]) == tube["ef"] - tube["sf"]
            assert tube["boxes"].dtype == np.uint8
            assert tube["boxes"].min() >= 1
        images = sorted((root / "rgb-images" / name).iterdir())
        assert [p.name for p in images] == [f"{k:05d}.jpg" for k in range(1, 49)]
        assert cv2.imread(str(images[-1])).shape == (HEIGHT, WIDTH, 3)


def test_reads_back_with_every_class_in_both_splits(root: Path) -> None:
    annotations = read_ucf24(root)
    assert annotations.classes == CLASSES
    for split in ("train", "test"):
        labels = {tube.label for video in annotations.split(split) for tube in video.tubes}
        assert labels == set(range(len(CLASSES)))
    assert not set(annotations.splits["train"]) & set(annotations.splits["test"])


def test_finished_data_set_is_kept_and_an_older_one_replaced(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "embedded"
    shutil.copytree(root, copy)
    record = copy / "dataset.json"
    before = record.stat().st_mtime_ns
    render_dataset(copy, **SMALL)
    assert record.stat().st_mtime_ns == before
    render_dataset(copy, **SMALL, seed=1)
    fresh, old = contents(copy), contents(root)
    assert fresh.keys() == old.keys()
    assert fresh["pyannot.pkl"] != old["pyannot.pkl"]
    assert [p.name for p in tmp_path.iterdir()] == ["embedded"]


def test_interrupted_rendering_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("data.synthetic.cv2.imencode", fail)
    with pytest.raises(OSError, match="disk full"):
        render_dataset(tmp_path / "embedded", **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_rendering_left_is_removed(root: Path, tmp_path: Path) -> None:
    left = tmp_path / ".embedded-abcd"
    shutil.copytree(root, left / "fresh")
    (left / ".writer").touch()
    young, other, notes = (tmp_path / f".embed{end}" for end in ("ded-efgh", "-abcd", "ded-notes"))
    for folder in (young, other, notes):
        folder.mkdir()
    for folder in (young, other):
        (folder / ".writer").touch()
    for folder in (left, other, notes):
        os.utime(folder, (1e9, 1e9))
    render_dataset(tmp_path / "embedded", **SMALL)
    assert set(tmp_path.iterdir()) == {tmp_path / "embedded", young, other, notes}


def test_a_rendering_that_still_goes_on_is_left_alone(tmp_path: Path) -> None:
    with folder_beside(tmp_path / "embedded") as at_work:
        os.utime(at_work, (1e9, 1e9))
        render_dataset(tmp_path / "embedded", **SMALL)
        assert at_work.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["embedded"]


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="something else"):
        render_dataset(tmp_path, **SMALL)
    assert contents(tmp_path) == {"thesis.txt": b"mine"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": 6}, "train, test = 6, 28"),
        ({"frames": 20}, "frames, width, height = 20"),
        ({"width": 120, "height": 120}, "frames, width, height = 60, 120"),
        ({"width": 160, "height": 200}, "no higher than wide"),
    ],
)
def test_impossible_parameters_are_refused(
    tmp_path: Path, arguments: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        render_dataset(tmp_path / "embedded", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_boxes_lie_in_the_frame(videos: list[tuple[np.ndarray, VideoAnnotation]]) -> None:
    for frames, truth in videos:
        assert frames.shape == (FRAMES, HEIGHT, WIDTH, 3)
        for tube in truth.tubes:
            low, high = tube.boxes[:, :2], tube.boxes[:, 2:]
            assert (low >= 0).all()
            assert (high <= (WIDTH, HEIGHT)).all()
            assert (high - low >= 8).all()
            assert ACT_FRAMES[0] <= len(tube) <= ACT_FRAMES[1]
            assert tube.end < FRAMES


def test_boxes_surround_what_moves() -> None:
    """Between two frames the picture changes more inside the boxes than outside."""
    inside, outside = [], []
    for seed in range(4):
        frames, truth = render_video("Cross", seed=seed)
        for tube in truth.tubes:
            middle = len(tube) // 2
            index = tube.start + middle
            change = np.abs(frames[index + 1].astype(int) - frames[index]).mean(axis=2)
            x1, y1, x2, y2 = tube.boxes[middle].astype(int)
            inside.append(change[y1:y2, x1:x2].mean())
            change[y1:y2, x1:x2] = 0
            outside.append(change.mean())
    assert np.mean(inside) > 4 * np.mean(outside)


def test_acts_begin_and_end_inside_the_video_and_stretches_are_empty() -> None:
    scenes = [scene(seed) for seed in range(120)]
    for figures in scenes:
        acts = [act for figure in figures for act in figure.acts]
        assert acts
        assert all(0 <= begin < end < FRAMES for begin, end in acts)
        for figure in figures:
            assert (figure.label == BYSTANDER) == (not figure.acts)
            for begin, end in figure.acts:
                assert (figure.opacity[begin : end + 1] == 1).all()
            still = np.ones(FRAMES - 1, bool)
            for begin, end in figure.acts:
                still[begin:end] = False
            assert (np.diff(figure.track, axis=0)[still] == 0).all()
    nobody = [not any(f.opacity[t] for f in figures) for figures in scenes for t in (0, FRAMES - 1)]
    assert 0.15 < np.mean(nobody) < 0.35
    assert any(len(figure.acts) == 2 for figures in scenes for figure in figures)
    assert np.mean([len(figures) > 1 for figures in scenes]) > 0.7


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a frame shows of an actor, its change to the next one, and the label; one per actor."""
    rng = np.random.default_rng(0)
    looks, motions, labels = [], [], []
    for seed in range(600):
        for figure in scene(seed):
            if figure.label == BYSTANDER:
                continue
            track = figure.track.copy()
            track[:, SIZE] = np.log(track[:, SIZE])
            shown = np.concatenate([np.arange(begin, end) for begin, end in figure.acts])
            begin, end = figure.acts[0]
            index, pair = int(rng.choice(shown)), int(rng.integers(begin, end))
            looks.append([*track[index], *figure.poses[index]])
            motions.append(track[pair + 1] - track[pair])
            labels.append(figure.label)
    return np.array(looks), np.array(motions), np.array(labels)


def nearest_neighbours(features: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy of the 25 nearest neighbours in one half of the samples, on the other half."""
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    half = len(labels) // 2
    distances = ((features[half:, None] - features[None, :half]) ** 2).sum(axis=2)
    votes = labels[np.argsort(distances, axis=1)[:, :25]]
    winners = [np.bincount(row, minlength=len(CLASSES)).argmax() for row in votes]
    return float(np.mean(winners == labels[half:]))


def test_one_frame_hardly_tells_the_actions_apart(
    samples: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Neighbours in position, size, squash and pose agree little more often than chance, 1 in 7.

    Position says something about the axis of an action (who comes nearer needs room around).
    About the direction it says nothing: the two actions of an axis agree in mean and spread.
    """
    looks, _, labels = samples
    assert nearest_neighbours(looks, labels) < 0.25
    assert nearest_neighbours(looks[:, :4], labels) < 0.25
    for axis in (DOWN, SIZE, SQUASH):
        pair = [i for i, action in enumerate(ACTIONS.values()) if action[0] == axis]
        one, other = (looks[labels == label] for label in pair)
        error = np.sqrt(one.var(axis=0) / len(one) + other.var(axis=0) / len(other))
        assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) < 4 * error).all()
        np.testing.assert_allclose(one.std(axis=0), other.std(axis=0), rtol=0.2)


def test_two_frames_tell_the_actions_apart_linearly(
    samples: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    _, motions, labels = samples
    axes, directions = np.array(list(ACTIONS.values()))[labels].T
    rows = np.arange(len(labels))
    steps = motions[rows, axes]
    # Crossing is one action in both directions, about as often to the left as to the right.
    assert 0.4 < (steps[axes == ACROSS] > 0).mean() < 0.6
    steps = np.where(directions == 0, np.abs(steps), steps * directions)
    least, most = np.array([SPEED_ACROSS, SPEED_DOWN, GROWTH, SQUASHING]).T
    assert (steps >= least[axes] - 1e-9).all()
    assert (steps <= most[axes] + 1e-9).all()
    rest = motions.copy()
    rest[rows, axes] = 0
    np.testing.assert_allclose(rest, 0, atol=1e-9)


def test_a_mirror_does_not_turn_an_action_into_another() -> None:
    """Training mirrors images and keeps the labels: left and right must not tell actions apart."""
    for axis, direction in ACTIONS.values():
        assert (axis == ACROSS) == (direction == 0)


def test_figures_of_every_action_stand_upright_or_crouch(
    samples: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    looks, _, labels = samples
    low, high = SQUASHED
    for label in range(len(CLASSES)):
        squash = looks[labels == label, SQUASH]
        assert low <= squash.min() < low + 0.05
        assert high - 0.05 < squash.max() <= high
        assert squash.mean() == pytest.approx((low + high) / 2, abs=0.04)


def test_who_crouches_keeps_feet_and_width_while_the_head_comes_down() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        look, pose, height = random_look(rng), random_poses(rng, 1)[0], rng.uniform(*FIGURE_HEIGHT)
        squashes = np.arange(SQUASHED[1], SQUASHED[0], -2 / height)
        boxes = np.array(
            [visible_box(draw_figure(look, pose, (50, 50), height, s)) for s in squashes]
        )
        x1, y1, x2, y2 = boxes.T
        assert np.ptp(y2) <= 1
        assert np.abs(np.diff(y1) - 2).max() <= 1
        np.testing.assert_allclose(y2 - y1, (squashes + 0.04) * height, atol=2.5)
        assert np.ptp(x2 - x1) <= 0.3 * height


def test_boxes_show_the_motion(videos: list[tuple[np.ndarray, VideoAnnotation]]) -> None:
    """The swing of the limbs changes the boxes too, but less than the action does in 5 frames."""
    right = []
    for _, truth in videos:
        for tube in truth.tubes:
            center, feet = (tube.boxes[:, 0] + tube.boxes[:, 2]) / 2, tube.boxes[:, 3]
            size = tube.boxes[:, 3] - tube.boxes[:, 1]
            axis, direction = list(ACTIONS.values())[tube.label]
            state = np.column_stack([center, feet, size, size])[:, axis]
            change = state[5:] - state[:-5]
            right.append((change * direction if direction else np.abs(change)) > 3)
    assert np.concatenate(right).mean() > 0.97


def test_background_moves_less_than_the_actions() -> None:
    for seed in range(12):
        backdrop = Backdrop(np.random.default_rng(seed), HEIGHT, WIDTH)
        corners = np.array([(x, y) for x in (0, WIDTH) for y in (0, HEIGHT)], float)
        middle = np.array([WIDTH, HEIGHT]) / 2
        seen = []
        for index in range(FRAMES):
            x, y, zoom = backdrop.camera(index)
            seen.append((corners - middle - (x, y)) * zoom)
        assert np.linalg.norm(np.diff(seen, axis=0), axis=2).max() < 1.2


def test_example_video(tmp_path: Path) -> None:
    write_example_video(tmp_path / "example.mp4")
    with open_video(tmp_path / "example.mp4") as video:
        assert (video.width, video.height, video.frame_rate) == (320, 240, 25)
        assert sum(1 for _ in video) == 120
