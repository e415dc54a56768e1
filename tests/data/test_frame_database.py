"""Frame databases: frames in any order of the rows, and what is wrong with a file."""

from __future__ import annotations

import os
import pickle
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import InputError, frame_database, open_video, read_frames
from data.frame_database import FrameDatabase
from data.media_index import find_media
from data.video import video_files
from tests.data.media import image
from tests.data.reference import needs_samples

SCHEMA = "CREATE TABLE Images(ObjId STRING, frames BLOB, size INT)"
KEYED = "CREATE TABLE Images(ObjId TEXT PRIMARY KEY, frames BLOB, size INT)"
SCHEMAS = (SCHEMA, KEYED, f"{KEYED} WITHOUT ROWID")


def jpeg(index: int, width: int = 64) -> bytes:
    """A frame as it is stored."""
    return cv2.imencode(".jpg", cv2.resize(image(index), (width, 48)))[1].tobytes()


def stored(number: int) -> npt.NDArray[np.uint8]:
    """The image that is stored for a frame, RGB."""
    decoded = cv2.imdecode(np.frombuffer(jpeg(number), np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)


def write_database(
    folder: Path,
    numbers: Sequence[int],
    contents: Sequence[object] | None = None,
    schema: str = SCHEMA,
    name: str = "frame_{:05d}",
) -> Path:
    """Writes `frames.db` with these frames, counted from 1, in this order of the rows."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = [jpeg(number) for number in numbers] if contents is None else contents
    with closing(sqlite3.connect(folder / "frames.db")) as connection:
        connection.execute(schema)
        ids = [f"{folder.name}/{name.format(number)}" for number in numbers]
        rows = zip(ids, contents, strict=True)
        connection.executemany("INSERT INTO Images VALUES (?, ?, 64)", rows)
        connection.commit()
    return folder


@pytest.mark.parametrize("schema", SCHEMAS)
def test_frames_come_in_their_order(tmp_path: Path, schema: str) -> None:
    numbers = random.Random(5).sample(range(1, 13), 12)
    folder = write_database(tmp_path / "a clip", numbers, schema=schema)
    for path in (folder, folder / "frames.db"):
        with open_video(path, frame_rate=10) as video:
            assert isinstance(video, FrameDatabase)
            assert (video.width, video.height, video.frames, video.frame_rate) == (64, 48, 12, 10)
            frames = list(video)
            assert [frame.index for frame in frames] == list(range(12))
            assert [frame.time for frame in frames] == [index / 10 for index in range(12)]
            assert [frame.index for frame in video.select([7, 30, 2, 7])] == [2, 7]
            copied = pickle.loads(pickle.dumps(video.kept_closed()))
        assert all(np.array_equal(frame.image, stored(frame.index + 1)) for frame in frames)
        assert np.array_equal(next(copied.select([3])).image, frames[3].image)
    assert video_files(folder) == [folder / "frames.db"]


def test_they_are_found_where_dataset2database_puts_them(tmp_path: Path) -> None:
    folder = write_database(tmp_path / "jpg" / "wave" / "a clip", [1])
    assert find_media(tmp_path, ["wave/a clip"]) == {"wave/a clip": folder}


@given(
    numbers=st.permutations(range(1, 13)),
    wanted=st.lists(st.integers(0, 11)),
    schema=st.sampled_from(SCHEMAS),
    name=st.sampled_from(["frame_{}", "frame_{:02d}", "{:05d}"]),
)
def test_numbers_of_any_length(
    numbers: list[int], wanted: list[int], schema: str, name: str
) -> None:
    """Ids sort as text, in which frame 10 would come before frame 9."""
    with tempfile.TemporaryDirectory() as root:
        folder = write_database(Path(root), numbers, schema=schema, name=name)
        images = read_frames(folder, wanted)
    for index, found in zip(wanted, images, strict=True):
        assert np.array_equal(found, stored(index + 1))


@pytest.mark.parametrize("schema", [SCHEMA, KEYED])
def test_videos_of_an_hour(tmp_path: Path, schema: str) -> None:
    """The published number has five digits; ids of six sort before those of five, as text."""
    numbers = range(1, 100_006)
    whole = {number: jpeg(number % 7) for number in (1, 9, 99_999, 100_000, 100_005)}
    contents = [whole.get(number, b"") for number in numbers]
    folder = write_database(tmp_path / "clip", numbers, contents, schema)
    with open_video(folder) as video:
        assert video.frames == 100_005
        for frame in video.select([number - 1 for number in whole]):
            assert np.array_equal(frame.image, stored((frame.index + 1) % 7))


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize(
    ("numbers", "contents", "told"),
    [
        ([1, 3], None, r"frames\.db: is no whole frame database \(frame 2 is missing\); convert"),
        ([2, 3], None, "frame 1 is missing"),
        ([], None, "holds no frames"),
        ([1, 2], [jpeg(1), jpeg(2)[:-40]], "frame 2: the image is damaged"),
        ([1, 2], [jpeg(1), None], "frame 2: the image is damaged"),
        ([1, 2], [jpeg(1), "text"], "frame 2: the image is damaged"),
        ([1, 2], [jpeg(1), jpeg(2, 32)], "frame 2: the image is 32x48 and the first one 64x48"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, numbers: list[int], contents: list[object] | None, told: str, schema: str
) -> None:
    folder = write_database(tmp_path / "clip", numbers, contents, schema)
    with pytest.raises(InputError, match=told) as caught:
        list(open_video(folder))
    assert str(folder / "frames.db") in str(caught.value)


def test_a_frame_that_is_there_twice(tmp_path: Path) -> None:
    folder = write_database(tmp_path / "clip", [1, 2, 2])
    with pytest.raises(InputError, match="frame 2 is there twice"):
        open_video(folder)
    folder = write_database(tmp_path / "numbers", [1, 2, 3, 4], name="frame_{}", schema=KEYED)
    change(folder, "UPDATE Images SET ObjId = 'numbers/frame_02' WHERE ObjId LIKE '%_4'")
    with pytest.raises(InputError, match="frame 2 is there twice"):
        open_video(folder)


def test_a_hole_in_a_keyed_table_shows_when_it_is_read(tmp_path: Path) -> None:
    """In one of frames 1 to 4, all of its numbers are those of four frames but one."""
    folder = write_database(tmp_path / "clip", [1, 2, 3, 4], name="frame_{}", schema=KEYED)
    change(folder, "UPDATE Images SET ObjId = 'clip/frame_3a' WHERE ObjId LIKE '%_3'")
    video = open_video(folder)
    assert [frame.index for frame in video.select([3, 1])] == [1, 3]
    with pytest.raises(InputError, match=r"frames\.db: is no whole .* \(frame 3 is missing\)"):
        list(video)


def change(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "frames.db")) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize("schema", [SCHEMA, KEYED])
def test_a_locked_database_is_waited_for(
    tmp_path: Path, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_database(tmp_path / "clip", [1, 2], schema=schema)
    video = open_video(folder)
    with closing(sqlite3.connect(folder / "frames.db", check_same_thread=False)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(frame_database, "PATIENCE", 0.1)
        told = r"frames\.db: another process has been writing .* for 0\.1 seconds; wait for its end"
        for read in (lambda: open_video(folder), lambda: list(video)):
            with pytest.raises(frame_database.LockedDatabaseError, match=told):
                read()
        monkeypatch.undo()
        ends = threading.Timer(0.2, writer.rollback)
        ends.start()
        assert len(list(video)) == 2
        ends.join()


def test_a_writer_that_was_stopped(tmp_path: Path) -> None:
    """It leaves a journal, from which the file cannot be restored without writing to it."""
    folder = write_database(tmp_path / "clip", range(1, 9))
    script = (
        "import os, sqlite3, sys\n"
        "writer = sqlite3.connect(sys.argv[1])\n"
        "writer.execute('PRAGMA cache_size = 1')\n"
        "for number in range(9, 99):\n"
        "    row = f'clip/frame_{number:05d}', bytes(20_000)\n"
        "    writer.execute('INSERT INTO Images VALUES (?, ?, 64)', row)\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", script, folder / "frames.db"], check=True)
    with pytest.raises(InputError, match=r"\(its writer was stopped, a journal is beside it\)"):
        open_video(folder)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="lists the open files of Linux")
def test_nothing_is_open_between_two_frames(tmp_path: Path) -> None:
    """Thousands of databases are read in turns, and processes are forked while some are read."""
    folder = write_database(tmp_path / "clip", range(1, 41))
    before = set(os.listdir("/proc/self/fd"))
    frames = iter(open_video(folder))
    for _ in range(35):
        next(frames)
        assert set(os.listdir("/proc/self/fd")) == before


@given(data=st.data(), schema=st.sampled_from(SCHEMAS))
def test_damage_anywhere_is_an_input_error_or_none(data: st.DataObject, schema: str) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = write_database(Path(root), range(1, 9), schema=schema)
        file = folder / "frames.db"
        content = bytearray(file.read_bytes())
        start = data.draw(st.integers(0, len(content) - 1))
        junk = data.draw(st.binary(max_size=5000))
        content[start : start + len(junk)] = junk
        file.write_bytes(content)
        with suppress(InputError):
            assert len(list(open_video(folder))) == 8


def test_other_files_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE Pictures(a)")
        connection.commit()
    text = tmp_path / "text.db"
    text.write_text("no database, but long enough to be read as one" * 20)
    whole = write_database(tmp_path / "clip", range(1, 9), schema=KEYED) / "frames.db"
    cut = tmp_path / "cut.db"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (tmp_path / "empty.db").touch()
    for path in (other, text, cut, tmp_path / "empty.db"):
        with pytest.raises(InputError, match=r"\.db: is no whole frame database \("):
            list(open_video(path))
    (whole.parent / "n_frames").write_text("9")
    with pytest.raises(InputError, match=r"it holds 8 frames, and .*n_frames says '9'"):
        open_video(whole.parent)
    (whole.parent / "n_frames").write_text("8\n")
    assert len(list(open_video(whole))) == 8


def test_a_database_is_not_written_to(tmp_path: Path) -> None:
    folder = write_database(tmp_path / "clip", [1, 2])
    before = (folder / "frames.db").read_bytes()
    assert len(list(open_video(folder))) == 2
    assert os.listdir(folder) == ["frames.db"] and (folder / "frames.db").read_bytes() == before


@needs_samples
def test_a_published_database() -> None:
    """Written by dataset2database, read by SRTG's loader."""
    cases = Path(os.environ["REFERENCE_CASES"]) / "recognition_srtg"
    folder = cases / "sqlite_frames_data/jpg/wave/vid_wave_000003_000007"
    frames = list(open_video(folder))
    expected = np.load(cases / "sqlite_frames.npz")["decoded_first_frame_bgr"]
    assert len(frames) == 15 and frames[0].image.shape == (360, 478, 3)
    # Decoders of JPEG differ by rounding.
    difference = frames[0].image[..., ::-1].astype(int) - expected
    assert np.abs(difference).max() <= 2


def test_a_count_without_frames_is_told(tmp_path: Path) -> None:
    (tmp_path / "n_frames").write_text("8")
    with pytest.raises(InputError, match=r"there is n_frames, and no frames\.db .* convert the"):
        open_video(tmp_path)
    (tmp_path / "00001.jpg").write_bytes(jpeg(1))  # of a folder of images it tells as well
    with open_video(tmp_path) as video:
        assert video.frames == 1
