from collections.abc import Callable

from data import Tube, VideoTubes
from demo.selection import select_tubes

Make = Callable[..., Tube]
MakeVideo = Callable[..., VideoTubes]


def _ids(tubes: tuple[Tube, ...]) -> list[int]:
    return [tube.id for tube in tubes]


def test_the_best_tube_of_an_actor_stands_for_the_others(
    make_tube: Make, make_video: MakeVideo
) -> None:
    video = make_video(
        make_tube(id=1, label=0, score=0.4),
        make_tube(id=2, label=1, score=0.9),
        make_tube(id=3, label=2, score=0.6),
        make_tube(id=4, label=2, score=0.5),
        make_tube(id=5, label=1, score=0.3),
    )
    selection = select_tubes(video, 0.0)
    assert _ids(selection.shown.tubes) == [2]
    # The best of each other label, and nothing of the label shown.
    assert _ids(selection.alternatives[2]) == [3, 1]


def test_tubes_elsewhere_or_at_other_times_are_other_actors(
    make_tube: Make, make_video: MakeVideo
) -> None:
    video = make_video(
        make_tube(id=1, score=0.9),
        make_tube(id=2, score=0.8, box=(100.0, 30.0, 140.0, 90.0)),
        make_tube(id=3, score=0.7, start=10),
        make_tube(id=4, score=0.6, start=5),
    )
    assert _ids(select_tubes(video, 0.0).shown.tubes) == [1, 2, 3, 4]


def test_tubes_below_the_lowest_score_are_alternatives_only(
    make_tube: Make, make_video: MakeVideo
) -> None:
    video = make_video(
        make_tube(id=1, label=0, score=0.5),
        make_tube(id=2, label=1, score=0.1),
        make_tube(id=3, label=2, score=0.1, start=30),
    )
    selection = select_tubes(video, 0.5)
    assert _ids(selection.shown.tubes) == [1]
    assert _ids(selection.alternatives[1]) == [2]
    assert not select_tubes(video, 0.6).shown.tubes
