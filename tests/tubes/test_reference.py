"""Linking and trimming against the figures of ROAD's own programs."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from data.class_filter import class_filter, frame_picks
from tests.tubes.cases import (
    CLASSES,
    arrays,
    description,
    detections_of,
    needs_cases,
    scores_of,
    shipped_or_full,
)
from tests.tubes.test_trimming import labels_of
from tubes import LinkedPaths, LinkSettings, OnlineLinker, TubeSettings, build_tubes, trim

SINGLES = shipped_or_full(
    "basketball_gaps",
    "dunk_short",
    "fencing",
    "golf_long",
    "icedancing_ties",
    "salsa",
    shipped="dunk_short",
)


@cache
def single(name: str) -> dict[str, np.ndarray]:
    return arrays(f"single_{name}")


def linked(case: dict[str, np.ndarray], **settings: Any) -> LinkedPaths:
    linker = OnlineLinker(len(CLASSES), 320, 240, LinkSettings(**settings))
    detections = detections_of(case)
    for frame in range(detections.frames):
        linker.update(*detections.frame(frame))
    return linker.finish()


@pytest.mark.parametrize("name", SINGLES)
def test_class_filter(name):
    case = single(name)
    detections = detections_of(case)
    for frame in range(detections.frames):
        boxes, scores = detections.frame(frame)
        pixels = np.maximum(boxes, [0, 0, -np.inf, -np.inf])
        pixels = np.minimum(pixels, [np.inf, np.inf, 319, 239]).astype(np.float32) + np.float32(1)
        rows, starts = frame_picks(
            pixels, scores, len(CLASSES), np.float32(0.001), 50, np.float32(0.45), 10
        )
        for label in range(len(CLASSES)):
            item = label * detections.frames + frame
            expected = case["pick_rows"][case["pick_ptr"][item] : case["pick_ptr"][item + 1]]
            picks = rows[starts[label] : starts[label + 1]] + case["frame_ptr"][frame]
            assert np.array_equal(picks, expected)


def test_nms():
    case = arrays("unit_nms")
    for index, (start, end) in enumerate(zip(case["ptr"], case["ptr"][1:], strict=False)):
        rows = case["boxes_scores"][start:end]
        picks = class_filter(
            np.ascontiguousarray(rows[:, :4]),
            np.ascontiguousarray(rows[:, 4]),
            np.float32(-1),
            len(rows),
            np.float32(0.45),
            len(rows),
        )
        expected = case["pick"][case["pick_ptr"][index] : case["pick_ptr"][index + 1]]
        assert np.array_equal(picks, expected)


@pytest.mark.parametrize("name", SINGLES)
def test_paths(name):
    case = single(name)
    paths = linked(case)
    assert np.array_equal(paths.labels, case["path_class"])
    assert np.array_equal(paths.starts + 1, case["path_start"])
    assert [path.end for path in paths] == case["path_end"].tolist()
    assert np.array_equal(paths.source[paths.rows], case["path_rows"])
    assert np.array_equal(paths.row_ptr, case["path_ptr"])
    assert np.array_equal(paths.found + 1, case["found_at"])
    assert np.array_equal(paths.found_ptr, case["found_ptr"])
    assert [len(path.found) for path in paths] == case["path_count"].tolist()
    assert np.array_equal(paths.missed, case["path_lastfound"])
    np.testing.assert_allclose(paths.path_scores, case["path_score"], rtol=1e-6)


VARIANTS = {
    "iou03": {"iou_thresh": 0.3},
    "gap1": {"jump_gap": 1, "min_found": 2},
    "gap5": {"jump_gap": 5, "min_found": 6},
    "scrSim": {"cost": "scrSim"},
    "scrMinusSim": {"cost": "scrMinusSim"},
}


@needs_cases
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", ["basketball_gaps", "dunk_short"])
def test_paths_of_other_settings(name, variant):
    expected = arrays(f"variants_{name}")
    paths = linked(single(name), **VARIANTS[variant])
    columns = [
        paths.labels,
        paths.starts + 1,
        paths.starts + np.diff(paths.row_ptr),
        np.diff(paths.found_ptr),
        paths.missed,
    ]
    assert np.array_equal(np.stack(columns, axis=1), expected[f"{variant}_path"])
    assert np.array_equal(paths.source[paths.rows], expected[f"{variant}_path_rows"])
    assert np.array_equal(paths.row_ptr, expected[f"{variant}_path_ptr"])
    np.testing.assert_allclose(paths.path_scores, expected[f"{variant}_path_score"], rtol=2e-6)


@needs_cases
@pytest.mark.parametrize("name", ["basketball_gaps", "dunk_short", "fencing"])
def test_published_demo(name):
    """What the demo of the original draws, and the paths that live after the last frame."""
    detections, expected = detections_of(single(name)), arrays(f"display_{name}")
    settings = LinkSettings(ordering="road-display", min_found=1)
    linker = OnlineLinker(len(CLASSES), 320, 240, settings)
    shown = []
    for frame in range(detections.frames):
        linker.update(*detections.frame(frame))
        live = linker.live()
        for index in np.flatnonzero((live.unseen == 0) & (live.scores > 0.5)):
            shown.append((frame + 1, live.labels[index], live.scores[index], live.boxes[index] + 1))
    frames, labels, scores, boxes = zip(*shown, strict=True)
    assert np.array_equal(frames, expected["shown_frame"])
    assert np.array_equal(labels, expected["shown_class"])
    np.testing.assert_allclose(scores, expected["shown_score"], rtol=0, atol=2e-6)
    assert np.array_equal(boxes, expected["shown_box"])

    live = linker.live()
    assert np.array_equal(live.labels, expected["live_class"])
    assert np.array_equal(live.starts + 1, expected["live_first"])
    assert np.array_equal(live.found, expected["live_count"])
    assert np.array_equal(live.unseen, expected["live_lastfound"])
    assert np.array_equal(detections.frames - live.unseen, expected["live_last"])
    paths = {path.id: path for path in linker.finish()}
    own = [paths[number] for number in live.ids]
    sums = [path.path_score for path in own]
    np.testing.assert_allclose(sums, expected["live_path_score"], rtol=1e-6)
    for path, label in zip(own, expected["live_last_label"], strict=True):
        # The demo labels found frames only.
        found = path.found - path.start
        assert labels_of(path.scores[found], 3)[0][-1] == label
    ended = set(paths) - set(live.ids.tolist())
    counts = np.bincount([paths[number].label for number in ended], minlength=len(CLASSES))
    assert np.array_equal(counts, expected["dead_count"])


@pytest.mark.parametrize("alpha", [3, 5])
@pytest.mark.parametrize("name", SINGLES)
def test_runs(name, alpha):
    case = single(name)
    runs = trim(linked(case), alpha)
    assert np.array_equal(runs.paths, case[f"a{alpha}_path"])
    assert np.array_equal(runs.starts + 1, case[f"a{alpha}_ts"])
    assert np.array_equal(runs.ends, case[f"a{alpha}_te"])
    for field in ("dp_action_score", "dp_path_score", "path_mean_score"):
        actual, expected = getattr(runs, f"{field}s"), case[f"a{alpha}_{field}"]
        np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("alpha", [3, 5])
@pytest.mark.parametrize("name", SINGLES)
def test_tubes(name, alpha):
    case = single(name)
    tubes = build_tubes(detections_of(case), TubeSettings(alpha=alpha)).tubes
    expected = {field: case[f"a{alpha}_eval_{field}"] for field in ("class", "first", "last")}
    assert [tube.label for tube in tubes] == expected["class"].tolist()
    assert [tube.start + 1 for tube in tubes] == expected["first"].tolist()
    assert [tube.end for tube in tubes] == expected["last"].tolist()
    scores = [tube.score for tube in tubes]
    np.testing.assert_allclose(scores, case[f"a{alpha}_eval_score"], rtol=0, atol=2e-6)
    for tube, box_sum in zip(tubes, case[f"a{alpha}_eval_box_sum"], strict=True):
        boxes = tube.boxes.astype(np.float64)
        sizes = boxes[:, 2:] - boxes[:, :2]
        np.testing.assert_allclose(np.hstack([boxes[:, :2] + 1, sizes]).sum(axis=0), box_sum)


@needs_cases
@pytest.mark.parametrize("alpha", [1, 3, 5, 8])
def test_labels(alpha):
    case = arrays("unit_trim")
    # This case has the background last already.
    scores = case["scores_q"].astype(np.float32) / 65536
    for index, (start, end) in enumerate(zip(case["seq_ptr"], case["seq_ptr"][1:], strict=False)):
        labels, last = labels_of(scores[start:end], alpha)
        assert labels == case[f"labels_a{alpha}"][start:end].tolist()
        np.testing.assert_allclose(last, case[f"dlast_a{alpha}"][index], rtol=0, atol=1e-6)


@needs_cases
def test_endless_video():
    rgb, expected = arrays("eval72_rgb"), arrays("stream_11558")
    boxes = rgb["loc_q"] * np.array([5 / 128, 15 / 512, 5 / 128, 15 / 512], np.float32)
    paths = linked({"boxes": boxes, **{name: rgb[name] for name in ("scores_q", "frame_ptr")}})
    lengths = np.diff(paths.row_ptr)
    columns = [
        paths.starts + 1,
        paths.starts + lengths,
        np.diff(paths.found_ptr),
        paths.missed,
        lengths,
    ]
    for name in description("stream_11558")["paths_per_class"]:
        own = np.flatnonzero(paths.labels == int(name))
        assert np.array_equal(np.stack(columns, axis=1)[own], expected[f"class{name}"])
        scores = expected[f"class{name}_path_score"]
        np.testing.assert_allclose(paths.path_scores[own], scores, rtol=1e-6)
        sums = [(paths[path].boxes.astype(np.float64) + 1).sum() for path in own]
        np.testing.assert_allclose(sums, expected[f"class{name}_box_sum"], rtol=0, atol=1e-3)


def test_scores_of_the_cases_are_exact():
    # The comparisons above rely on it: no sum of such scores is rounded.
    scores = scores_of(single("dunk_short")["scores_q"])
    assert np.array_equal(scores + np.float32(20) - np.float32(20), scores)
