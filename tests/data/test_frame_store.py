"""`python data/frame_store.py`: what it writes, and that a database is whole or not there."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import InputError, open_video, write_frame_database
from data.errors import InputErrors
from data.files import lock
from data.frame_database import FrameDatabase
from data.frame_store import main
from data.still_images import encode_image
from tests.data.frame_folders import cut, write_frames
from tests.data.media import FRAMES, image, number_of, write_video
from tests.data.reference import needs_samples
from tests.data.test_frame_database import SCHEMA, jpeg, write_database
from tests.reference_cases import folder as cases
from tests.reference_cases import read_case

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def store(*arguments: str) -> None:
    """Runs the command in one process, which needs no others to be started."""
    main([*arguments, "--workers", "1"])


def rows(folder: Path) -> list[tuple[str, bytes, int]]:
    with closing(sqlite3.connect(folder / "frames.db")) as connection:
        return connection.execute("SELECT ObjId, frames, size FROM Images").fetchall()


def states(root: Path) -> dict[Path, tuple[int, bytes]]:
    """When each file was written, and what."""
    files = (path for path in root.rglob("*") if path.is_file() and path.name != ".lock")
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_files_and_folders_of_videos(capsys: pytest.CaptureFixture[str]) -> None:
    for path in ("set/run/a.mp4", "set/walk fast/b.avi", "set/c.webm", "alone.mp4"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_video(Path(path))
    Path("set/notes.txt").write_text("no video")
    Path("set/._c.mp4").write_bytes(b"")
    main(["set", "alone.mp4", "out", "--workers", "2"])
    printed = capsys.readouterr().out
    assert "120 frames of 4 videos; 0 videos done before; folder: out" in printed
    for video in ("run/a", "walk fast/b", "c", "alone"):
        folder = Path("out", video)
        assert sorted(os.listdir(folder)) == ["frames.db", "n_frames"]
        assert (folder / "n_frames").read_bytes() == b"30"
        names, contents, sizes = zip(*rows(folder), strict=True)
        assert names == tuple(f"{folder.name}/frame_{n:05d}" for n in range(1, FRAMES + 1))
        assert set(sizes) == {64}
        assert all(content.startswith(b"\xff\xd8") for content in contents)
        with open_video(folder) as database:
            frames = list(database)
        assert [round(number_of(frame.image)) for frame in frames] == list(range(30))
    # What was stored is the frame, up to what JPEG changes.
    with open_video("alone.mp4") as video:
        stored = open_video("out/alone").select([0, 12])
        for frame, kept in zip(video.select([0, 12]), stored, strict=True):
            assert np.abs(kept.image.astype(int) - frame.image).mean() < 5
    store("set", "alone.mp4", "out")
    assert "0 frames of 0 videos; 4 videos done before" in capsys.readouterr().out


def test_the_table_is_the_published_one_with_a_key() -> None:
    write_frame_database("a", [("here", jpeg(number)) for number in range(3)])
    with closing(sqlite3.connect("a/frames.db")) as connection:
        columns = connection.execute("PRAGMA table_info(Images)").fetchall()
        assert [column[1] for column in columns] == ["ObjId", "frames", "size"]
        assert [column[5] for column in columns] == [1, 0, 0]
        assert connection.execute("SELECT typeof(ObjId) FROM Images").fetchone() == ("text",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA page_size").fetchone() == (4096,)


@given(wanted=st.lists(st.integers(0, 11), min_size=1, unique=True))
def test_the_published_way_of_reading_reads_ours(wanted: Sequence[int]) -> None:
    """SRTG's: the ids of wanted frames in one query, then the images in the order of ids."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "a clip")
        write_frame_database(folder, [("here", jpeg(number)) for number in range(1, 13)])
        names = [f"a clip/frame_{index + 1:05d}" for index in wanted]
        with closing(sqlite3.connect(folder / "frames.db")) as connection:
            found = connection.execute(
                f"SELECT ObjId, frames FROM Images WHERE ObjId IN ({','.join('?' * len(names))})",
                names,
            ).fetchall()
        assert [content for _, content in sorted(found)] == [
            jpeg(index + 1) for index in sorted(wanted)
        ]


def test_folders_of_images_are_stored_byte_by_byte() -> None:
    folder = write_frames(Path("frames/walk/a"), 12)
    write_frames(Path("frames/run/b"), 3)
    cv2.imwrite("frames/cover.jpg", np.zeros((9, 9, 3), np.uint8))
    cv2.imwrite("frames/walk/cover.png", np.zeros((9, 9, 3), np.uint8))
    store("frames", "out")
    assert {path.parent for path in Path("out").rglob("frames.db")} == {
        Path("out/walk/a"),
        Path("out/run/b"),
    }
    stored = [content for _, content, _ in rows(Path("out/walk/a"))]
    assert stored == [path.read_bytes() for path in sorted(folder.iterdir())]
    # One folder of images is one video, with what else is in it.
    (folder / "notes").mkdir()
    store(str(folder), "single")
    assert [content for _, content, _ in rows(Path("single/a"))] == stored


def test_other_images_become_jpeg() -> None:
    folder = write_frames(Path("a"), 3)
    cv2.imwrite("a/img_00002.png", cv2.cvtColor(image(1), cv2.COLOR_RGB2BGR))
    (folder / "img_00002.jpg").unlink()
    store("a", "out", "--quality", "95")
    first, second, third = (content for _, content, _ in rows(Path("out/a")))
    assert first == (folder / "img_00001.jpg").read_bytes()
    assert third == (folder / "img_00003.jpg").read_bytes()
    assert second == encode_image(image(1), ".jpg", 95)


def test_published_databases_get_a_key() -> None:
    order = [3, 1, 2, 11, 5, 10, 4, 9, 6, 8, 7]
    for video in ("wave/a", "run/b c"):
        write_database(Path("published", video), order)
    store("published", "keyed")
    for video in ("wave/a", "run/b c"):
        folder = Path("keyed", video)
        name = folder.name
        assert rows(folder) == [(f"{name}/frame_{n:05d}", jpeg(n), 64) for n in range(1, 12)]


@pytest.mark.parametrize(("height", "size"), [(96, (96, 128)), (25, (25, 33)), (0, (48, 64))])
def test_heights(height: int, size: tuple[int, int]) -> None:
    write_video(Path("a.mp4"), frames=3)
    write_frames(Path("b"), 3)
    store("a.mp4", "b", "out", "--height", str(height))
    for video in ("a", "b"):
        frames = list(open_video(Path("out", video)))
        assert [frame.image.shape for frame in frames] == [(*size, 3)] * 3
        assert [round(number_of(frame.image)) for frame in frames] == [0, 1, 2]
        assert {row[2] for row in rows(Path("out", video))} == {size[1]}


def test_quality_counts() -> None:
    write_video(Path("a.mp4"), frames=3)
    for quality in ("30", "90"):
        store("a.mp4", quality, "--quality", quality)
    sizes = [sum(len(content) for _, content, _ in rows(Path(q, "a"))) for q in ("30", "90")]
    assert sizes[0] < 0.8 * sizes[1]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("odd.name.v2.avi", "odd.name.v2"),
        ('it\'s "quoted".mp4', 'it\'s "quoted"'),
        ("two  spaces .mp4", "two  spaces "),
        ("100 %, #1; [a]?.mp4", "100 %, #1; [a]?"),
        ("ein Gruß 走る.mp4", "ein Gruß 走る"),
        ("-v_x7.mp4", "-v_x7"),
        ("12.mp4", "12"),
    ],
)
def test_odd_names(file: str, name: str) -> None:
    write_video(Path(file), frames=3)
    store(f"./{file}", "out")
    assert [row[0] for row in rows(Path("out", name))] == [
        f"{name}/frame_0000{number}" for number in (1, 2, 3)
    ]
    assert [round(number_of(frame.image)) for frame in open_video(Path("out", name))] == [0, 1, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text() -> None:
    path = Path(os.fsdecode(b"caf\xe9.mp4"))
    write_video(Path("a.mp4"), frames=3).rename(path)
    with pytest.raises(InputError, match="the name of the folder is no text, as the ids"):
        store(str(path), "out")
    assert not list(Path("out").glob("[!.]*"))


def test_bad_videos_are_named_and_the_rest_done(capsys: pytest.CaptureFixture[str]) -> None:
    Path("set").mkdir()
    write_video(Path("set/a.mp4"), frames=3)
    Path("set/b.mp4").write_bytes(b"")
    Path("set/c.mp4").write_text("no video")
    cut(write_frames(Path("set/d"), 4) / "img_00003.jpg")
    wider = write_frames(Path("wider"), 1, width=80) / "img_00001.jpg"
    wider.rename(write_frames(Path("set/e"), 4) / "img_00002.jpg")
    write_database(Path("set/f"), [1, 3])
    with pytest.raises(InputErrors) as caught:
        store("set", "out")
    told = [str(error) for error in caught.value.errors]
    for error, reason in zip(
        told,
        (
            "b.mp4: the file is empty",
            "c.mp4: not a video",
            "d/img_00003.jpg: the image is damaged",
            "e/img_00002.jpg: the image is 80x48 and the first one 64x48",
            "f/frames.db: is no whole frame database (frame 2 is missing)",
        ),
        strict=True,
    ):
        assert reason in error
    assert "3 frames of 1 video; 0 videos done before" in capsys.readouterr().out
    assert os.listdir("out/a") and [path.name for path in Path("out").glob("[!.]*")] == ["a"]
    assert not list(Path("out").glob(".*.part"))


def test_a_finished_database_is_not_touched(capsys: pytest.CaptureFixture[str]) -> None:
    write_video(Path("a.mp4"), frames=3)
    store("a.mp4", "out")
    # One of the published converter, which writes no `n_frames`.
    write_video(Path("b.mp4"), frames=3)
    write_database(Path("out/b"), [2, 1, 3], schema=SCHEMA)
    before = states(Path("out"))
    write_video(Path("a.mp4"), frames=5)
    capsys.readouterr()
    store("a.mp4", "b.mp4", "out", "--quality", "20")
    assert "0 frames of 0 videos; 2 videos done before" in capsys.readouterr().out
    assert states(Path("out")) == before


def test_what_is_there_and_is_no_finished_database_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("set").mkdir()
    for name in ("cut", "count", "other", "good", "empty"):
        write_video(Path("set", f"{name}.mp4"), frames=3)
    store("set/cut.mp4", "set/count.mp4", "set/good.mp4", "out")
    cut(Path("out/cut/frames.db"))
    Path("out/count/n_frames").write_text("4")
    Path("out/other").mkdir()
    Path("out/other/notes.txt").write_text("mine")
    Path("out/empty").mkdir()
    before = states(Path("out"))
    capsys.readouterr()
    with pytest.raises(InputErrors) as caught:
        store("set", "out")
    told = [str(error) for error in caught.value.errors]
    assert "out/count: is there, and damaged (" in told[0] and "says '4'" in told[0]
    assert "out/cut: is there, and damaged (" in told[1]
    assert told[1].endswith("; remove the folder and run this again")
    assert "out/other: is already there; remove it or name another folder" in told[2]
    assert "3 frames of 1 video; 1 video done before" in capsys.readouterr().out
    after = states(Path("out"))
    assert {path: after[path] for path in before} == before
    with pytest.raises(InputError, match=r"out/good: its frames have a height of 48 and not 24"):
        store("set/good.mp4", "out", "--height", "24")


def test_databases_below_the_videos_are_not_taken_for_videos(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_frames(Path("set/a"), 3)
    for done in (0, 1):
        store("set", "set/jpg")
        assert f"{1 - done} video; " in capsys.readouterr().out.replace("videos", "video")
    assert [path.name for path in Path("set/jpg").glob("[!.]*")] == ["a"]


def test_a_killed_run_leaves_whole_databases_and_goes_on() -> None:
    Path("set").mkdir()
    for number in range(8):
        write_video(Path(f"set/{number}.mp4"), frames=150)
    store("set", "whole")
    command = [sys.executable, str(ROOT / "data" / "frame_store.py"), "set", "out"]
    run = subprocess.Popen([*command, "--workers", "2"], stdout=subprocess.PIPE)
    limit = time.monotonic() + 60
    root = Path("out")
    while not (root / "1").exists() and run.poll() is None:
        assert time.monotonic() < limit
    run.kill()
    run.communicate()  # its processes, which write there too, end when they see that it did
    done = list(root.glob("[!.]*"))
    assert 0 < len(done) < 8
    for folder in done:
        assert len(list(open_video(folder))) == 150
    before = states(root)
    # As if it had been killed in the middle of a file.
    part = root / ".7.part"
    part.mkdir(exist_ok=True)
    (part / "frames.db").write_bytes(Path("whole/7/frames.db").read_bytes())
    cut(part / "frames.db")
    with (root / ".lock").open("rb") as at_work:
        assert lock(at_work)
        with pytest.raises(InputError, match=r"out: another run is writing frames there"):
            store("set", "out")
    store("set", "out")
    after, whole = states(root), states(Path("whole"))
    assert {path.relative_to(root): content for path, (_, content) in after.items()} == {
        path.relative_to("whole"): content for path, (_, content) in whole.items()
    }
    untouched = {path: state for path, state in before.items() if path.parent in done}
    assert {path: after[path] for path in untouched} == untouched


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["gone.mp4", "out"], r"gone.mp4: no such file or folder"),
        (["empty", "out"], "empty: holds no videos; name videos, or a folder of them"),
        (["a.mp4"], "TARGET"),
        (["a.mp4", "a.mp4"], "a.mp4: frames cannot be written there .* name another TARGET"),
        (["a.mp4", "other/a.avi", "out"], "other/a.avi: has the name of a.mp4.* different TARGET"),
        (["a.mp4", "out", "--quality", "101"], "--quality: must be at most 100, not 101"),
        (["a.mp4", "out", "--quality", "0"], "--quality: must be a whole number of at least 1"),
        (["a.mp4", "out", "--height", "-3"], "--height: must be a whole number of at least 0"),
    ],
)
def test_wrong_options(arguments: list[str], told: str) -> None:
    for folder in ("empty", "other"):
        Path(folder).mkdir()
    write_video(Path("a.mp4"), frames=2)
    write_video(Path("other/a.avi"), frames=2)
    with pytest.raises(InputError, match=told):
        main(arguments)
    assert not list(Path().rglob("*.db"))


@pytest.mark.parametrize("document", ["reading.md", "recognition-data.md"])
def test_examples_of_the_documents(document: str) -> None:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    examples = re.findall(r"^    python data/frame_store\.py ([^#\n]+)", text, re.MULTILINE)
    assert examples
    for example in examples:
        with pytest.raises(InputError, match="no such file or folder"):  # options are right
            main(shlex.split(example))


POOL = [jpeg(number) for number in range(4)] + [
    encode_image(image(9), ".jpg", quality) + behind
    for quality in (30, 90)
    for behind in (b"", b"bytes behind the end", bytes(9000))
]
DAMAGED = [b"", b"text", jpeg(3)[:-30], jpeg(1, 32)]


@given(st.lists(st.sampled_from(POOL), min_size=1, max_size=80))
def test_images_come_out_in_order_as_they_went_in(contents: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "a")
        assert write_frame_database(folder, [("here", content) for content in contents]) == len(
            contents
        )
        video = FrameDatabase(folder, 25)
        assert (video.frames, video.width, video.height) == (len(contents), 64, 48)
        assert [content for _, content in video.contents(range(len(contents)))] == contents
        assert (folder / "n_frames").read_text() == str(len(contents))


@given(
    before=st.lists(st.sampled_from(POOL), min_size=1, max_size=9),
    damaged=st.sampled_from(DAMAGED),
    after=st.lists(st.sampled_from(POOL), max_size=3),
)
def test_nothing_is_there_where_an_image_is_damaged(
    before: list[bytes], damaged: bytes, after: list[bytes]
) -> None:
    contents = [*before, damaged, *after]
    with tempfile.TemporaryDirectory() as root:
        with pytest.raises(InputError, match=rf"image {len(before)}: the image is "):
            write_frame_database(
                Path(root, "a"), [(f"image {n}", content) for n, content in enumerate(contents)]
            )
        assert os.listdir(root) == []


def test_no_frames_are_no_database() -> None:
    with pytest.raises(InputError, match="a: there are no frames to write"):
        write_frame_database("a", [])
    assert os.listdir() == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files by setrlimit")
def test_a_disk_that_takes_no_more() -> None:
    write_video(Path("a.mp4"))
    script = (
        "import resource, signal\n"
        "from data.frame_store import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "main(['a.mp4', 'out', '--workers', '1'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "InputError: out/a: cannot be written (" in done.stderr
    assert [path.name for path in Path("out").iterdir()] == [".lock"]


def test_videos_of_an_hour() -> None:
    """The published key has five digits, and more where they are needed."""
    content = encode_image(np.zeros((1, 1, 3), np.uint8), ".jpg", 1)
    assert write_frame_database("a", (("here", content) for _ in range(100_002))) == 100_002
    names = [name for name, _, _ in rows(Path("a"))]
    assert names[0] == "a/frame_00001" and names[-1] == "a/frame_100002"
    assert len(list(open_video("a").select([0, 99_998, 99_999, 100_001, 100_002]))) == 4


@needs_samples
def test_a_published_database() -> None:
    """Its frames are the stored rows, and stay so with a key."""
    described, _ = read_case("recognition_srtg", "sqlite_frames")
    expected = {row["ObjId"]: row["sha256"] for row in described["rows_in_stored_order"]}
    published = cases("recognition_srtg") / described["files"]
    store(str(published), "keyed")
    keyed = Path("keyed", published.name)
    for folder in (published, keyed):
        video = open_video(folder)
        assert isinstance(video, FrameDatabase)
        found = [hashlib.sha256(content) for _, content in video.contents(range(15))]
        assert [digest.hexdigest() for digest in found] == [expected[n] for n in sorted(expected)]
        assert [video.height, video.width] == described["image_height_width"]
    assert (keyed / "n_frames").read_text() == described["n_frames_file"]
    assert [(name, size) for name, _, size in rows(keyed)] == [
        (name, 478) for name in sorted(expected)
    ]
