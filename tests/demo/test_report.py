import re
from collections.abc import Callable
from html.parser import HTMLParser

import cv2
import numpy as np

from data import Frame, Tube, VideoTubes
from demo.overlay import tube_colours
from demo.report import MAX_TUBES, render_report, reported_tubes
from demo.selection import Selection
from demo.thumbnails import HEIGHT, WIDTH, Thumbnails

Make = Callable[..., Tube]
MakeVideo = Callable[..., VideoTubes]
VOID = {"meta", "img", "br", "path", "rect"}


class _Page(HTMLParser):
    """Checks that tags are closed in order, and collects tags, addresses and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _render(video: VideoTubes, alternatives: dict[int, tuple[Tube, ...]] | None = None) -> str:
    selection = Selection(video, {tube.id: () for tube in video.tubes} | (alternatives or {}))
    colours = tube_colours(video.tubes)
    thumbnails = Thumbnails(reported_tubes(selection), colours)
    for index in range(video.frames):
        image = np.full((video.height, video.width, 3), index % 256, np.uint8)
        thumbnails.add(Frame(image, index, index / 25))
    return render_report(selection, colours, thumbnails.jpegs, {"Setting": "a < b"})


def test_page_is_complete_and_needs_nothing_else(make_tube: Make, make_video: MakeVideo) -> None:
    page = _render(make_video(make_tube(id=3, start=10), make_tube(id=7, label=1, score=0.8)))
    parsed = _Page(page)
    assert not re.search(r"https?:|//|@import|url\(", re.sub(r"base64,[^\"]*", "", page))
    assert all(a.startswith(("data:image/jpeg;base64,", "#tube-")) for a in parsed.addresses)
    assert parsed.tags.count("img") == 6
    assert parsed.tags.count("article") == 2
    assert "#3 walk, score 0.50, 0.40 s to 0.80 s, frames 10 to 19" in parsed.text
    assert "a < b" in parsed.text


def test_page_without_tubes_says_what_to_try(make_video: MakeVideo) -> None:
    parsed = _Page(_render(make_video()))
    assert "No tubes to show" in parsed.text
    assert "--min_score" in parsed.text
    assert "svg" not in parsed.tags


def test_page_with_hundreds_of_tubes_shows_the_best(make_tube: Make, make_video: MakeVideo) -> None:
    tubes = [make_tube(id=id, start=id % 50, score=id / 300) for id in range(300)]
    parsed = _Page(_render(make_video(*tubes)))
    assert parsed.tags.count("article") == MAX_TUBES
    assert f"best {MAX_TUBES} of 300 tubes" in parsed.text
    assert "#299 " in parsed.text
    assert "#100 " not in parsed.text


def test_names_are_escaped(make_tube: Make) -> None:
    tube = make_tube()
    evil = "<script>alert('1')</script>\" onload=\"x"
    video = VideoTubes(evil, 60, 160, 120, 25.0, (evil, evil + "2"), (tube,), evil)
    parsed = _Page(_render(video, {0: (make_tube(id=1, label=1),)}))
    assert "script" not in parsed.tags
    assert parsed.text.count(evil) >= 4


def test_alternatives_are_named(make_tube: Make, make_video: MakeVideo) -> None:
    page = _render(make_video(make_tube()), {0: (make_tube(id=1, label=2, score=0.25),)})
    assert "Or: jump 0.25" in _Page(page).text


def test_curves_of_long_tubes_are_thinned(make_tube: Make, make_video: MakeVideo) -> None:
    page = _render(make_video(make_tube(length=5000), make_tube(id=1, length=1), frames=5000))
    _Page(page)
    assert max(len(path) for path in re.findall(r' d="([^"]*)"', page)) < 4000


def test_thumbnails_of_any_box_fill_the_same_frame(make_tube: Make) -> None:
    boxes = [
        (0.0, 0.0, 320.0, 240.0),
        (0.0, 0.0, 5.0, 5.0),
        (300.0, 200.0, 320.0, 240.0),
        (0.0, 100.0, 320.0, 110.0),
        (-5.0, 0.0, 400.0, 300.0),
    ]
    tubes = [make_tube(id=id, box=box, length=1) for id, box in enumerate(boxes)]
    thumbnails = Thumbnails(tubes, tube_colours(tubes))
    thumbnails.add(Frame(np.zeros((240, 320, 3), np.uint8), 0, 0.0))
    assert len(thumbnails.jpegs) == 3 * len(boxes)
    for jpeg in thumbnails.jpegs.values():
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        height, width = picture.shape[:2]
        assert WIDTH - 8 < width <= WIDTH
        assert HEIGHT - 8 < height <= HEIGHT
