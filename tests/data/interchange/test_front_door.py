"""What `find_format`, `read_detections` and `read_tubes` say of any path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import (
    FORMATS,
    Annotations,
    Context,
    Detections,
    InputError,
    Tube,
    VideoAnnotation,
    VideoTubes,
    find_format,
    read_detections,
    read_tubes,
    save_annotations,
    save_tubes,
)
from data.tube_arrays import save_tube_arrays
from tests.data.interchange.samples import CLASSES, CONTEXT
from tests.data.test_detections_file import DETECTIONS
from tests.data.test_tube_format import VIDEO as TUBES

NUMBERED = ("road", "act", "yowo", "retinanet3d", "mot", "ava")


def _write(name: str, path: Path, kind: str = "detections") -> Path:
    context = Context((), {}, 25.0)
    write = getattr(FORMATS[name], f"write_{kind}")
    path = path.with_suffix({"ava": ".csv", "coco": ".json"}.get(name, ""))
    if kind == "detections":
        write(path.with_suffix("") if name == "coco" else path, [DETECTIONS], context)
        return path.with_suffix("") if name == "coco" else path
    write(path, [TUBES], context)
    return path


def test_own_files(tmp_path: Path) -> None:
    folder = _write("own", tmp_path / "detections")
    for path in (folder, folder / "clip.npz", str(folder)):
        assert find_format(path).name == "own"
        assert list(read_detections(path)) == [DETECTIONS]
    form = FORMATS["own"]
    assert form.write_tubes
    for name in ("tubes.json", "tubes.npz"):
        form.write_tubes(tmp_path / name, [TUBES], Context())
        assert find_format(tmp_path / name) is form
        assert form.contents(tmp_path / name) == {"tubes"}
        assert list(read_tubes(tmp_path / name)) == [TUBES]
        others = [TUBES, replace(TUBES, video="other", model="another")]
        with pytest.raises(InputError, match=f"{name}: videos must have the same classes and mod"):
            form.write_tubes(tmp_path / name, others, Context())


def test_a_folder_with_a_file_of_all_tubes(tmp_path: Path) -> None:
    videos = [VideoTubes("v", 9, 16, 12, 25, ("a",), (), "m")]
    save_tube_arrays(tmp_path / "videos" / "v.npz", videos)
    save_tube_arrays(tmp_path / "tubes.npz", videos)
    assert find_format(tmp_path).name == "own"
    assert list(read_tubes(tmp_path)) == videos


def test_annotations_are_tubes(tmp_path: Path) -> None:
    tubes = (Tube.ground_truth(1, [[0, 0, 5, 5], [1, 1, 6, 6]], 2, 0),)
    video = VideoAnnotation("run/other", 5, 320, 240, tubes)
    save_annotations(tmp_path / "a.json", Annotations(CLASSES, {video.name: video}, {}), {})
    (found,) = read_tubes(tmp_path / "a.json", Context(frame_rate=30))
    assert found == VideoTubes("run/other", 5, 320, 240, 30, CLASSES, tubes, "")


@pytest.mark.parametrize("name", NUMBERED)
def test_what_is_missing_is_said(name: str, tmp_path: Path) -> None:
    path = _write(name, tmp_path / "written")
    classes, videos = DETECTIONS.classes, {DETECTIONS.video: DETECTIONS}
    with pytest.raises(InputError, match=f"{path}: .* do not name them; give the names"):
        list(read_detections(path))
    with pytest.raises(InputError, match=f"{path}: the files do not say how many frames"):
        list(read_detections(path, Context(classes)))
    with pytest.raises(InputError, match=f"{path}: the annotation has no video 'clip'"):
        list(read_detections(path, Context(classes, {"other": DETECTIONS})))
    with pytest.raises(InputError, match=f"{path}: the files do not say how many frames"):
        list(read_detections(path, Context(classes)))
    (found,) = read_detections(path, Context(classes, videos, 25.0))
    assert isinstance(found, Detections)


def test_formats_without_tubes(tmp_path: Path) -> None:
    path = _write("yowo", tmp_path / "written")
    with pytest.raises(InputError, match=f"{path}: yowo files hold no tubes; build them"):
        read_tubes(path, CONTEXT)


def test_files_of_the_other_kind(tmp_path: Path) -> None:
    DETECTIONS.save(tmp_path / "found" / "clip.npz")
    with pytest.raises(InputError, match="found: holds detections and no tubes; build them with"):
        list(read_tubes(tmp_path / "found", CONTEXT))
    save_tubes(tmp_path / "tubes.json", [TUBES])
    with pytest.raises(InputError, match=r"tubes.json: holds tubes and no detections; name"):
        list(read_detections(tmp_path / "tubes.json", CONTEXT))


@pytest.mark.parametrize(
    ("name", "line"), [("clip_00001.txt", "1 nan 1 2 3 4"), ("clip.txt", "1,-1,2,3,inf,5,0.5,1")]
)
def test_formats_are_found_of_files_whose_first_number_is_wrong(
    tmp_path: Path, name: str, line: str
) -> None:
    (tmp_path / name).write_text(f"{line}\n")
    context = Context(CLASSES, {"clip": DETECTIONS})
    with pytest.raises(InputError, match=f"{name}:1: must be the finite numbers"):
        list(read_detections(tmp_path, context))


def test_unknown_paths(tmp_path: Path) -> None:
    for read in (read_detections, read_tubes):
        with pytest.raises(InputError, match="no such file or folder"):
            read(tmp_path / "none", CONTEXT)
        with pytest.raises(InputError, match="no such file or folder"):
            read(tmp_path / "none", CONTEXT, "mot")
        with pytest.raises(InputError, match="format 'cvat' is unknown; choose one of: own, road"):
            read(tmp_path, CONTEXT, "cvat")
        with pytest.raises(
            InputError, match=r"is in no known format, .* with --format .*, one of: own"
        ):
            read(tmp_path, CONTEXT)
    for name in FORMATS:
        with pytest.raises(InputError, match=f"{tmp_path}: "):
            list(read_detections(tmp_path, CONTEXT, name))


def test_folders_with_files_of_two_formats(tmp_path: Path) -> None:
    path = _write("yowo", tmp_path / "written")
    DETECTIONS.save(path / "clip.npz")
    with pytest.raises(InputError, match="may be in the format own or yowo; name the format"):
        find_format(path)


def test_videos_that_are_there_twice(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    for name in ("a.npz", "b.npz"):
        DETECTIONS.save(tmp_path / "own" / name)
    path = tmp_path / "own" / "a.npz"
    with pytest.raises(InputError, match=f"own/b.npz: is about video 'clip', as {path} is; leave"):
        list(read_detections(tmp_path / "own"))
    path = _write("mot", tmp_path / "mot") / "clip.txt"
    (path.parent / "clip" / "det").mkdir(parents=True)
    (path.parent / "clip" / "det" / "det.txt").write_text(path.read_text())
    context = Context(DETECTIONS.classes, {DETECTIONS.video: DETECTIONS})
    with pytest.raises(InputError, match=f"det.txt: is about video 'clip', as {path} is; leave"):
        list(read_detections(path.parent, context, "mot"))


def test_the_file_with_reversed_corners_is_named(tmp_path: Path) -> None:
    DETECTIONS.save(tmp_path / "a.npz")
    boxes = DETECTIONS.boxes[:, [2, 1, 0, 3]]
    replace(DETECTIONS, video="other", boxes=boxes).save(tmp_path / "b.npz")
    with pytest.raises(
        InputError, match=r"b\.npz: video 'other', frame \d+: the corners of the box .* reversed; "
    ):
        list(read_detections(tmp_path))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "v/00001.mat",
            r"00001\.mat: not a whole Matlab file of version 5 to 7.2 \(it ends early\)",
        ),
        ("v/00001.pkl", r"00001\.pkl: not a whole pickle of numbers and text \(it ends early\); "),
        ("v.npz", r"v\.npz: is damaged or not an \.npz file"),
        ("v.json", r"v\.json:1: is not valid JSON \(Expecting value at column 1\); "),
    ],
)
def test_a_damaged_file_of_no_known_format_is_named(tmp_path: Path, name: str, told: str) -> None:
    path = tmp_path / "found" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    for found in (path, tmp_path / "found"):
        with pytest.raises(InputError, match=told):
            find_format(found)


@pytest.mark.parametrize("name", ["road", "retinanet3d", "yowo"])
def test_frames_without_a_file_are_noted(name: str, tmp_path: Path) -> None:
    path = _write(name, tmp_path / "written")
    notes: list[str] = []
    videos = {DETECTIONS.video: DETECTIONS}
    context = Context(DETECTIONS.classes, videos, 25.0, note=notes.append)
    (whole,) = read_detections(path, context, name)
    assert notes == []
    files = sorted(file for file in path.rglob("*") if file.is_file())
    for file in files[1:3]:
        file.unlink()
    (video,) = read_detections(path, context, name)
    assert video.frames == whole.frames and len(video.frame(1)[0]) == 0
    assert notes == [
        f"{path}: 1 of 1 videos have frames without a file, which count as frames without "
        f"detections: clip (2 of {whole.frames})"
    ]


NO_FILES = ["a\0b", "\udfff"]
ELSEWHERE = ["../clip", "/clip", "a//b", "a/.", ""]


@pytest.mark.parametrize(
    ("form", "name"),
    [
        *(
            (form, name)
            for form in ("road", "act", "retinanet3d", "mot", "own")
            for name in ELSEWHERE
        ),
        *(
            (form, name)
            for form in ("road", "act", "retinanet3d", "mot", "own")
            for name in NO_FILES
        ),
        *(("yowo", name) for name in NO_FILES),  # where slashes become underlines
    ],
)
def test_names_of_videos_lead_nowhere_else(form: str, name: str, tmp_path: Path) -> None:
    video = replace(DETECTIONS, video=name)
    write = FORMATS[form].write_detections
    assert write
    with pytest.raises(InputError, match="its name cannot be that of a file; rename it"):
        write(tmp_path / "written", [video], Context())
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_or_left_half(tmp_path: Path) -> None:
    path = _write("mot", tmp_path / "written")
    before = sorted(path.rglob("*"))
    with pytest.raises(InputError, match=f"{path}: is already there; remove it"):
        _write("yowo", tmp_path / "written")
    assert sorted(path.rglob("*")) == before

    def broken() -> Iterator[Detections]:
        yield DETECTIONS
        raise InputError("broken")

    for name, form in FORMATS.items():
        assert form.write_detections
        with pytest.raises(InputError, match="broken"):
            form.write_detections(tmp_path / name, broken(), Context())
        assert not (tmp_path / name).exists()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["detections", "tubes"])
@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=20)
@given(data=st.data())
def test_damage_is_refused_or_harmless(
    name: str, kind: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    if getattr(FORMATS[name], f"write_{kind}") is None:
        return
    folder = tmp_path_factory.getbasetemp() / f"{name}-{kind}"
    if not folder.exists():
        folder.mkdir()
        path = _write(name, folder / "it", kind)
        (folder / "name").write_text(json.dumps(str(path)))
    path = Path(json.loads((folder / "name").read_text()))
    files = sorted(file for file in [path, *path.rglob("*")] if file.is_file())
    file = data.draw(st.sampled_from(files), "file")
    before = file.read_bytes()
    content = bytearray(before)
    if data.draw(st.booleans(), "truncate") and content:
        del content[data.draw(st.integers(0, len(content) - 1), "length") :]
    for _ in range(data.draw(st.integers(0, 3), "flips") if content else 0):
        place = data.draw(st.integers(0, len(content) - 1), "place")
        content[place] = data.draw(st.integers(0, 255), "byte")
    file.write_bytes(content)
    context = Context(("run", "walk"), {"clip": DETECTIONS if kind == "detections" else TUBES}, 25)
    try:
        list((read_detections if kind == "detections" else read_tubes)(path, context, name))
    except InputError as error:
        assert str(folder) in str(error) and "\n" not in str(error)
    finally:
        file.write_bytes(before)


def test_the_documentation_has_every_format() -> None:
    document = (Path(__file__).parents[3] / "docs" / "interchange.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", document, re.MULTILINE)) == set(FORMATS)
    assert set(re.findall(r"--to ([a-z]\w+)", document)) == set(FORMATS)
