"""The page of an evaluation: complete, well formed, and its drawings say what the figures say."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import Annotations, Tube, VideoAnnotation, VideoTubes, save_annotations, save_tubes
from evaluation import ConfusionMatrix, analyse_tube_errors, average_precision, video_map
from evaluation.average_precision import precision_recall
from evaluation.report_drawings import (
    MOST_POINTS,
    confusion_map,
    curve_card,
    line_plot,
    outline,
)

VOID = {"meta", "path", "rect"}


class Page(HTMLParser):
    """Checks that tags are closed in order, and collects tags, attributes and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"] and not data.isspace():
            self.texts.append(data)


def write_set(folder, classes, right=0.7):
    """Truth and tubes: one video a class, whose best tube has the right class in a part of them."""
    boxes = np.tile(np.array([5, 5, 25, 35], np.float32), (20, 1))
    videos, found = {}, []
    for label, _ in enumerate(classes):
        name = f"video {label}"
        videos[name] = VideoAnnotation(name, 30, 64, 48, (Tube.ground_truth(3, boxes, label, 0),))
        said = label if label < right * len(classes) else (label + 1) % len(classes)
        tubes = [Tube(3, boxes, np.full(20, 0.5, np.float32), said, 0.9 - label / 1000, 0)]
        tubes.append(replace(tubes[0], boxes=boxes[:6], scores=tubes[0].scores[:6], score=0.3))
        found.append(VideoTubes(name, 30, 64, 48, 25.0, classes, tuple(tubes), "model"))
    save_annotations(folder / "truth.json", Annotations(classes, videos, {}), {})
    save_tubes(folder / "tubes.json", found)
    return [str(folder / "tubes.json"), "--dataset", str(folder / "truth.json")]


@pytest.mark.parametrize("count", [1, 24, 101])
def test_page_of_tubes(tmp_path, count, capsys):
    classes = tuple(f"class {label}" for label in range(count))
    video_map.main([*write_set(tmp_path, classes), "--html", str(tmp_path / "new" / "page.html")])
    page = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//|@import|url\(|<script", page)
    parsed = Page(page)
    printed = capsys.readouterr().out
    for figure in re.findall(r"\d\.\d{4}", printed.split("tube IoU")[1].split("errors")[0]):
        assert figure in parsed.texts
    texts = " ".join(parsed.texts)
    for said in ("road", "continuous", f"{2 * count} found, {count} true", "Confusion of tubes"):
        assert said in texts
    assert f"{count} of {count} with results" in texts
    curves = [value for name, value in parsed.attributes if (name, value) == ("class", "curve")]
    shares = [value for name, value in parsed.attributes if (name, value) == ("class", "shares")]
    assert len(curves) == count
    assert len(shares) == count + 1
    assert len(page) < 10_000 + 6_000 * count


def test_names_are_escaped(tmp_path):
    evil = ("<script>alert('1')</script>", '"><b onload="x">&amp;')
    video_map.main([*write_set(tmp_path, evil), "--html", str(tmp_path / "page.html")])
    parsed = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "script" not in parsed.tags
    assert "onload" not in [name for name, _ in parsed.attributes]
    for name in evil:
        assert parsed.texts.count(name) >= 3
        assert ("title", name) in parsed.attributes


def test_page_at_other_thresholds_and_without_tubes(tmp_path):
    command = write_set(tmp_path, ("jump", "run"))
    report = ["--html", str(tmp_path / "page.html")]
    video_map.main([*command, *report, "--thresholds", "0.3", "0.9", "--protocol", "act"])
    texts = Page((tmp_path / "page.html").read_text(encoding="utf-8")).texts
    assert "Precision and recall at IoU 0.3" in texts
    assert "Errors at IoU 0.3" in texts
    nothing = VideoTubes("video 0", 30, 64, 48, 25.0, ("jump", "run"), (), "model")
    save_tubes(tmp_path / "tubes.json", [nothing])
    video_map.main([*command, *report])
    Page((tmp_path / "page.html").read_text(encoding="utf-8"))


@given(
    st.lists(st.booleans(), max_size=30),
    st.integers(0, 5),
    st.sampled_from(["envelope", "trapezoid"]),
)
def test_the_area_under_the_line_is_the_average_precision(hits, missed, method):
    positives = sum(hits) + missed
    scores = np.linspace(1, 0, len(hits), dtype=np.float32)
    curve = precision_recall(scores, np.array(hits, bool), positives, method)
    recalls, precisions = outline(curve, method)
    assert (np.diff(recalls) >= 0).all()
    area = np.trapezoid(precisions, recalls)
    assert area == pytest.approx(average_precision(scores, hits, positives, method), abs=1e-9)


def test_long_curves_are_thinned():
    hits = np.tile([True, False, True], 5000)
    scores = np.linspace(1, 0, len(hits), dtype=np.float32)
    curve = precision_recall(scores, hits, 20000, "trapezoid")
    card = curve_card("run", curve, "trapezoid", 20000)
    (line,) = re.findall(r'class="line" d="([^"]*)"', card)
    assert len(line.split()) == MOST_POINTS
    assert line.startswith("M0,0 ")


def test_confusion_in_numbers_and_words():
    counts = np.array([[3, 1, 0], [0, 2, 4], [0, 0, 0]])
    drawn = confusion_map(ConfusionMatrix(("jump", "run"), counts), "missed", "nothing")
    texts = Page(drawn).texts
    assert "jump as run: 1" in texts and "run as missed: 4" in texts
    assert "nothing" not in texts
    assert "Most frequent: jump as run: 1 of 4." in texts
    counts[2, 1] = 5
    counts[0, 1] = 0
    texts = Page(confusion_map(ConfusionMatrix(("jump", "run"), counts), "missed", "none")).texts
    assert "none as run: 5" in texts and "No class is taken for another." in texts


def test_lines_leave_out_what_is_not_known():
    drawn = line_plot({"a": [0.0, float("nan"), 1.0]}, [0, 0.5, 1], "x", "y")
    (line,) = re.findall(r'class="line colour0" d="([^"]*)"', drawn)
    assert len(line.split()) == 2


def tube(start, end, x=0.0, label=0, score=1.0):
    boxes = np.tile(np.array([x, 0, x + 10, 10], np.float32), (end - start, 1))
    return Tube(start, boxes, np.ones(end - start, np.float32), label, score, 0)


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (tube(0, 50), "timing"),
        (tube(0, 10, x=8), "localisation"),
        (tube(0, 10, x=1), "localisation"),  # found twice
        (tube(60, 80), "localisation"),
        (tube(20, 30, label=2), "classification"),
        (tube(22, 80, label=2), "other"),
        (tube(40, 50, label=2), "other"),
    ],
)
def test_kinds_of_errors_of_tubes(wrong, kind):
    truth = [VideoAnnotation("a", 100, 100, 50, (tube(0, 10), tube(20, 30, label=1)))]
    truth.append(VideoAnnotation("b", 100, 100, 50, (tube(0, 10), tube(0, 10, label=2))))
    good = [tube(0, 10, score=0.9), tube(20, 30, label=1, score=0.9)]
    late = [tube(0, 10, score=0.5), tube(0, 10, label=2, score=0.5)]
    tubes = {"a": [*good, wrong], "b": late}
    errors = analyse_tube_errors(tubes, truth, ("jump", "run", "walk"))
    made = dict(
        zip(
            ("localisation", "classification", "timing", "other"),
            errors.false_positives[:, wrong.label],
            strict=True,
        )
    )
    total = errors.average_precisions + errors.false_positives.sum(axis=0) + errors.missed
    np.testing.assert_allclose(total, 1)
    assert errors.missed.tolist() == [0, 0, 0]
    assert [name for name, share in made.items() if share > 0] == [kind]


def test_errors_of_tubes_without_truth_or_tubes():
    truth = [VideoAnnotation("a", 100, 100, 50, ())]
    none = analyse_tube_errors({"a": [tube(0, 10)]}, truth, ("jump",))
    assert set(none.shares().values()) == {0}
    truth = [VideoAnnotation("a", 100, 100, 50, (tube(0, 10),))]
    missed = analyse_tube_errors({}, truth, ("jump",))
    assert missed.shares()["missed"] == 1
