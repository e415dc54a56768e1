from collections.abc import Callable

import numpy as np
import pytest

from data import Frame, Tube, VideoTubes
from demo.overlay import PALETTE, Overlay, tube_colours

Make = Callable[..., Tube]
MakeVideo = Callable[..., VideoTubes]
GREY = 90


def _draw(video: VideoTubes, index: int = 0) -> tuple[Overlay, np.ndarray]:
    overlay = Overlay(video, tube_colours(video.tubes))
    image = np.full((video.height, video.width, 3), GREY, np.uint8)
    return overlay, overlay.draw(Frame(image, index, index / 25))


def test_tubes_seen_together_differ_in_colour(make_tube: Make) -> None:
    tubes = [make_tube(id=id, start=5 * (id % 3), length=30) for id in range(len(PALETTE))]
    assert len(set(tube_colours(tubes).values())) == len(PALETTE)


def test_colours_do_not_depend_on_the_order_of_tubes(make_tube: Make) -> None:
    tubes = [make_tube(id=id, start=id * 4, length=20) for id in range(12)]
    assert tube_colours(tubes) == tube_colours(tubes[::-1])


def test_more_tubes_than_colours_use_the_colour_free_longest(make_tube: Make) -> None:
    tubes = [make_tube(id=id, start=id, length=100 - id) for id in range(len(PALETTE) - 1)]
    early = make_tube(id=50, start=6, length=3)
    late = make_tube(id=51, start=20, length=3)
    colours = tube_colours([*tubes, early, late])
    assert colours[51] == colours[50]


def test_a_crowd_shares_the_colours_evenly(make_tube: Make) -> None:
    tubes = [make_tube(id=id, start=id, length=100 - 3 * id) for id in range(3 * len(PALETTE))]
    shares = list(tube_colours(tubes).values())
    assert [shares.count(colour) for colour in PALETTE] == [3] * len(PALETTE)


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((160, 120), (480, 360)),
        ((320, 240), (640, 480)),
        ((640, 480), (640, 480)),
        ((1920, 1080), (1920, 1080)),
        ((161, 121), (483, 363)),
        ((3000, 20), (3000, 20)),
    ],
)
def test_small_videos_are_enlarged(
    size: tuple[int, int], drawn: tuple[int, int], make_video: MakeVideo
) -> None:
    overlay, image = _draw(make_video(width=size[0], height=size[1]))
    assert (overlay.width, overlay.height) == drawn
    assert image.shape == (drawn[1], drawn[0], 3)
    assert (image == GREY).all()


def test_box_lies_where_the_tube_says(make_tube: Make, make_video: MakeVideo) -> None:
    tube = make_tube(box=(100.0, 200.0, 301.0, 401.0))
    video = make_video(tube, width=640, height=480)
    _, image = _draw(video)
    colour = tube_colours(video.tubes)[0]
    for x, y in [(100, 300), (300, 300), (200, 400)]:
        assert tuple(image[y, x]) == colour
    assert (image[210:390, 110:290] == GREY).all()


def test_tubes_are_drawn_in_their_frames_only(make_tube: Make, make_video: MakeVideo) -> None:
    video = make_video(make_tube(start=5, length=10))
    changed = [bool((_draw(video, index)[1] != GREY).any()) for index in range(20)]
    assert changed == [5 <= index < 15 for index in range(20)]


@pytest.mark.parametrize(
    "box",
    [
        (0.0, 0.0, 160.0, 120.0),
        (0.0, 0.0, 4.0, 4.0),
        (156.0, 116.0, 160.0, 120.0),
        (150.0, 0.0, 159.0, 119.0),
        (-20.0, -10.0, 10.0, 5.0),
        (158.0, 50.0, 190.0, 300.0),
        (80.0, 60.0, 80.0, 60.0),
    ],
)
def test_labels_stay_inside_the_frame(
    box: tuple[float, float, float, float], make_tube: Make, make_video: MakeVideo
) -> None:
    video = make_video(make_tube(box=box))
    overlay, _ = _draw(video)
    corners = overlay._corners(video.tubes[0].boxes[0])
    image = np.zeros((overlay.height, overlay.width, 3), np.uint8)
    x1, y1, x2, y2 = overlay._label(image, "#12 brush_hair 0.99", corners, PALETTE[0], [])
    assert 0 <= x1 < x2 <= overlay.width
    assert 0 <= y1 < y2 <= overlay.height


def test_a_name_wider_than_the_frame_is_made_smaller(
    make_tube: Make, make_video: MakeVideo
) -> None:
    overlay, _ = _draw(make_video(make_tube()))
    image = np.zeros((overlay.height, overlay.width, 3), np.uint8)
    x1, _, x2, _ = overlay._label(image, "a very long name " * 8, (5, 5, 9, 9), PALETTE[0], [])
    assert 0 <= x1 < x2 <= overlay.width


def test_labels_of_tubes_in_one_place_do_not_cover_each_other(
    make_tube: Make, make_video: MakeVideo
) -> None:
    overlay, _ = _draw(make_video(make_tube()))
    image = np.zeros((overlay.height, overlay.width, 3), np.uint8)
    taken: list[tuple[int, int, int, int]] = []
    for _ in range(4):
        place = overlay._label(image, "#1 walk 0.50", (100, 100, 300, 300), PALETTE[0], taken)
        assert all(
            place[2] <= x1 or x2 <= place[0] or place[3] <= y1 or y2 <= place[1]
            for x1, y1, x2, y2 in taken
        )
        taken.append(place)
